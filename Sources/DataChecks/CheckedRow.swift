public import OrderedCollections
public import ShardIO
public import TextCore

/// A row as the checks see it: text, whatever its format.
public struct CheckedRow: Sendable {
    /// Which part of a recipe it belongs to.
    public enum Side: Sendable, Hashable {
        /// Rows to train on.
        case train
        /// Rows that a model is judged by: the suite's name, or `data.eval`.
        case suite(String)
    }

    /// Where it belongs.
    public var side: Side
    /// Where it is, `file:line`.
    public var source: String
    /// Its number among the rows of its file, from 0.
    public var ordinal: Int
    /// What the model is told before it is asked: the system's messages; `nil` where there are none.
    public var system: String?
    /// What the model is asked: the prompt, or all messages before the last answer but those of the system; the whole of
    /// a plain text.
    public var prompt: String
    /// What the model is to say; the chosen one of a pair. `nil` where there is none.
    public var answer: String?
    /// The answer of a pair that is worse.
    public var rejected: String?
    /// The right answer that verifiers compare with, where a column holds one.
    public var gold: String?
    /// The value of the column that rows are grouped by.
    public var group: String?
    /// The row's columns.
    public var fields: JSON
    /// What the row means; `nil` of a row that was made otherwise.
    public var record: TrainingRecord?

    /// A row.
    public init(
        side: Side, source: String, ordinal: Int, system: String? = nil, prompt: String, answer: String? = nil,
        rejected: String? = nil, gold: String? = nil, group: String? = nil, fields: JSON = .object([:]),
        record: TrainingRecord? = nil
    ) {
        self.side = side
        self.source = source
        self.ordinal = ordinal
        self.system = system
        self.prompt = prompt
        self.answer = answer
        self.rejected = rejected
        self.gold = gold
        self.group = group
        self.fields = fields
        self.record = record
    }
}

/// A check of a data set. It is given every row once, keeps bounded memory, and then says what it found.
///
/// A new check is a type of this protocol and a line of `DataCheckCatalog`.
public protocol DataCheck {
    /// Looks at a row. Rows of suites are given first, then those to train on, in the order of their files.
    mutating func add(_ row: CheckedRow)

    /// What was found in all the rows, the worst first.
    ///
    /// - Throws: `CancellationError` when a stop is requested.
    mutating func findings() throws -> [Finding]
}

extension CheckedRow.Side {
    /// What it is called in reports: `train`, or the suite's name.
    public var name: String {
        switch self {
        case .train: "train"
        case .suite(let name): name
        }
    }
}
