import OrderedCollections
import TextCore

/// The environments that a recipe may name. A value: built in one place and passed on.
public struct EnvironmentRegistry: Sendable {
    /// What a recipe says of any environment.
    public struct Options: Sendable, Hashable {
        /// Calls of tools in a rollout, at most; at least 1.
        public var callLimit: Int

        public init(callLimit: Int = 16) { self.callLimit = callLimit }
    }

    /// Makes an environment.
    public typealias Maker = @Sendable (Options) throws(VerifierFailure) -> any Environment

    private var entries: OrderedDictionary<String, (summary: String, make: Maker)> = [:]

    /// No environments.
    public init() {}

    /// The environments that come with Hone.
    public static var builtin: EnvironmentRegistry {
        var registry = EnvironmentRegistry()
        registry.register("calculator", summary: "a tool that evaluates arithmetic", tools: [Calculator()])
        return registry
    }

    /// Adds an environment.
    ///
    /// - Precondition: the name is free.
    public mutating func register(_ name: String, summary: String, make: @escaping Maker) {
        precondition(entries[name] == nil, "two environments are named '\(name)'")
        entries[name] = (summary, make)
    }

    /// Adds tools that the model may call until it answers without a call.
    public mutating func register(_ name: String, summary: String, tools: [any Tool]) {
        register(name, summary: summary) { options throws(VerifierFailure) in
            try ToolSet(tools, callLimit: options.callLimit)
        }
    }

    /// The names in the order of registration.
    public var names: [String] { Array(entries.keys) }

    /// What an environment is, in one line; `nil` for an unknown name.
    public func summary(of name: String) -> String? { entries[name]?.summary }

    /// Makes an environment.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration` for an unknown name, with the nearest, and for options that
    ///   the environment refuses.
    public func make(_ name: String, options: Options = Options()) throws(VerifierFailure) -> any Environment {
        guard let entry = entries[name] else {
            let near = nearestName(to: name, among: names).map { "; did you mean '\($0)'?" } ?? ""
            throw VerifierFailure(
                .configuration, "there is no environment '\(name)'\(near) Known: \(names.joined(separator: ", "))")
        }
        return try entry.make(options)
    }
}
