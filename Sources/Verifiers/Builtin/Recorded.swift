import TextCore

/// The reward that was recorded with an answer: for engine `replay`, which reads answers from a file.
public struct Recorded: ImmediateVerifier {
    public struct Configuration: VerifierConfiguration {
        /// The key of the reward in a recorded answer.
        public var key = "reward"
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("key", \.key, "The key of the reward in a recorded answer.")
        ]
    }

    public static let name = "recorded"
    public static let summary = "the reward that was recorded with the answer (engine replay)"
    public static let range = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    private let key: String

    public init(_ configuration: Configuration) { key = configuration.key }

    public func verify(_ rollout: Rollout, against reference: NoReference) throws(VerifierFailure) -> Verdict {
        guard let recorded = rollout.row["recorded"] else {
            throw VerifierFailure(
                .configuration, "this answer was not recorded. Verifier recorded goes with `rollout: {engine: replay}`."
            )
        }
        guard let value = recorded[key] else {
            throw VerifierFailure(.item, "the recorded answer has no '\(key)'")
        }
        if value.isNull { return .abstain(reason: "the recording says nothing of this answer") }
        guard let number = value.double else {
            throw VerifierFailure(.item, "the recorded '\(key)' is \(value.kind), and not a number")
        }
        return .score(Score(number))
    }
}
