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
    private var others: [LowercaseText] = []

    /// Bytes of the shortest answer that is looked for.
    private static let shortest = 4
    /// Answers of rows before that are looked for in a prompt as well.
    private static let otherCount = 4

    init(_ settings: DataCheckSettings) { self.settings = settings }

    mutating func add(_ row: CheckedRow) {
        guard row.side == .train else { return }
        rows += 1
        if settings.needsGold, row.gold.map(\.trimmed.isEmpty) ?? true {
            missing.add(Finding.Row(row.source, excerpt: Excerpt.of(row.prompt)))
        }
        guard row.rejected == nil, let answer = (row.gold ?? row.answer)?.trimmed, !answer.isEmpty else { return }
        let prompt = LowercaseText(row.prompt)
        let wanted = LowercaseText(answer)
        if Self.announcements.contains(where: { prompt.announces(wanted, behind: $0) }) {
            told.add(Finding.Row(row.source, excerpt: Excerpt.of(row.prompt), other: Excerpt.of(answer)))
            return
        }
        // A number of the question may well be its answer.
        guard wanted.count >= Self.shortest, Double(answer) == nil else { return }
        compared += 1
        let holdsOther = others.contains { $0 != wanted && prompt.holds($0) }
        if holdsOther { chance += 1 }
        if !holdsOther, prompt.holds(wanted) {
            leaks.add(Finding.Row(row.source, excerpt: Excerpt.of(row.prompt), other: Excerpt.of(answer)))
        }
        if wanted.count <= 200, !others.contains(wanted) {
            if others.count == Self.otherCount { others.removeFirst() }
            others.append(wanted)
        }
    }

    /// Words behind which an answer is told.
    private static let announcements = ["answer:", "answer is", "solution:", "label:", "####", "\\boxed{"]
        .map { LowercaseText($0) }

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

/// The bytes of a text with ASCII's letters small.
private struct LowercaseText: Hashable {
    private let bytes: [UInt8]

    init(_ text: String) { bytes = text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 } }

    var count: Int { bytes.count }

    /// Whether a part stands in the text as words of its own.
    func holds(_ part: LowercaseText) -> Bool {
        var start = 0
        while let place = place(of: part, from: start) {
            if !isWord(place - 1), !isWord(place + part.count) { return true }
            start = place + 1
        }
        return false
    }

    /// Whether an answer stands behind an announcement: `the answer is 42`.
    func announces(_ answer: LowercaseText, behind announcement: LowercaseText) -> Bool {
        var from = 0
        while let place = place(of: announcement, from: from) {
            from = place + announcement.count
            var start = from
            while start < count, Self.isMark(bytes[start]) { start += 1 }
            if start + answer.count <= count, bytes[start..<(start + answer.count)].elementsEqual(answer.bytes),
                !isWord(start + answer.count)
            {
                return true
            }
        }
        return false
    }

    private func place(of part: LowercaseText, from start: Int) -> Int? {
        guard part.count > 0, count - start >= part.count else { return nil }
        return bytes.withUnsafeBufferPointer { text in
            part.bytes.withUnsafeBufferPointer { part in
                let first = part[0]
                for index in start...(text.count - part.count) where text[index] == first {
                    var length = 1
                    while length < part.count, text[index + length] == part[length] { length += 1 }
                    if length == part.count { return index }
                }
                return nil
            }
        }
    }

    /// White space, quotes and the asterisks of strong text.
    private static func isMark(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "*")
    }

    private func isWord(_ index: Int) -> Bool {
        guard index >= 0, index < count else { return false }
        let byte = bytes[index]
        return byte >= 0x80 || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
