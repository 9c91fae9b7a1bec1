public import Training

/// What keeps a preference from being trained on.
public enum PairFault: Sendable, Hashable {
    /// Both answers are the same tokens, perhaps only once they were cut.
    case equalAnswers
    /// An answer says nothing.
    case emptyAnswer
    /// The prompt leaves no room for any token of the answers.
    case answerCutAway
    /// The prompt alone is longer than a row may be.
    case longPrompt
    /// A row is longer than it may be, and such rows are not cut.
    case overlong
}

/// What is wrong with the pairs, or the single answers, of a data set, counted before the first step.
///
/// Rows with a fault are never trained on; more of them than the thresholds allow are a reason not to begin.
public struct PairHealth: Sendable {
    /// The largest share of rows, in [0, 1], that may have a fault before training is refused; `nil` to only say so.
    public struct Thresholds: Sendable, Hashable {
        /// Of pairs of equal answers.
        public var equalAnswers: Double?
        /// Of rows with an empty answer.
        public var emptyAnswer: Double?
        /// Of rows whose answer is cut away whole.
        public var answerCutAway: Double?
        /// Of rows whose prompt alone is too long.
        public var longPrompt: Double?

        /// By default more than one row in twenty of any kind is refused.
        public init(
            equalAnswers: Double? = 0.05, emptyAnswer: Double? = 0.05, answerCutAway: Double? = 0.05,
            longPrompt: Double? = 0.05
        ) {
            self.equalAnswers = equalAnswers
            self.emptyAnswer = emptyAnswer
            self.answerCutAway = answerCutAway
            self.longPrompt = longPrompt
        }

        /// The same share for all.
        public static func all(_ share: Double?) -> Thresholds {
            Thresholds(equalAnswers: share, emptyAnswer: share, answerCutAway: share, longPrompt: share)
        }
    }

    /// Rows seen.
    public private(set) var rows = 0
    /// Pairs of equal answers.
    public private(set) var equalAnswers = DataHealth.Finding()
    /// Rows with an empty answer.
    public private(set) var emptyAnswer = DataHealth.Finding()
    /// Rows whose answer is cut away whole.
    public private(set) var answerCutAway = DataHealth.Finding()
    /// Rows whose prompt alone is too long.
    public private(set) var longPrompt = DataHealth.Finding()
    /// Rows that are too long and not cut; what becomes of them is for `sequence.on_overflow` to say.
    public private(set) var overlong = DataHealth.Finding()
    /// Rows whose answers were cut.
    public private(set) var cut = DataHealth.Finding()
    /// Rows where tokens at the prompt's end are others once an answer follows.
    public private(set) var movedBoundary = DataHealth.Finding()

    /// Nothing seen yet.
    public init() {}

    /// Looks at a pair.
    public mutating func inspect(_ pair: EncodedPair) {
        inspect(
            pair.fault, isCut: pair.isCut, movesBoundary: pair.lostPromptCount > 0, source: pair.source)
    }

    /// Looks at an answer with a verdict.
    public mutating func inspect(_ row: EncodedUnpaired) {
        inspect(row.fault, isCut: row.isCut, movesBoundary: row.lostPromptCount > 0, source: row.source)
    }

    private mutating func inspect(_ fault: PairFault?, isCut: Bool, movesBoundary: Bool, source: String) {
        rows += 1
        switch fault {
        case .equalAnswers: equalAnswers.add(source)
        case .emptyAnswer: emptyAnswer.add(source)
        case .answerCutAway: answerCutAway.add(source)
        case .longPrompt: longPrompt.add(source)
        case .overlong: overlong.add(source)
        case nil: break
        }
        if isCut { cut.add(source) }
        if movesBoundary { movedBoundary.add(source) }
    }

    /// What there is to say, worst first; empty when all is well.
    public func problems(_ thresholds: Thresholds = Thresholds()) -> [DataHealth.Problem] {
        guard rows > 0 else { return [] }
        let found: [DataHealth.Problem?] = [
            DataHealth.Problem(
                equalAnswers, of: rows, limit: thresholds.equalAnswers,
                what: "a chosen answer that equals the rejected one",
                why:
                    "such a pair says nothing of which is better and is left out: look at how the pairs were made, and "
                    + "at sequence.max_length if they differ only at the end"),
            DataHealth.Problem(
                emptyAnswer, of: rows, limit: thresholds.emptyAnswer, what: "an empty answer",
                why: "the model would learn to stop at once, so they are left out: look at the columns of the data"),
            DataHealth.Problem(
                answerCutAway, of: rows, limit: thresholds.answerCutAway, what: "an answer that is cut away whole",
                why: "the prompt takes all of sequence.max_length, so they are left out: raise it or shorten prompts"),
            DataHealth.Problem(
                longPrompt, of: rows, limit: thresholds.longPrompt,
                what: "a prompt that is longer than sequence.max_length",
                why: "prompts are not cut, so they are left out: raise sequence.max_length or shorten prompts"),
            DataHealth.Problem(
                movedBoundary, of: rows, limit: nil, what: "a prompt whose last tokens change once an answer follows",
                why: "the answer is trained from where they change; end prompts at the end of a token, or use a chat "
                    + "template that prompts with what it writes before an answer"),
        ]
        return found.compactMap { $0 }.sorted { $0.refuses && !$1.refuses }
    }
}
