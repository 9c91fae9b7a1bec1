import OrderedCollections
public import TextCore

/// Something that a model can call.
public protocol Tool: Sendable {
    /// What the model calls it.
    var name: String { get }
    /// What it does, for the model to read.
    var summary: String { get }
    /// The JSON schema of its arguments, an object; a call that does not meet it never arrives.
    var parameters: JSON { get }

    /// Carries out a call.
    ///
    /// - Parameters:
    ///   - arguments: they meet `parameters`.
    ///   - random: what the tool draws from.
    /// - Returns: what the model is told; a mistake of the model's is a result as well.
    /// - Throws: `VerifierFailure` when something fails for which the model is not to blame.
    func call(_ arguments: JSON, random: inout VerifierRandom) throws(VerifierFailure) -> ToolResult
}

extension Tool {
    /// How chat templates want it: OpenAI's form of a function.
    public var definition: JSON {
        [
            "type": "function",
            "function": ["name": .string(name), "description": .string(summary), "parameters": parameters],
        ]
    }
}

/// What came of a call.
public struct ToolResult: Sendable, Hashable {
    /// What the model reads.
    public var text: String
    /// Whether the rollout is over.
    public var endsRollout: Bool
    /// A reward for the call; `nil` for none.
    public var reward: Double?

    public init(_ text: String, endsRollout: Bool = false, reward: Double? = nil) {
        self.text = text
        self.endsRollout = endsRollout
        self.reward = reward
    }
}

/// A tool made of a closure.
public struct ClosureTool: Tool {
    public let name: String
    public let summary: String
    public let parameters: JSON
    private let body: @Sendable (JSON) throws(VerifierFailure) -> ToolResult

    /// - Parameters:
    ///   - name: what the model calls it.
    ///   - summary: what it does.
    ///   - parameters: the JSON schema of its arguments.
    ///   - body: carries out a call; the same arguments give the same result.
    public init(
        _ name: String, summary: String, parameters: JSON,
        body: @escaping @Sendable (JSON) throws(VerifierFailure) -> ToolResult
    ) {
        self.name = name
        self.summary = summary
        self.parameters = parameters
        self.body = body
    }

    public func call(_ arguments: JSON, random: inout VerifierRandom) throws(VerifierFailure) -> ToolResult {
        try body(arguments)
    }
}
