import OrderedCollections
import TextCore

/// Looks for what a chat template makes of a row's texts: markers inside them, answers that are empty, begin or end with
/// white space, or break off.
struct TemplateCheck: DataCheck {
    private let settings: DataCheckSettings
    private let markers: TemplateMarkers
    private var stops = RowCollector()
    private var specials = RowCollector()
    private var foreign = RowCollector()
    private var empty = RowCollector()
    private var edges = RowCollector()
    private var plainEdges = RowCollector(limit: 20)
    private var cut = RowCollector()
    private var answers = 0
    /// Answers of some length that are sentences to their end.
    private var whole = 0

    /// Bytes of an answer from which on it is expected to end like a sentence where most others do.
    private static let longAnswer = 80

    init(_ settings: DataCheckSettings) {
        self.settings = settings
        markers = TemplateMarkers(settings)
    }

    mutating func add(_ row: CheckedRow) {
        scan(row)
        guard row.side == .train, settings.method != .pretraining else { return }
        for answer in [row.answer, row.rejected] {
            if let answer { look(at: answer, of: row) }
        }
    }

    private mutating func scan(_ row: CheckedRow) {
        var kinds: [TemplateMarkers.Kind] = []
        for (text, isAnswer) in [(row.system, false), (row.prompt, false), (row.answer, true), (row.rejected, true)] {
            guard let text else { continue }
            for (kind, marker) in markers.found(in: text) where !kinds.contains(kind) {
                // In a prompt the token that ends a turn is one special token among others.
                let kind = kind == .stop && !isAnswer ? .special : kind
                guard !kinds.contains(kind) else { continue }
                kinds.append(kind)
                let shown = Finding.Row(row.source, excerpt: Excerpt.of(text), other: marker)
                switch kind {
                case .stop: stops.add(shown)
                case .special: specials.add(shown)
                case .foreign: foreign.add(shown)
                }
            }
        }
    }

    private mutating func look(at answer: String, of row: CheckedRow) {
        answers += 1
        guard let first = answer.unicodeScalars.first, let last = answer.unicodeScalars.last,
            answer.unicodeScalars.contains(where: { !$0.properties.isWhitespace })
        else { return empty.add(Finding.Row(row.source, excerpt: Excerpt.of(row.prompt))) }
        if first.properties.isWhitespace || last.properties.isWhitespace {
            edges.add(Finding.Row(row.source, excerpt: Self.quoted(answer)))
        } else {
            plainEdges.add(Finding.Row(row.source, excerpt: Self.quoted(answer)))
        }
        guard answer.utf8.count >= Self.longAnswer, let end = answer.trimmed.unicodeScalars.last else { return }
        // A letter, comma or dash at the end of a text of sentences is where it broke off.
        if end.properties.isAlphabetic || ",;-–".unicodeScalars.contains(end) {
            cut.add(Finding.Row(row.source, excerpt: "…" + Excerpt.line(String(answer.trimmed.suffix(120)))))
        } else {
            whole += 1
        }
    }

    /// Both ends of a text, with white space to be seen.
    private static func quoted(_ text: String) -> String {
        let start = JSON.string(String(text.prefix(40))).text()
        guard text.count > 80 else { return JSON.string(text).text() }
        return start + " … " + JSON.string(String(text.suffix(40))).text()
    }

    func findings() -> [Finding] {
        var findings: [Finding] = []
        if stops.count > 0 {
            findings.append(
                Finding(
                    "template.stop", .error,
                    "\(counted(stops.count, "answer")) hold the text of a token that ends the model's turn",
                    why: "The model learns to stop in the middle, or to write the marker as words",
                    edit: "Remove the marker from these answers; the template writes it", count: stops.count,
                    rows: stops.rows))
        }
        if specials.count > 0 {
            findings.append(
                Finding(
                    "template.special", .warning,
                    "\(counted(specials.count, "row")) hold texts of the model's special tokens",
                    why: "They become tokens with a meaning: a turn begins or ends where none does",
                    edit: "Remove them from these rows; the template writes them", count: specials.count,
                    rows: specials.rows))
        }
        if foreign.count > 0 {
            findings.append(
                Finding(
                    "template.foreign", .warning,
                    "\(counted(foreign.count, "row")) hold markers of another model's template",
                    why: "They are plain words to this model, which learns to write them",
                    edit: "Split these rows into messages with roles, and leave the markers to the template",
                    count: foreign.count, rows: foreign.rows))
        }
        if empty.count > 0 {
            findings.append(
                Finding(
                    "template.empty", .warning, "\(counted(empty.count, "answer")) are empty",
                    why: "The model learns to say nothing", edit: "Delete these rows, or write their answers",
                    count: empty.count, rows: empty.rows))
        }
        return findings + [edgeFinding, cutFinding].compactMap { $0 }
    }

    private var edgeFinding: Finding? {
        guard edges.count > 0 else { return nil }
        let share = Double(edges.count) / Double(answers)
        // Where all answers do so, it is how the file is written; of mixed endings the fewer are shown.
        guard share < 0.99 else {
            return Finding(
                "template.space", .note, "\(Figure.percent(share)) of the answers begin or end with white space",
                why: "Harmless where prompts end without a space, and else the model learns two spaces",
                edit: "Look at a row with `hone inspect`", count: edges.count, rows: Array(edges.rows.prefix(20)))
        }
        let isMost = share > 0.5
        return Finding(
            "template.space", .warning,
            "\(grouped(edges.count)) of \(grouped(answers)) answers begin or end with white space, the others do not",
            why: "Two ways to begin and end are learnt, and a verifier of exact answers tells them apart",
            edit: "Remove white space at both ends of every answer", count: edges.count,
            rows: isMost ? plainEdges.rows : edges.rows, figures: ["share": .number(Figure.rounded(share, 4))])
    }

    private var cutFinding: Finding? {
        let all = whole + cut.count
        // Only where sentences are the rule an answer without an end is one that was cut.
        guard cut.count > 0, whole >= 50, 10 * whole >= 9 * all else { return nil }
        return Finding(
            "template.cut", .note,
            "\(counted(cut.count, "longer answer")) end without punctuation where \(Figure.percent(Double(whole) / Double(all))) have it",
            why: "Answers that were cut off teach the model to break off",
            edit: "Read these endings; complete or delete them",
            count: cut.count, rows: cut.rows)
    }
}
