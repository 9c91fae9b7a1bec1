/// GLEU of one answer (Wu et al., 2016), as NLTK's `sentence_gleu` computes it: the n-grams of all orders up to
/// `max_order` that the answer and the reference share, over those of the text that has more. The best of the references
/// counts.
public struct GLEU: TextSimilarity {
    public struct Configuration: VerifierConfiguration {
        /// What an n-gram is made of.
        public var tokenizer = TextTokenizer.mteval13a
        /// The largest n.
        public var maxOrder = 4
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        /// The least value that passes.
        public var passAt: Double?
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("tokenizer", \.tokenizer, "What an n-gram is made of."),
            .init(
                "max_order", \.maxOrder, "The largest n.",
                allowed: ("a whole number from 1 to 9", { (1...9).contains($0) })),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("pass_at", \.passAt, PassMark.summary, allowed: PassMark.allowed),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    public static let name = "gleu"
    public static let summary = "GLEU of the answer: the lesser of n-gram precision and recall"
    private let configuration: Configuration
    var extract: Extraction { configuration.extract }
    var passAt: Double? { configuration.passAt }

    public init(_ configuration: Configuration) { self.configuration = configuration }

    private func units(_ text: String) -> [ScalarText] {
        configuration.tokenizer.units(of: configuration.ignoreCase ? text.lowercased() : text)
    }

    func isUsable(_ reference: String) -> Bool { !units(reference).isEmpty }

    func similarity(of answer: String, to references: [String]) -> Double {
        var counter = NGramCounter<ScalarText>()
        // Numbers of n-grams of different orders never meet.
        let grams = counter.grams(of: units(answer), upTo: configuration.maxOrder).flatMap { $0 }
        let mine = counts(of: grams)
        return references.map { reference in
            let other = counter.grams(of: units(reference), upTo: configuration.maxOrder).flatMap { $0 }
            let most = max(grams.count, other.count)
            return most > 0 ? Double(overlap(mine, counts(of: other))) / Double(most) : 0
        }.max() ?? 0
    }
}
