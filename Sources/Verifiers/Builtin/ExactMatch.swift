/// 1 when the answer, normalised, is one of the references, normalised; compared by Unicode scalars.
///
/// An answer that is empty once normalised passes only where the reference itself is empty.
public struct ExactMatch: ImmediateVerifier, SelfTesting {
    public struct Configuration: VerifierConfiguration {
        /// Where the answer stands.
        public var extract = Extraction.answer
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        /// What is done to both texts first, in this order.
        public var normalize: [Normalizer] = [.trim]
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("normalize", \.normalize, "What is done to both texts first, in this order."),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    public static let name = "exact"
    public static let summary = "the answer is the reference, or one of them"
    private let extract: Extraction
    private let normalizers: [Normalizer]

    public init(_ configuration: Configuration) {
        extract = configuration.extract
        normalizers = configuration.normalize + (configuration.ignoreCase ? [.casefold] : [])
    }

    public func check(_ reference: AnyOf) throws(VerifierFailure) {
        for text in reference.texts where !text.trimmed.isEmpty && normalizers.applied(to: text).trimmed.isEmpty {
            throw VerifierFailure(
                .item,
                "nothing is left of the reference '\(text)' when it is normalised, and an empty answer never passes")
        }
    }

    public func verify(_ rollout: Rollout, against reference: AnyOf) throws(VerifierFailure) -> Verdict {
        guard let answer = extract.text(in: rollout) else { return .fail(note: extract.absence(in: rollout)) }
        let text = normalizers.applied(to: answer)
        return .check(
            reference.texts.contains { normalizers.applied(to: $0).isSameText(as: text) }, extracted: text)
    }

    public func probes(for reference: AnyOf) -> [VerifierProbe] {
        let probes = TextProbes.probes(gold: reference.texts, extract: extract, refusesMore: true)
        // Where nothing is the right answer, nothing may be written.
        let isEmpty = reference.texts.contains { $0.trimmed.isEmpty }
        return isEmpty ? probes.filter { $0.passes } : probes
    }
}
