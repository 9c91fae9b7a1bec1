/// What is wrong with the rows of a data set, counted before the first step.
///
/// ```swift
/// var health = DataHealth(startToken: 1, stopTokens: [2])
/// for example in examples { health.inspect(example) }
/// for problem in health.problems() where problem.refuses { throw TrainingError(problem.message) }
/// ```
public struct DataHealth: Sendable {
    /// Rows with one fault: how many, and where the first are.
    public struct Finding: Sendable, Hashable {
        /// How many rows have it.
        public private(set) var count = 0
        /// The first of them, as `file:line`; at most three.
        public private(set) var first: [String] = []

        /// Nothing found yet.
        package init() {}

        /// Counts a row.
        package mutating func add(_ source: String) {
            count += 1
            if first.count < 3 { first.append(source) }
        }
    }

    /// The largest share of rows, in [0, 1], that may have a fault before training is refused; `nil` to only say so.
    public struct Thresholds: Sendable, Hashable {
        /// Of rows without a trained token.
        public var untrained: Double?
        /// Of rows that do not train the stop token.
        public var missingStop: Double?
        /// Of rows with two start tokens.
        public var doubleStart: Double?

        /// By default more than one row in twenty without a trained token is refused, and the rest is said.
        public init(untrained: Double? = 0.05, missingStop: Double? = nil, doubleStart: Double? = nil) {
            self.untrained = untrained
            self.missingStop = missingStop
            self.doubleStart = doubleStart
        }
    }

    /// Something to say before training.
    public struct Problem: Sendable, Hashable {
        /// What, where first, why it matters, what to do.
        public var message: String
        /// Whether training should not begin.
        public var refuses: Bool

        /// A fault that some rows have; `nil` where none has it.
        ///
        /// - Parameters:
        ///   - finding: the rows.
        ///   - rows: rows seen, at least one.
        ///   - limit: the largest share of rows that may have it; `nil` to only say so.
        ///   - what: what they have.
        ///   - why: why it matters and what to do.
        package init?(_ finding: Finding, of rows: Int, limit: Double?, what: String, why: String) {
            guard finding.count > 0 else { return nil }
            let share = Double(finding.count) / Double(rows)
            let percent = (share * 1000).rounded() / 10
            message =
                "\(finding.count) of \(rows) rows (\(percent) %) have \(what) "
                + "(first: \(finding.first.joined(separator: ", "))); \(why)"
            refuses = limit.map { share > $0 } ?? false
        }
    }

    /// Rows seen.
    public private(set) var rows = 0
    /// Rows of which no token carries loss.
    public private(set) var untrained = Finding()
    /// Rows with trained tokens that do not end in a trained stop token.
    public private(set) var missingStop = Finding()
    /// Rows that begin with two start tokens.
    public private(set) var doubleStart = Finding()
    /// The token that begins a text, if the tokenizer has one.
    public let startToken: Int32?
    /// The tokens that end an answer; when none are given, nothing is said of stopping.
    public let stopTokens: Set<Int32>

    /// Nothing seen yet.
    public init(startToken: Int32?, stopTokens: Set<Int32>) {
        self.startToken = startToken
        self.stopTokens = stopTokens
    }

    /// Looks at a row.
    public mutating func inspect(_ example: TrainingExample) {
        rows += 1
        let trained = example.ids.indices.dropFirst().filter { example.trained[$0] }
        if trained.isEmpty {
            untrained.add(example.source)
        } else if !stopTokens.isEmpty, !endsInStop(example, trained) {
            missingStop.add(example.source)
        }
        if let startToken, example.ids.count > 1, example.ids[0] == startToken, example.ids[1] == startToken {
            doubleStart.add(example.source)
        }
    }

    /// Whether the last trained stretch holds a stop token: templates may train a line break after it.
    private func endsInStop(_ example: TrainingExample, _ trained: [Int]) -> Bool {
        var expected = trained.last
        for index in trained.reversed() {
            guard index == expected else { return false }
            if stopTokens.contains(example.ids[index]) { return true }
            expected = index - 1
            // Only a short tail may follow the stop token.
            if let last = trained.last, last - index >= 3 { return false }
        }
        return false
    }

    /// What there is to say, worst first; empty when all is well.
    public func problems(_ thresholds: Thresholds = Thresholds()) -> [Problem] {
        guard rows > 0 else { return [] }
        return [
            problem(
                untrained, limit: thresholds.untrained, what: "no trained token",
                why: "they teach nothing and only take time: see them with `hone inspect`, and check sft.train_on and "
                    + "the chat template's assistant spans"),
            problem(
                missingStop, limit: thresholds.missingStop, what: "no trained stop token at the end",
                why: "a model trained on them does not learn when to stop: use a chat template whose assistant span "
                    + "includes the stop token, or end completions with it"),
            problem(
                doubleStart, limit: thresholds.doubleStart, what: "two start tokens",
                why: "the model sees a beginning it never sees in use: template and tokenizer both add one; take it "
                    + "out of the template"),
        ].compactMap { $0 }.sorted { $0.refuses && !$1.refuses }
    }

    private func problem(_ finding: Finding, limit: Double?, what: String, why: String) -> Problem? {
        Problem(finding, of: rows, limit: limit, what: what, why: why)
    }
}
