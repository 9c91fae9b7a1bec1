import OrderedCollections
import TextCore

/// Looks for rows without the right answer that verifiers need, and for prompts that hold their answer.
struct GoldCheck: DataCheck {
    private let settings: DataCheckSettings
    private var missing = RowCollector()
    private var told = RowCollector()
    private var leaks = RowCollector()
    private var rows = 0
    /// Rows whose answer is long enough to be looked for.
    private var compared = 0
    /// Rows that hold the answer of another row, which would be chance or a list of choices.
    private var chance = 0
    private var others: [String] = []

    /// Bytes of the shortest answer that is looked for.
    private static let shortest = 4
    /// Answers of rows before that are looked for in a prompt as well.
    private static let otherCount = 16

    init(_ settings: DataCheckSettings) { self.settings = settings }

    mutating func add(_ row: CheckedRow) {
        guard row.side == .train else { return }
        rows += 1
        if settings.needsGold, row.gold.map(\.trimmed.isEmpty) ?? true {
            missing.add(Finding.Row(row.source, excerpt: Excerpt.of(row.prompt)))
        }
        guard row.rejected == nil, let answer = (row.gold ?? row.answer)?.trimmed, !answer.isEmpty else { return }
        let prompt = row.prompt.lowercased()
        let wanted = answer.lowercased()
        if Self.isTold(wanted, in: prompt) {
            told.add(Finding.Row(row.source, excerpt: Excerpt.of(row.prompt), other: Excerpt.of(answer)))
            return
        }
        // A number of the question may well be its answer.
        guard wanted.utf8.count >= Self.shortest, Double(wanted) == nil else { return }
        compared += 1
        let holdsOther = others.contains { $0 != wanted && Self.holds(prompt, $0) }
        if holdsOther { chance += 1 }
        if !holdsOther, Self.holds(prompt, wanted) {
            leaks.add(Finding.Row(row.source, excerpt: Excerpt.of(row.prompt), other: Excerpt.of(answer)))
        }
        if wanted.utf8.count <= 200, !others.contains(wanted) {
            if others.count == Self.otherCount { others.removeFirst() }
            others.append(wanted)
        }
    }

    /// Whether a text stands in another as words of its own.
    private static func holds(_ text: String, _ part: String) -> Bool {
        guard text.utf8.count >= part.utf8.count else { return false }
        var text = text
        var part = part
        return text.withUTF8 { text in part.withUTF8 { place(of: $0, in: text, from: 0) != nil } }
    }

    private static func place(
        of part: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> Int? {
        guard let first = part.first, text.count >= part.count else { return nil }
        var index = start
        while index <= text.count - part.count {
            if text[index] == first, !isWord(text, index - 1), !isWord(text, index + part.count),
                text[index..<(index + part.count)].elementsEqual(part)
            {
                return index
            }
            index += 1
        }
        return nil
    }

    private static func isWord(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
        guard index >= 0, index < text.count else { return false }
        let byte = text[index]
        return byte >= 0x80 || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
    }

    /// Words behind which an answer is told.
    private static let announcements = ["answer:", "answer is", "solution:", "label:", "####", "\\boxed{"]

    /// Whether the prompt says what the answer is: `the answer is 42`.
    private static func isTold(_ answer: String, in prompt: String) -> Bool {
        for announcement in announcements {
            guard let range = prompt.firstRange(of: announcement) else { continue }
            let rest = prompt[range.upperBound...].drop { $0.isWhitespace || $0 == "\"" || $0 == "'" || $0 == "*" }
            guard rest.hasPrefix(answer) else { continue }
            let next = rest.dropFirst(answer.count).first
            if next.map({ !$0.isLetter && !$0.isNumber }) ?? true { return true }
        }
        return false
    }

    func findings() -> [Finding] {
        var findings: [Finding] = []
        if missing.count > 0 {
            findings.append(
                Finding(
                    "gold.missing", .error,
                    "\(counted(missing.count, "row")) (\(percent(missing.count, of: rows))) lack the right answer that rewards compare with",
                    why: "Their rewards cannot be computed, and a group without rewards teaches nothing",
                    edit: "Fill the column that `rewards[].target` names in these rows, or delete them",
                    count: missing.count, rows: missing.rows))
        }
        if told.count > 0 {
            findings.append(
                Finding(
                    "gold.told", .error, "\(counted(told.count, "prompt")) say what the answer is",
                    why: "The model learns to copy it, and has nothing to copy from later",
                    edit: "Remove the answer from these prompts", count: told.count, rows: told.rows))
        }
        if let leak = leakFinding { findings.append(leak) }
        return findings
    }

    private var leakFinding: Finding? {
        // Prompts that hold the answers of other rows as well list the choices.
        guard leaks.count > 0, 10 * chance <= compared else { return nil }
        let share = Double(leaks.count) / Double(compared)
        // Where most prompts hold their answer, to find it there is the task.
        let isTask = share > 0.3
        return Finding(
            "gold.leak", isTask ? .note : .warning,
            "\(counted(leaks.count, "prompt")) (\(Figure.percent(share))) hold their answer word for word",
            why: isTask
                ? "Right where the task is to find it in the text, and a leak where it is not"
                : "Most prompts do not: the model learns to copy where it can",
            edit: isTask ? "" : "Read these rows; reword the prompts that give the answer away", count: leaks.count,
            rows: leaks.rows, figures: ["share": .number(Figure.rounded(share, 4))])
    }
}
