/// Which of precision, recall and their harmonic mean a ROUGE score is.
public enum ROUGEScore: String, NamedChoice {
    case f1
    case precision
    /// Rewards an answer that writes everything there is.
    case recall

    func value(precision: Double, recall: Double) -> Double {
        switch self {
        case .f1: harmonicMean(precision, recall)
        case .precision: precision
        case .recall: recall
        }
    }
}

/// The options of `rouge_n`; `rouge_l` has all of them but `n`.
public struct ROUGEConfiguration: VerifierConfiguration {
    /// Units in an n-gram.
    public var n = 1
    /// Which number counts.
    public var score = ROUGEScore.f1
    /// What is counted.
    public var tokenizer = TextTokenizer.rouge
    /// The least value that passes.
    public var passAt: Double?
    /// Where the answer stands.
    public var extract = Extraction.answer
    public init() {}

    public static let options: [ConfigurationOption<Self>] = [
        .init(
            "n", \.n, "Units in an n-gram.",
            allowed: ("a whole number from 1 to 9", { (1...9).contains($0) })),
        .init("score", \.score, "Whether F1, precision or recall counts."),
        .init(
            "tokenizer", \.tokenizer, "What is counted; `rouge` knows a to z and digits only, `unicode` all scripts."),
        .init("pass_at", \.passAt, PassMark.summary, allowed: PassMark.allowed),
        .init("extract", \.extract, "Where the answer stands."),
    ]
}

/// ROUGE-N of one answer, as rouge-score computes it without stemming: how many n-grams answer and reference share, over
/// those of the answer (precision) and of the reference (recall). The best of the references counts.
public struct ROUGEN: TextSimilarity {
    public typealias Configuration = ROUGEConfiguration
    public static let name = "rouge_n"
    public static let summary = "ROUGE-N of the answer: the n-grams that it shares with the reference"
    private let configuration: ROUGEConfiguration
    var extract: Extraction { configuration.extract }
    var passAt: Double? { configuration.passAt }

    public init(_ configuration: ROUGEConfiguration) { self.configuration = configuration }

    func isUsable(_ reference: String) -> Bool {
        configuration.tokenizer.units(of: reference).count >= configuration.n
    }

    func similarity(of answer: String, to references: [String]) -> Double {
        let (n, tokenizer) = (configuration.n, configuration.tokenizer)
        var counter = NGramCounter<ScalarText>()
        let mine = counter.grams(of: tokenizer.units(of: answer), upTo: n)[n - 1]
        let mineCounted = counts(of: mine)
        return references.map { reference in
            let other = counter.grams(of: tokenizer.units(of: reference), upTo: n)[n - 1]
            let shared = Double(overlap(mineCounted, counts(of: other)))
            return configuration.score.value(
                precision: shared / Double(max(mine.count, 1)), recall: shared / Double(max(other.count, 1)))
        }.max() ?? 0
    }
}

/// ROUGE-L of one answer, as rouge-score computes it without stemming: the longest common subsequence of units, over the
/// units of the answer (precision) and of the reference (recall). The best of the references counts.
public struct ROUGEL: TextSimilarity {
    /// The options; `n` is not one of them.
    public struct Configuration: VerifierConfiguration {
        var common = ROUGEConfiguration()
        public init() {}
        public static let options: [ConfigurationOption<Self>] = [
            .init("score", \.common.score, "Whether F1, precision or recall counts."),
            .init(
                "tokenizer", \.common.tokenizer,
                "What is counted; `rouge` knows a to z and digits only, `unicode` all scripts."),
            .init("pass_at", \.common.passAt, PassMark.summary, allowed: PassMark.allowed),
            .init("extract", \.common.extract, "Where the answer stands."),
        ]
    }

    public static let name = "rouge_l"
    public static let summary = "ROUGE-L of the answer: the longest subsequence that it shares with the reference"
    private let configuration: ROUGEConfiguration
    var extract: Extraction { configuration.extract }
    var passAt: Double? { configuration.passAt }

    public init(_ configuration: Configuration) { self.configuration = configuration.common }

    func isUsable(_ reference: String) -> Bool { !configuration.tokenizer.units(of: reference).isEmpty }

    func similarity(of answer: String, to references: [String]) -> Double {
        let mine = configuration.tokenizer.units(of: answer)
        guard !mine.isEmpty else { return 0 }
        return references.map { reference in
            let other = configuration.tokenizer.units(of: reference)
            let shared = Double(BitParallel(other).commonSubsequence(with: mine))
            return configuration.score.value(
                precision: shared / Double(mine.count), recall: shared / Double(max(other.count, 1)))
        }.max() ?? 0
    }
}
