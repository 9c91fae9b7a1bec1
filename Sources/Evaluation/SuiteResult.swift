public import OrderedCollections
public import Statistics

/// What a suite says of a model.
public struct SuiteResult: Sendable {
    /// How the suite judges.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The model answers, and a verifier scores the answers.
        case answers
        /// Mean loss of tokens, in nats.
        case loss
        /// The exponential of the mean loss.
        case perplexity
        /// Which of some given answers the model thinks the likeliest.
        case multipleChoice = "multiple_choice"
        /// Which of two given answers the model thinks the likelier.
        case preference
        /// How far the model has gone from its base: mean Kullback–Leibler divergence a token, in nats.
        case divergence = "kl"
    }

    /// One question and its answer.
    public struct Outcome: Sendable, Hashable {
        /// Names the question in every run that asks it.
        public var id = ""
        /// Where the question is from.
        public var source: String
        /// What is asked, for people; empty where it is not known.
        public var question = ""
        /// What is expected.
        public var expected: String
        /// The label that is expected, where labels are told apart.
        public var label: String?
        /// What the model wrote.
        public var answer: String
        /// What the verifier took for the answer.
        public var extracted: String?
        /// The score; `nil` when the verifier abstained or failed.
        public var score: Double?
        /// Whether the question counts as solved.
        public var passed: Bool
        /// Why, or why there is no score.
        public var note: String?
        /// Whether the model stopped by itself.
        public var stopped: Bool
        /// Further figures of the answer by the name of the metric.
        public var values: OrderedDictionary<String, MeasuredRow.Value> = [:]
    }

    /// The suite's name.
    public var name: String
    /// How it judges.
    public var kind: Kind
    /// Questions asked, or rows measured.
    public var count: Int
    /// The figures under their names, the first the one the suite is known by.
    public var figures: OrderedDictionary<String, Double> = [:]
    /// Questions that the verifier had no verdict on.
    public var unjudged = 0
    /// How well labels were told apart.
    public var classes: ClassTable?
    /// How well the fields of JSON were found.
    public var fields: FieldTable?
    /// Whether the suite guards what the model could do before, rather than what it shall learn.
    public var isRegression = false
    /// What a judge's verdicts depend on besides the answers, how costs were counted, and the like.
    public var remarks: [String] = []
    /// Seconds it took.
    public var seconds = 0.0
    /// Every answer.
    public var outcomes: [Outcome] = []
    /// Every row that was measured without an answer.
    public var rows: [MeasuredRow] = []

    /// A result without figures.
    init(name: String, kind: Kind, count: Int) {
        self.name = name
        self.kind = kind
        self.count = count
    }

    /// Mean score of the questions that have one; `nil` where nothing is scored.
    public var score: Double? { figures["score"] }
    /// Share of all questions that were solved; `nil` where there are none.
    public var accuracy: Double? { figures["accuracy"] }
    /// Where the true share lies with 95 % confidence; `nil` where nothing is solved or not.
    public var interval: Interval? {
        guard let lower = figures["accuracy_low"], let upper = figures["accuracy_high"] else { return nil }
        return Interval(lower: lower, upper: upper)
    }
    /// Share of answers that the model ended by itself.
    public var stoppedShare: Double? { figures["stopped"] }
    /// Mean loss in nats a token; `nil` for generated answers.
    public var loss: Double? { figures["loss"] }
    /// What always giving the most frequent answer would score, or choosing at random; `nil` where there is no such thing.
    public var baseRate: Double? { figures["base_rate"] }

    /// The figures under their names, the first the one a suite is known by.
    public var metrics: [(name: String, value: Double)] { figures.map { ($0.key, $0.value) } }

    /// The figure it is known by.
    public var leadingMetric: String { figures.keys.first ?? kind.leadingMetric }
}

extension SuiteResult.Kind {
    /// Whether its rows are questions with an answer each.
    public var hasAnswers: Bool { self == .answers || self == .multipleChoice || self == .preference }

    /// The figure that suites of this kind are known by.
    public var leadingMetric: String {
        switch self {
        case .answers, .multipleChoice, .preference: "accuracy"
        case .loss: "loss"
        case .perplexity: "perplexity"
        case .divergence: "kl"
        }
    }
}
