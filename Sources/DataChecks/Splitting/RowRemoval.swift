public import OrderedCollections
public import TextCore

/// A row that is left out, and why.
public struct RemovedRow: Sendable, Hashable {
    /// Why a row is left out.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// An earlier row is the same to the letter.
        case equal
        /// An earlier row is the same but for case, white space and punctuation.
        case normalized
        /// An earlier row is nearly the same.
        case near
        /// A model is judged by this question.
        case leaked
        /// It holds, word by word, what a model is judged by.
        case leakedInside = "leaked_inside"
        /// A model is judged by nearly this question.
        case leakedNear = "leaked_near"
        /// It cannot be read, or lacks what is needed of it.
        case malformed

        /// What it means, as the end of "… rows".
        public var words: String {
            switch self {
            case .equal: "the same as an earlier row to the letter"
            case .normalized: "the same as an earlier row but for case, white space and punctuation"
            case .near: "nearly the same as an earlier row"
            case .leaked: "the same as a row to judge by"
            case .leakedInside: "with a row to judge by inside"
            case .leakedNear: "nearly the same as a row to judge by"
            case .malformed: "that cannot be used"
            }
        }
    }

    /// The number of its source, and its number there.
    public var file: Int, ordinal: Int
    /// Where it is, `file:line`.
    public var source: String
    public var reason: Reason
    /// The row it is like, `file:line`; what is wrong with one that cannot be used.
    public var of: String
    /// How alike the two are, [0, 1].
    public var score: Double

    /// A row that is left out.
    public init(file: Int, ordinal: Int, source: String, reason: Reason, of: String, score: Double = 1) {
        self.file = file
        self.ordinal = ordinal
        self.source = source
        self.reason = reason
        self.of = of
        self.score = score
    }

    /// A line of `removed.jsonl`.
    public var json: JSON {
        [
            "row": .string(source), "number": .integer(ordinal), "why": .string(reason.rawValue), "of": .string(of),
            "score": .number((score * 10_000).rounded() / 10_000),
        ]
    }
}

/// Decides which rows of a data set to leave out: those that repeat others, and those that a model is judged by.
///
/// Which rows these are depends on the rows alone.
public struct RowRemoval {
    /// Which rows repeat others.
    public enum Duplicates: String, Sendable, Hashable, CaseIterable {
        /// None are looked for.
        case none
        /// The same prompt and answer, but for case, white space and punctuation.
        case exact
        /// Also nearly the same prompt and answer.
        case near
    }

    private let duplicates: Duplicates
    private let threshold: Double
    private var judged: EvaluationIndex
    private var judgedSources: [String] = []
    private var index: DuplicateIndex?
    /// Of each row in the index its source and its number there.
    private var places: [(file: Int32, ordinal: Int)] = []
    private var removed: [RemovedRow] = []

    /// - Parameters:
    ///   - duplicates: which rows repeat others.
    ///   - threshold: how alike rows are at least that are nearly the same, (0, 1].
    ///   - common: what most prompts share.
    /// - Throws: `DataError` where no temporary file can be made.
    public init(
        _ duplicates: Duplicates, threshold: Double = DataCheckSettings().nearThreshold,
        common: CommonText = CommonText()
    ) throws {
        self.duplicates = duplicates
        self.threshold = threshold
        judged = EvaluationIndex(common: common)
        index = duplicates == .none ? nil : try DuplicateIndex(common: common, near: duplicates == .near)
    }

    /// Adds a row that a model is judged by; all of these come before the others.
    public mutating func addJudged(_ row: CheckedRow) {
        judged.add(row.prompt)
        judgedSources.append(row.source)
    }

    /// Adds the next row of a source.
    ///
    /// - Parameter file: the number of the source.
    /// - Throws: `DataError` where the disk is full.
    public mutating func add(_ outcome: CheckedSource.Outcome, file: Int) throws {
        switch outcome {
        case .malformed(let ordinal, let source, let message):
            removed.append(
                RemovedRow(file: file, ordinal: ordinal, source: source, reason: .malformed, of: message, score: 0))
        case .row(let row):
            if let leak = leak(row, file: file) {
                removed.append(leak)
                return
            }
            guard duplicates != .none else { return }
            try index?.add(row)
            places.append((Int32(clamping: file), row.ordinal))
        }
    }

    private mutating func leak(_ row: CheckedRow, file: Int) -> RemovedRow? {
        guard judged.count > 0, let match = judged.matches(prompt: row.prompt, texts: row.texts).first else {
            return nil
        }
        let reason: RemovedRow.Reason
        switch match.kind {
        case .exact: reason = .leaked
        case .contained: reason = .leakedInside
        case .near where match.score >= OverlapMatch.nearSimilarity: reason = .leakedNear
        case .near: return nil
        }
        return RemovedRow(
            file: file, ordinal: row.ordinal, source: row.source, reason: reason, of: judgedSources[match.item],
            score: match.score)
    }

    /// The rows to leave out, by source and number.
    ///
    /// - Throws: `DataError` where texts cannot be read back; `CancellationError` when a stop is requested.
    public func rows(isStopped: () -> Bool = { false }) throws -> [RemovedRow] {
        var all = removed
        if let index {
            let equal = index.equalRows()
            let near =
                duplicates == .near
                ? try index.nearRows(threshold: threshold, without: equal, isStopped: isStopped) : []
            for duplicate in equal + near {
                let reason: RemovedRow.Reason =
                    switch duplicate.kind {
                    case .equal: .equal
                    case .normalized: .normalized
                    case .near: .near
                    }
                let place = places[duplicate.row]
                all.append(
                    RemovedRow(
                        file: Int(place.file), ordinal: place.ordinal, source: try index.shown(duplicate.row).source,
                        reason: reason, of: try index.shown(duplicate.of).source, score: duplicate.similarity))
            }
        }
        return all.sorted { ($0.file, $0.ordinal) < ($1.file, $1.ordinal) }
    }
}

extension [RemovedRow] {
    /// How many rows are left out for each reason.
    public var counts: OrderedDictionary<String, Int> {
        var counts: OrderedDictionary<String, Int> = [:]
        for reason in RemovedRow.Reason.allCases {
            let count = count { $0.reason == reason }
            if count > 0 { counts[reason.rawValue] = count }
        }
        return counts
    }

    /// One line for each reason: `12 rows the same as …`.
    public var lines: [String] {
        RemovedRow.Reason.allCases.compactMap { reason in
            let count = count { $0.reason == reason }
            return count == 0 ? nil : "\(grouped(count)) row\(count == 1 ? "" : "s") \(reason.words)"
        }
    }

    /// The rows as lines of a file.
    public var text: String { map { $0.json.text() + "\n" }.joined() }
}
