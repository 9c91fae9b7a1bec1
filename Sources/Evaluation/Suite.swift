public import TextCore
public import Training
public import Verifiers

/// A set of questions that a model is judged by.
public struct Suite: Sendable {
    /// What its figures are called.
    public var name: String
    /// How it is judged.
    public var judgement: Judgement
    /// The questions, at least one.
    public var items: [SuiteItem]
    /// Whether it guards what the model could do before, rather than what it shall learn.
    public var isRegression = false
    /// Whether its verifier takes an answer out of what the model writes, so that the share of answers that have one says
    /// how reliably the format is kept.
    public var extracts = false
    /// Whether answers are judged against those of the baseline; see `SuiteRunner.run`.
    public var comparesWithBaseline = false

    /// How a suite is judged.
    public enum Judgement: Sendable {
        /// The model answers, and a verifier scores the answer.
        case answers(AnswerLimits)
        /// The mean loss of the rows' trained tokens, in nats, or its exponential.
        case loss(asPerplexity: Bool)
        /// Which of the given answers is the likeliest.
        case multipleChoice
        /// Whether the first of two given answers is the likelier.
        case preference
        /// How far the model is from its base over the rows' trained tokens.
        case divergence
    }

    /// What its results are.
    public var kind: SuiteResult.Kind {
        switch judgement {
        case .answers: .answers
        case .loss(let asPerplexity): asPerplexity ? .perplexity : .loss
        case .multipleChoice: .multipleChoice
        case .preference: .preference
        case .divergence: .divergence
        }
    }

    /// The figure the suite is known by: `accuracy`, `loss`, `perplexity` or `kl`.
    public var leadingMetric: String { kind.leadingMetric }

    /// A suite of questions.
    public init(name: String, judgement: Judgement, items: [SuiteItem]) {
        self.name = name
        self.judgement = judgement
        self.items = items
    }
}

/// One question.
public struct SuiteItem: Sendable {
    /// An answer that is given rather than written.
    public struct Given: Sendable {
        /// Its tokens after the prompt, at least one.
        public var ids: [Int32]
        /// Its text.
        public var text: String
        /// What its log-probability is divided by for the figure that does not favour short answers.
        public var length: Double

        /// An answer.
        public init(ids: [Int32], text: String, length: Double) {
            self.ids = ids
            self.text = text
            self.length = length
        }
    }

    /// What is found of the fields of an answer.
    public typealias FieldCounter = @Sendable (Rollout) -> (isValid: Bool, fields: [FieldTable.Row])

    /// Names the question in every run that asks it; see `RowIdentity`.
    public var id: String
    /// Where it is from, `file:line`.
    public var source: String
    /// The tokens that ask it.
    public var prompt: [Int]
    /// The same as messages, for models behind an endpoint.
    public var messages: [JSON] = []
    /// The verifier with what it expects; `nil` where nothing is written.
    public var verifier: BoundVerifier?
    /// The question as verifiers see it, without an answer.
    public var question: Rollout
    /// What is expected, as text for tables.
    public var expected: String
    /// The label that is expected, where the verifier tells labels apart.
    public var label: String?
    /// Counts the fields of an answer, where these are told apart.
    public var countFields: FieldCounter?
    /// The row with its answer, for a loss.
    public var row: TrainingExample?
    /// The answers to rank.
    public var given: [Given] = []
    /// Which of them is right.
    public var right = 0

    /// The last words of the question, for people.
    var shownQuestion: String { (messages.last?["content"]?.string ?? "").clipped(to: 2000) }

    /// A question.
    public init(
        id: String, source: String, prompt: [Int], verifier: BoundVerifier? = nil, question: Rollout = Rollout(""),
        expected: String = "", label: String? = nil, row: TrainingExample? = nil
    ) {
        self.id = id
        self.source = source
        self.prompt = prompt
        self.verifier = verifier
        self.question = question
        self.expected = expected
        self.label = label
        self.row = row
    }
}

/// How answers are generated.
public struct AnswerLimits: Sendable, Hashable {
    /// Tokens of an answer, at most.
    public var maxNewTokens: Int
    /// 0 takes the likeliest token every time.
    public var temperature: Double
    /// Share of probability that is kept, (0, 1].
    public var topP: Double
    /// Likeliest tokens that are kept; 0 for all.
    public var topK: Int
    /// Texts that end an answer.
    public var stop: [String]

    /// Limits of an answer; the defaults are greedy.
    public init(
        maxNewTokens: Int = 256, temperature: Double = 0, topP: Double = 1, topK: Int = 0, stop: [String] = []
    ) {
        self.maxNewTokens = maxNewTokens
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
        self.stop = stop
    }
}
