import OrderedCollections
import Statistics
import TextCore

/// Looks at pairs of answers: equal or empty ones, the same pair both ways round, and whether length alone says which one
/// is preferred.
struct PreferenceCheck: DataCheck {
    private static let sampleLimit = 20_000

    private var pairs = 0
    private var equal = RowCollector()
    private var marks = RowCollector()
    private var empty = RowCollector()
    private var contained = RowCollector()
    private var contradictions = RowCollector()
    private var longer = 0
    private var shorter = 0
    private var lengths: KeyedSample<(chosen: Double, rejected: Double)>
    /// Which way round a pair was seen first, and in which row; by a hash of prompt and answers.
    private var seen: [UInt64: (isSwapped: Bool, row: Int32)] = [:]
    /// Rows that are remembered; beyond, contradictions are looked for among the first only.
    private static let seenLimit = 2_000_000

    init?(_ settings: DataCheckSettings) {
        guard settings.method == .preference || settings.method == .unpaired else { return nil }
        lengths = KeyedSample(limit: Self.sampleLimit, seed: settings.seed)
    }

    mutating func add(_ row: CheckedRow) {
        guard row.side == .train, let chosen = row.answer, let rejected = row.rejected else { return }
        pairs += 1
        let (better, worse) = (Self.words(chosen), Self.words(rejected))
        func shown(_ other: String) -> Finding.Row {
            Finding.Row(row.source, excerpt: Excerpt.of(chosen), other: other)
        }
        if better.isEmpty || worse.isEmpty {
            empty.add(shown(better.isEmpty ? "the chosen answer is empty" : "the rejected answer is empty"))
        } else if chosen.split(whereSeparator: \.isWhitespace) == rejected.split(whereSeparator: \.isWhitespace) {
            equal.add(shown(chosen == rejected ? "equal" : "equal but for spaces"))
        } else if better == worse {
            // It may be just what is to be learned, as of quotes in JSON.
            marks.add(shown("equal but for marks and case"))
        } else if better.count > worse.count ? better.starts(with: worse) : worse.starts(with: better) {
            contained.add(shown("begins with the \(better.count > worse.count ? "rejected" : "chosen") one whole"))
        }
        if better.count > worse.count { longer += 1 } else if better.count < worse.count { shorter += 1 }
        lengths.offer((Double(better.count), Double(worse.count)))
        remember(row, chosen, rejected, shown)
    }

    private mutating func remember(
        _ row: CheckedRow, _ chosen: String, _ rejected: String, _ shown: (String) -> Finding.Row
    ) {
        let (first, second) = (Self.hash(chosen), Self.hash(rejected))
        guard first != second else { return }
        let key = TextWords.mixed(Self.hash(row.prompt) ^ TextWords.mixed(min(first, second) &* 3 ^ max(first, second)))
        if let before = seen[key] {
            guard before.isSwapped != (first > second) else { return }
            contradictions.add(shown("the other way round in row \(grouped(Int(before.row) + 1))"))
        } else if seen.count < Self.seenLimit {
            seen[key] = (first > second, Int32(clamping: row.ordinal))
        }
    }

    private static func words(_ text: String) -> [UInt64] {
        var words: [UInt64] = []
        TextWords.forEach(text) { hash, _ in words.append(hash) }
        // Of what has no words, such as sums of signs, the text itself is the word.
        if words.isEmpty, !text.trimmed.isEmpty { words.append(hash(text.trimmed)) }
        return words
    }

    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    func findings() -> [Finding] {
        guard pairs > 0 else { return [] }
        var findings: [Finding] = []
        if contradictions.count > 0 {
            findings.append(
                Finding(
                    "preferences.contradiction", .error,
                    "\(counted(contradictions.count, "pair")) say the opposite of another row: the same two answers the other way round",
                    why: "The two rows cancel each other out, and at least one of them is wrong",
                    edit: "Decide which answer is better and delete the other row", count: contradictions.count,
                    rows: contradictions.rows))
        }
        for (name, rows, text, why) in [
            ("equal", equal, "have two equal answers", "There is nothing to prefer; the loss has no gradient there"),
            (
                "marks", marks, "differ in marks and case alone",
                "That is what is learned from them: right where a format is taught, and nothing else"
            ),
            (
                "empty", empty, "have an empty answer",
                "The model learns that something is better than nothing, or to say nothing"
            ),
            (
                "contained", contained, "have one answer that begins with the whole other one",
                "What is learnt is to stop earlier or to go on, not what is better"
            ),
        ] where rows.count > 0 {
            let isHarmless = name == "contained" || name == "marks"
            findings.append(
                Finding(
                    "preferences." + name, isHarmless ? .note : .warning,
                    "\(counted(rows.count, "pair")) (\(percent(rows.count, of: pairs))) \(text)", why: why,
                    edit: isHarmless ? "" : "Delete these rows", count: rows.count, rows: rows.rows))
        }
        if let bias = lengthBias { findings.append(bias) }
        return findings
    }

    private var lengthBias: Finding? {
        let unequal = longer + shorter
        guard unequal >= 20 else { return nil }
        let share = Double(longer) / Double(unequal)
        let interval = Interval.wilson(successes: Double(longer), trials: unequal)
        let elements = lengths.elements
        let separation = EffectSize.superiority(elements.map(\.chosen), elements.map(\.rejected))
        let mean = { (values: [Double]) in values.reduce(0, +) / Double(max(1, values.count)) }
        let isStrong = interval.lower > 0.6 || interval.upper < 0.4
        let direction = share >= 0.5 ? "longer" : "shorter"
        return Finding(
            "preferences.length", isStrong ? .warning : .note,
            "the \(direction) answer is preferred in \(Figure.percent(max(share, 1 - share))) of \(grouped(unequal)) pairs "
                + "(95 % sure: \(Figure.percent(share >= 0.5 ? interval.lower : 1 - interval.upper)) to "
                + "\(Figure.percent(share >= 0.5 ? interval.upper : 1 - interval.lower)))",
            why: isStrong
                ? "Length alone predicts what is preferred, so a model can learn to write \(direction) answers instead of better ones"
                : "Length alone hardly predicts what is preferred",
            edit: isStrong
                ? "Add pairs in which the other one is better, or use a loss that corrects for length (`dpo: {loss: simpo}`, `ld_alpha`)"
                : "", count: unequal,
            figures: [
                "chosen_longer": .number(Figure.rounded(share, 4)), "lower": .number(Figure.rounded(interval.lower, 4)),
                "upper": .number(Figure.rounded(interval.upper, 4)),
                "accuracy_of_length": .number(Figure.rounded(max(share, 1 - share), 4)),
                "area_under_curve": .number(Figure.rounded(separation, 4)),
                "mean_words_chosen": .number(Figure.rounded(mean(elements.map(\.chosen)), 1)),
                "mean_words_rejected": .number(Figure.rounded(mean(elements.map(\.rejected)), 1)),
            ])
    }
}
