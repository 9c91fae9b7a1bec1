import TextCore

/// What checks have to know of a data set beside its rows.
public struct DataCheckSettings: Sendable {
    /// What is trained on the rows.
    public enum Method: String, Sendable, Hashable, CaseIterable {
        /// Answers to prompts.
        case supervised
        /// Texts.
        case pretraining
        /// Pairs of answers.
        case preference
        /// Answers that are wanted or not.
        case unpaired
        /// Prompts whose answers verifiers judge.
        case reward
    }

    /// What a row is as tokens.
    public struct EncodedFacts: Sendable, Hashable {
        /// Tokens of the row, before any is cut; of a pair those of its longer answer with the prompt.
        public var tokens: Int
        /// Tokens that carry loss.
        public var trained: Int
        /// Whether the last trained token ends the model's turn; `nil` where nothing is trained.
        public var endsInStop: Bool?
        /// Whether the row begins with two start tokens.
        public var hasDoubleStart: Bool
        /// Why the row cannot be encoded; the numbers are then 0.
        public var problem: String?

        /// A row's facts.
        public init(
            tokens: Int = 0, trained: Int = 0, endsInStop: Bool? = nil, hasDoubleStart: Bool = false,
            problem: String? = nil
        ) {
            self.tokens = tokens
            self.trained = trained
            self.endsInStop = endsInStop
            self.hasDoubleStart = hasDoubleStart
            self.problem = problem
        }
    }

    /// What is trained on the rows.
    public var method = Method.supervised
    /// The column that rows are grouped by, `data.group_by`.
    public var groupColumn: String?
    /// The column that holds a row's class; where it is `nil` the answer is the class.
    public var labelColumn: String?
    /// Tokens of the longest sequence, `sequence.max_length`.
    public var maxLength: Int?
    /// A row as tokens, rendered and tokenized as training does it; `nil` where there is no tokenizer. It is called on
    /// several threads and takes some ten microseconds a row.
    public var encode: (@Sendable (CheckedRow) -> EncodedFacts)?
    /// Tokens of a text alone; `nil` where there is no tokenizer.
    public var tokenCount: (@Sendable (String) -> Int)?
    /// Texts that mean something to the model's tokenizer or template and must not be part of a row: `<|im_end|>`.
    public var specialTexts: [String] = []
    /// The texts among them that end the model's turn.
    public var stopTexts: [String] = []
    /// Texts that most rows share, such as the words around a question; not compared. Found from the first rows.
    public var commonText = CommonText()
    /// How alike two rows are at least that count as near duplicates: Jaccard's index, (0, 1].
    public var nearThreshold = TextSketch.nearThreshold
    /// Rows to train on that a run should have at the least.
    public var floor = 500
    /// Rows that a suite should have at the least, for its figures to mean something.
    public var suiteFloor = 200
    /// Whether verifiers judge the rows by a column that holds the right answer.
    public var needsGold = false
    /// The key of every random number.
    public var seed: UInt64 = 42
    /// Whether the work is to end; asked between rows and pairs.
    public var isStopped: @Sendable () -> Bool = { false }

    /// Settings of supervised fine-tuning.
    public init() {}

    /// The class of a row; `nil` where it has none.
    public func label(of row: CheckedRow) -> String? {
        guard let labelColumn else { return row.answer }
        guard let value = row.fields[labelColumn], !value.isNull else { return nil }
        return value.string ?? value.text()
    }

    /// - Throws: `CancellationError` when the work is to end.
    public func checkStop() throws {
        if isStopped() { throw CancellationError() }
    }
}
