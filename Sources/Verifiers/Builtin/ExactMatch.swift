/// 1 when the answer, normalised, is one of the references, normalised; compared by Unicode scalars.
public struct ExactMatch: ImmediateVerifier {
    public struct Configuration: VerifierConfiguration {
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        /// What is done to both texts first, in this order.
        public var normalize: [Normalizer] = [.trim]
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("normalize", \.normalize, "What is done to both texts first, in this order."),
        ]
    }

    public static let name = "exact"
    public static let summary = "the answer is the reference, or one of them"
    private let normalizers: [Normalizer]

    public init(_ configuration: Configuration) {
        normalizers = configuration.normalize + (configuration.ignoreCase ? [.casefold] : [])
    }

    public func verify(_ rollout: Rollout, against reference: AnyOf) throws(VerifierFailure) -> Verdict {
        guard let answer = rollout.answerText else { return .fail(note: "the reasoning never ended") }
        let text = normalizers.applied(to: answer)
        return .check(
            reference.texts.contains { normalizers.applied(to: $0).isSameText(as: text) }, extracted: text)
    }
}
