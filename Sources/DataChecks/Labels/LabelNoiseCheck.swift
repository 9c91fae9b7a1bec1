import OrderedCollections
import Statistics
import TextCore

/// Looks for rows whose class is likely wrong, see `LabelNoise`.
struct LabelNoiseCheck: DataCheck {
    /// Rows below which nothing is said.
    private static let floor = 200

    private let settings: DataCheckSettings
    private var columns: LabelColumns
    /// The rows to train on by part of the answer.
    private var texts: [LabelledTexts] = []
    /// The rows of suites by part of the answer and suite.
    private var suites: [OrderedDictionary<String, LabelledTexts>] = []

    init?(_ settings: DataCheckSettings) {
        guard settings.method == .supervised else { return nil }
        self.settings = settings
        columns = LabelColumns(settings)
    }

    mutating func add(_ row: CheckedRow) {
        for (column, label) in columns.labels(of: row) {
            while texts.count <= column {
                texts.append(LabelledTexts(memoryLimit: 32 << 20))
                suites.append([:])
            }
            switch row.side {
            case .train: texts[column].append(row.prompt, label: label, source: row.source)
            case .suite(let name):
                let held = suites[column][name] ?? LabelledTexts(memoryLimit: 8 << 20)
                suites[column][name] = held
                held.append(row.prompt, label: label, source: row.source)
            }
        }
        for column in texts.indices where columns.columns[column].isClosed { forget(column) }
    }

    private mutating func forget(_ column: Int) {
        texts[column].removeAll()
        suites[column] = [:]
    }

    mutating func findings() throws -> [Finding] {
        var findings: [Finding] = []
        for index in texts.indices {
            let column = columns.columns[index]
            guard columns.areClasses(index), texts[index].count >= Self.floor else { continue }
            let noise = try LabelNoise(
                texts[index], others: suites[index].map { ($0.key, $0.value) }, classCount: column.classes.count,
                settings: TextClassifier.Settings(seed: settings.seed), isStopped: settings.isStopped)
            findings.append(try finding(noise, column, texts[index]))
            if noise.tellsClasses {
                for (name, found) in noise.others {
                    guard let texts = suites[index][name] else { continue }
                    if let finding = try finding(found, of: name, column, texts) { findings.append(finding) }
                }
            }
            forget(index)
        }
        return findings
    }

    private func finding(_ noise: LabelNoise, _ column: LabelColumns.Column, _ texts: LabelledTexts) throws -> Finding {
        let figures: OrderedDictionary<String, JSON> = [
            "rate": .number(Figure.rounded(noise.rate, 4)), "lower": .number(Figure.rounded(noise.interval.lower, 4)),
            "upper": .number(Figure.rounded(noise.interval.upper, 4)),
            "suspects": .integer(noise.suspects.count), "accuracy": .number(Figure.rounded(noise.accuracy, 4)),
            "base_rate": .number(Figure.rounded(noise.baseRate, 4)), "rows_sampled": .integer(noise.sampled),
        ]
        guard noise.tellsClasses else {
            return Finding(
                "labels.noise", .note,
                "whether labels are right cannot be said from the words: a classifier of them gets \(column.name) right "
                    + "in \(Figure.percent(noise.accuracy)) of the rows, always the same class would in "
                    + Figure.percent(noise.baseRate),
                why: "Labels may be drawn by chance, or hang on what words do not show", count: 0, figures: figures)
        }
        let isMany = noise.interval.lower > 0.02
        return Finding(
            "labels.noise", isMany ? .warning : .note,
            "about \(Figure.percent(noise.rate)) of the labels look wrong (95 % sure: "
                + "\(Figure.percent(noise.interval.lower)) to \(Figure.percent(noise.interval.upper))): "
                + "\(counted(noise.suspects.count, "suspect")) in \(column.name)",
            why: isMany
                ? "A model learns wrong labels too, and what is measured on such rows has this share of errors at the least"
                : "Few enough to read them all",
            edit:
                "Read the suspects from the first on and correct or delete those that are wrong, until most are right",
            count: noise.suspects.count, rows: try rows(noise.suspects, column, texts), figures: figures)
    }

    /// What is found in a suite, whose labels decide what a score is worth.
    private func finding(
        _ found: LabelNoise.Judged, of suite: String, _ column: LabelColumns.Column, _ texts: LabelledTexts
    ) throws -> Finding? {
        guard found.rows >= 30, !found.suspects.isEmpty else { return nil }
        return Finding(
            "labels.noise", found.interval.lower > 0.02 ? .warning : .note,
            "about \(Figure.percent(found.rate)) of the labels of \(suite) look wrong (95 % sure: "
                + "\(Figure.percent(found.interval.lower)) to \(Figure.percent(found.interval.upper))): "
                + "\(counted(found.suspects.count, "suspect")) in \(column.name)",
            why:
                "A model that answers these rows rightly is counted as wrong, so no score can be trusted to more than this",
            edit: "Read the suspects and correct those that are wrong before comparing models",
            count: found.suspects.count,
            rows: try rows(found.suspects, column, texts),
            figures: [
                "suite": .string(suite), "rate": .number(Figure.rounded(found.rate, 4)),
                "lower": .number(Figure.rounded(found.interval.lower, 4)),
                "upper": .number(Figure.rounded(found.interval.upper, 4)), "suspects": .integer(found.suspects.count),
                "accuracy": .number(Figure.rounded(found.accuracy, 4)),
            ])
    }

    private func rows(
        _ all: [LabelNoise.Suspect], _ column: LabelColumns.Column, _ texts: LabelledTexts
    ) throws -> [Finding.Row] {
        let suspects = all.prefix(Finding.rowLimit)
        let wanted = Set(suspects.map(\.row))
        var found: [Int: LabelledTexts.Entry] = [:]
        try texts.forEach { number, entry in
            if wanted.contains(number) { found[number] = entry }
        }
        let names = column.classes.keys
        return suspects.compactMap { suspect in
            guard let entry = found[suspect.row] else { return nil }
            let agreeing = suspect.neighboursForSuggested.map {
                " (\($0) of the \(LabelNoise.neighbourCount) most similar rows)"
            }
            return Finding.Row(
                entry.source, excerpt: "'\(names[suspect.given])': " + Excerpt.of(entry.text),
                other: "'\(names[suspect.suggested])'" + (agreeing ?? ""),
                score: Figure.rounded(suspect.confidence, 3))
        }
    }
}

extension LabelNoise {
    /// Whether words tell the classes apart; where they do not, they cannot tell that a label is wrong either.
    fileprivate var tellsClasses: Bool { accuracy >= baseRate + 0.3 * (1 - baseRate) }
}
