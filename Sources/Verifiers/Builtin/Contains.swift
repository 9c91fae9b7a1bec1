/// 1 when the answer, normalised, contains the references, normalised: any of them, or all.
public struct Contains: ImmediateVerifier, SelfTesting {
    /// How many of several references must be in the answer.
    public enum Mode: String, NamedChoice {
        case any
        case all
    }

    public struct Configuration: VerifierConfiguration {
        /// How many of several references must be in the answer.
        public var mode = Mode.any
        /// Whether a reference counts only where no letter, digit or underscore touches it.
        public var words = false
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        /// What is done to all texts first, in this order.
        public var normalize: [Normalizer] = []
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("mode", \.mode, "Whether any or all of several references must be in the answer."),
            .init("words", \.words, "Whether only whole words count."),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("normalize", \.normalize, "What is done to all texts first, in this order."),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    public static let name = "contains"
    public static let summary = "the answer contains the reference, or any or all of them"
    private let configuration: Configuration
    private let normalizers: [Normalizer]

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        normalizers = configuration.normalize + (configuration.ignoreCase ? [.casefold] : [])
    }

    public func check(_ reference: AnyOf) throws(VerifierFailure) {
        for text in reference.texts where normalizers.applied(to: text).trimmed.isEmpty {
            throw VerifierFailure(.item, "the reference is empty, and every answer contains that")
        }
    }

    public func verify(_ rollout: Rollout, against reference: AnyOf) throws(VerifierFailure) -> Verdict {
        let extract = configuration.extract
        guard let answer = extract.text(in: rollout) else { return .fail(note: extract.absence(in: rollout)) }
        let scalars = Array(normalizers.applied(to: answer).unicodeScalars)
        let found = reference.texts.filter {
            WantedText(normalizers.applied(to: $0)).stands(in: scalars, wholeWords: configuration.words)
        }
        let passed = configuration.mode == .any ? !found.isEmpty : found.count == reference.texts.count
        return .check(
            passed, extracted: found.first, note: passed ? nil : "found \(found.count) of \(reference.texts.count)")
    }

    public func probes(for reference: AnyOf) -> [VerifierProbe] {
        let gold = configuration.mode == .any ? reference.texts : [reference.texts.joined(separator: " ")]
        return TextProbes.probes(gold: gold, extract: configuration.extract, refusesMore: false)
    }
}
