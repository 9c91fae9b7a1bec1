import DPO
import OrderedCollections
import Reports
import TextCore
import Tokenization
import Training

/// What became of the rows: every one that was cut, dropped or is odd is counted, and the first of each kind named.
struct DataReport {
    /// How the format of each file was decided.
    var formats: [String] = []
    /// What can be promised of each file's bytes.
    var integrity: [String] = []
    /// Whether every row was looked at, or the first ones.
    var countsAllRows = true
    /// Rows that are left out as duplicates or because they give suites away, by the reason.
    var leftOut: OrderedDictionary<String, Int> = [:]
    /// Rows that could not be read and were passed over.
    var damaged = 0
    /// Tokens of all rows before any was cut.
    private(set) var tokens = 0
    /// Tokens that carry loss.
    private(set) var trainedTokens = 0
    /// How many rows have how many tokens, before any was cut.
    private var rowsOfLength: [Int: Int] = [:]
    /// Rows longer than the limit.
    private(set) var overlong: (count: Int, first: String) = (0, "")
    /// Masks, stop tokens and start tokens.
    private(set) var health: DataHealth
    /// Faults of pairs and of labelled answers.
    var pairs = PairHealth()
    /// What templates warned of, with how many rows and the first.
    private(set) var warnings: [(text: String, count: Int, first: String)] = []

    /// Where the last row came from.
    private(set) var lastSource = ""

    /// Rows read.
    private(set) var rows = 0

    /// Tokens of the longest row.
    var longest: Int { rowsOfLength.keys.max() ?? 0 }

    /// The same report before any row.
    var emptied: DataReport {
        var report = self
        report.clear()
        return report
    }

    private mutating func clear() {
        (rows, tokens, trainedTokens, rowsOfLength, overlong, warnings) = (0, 0, 0, [:], (0, ""), [])
        health = DataHealth(startToken: health.startToken, stopTokens: health.stopTokens)
        pairs = PairHealth()
    }

    init(text: ModelText) {
        health = DataHealth(
            startToken: text.tokenizer.beginningOfSequenceID.map { Int32($0) },
            stopTokens: Set(text.stopIDs.map { Int32($0) }))
    }

    mutating func add(_ row: EncodedRow, maxLength: Int) {
        health.inspect(row.example)
        add(
            length: row.example.ids.count, trained: row.example.trainedCount, source: row.example.source,
            isOverlong: row.example.ids.count > maxLength)
        for warning in row.warnings {
            let text = warning.description
            if let index = warnings.firstIndex(where: { $0.text == text }) {
                warnings[index].count += 1
            } else if warnings.count < 20 {
                warnings.append((text, 1, row.example.source))
            }
        }
    }

    /// Counts a row: tokens before it was cut, tokens that carry loss, and whether it is longer than it may be.
    mutating func add(length: Int, trained: Int, source: String, isOverlong: Bool) {
        lastSource = source
        rows += 1
        tokens += length
        trainedTokens += trained
        rowsOfLength[length, default: 0] += 1
        if isOverlong { overlong = (overlong.count + 1, overlong.count == 0 ? source : overlong.first) }
    }

    /// The length that a share of the rows does not pass.
    func percentile(_ share: Double) -> Int {
        let rank = min(rows, max(1, Int((share * Double(rows)).rounded(.up))))
        var below = 0
        for (length, count) in rowsOfLength.sorted(by: { $0.key < $1.key }) {
            below += count
            if below >= rank { return length }
        }
        return 0
    }

    /// What stops a run, in the form of every other problem; empty when the rows are fit.
    func problems(_ loaded: LoadedRecipe, context: Int?) -> [RecipeProblem] {
        let sequence = loaded.recipe.sequence
        var problems: [RecipeProblem] = []
        func report(_ key: String, _ what: String, why: String, fix: String) {
            problems.append(RecipeProblem(loaded.position(of: key), what, why: why, fix: fix))
        }
        if let context, min(longest, sequence.maxLength) > context {
            report(
                "sequence.max_length",
                "rows may have \(sequence.maxLength) tokens, but the model reads at most \(context), and "
                    + "\(grouped(rowsOfLength.reduce(0) { $0 + ($1.key > context ? $1.value : 0) })) of \(grouped(rows)) rows are longer",
                why: "Positions beyond its context mean nothing to the model", fix: "Write `max_length: \(context)`")
        } else if overlong.count > 0, sequence.onOverflow == .error {
            report(
                "sequence.max_length",
                "data: \(grouped(overlong.count)) of \(grouped(rows)) rows (\(percent(overlong.count))) are longer than "
                    + "\(sequence.maxLength) tokens (p99 = \(grouped(percentile(0.99))), max = \(grouped(longest)); "
                    + "first: \(overlong.first))",
                why: "Cutting them in silence would train answers without their end",
                fix: "Choose sequence.on_overflow, or write `max_length: \(longest)`")
        }
        for problem in health.problems() where problem.refuses {
            report("sft.train_on", problem.message, why: "", fix: "")
        }
        for problem in pairs.problems(.all(loaded.recipe.data.maxInvalid)) where problem.refuses {
            report(
                "data.train", problem.message, why: "",
                fix: "Mend the rows, or write a larger `data.max_invalid` than \(loaded.recipe.data.maxInvalid)")
        }
        return problems
    }

    /// What does not stop a run but should be known.
    func remarks(_ sequence: SequenceSettings) -> [String] {
        var remarks = health.problems().filter { !$0.refuses }.map(\.message)
        remarks += pairs.problems(.all(nil)).map(\.message)
        if damaged > 0 {
            remarks.append(
                "\(grouped(damaged)) rows are damaged and left out; quarantine.jsonl in the run folder lists them")
        }
        if overlong.count > 0, sequence.onOverflow != .error {
            let what =
                switch sequence.onOverflow {
                case .error: "are too long"
                case .drop: "are dropped"
                case .truncate: "are cut"
                case .split: "are split"
                }
            remarks.append(
                "\(grouped(overlong.count)) of \(grouped(rows)) rows (\(percent(overlong.count))) are longer than "
                    + "\(sequence.maxLength) tokens and \(what) (max = \(grouped(longest)))")
        }
        for warning in warnings {
            remarks.append("\(grouped(warning.count)) rows (first: \(warning.first)): \(warning.text)")
        }
        return remarks
    }

    /// One line on how long rows are.
    var lengthLine: String {
        "length in tokens: "
            + [0.1, 0.5, 0.9, 0.95, 0.99].map { "p\(Int(($0 * 100).rounded())) \(percentile($0))" }
            .joined(separator: ", ") + ", max \(longest)"
    }

    /// What the rows come from, how many there are and how long they are.
    var sourceLines: [String] {
        formats + integrity + (countsAllRows ? [] : ["rows are streamed; these figures are of the first ones"])
            + leftOutLine + [sizeLine, lengthLine]
    }

    /// One line on rows that are left out, where there are any.
    private var leftOutLine: [String] {
        guard !leftOut.isEmpty else { return [] }
        let reasons = leftOut.map { "\(grouped($0.value)) \($0.key.replacing("_", with: " "))" }
        return [
            "\(grouped(leftOut.values.reduce(0, +))) rows left out (\(reasons.joined(separator: ", "))); removed.jsonl in "
                + "the run folder lists them"
        ]
    }

    /// One line on how much there is.
    var sizeLine: String {
        "\(grouped(rows)) rows, \(grouped(tokens)) tokens, \(grouped(trainedTokens)) of them trained"
    }

    func json(_ sequence: SequenceSettings) -> JSON {
        func finding(_ finding: DataHealth.Finding) -> JSON {
            ["rows": .integer(finding.count), "first": .array(finding.first.map { .string($0) })]
        }
        return [
            "left_out": .object(leftOut.mapValues { .integer($0) }),
            "rows": .integer(rows), "tokens": .integer(tokens), "trained_tokens": .integer(trainedTokens),
            "length": [
                "p50": .integer(percentile(0.5)), "p90": .integer(percentile(0.9)), "p99": .integer(percentile(0.99)),
                "max": .integer(longest),
            ],
            "pairs": [
                "equal_answers": finding(pairs.equalAnswers), "empty_answer": finding(pairs.emptyAnswer),
                "answer_cut_away": finding(pairs.answerCutAway), "long_prompt": finding(pairs.longPrompt),
                "moved_boundary": finding(pairs.movedBoundary),
            ],
            "damaged": .integer(damaged), "overlong": .integer(overlong.count), "untrained": finding(health.untrained),
            "without_stop_token": finding(health.missingStop), "double_start": finding(health.doubleStart),
            "formats": .array(formats.map { .string($0) }), "integrity": .array(integrity.map { .string($0) }),
            "counts_all_rows": .bool(countsAllRows),
            "remarks": .array(remarks(sequence).map { .string($0) }),
        ]
    }

    private func percent(_ count: Int) -> String {
        "\((1000 * Double(count) / Double(max(1, rows))).rounded() / 10) %"
    }
}

/// A number with commas between thousands.
func grouped(_ number: Int) -> String { ReportText.grouped(number) }
