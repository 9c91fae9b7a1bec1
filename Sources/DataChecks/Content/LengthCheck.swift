import OrderedCollections
import TextCore

/// How long prompts and answers are, in characters and words.
struct LengthCheck: DataCheck {
    private struct Length {
        var characters: Double
        var words: Double
    }

    private var prompts: KeyedSample<Length>
    private var answers: KeyedSample<Length>
    private var longest = LargestRows(limit: 10)
    private var emptyPrompts = RowCollector()
    private let isPretraining: Bool

    init(_ settings: DataCheckSettings) {
        prompts = KeyedSample(limit: 50_000, seed: settings.seed)
        answers = KeyedSample(limit: 50_000, seed: settings.seed &+ 1)
        isPretraining = settings.method == .pretraining
    }

    mutating func add(_ row: CheckedRow) {
        guard row.side == .train else { return }
        prompts.offer(Self.length(row.prompt))
        if let answer = row.answer { answers.offer(Self.length(answer)) }
        if let rejected = row.rejected { answers.offer(Self.length(rejected)) }
        let bytes = row.prompt.utf8.count + (row.answer?.utf8.count ?? 0)
        longest.add(
            Double(bytes),
            Finding.Row(row.source, excerpt: Excerpt.of(row.prompt), other: "\(grouped(bytes)) bytes"))
        if row.prompt.utf8.allSatisfy({ $0 <= 0x20 }) {
            emptyPrompts.add(Finding.Row(row.source, excerpt: Excerpt.of(row.answer ?? "")))
        }
    }

    private static func length(_ text: String) -> Length {
        var words = 0.0
        TextWords.forEach(text) { _, _ in words += 1 }
        return Length(characters: Double(text.unicodeScalars.count), words: words)
    }

    mutating func findings() -> [Finding] {
        guard prompts.offered > 0 else { return [] }
        var findings: [Finding] = []
        if emptyPrompts.count > 0 {
            findings.append(
                Finding(
                    "lengths.empty", .warning,
                    "\(counted(emptyPrompts.count, "row")) have \(isPretraining ? "no text" : "an empty prompt")",
                    why: isPretraining ? "They teach nothing" : "The answer is learnt as what to say to nothing at all",
                    edit: "Delete these rows, or give them a prompt", count: emptyPrompts.count, rows: emptyPrompts.rows
                ))
        }
        var figures: OrderedDictionary<String, JSON> = [:]
        var sentence: [String] = []
        for (name, sample) in [(isPretraining ? "texts" : "prompts", prompts), ("answers", answers)]
        where sample.offered > 0 {
            let words = Quantiles(sample.elements.map(\.words))
            let characters = Quantiles(sample.elements.map(\.characters))
            figures[name] = ["words": words.json, "characters": characters.json]
            sentence.append(
                "\(name) have \(words.text(0.5)) words at the median, \(words.text(0.99)) at the 99th percentile")
        }
        findings.append(
            Finding(
                "lengths.text", .note, sentence.joined(separator: "; "),
                why: "Memory and time of a run go by the longest rows", count: prompts.offered, rows: longest.rows(),
                figures: figures))
        return findings
    }
}

/// Percentiles of values.
struct Quantiles {
    private let sorted: [Double]

    init(_ values: [Double]) { sorted = values.sorted() }

    /// The value that a share of all is at most, by the nearest rank; 0 of none.
    subscript(share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = (share * Double(sorted.count)).rounded(.up)
        return sorted[max(0, min(sorted.count - 1, Int(rank) - 1))]
    }

    func text(_ share: Double) -> String { grouped(Int(self[share])) }

    var json: JSON {
        .object(
            OrderedDictionary(
                [("min", 0), ("p10", 0.1), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1)]
                    .map { ($0.0, .integer(Int(self[$0.1]))) }, uniquingKeysWith: { $1 }))
    }
}
