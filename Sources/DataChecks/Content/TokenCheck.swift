import OrderedCollections
import TextCore

/// What rows to train on are as tokens: how many, how many are above `sequence.max_length`, whether anything is trained,
/// and whether the trained part ends in the token that ends the turn.
///
/// Rows are rendered as training does it. A keyed sample of them, and every row that has so many bytes that it may be too
/// long: a token has a byte at the least, but for those that the template adds.
struct TokenCheck: DataCheck {
    private static let sampleLimit = 20_000
    /// Tokens that a template may add to a row.
    private static let templateTokens = 512

    private let settings: DataCheckSettings
    private let encode: @Sendable (CheckedRow) -> DataCheckSettings.EncodedFacts
    private var rows = 0
    private var sampled = 0
    private var lengths: KeyedSample<Double>
    private var overlong = LargestRows()
    private var untrained = RowCollector()
    private var unended = RowCollector()
    private var doubled = RowCollector()
    private var problems = RowCollector()

    init?(_ settings: DataCheckSettings) {
        guard let encode = settings.encode else { return nil }
        self.settings = settings
        self.encode = encode
        lengths = KeyedSample(limit: Self.sampleLimit, seed: settings.seed)
    }

    mutating func add(_ row: CheckedRow) {
        guard row.side == .train else { return }
        rows += 1
        let bytes =
            (row.system?.utf8.count ?? 0) + row.prompt.utf8.count
            + max(row.answer?.utf8.count ?? 0, row.rejected?.utf8.count ?? 0)
        var facts: DataCheckSettings.EncodedFacts?
        lengths.offer(
            {
                let found = encode(row)
                facts = found
                return Double(found.tokens)
            }())
        if let facts {
            sampled += 1
            look(at: facts, row)
        } else if let limit = settings.maxLength, bytes + Self.templateTokens > limit {
            facts = encode(row)
        }
        guard let facts, let limit = settings.maxLength, facts.tokens > limit else { return }
        overlong.add(
            Double(facts.tokens),
            Finding.Row(row.source, excerpt: Excerpt.of(row.prompt), other: "\(grouped(facts.tokens)) tokens"))
    }

    private mutating func look(at facts: DataCheckSettings.EncodedFacts, _ row: CheckedRow) {
        func shown(_ other: String? = nil) -> Finding.Row {
            Finding.Row(row.source, excerpt: Excerpt.of(row.answer ?? row.prompt), other: other)
        }
        if let problem = facts.problem { return problems.add(shown(problem.clipped(to: 200))) }
        if facts.hasDoubleStart { doubled.add(shown()) }
        guard settings.method != .reward else { return }
        if facts.trained == 0 { untrained.add(shown()) }
        if facts.endsInStop == false { unended.add(shown()) }
    }

    mutating func findings() -> [Finding] {
        guard sampled > 0 else { return [] }
        var findings: [Finding] = []
        let of = sampled < rows ? " of \(grouped(sampled)) that were looked at" : ""
        if problems.count > 0 {
            findings.append(
                Finding(
                    "tokens.problem", .error, "\(counted(problems.count, "row"))\(of) cannot become tokens",
                    why: "A run ends at the first of them", edit: "Mend these rows as the message beside each says",
                    count: problems.count, rows: problems.rows))
        }
        if untrained.count > 0 {
            let isMost = 2 * untrained.count > sampled
            findings.append(
                Finding(
                    "tokens.untrained", isMost ? .error : .warning,
                    "\(counted(untrained.count, "row"))\(of) have no token that is trained on",
                    why: "Nothing is learnt from them", count: untrained.count, rows: untrained.rows))
            findings[findings.count - 1].edit =
                "Look at one with `hone inspect`; give it an answer, or choose another `sft.train_on`"
        }
        if unended.count > 0 {
            findings.append(
                Finding(
                    "tokens.no_stop", 10 * unended.count > sampled ? .error : .warning,
                    "\(counted(unended.count, "row"))\(of) do not end in the token that ends the model's turn, as trained on",
                    why: "A model that never sees the end of an answer does not stop",
                    edit: "Look at one with `hone inspect`; the chat template must write the token behind the answer",
                    count: unended.count, rows: unended.rows))
        }
        if doubled.count > 0 {
            findings.append(
                Finding(
                    "tokens.double_start", .warning,
                    "\(counted(doubled.count, "row"))\(of) begin with two start tokens",
                    why: "The model is asked with one start token later, which it then has not been trained on",
                    edit: "Remove the start token's text from the prompts, or from the chat template",
                    count: doubled.count, rows: doubled.rows))
        }
        return findings + lengthFindings()
    }

    private mutating func lengthFindings() -> [Finding] {
        let quantiles = Quantiles(lengths.elements)
        var findings: [Finding] = []
        if overlong.count > 0, let limit = settings.maxLength {
            let share = Double(overlong.count) / Double(rows)
            findings.append(
                Finding(
                    "tokens.cut", .warning,
                    "\(counted(overlong.count, "row")) (\(Figure.percent(share))) are longer than \(grouped(limit)) tokens "
                        + "(99th percentile \(quantiles.text(0.99)), longest \(quantiles.text(1)) of those sampled)",
                    why:
                        "By `sequence.on_overflow` a run ends at them, drops them, or cuts off the ends of their answers",
                    edit: "Raise `sequence.max_length`, or shorten or delete these rows", count: overlong.count,
                    rows: overlong.rows(), figures: ["max_length": .integer(limit)]))
        }
        findings.append(
            Finding(
                "tokens.length", .note,
                "rows have \(quantiles.text(0.5)) tokens at the median, \(quantiles.text(0.99)) at the 99th percentile",
                why: "Memory and time of a run go by the longest rows", count: rows, figures: ["tokens": quantiles.json]
            ))
        return findings
    }
}
