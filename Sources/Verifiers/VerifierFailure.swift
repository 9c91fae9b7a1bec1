import TextCore

/// Why a verifier gave no verdict. A failure is counted and never becomes a score.
public struct VerifierFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong, so that a caller can decide what to do.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The row's reference is missing or malformed.
        case item
        /// An option is unknown, of a wrong type or out of range.
        case configuration
        /// The deadline passed.
        case timeout
        /// The verifier's process ended.
        case crashed
        /// Something outside did not answer; trying again may help.
        case infrastructure
        /// The sandbox failed, so that nothing is known of what the model wrote. Tried once more; a run in which it happens
        /// often is ended.
        case sandbox
        /// The calls or tokens allowed are spent.
        case budget
        /// The score is not a number, infinite, or outside the range that the verifier declares.
        case invalidValue
    }

    /// What went wrong.
    public var kind: Kind
    /// The verifier's name; filled in where the verifier is called.
    public var verifier: String
    /// The option at fault, for `configuration`.
    public var option: String?
    /// What happened and what to do.
    public var message: String
    /// How long the other side asks to be left alone, for `infrastructure`.
    public var retryAfter: Duration?

    public init(
        _ kind: Kind, verifier: String = "", option: String? = nil, retryAfter: Duration? = nil, _ message: String
    ) {
        self.kind = kind
        self.verifier = verifier
        self.option = option
        // What a file or an answer says in a gigabyte is not repeated whole.
        self.message = message.clipped(to: 4000)
        self.retryAfter = retryAfter
    }

    /// `verifier 'numeric', option 'tolerance': …`
    public var description: String {
        var text = verifier.isEmpty ? "verifier" : "verifier '\(verifier)'"
        if let option { text += ", option '\(option)'" }
        return "\(text): \(message)"
    }

    /// This failure under the name of the verifier that threw it.
    func named(_ name: String) -> VerifierFailure {
        var failure = self
        if failure.verifier.isEmpty { failure.verifier = name }
        return failure
    }
}
