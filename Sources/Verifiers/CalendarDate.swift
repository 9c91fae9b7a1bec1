/// A day of the calendar, read from text.
///
/// Understood are `2024-03-05`, `2024/3/5`, `2024.03.05`, `20240305`, `5 March 2024`, `5. Mar 2024`, `March 5, 2024`
/// and `Mar 5th 2024`, with English names of months. Behind the first form a time of day may follow a `T` or a space;
/// it is not read. `03/04/2024` is no date, since nobody knows which number is the month.
struct CalendarDate: Hashable {
    let year: Int
    let month: Int
    let day: Int

    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]

    private init?(year: Int?, month: Int?, day: Int?) {
        guard let year, let month, let day, (1...9999).contains(year), (1...12).contains(month) else { return nil }
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        let length = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
        guard (1...length).contains(day) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// `nil` when the text, but for white space at both ends, is no date.
    init?(_ text: String) {
        let trimmed = text.trimmed
        guard trimmed.utf8.count <= 64 else { return nil }
        if let date = Self.numeric(trimmed) ?? Self.named(trimmed) { self = date } else { return nil }
    }

    private static func number(_ text: some StringProtocol, digits: ClosedRange<Int>) -> Int? {
        guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int(text)
    }

    private static func numeric(_ text: String) -> CalendarDate? {
        if let all = number(text, digits: 8...8) {
            return CalendarDate(year: all / 10_000, month: all / 100 % 100, day: all % 100)
        }
        let head = text.split(maxSplits: 1, whereSeparator: { $0 == "T" || $0 == " " })
        guard let date = head.first, head.count == 1 || isTime(head[1]) else { return nil }
        for separator: Character in ["-", "/", "."] {
            let parts = date.split(separator: separator, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            return CalendarDate(
                year: number(parts[0], digits: 4...4), month: number(parts[1], digits: 1...2),
                day: number(parts[2], digits: 1...2))
        }
        return nil
    }

    /// Whether the text may be a time of day: `10:30`, `10:30:00.5Z`, `10:30:00+02:00`.
    private static func isTime(_ text: Substring) -> Bool {
        text.utf8.contains(UInt8(ascii: ":")) && text.utf8.allSatisfy { "0123456789:.+-Z ".utf8.contains($0) }
    }

    private static func named(_ text: String) -> CalendarDate? {
        let words = text.lowercased().split(whereSeparator: { $0 == " " || $0 == "," })
        guard words.count == 3, let year = number(words[2], digits: 4...4) else { return nil }
        if let month = month(words[0]) { return CalendarDate(year: year, month: month, day: day(words[1])) }
        return month(words[1]).flatMap { CalendarDate(year: year, month: $0, day: day(words[0])) }
    }

    private static func month(_ word: Substring) -> Int? {
        let name = word.hasSuffix(".") ? word.dropLast() : word
        guard name.utf8.count >= 3 else { return nil }
        // `sept` and every other beginning of at least three letters.
        return months.firstIndex { $0.hasPrefix(name) }.map { $0 + 1 }
    }

    private static func day(_ word: Substring) -> Int? {
        for ending in ["st", "nd", "rd", "th", "."] where word.hasSuffix(ending) {
            return number(word.dropLast(ending.count), digits: 1...2)
        }
        return number(word, digits: 1...2)
    }
}
