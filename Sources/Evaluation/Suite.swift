import TextCore
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

    /// How a suite is judged.
    public enum Judgement: Sendable {
        /// The model answers, and a verifier scores the answer.
        case answers(AnswerLimits)
        /// The mean loss of the rows' trained tokens, in nats, or its exponential.
        case loss(asPerplexity: Bool)
    }

    /// What its results are.
    public var kind: SuiteResult.Kind {
        switch judgement {
        case .answers: .answers
        case .loss(let asPerplexity): asPerplexity ? .perplexity : .loss
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
    /// Names the question in every run that asks it; see `RowIdentity`.
    public var id: String
    /// Where it is from, `file:line`.
    public var source: String
    /// The tokens that ask it.
    public var prompt: [Int]
    /// The verifier with what it expects; `nil` where a loss is measured.
    public var verifier: BoundVerifier?
    /// The question as verifiers see it, without an answer.
    public var question: Rollout
    /// What is expected, as text for tables.
    public var expected: String
    /// The label that is expected, where the verifier tells labels apart.
    public var label: String?
    /// The row with its answer, for a loss.
    public var row: TrainingExample?

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
