import Statistics
import TextCore

/// Some of many things, chosen by a key and not by their order, in bounded memory: the same things whatever came between.
struct KeyedSample<Element> {
    private let limit: Int
    private let seed: UInt64
    /// Numbers whose draw is above this are not taken.
    private var bound = UInt64.max
    private var kept: [(draw: UInt64, number: Int, element: Element)] = []
    /// Things that were offered.
    private(set) var offered = 0

    /// - Parameter limit: the most things to keep; at least half as many are kept of more.
    init(limit: Int, seed: UInt64) {
        self.limit = max(2, limit)
        self.seed = seed
    }

    /// Offers the next thing, which is made only if it is taken.
    mutating func offer(_ element: @autoclosure () -> Element) {
        let number = offered
        offered += 1
        var random = CounterRandom(seed, 0x5A4D_504C, UInt64(number))
        let draw = random.next()
        guard draw <= bound else { return }
        kept.append((draw, number, element()))
        guard kept.count > limit else { return }
        bound = kept.map(\.draw).sorted()[limit / 2]
        let bound = bound
        kept.removeAll { $0.draw > bound }
    }

    /// What was kept, in the order it came.
    var elements: [Element] { kept.map(\.element) }
}

extension KeyedSample: Sendable where Element: Sendable {}

/// Rows that show a finding: all are counted, the first are kept.
struct RowCollector {
    private let limit: Int
    private(set) var count = 0
    private(set) var rows: [Finding.Row] = []

    init(limit: Int = Finding.rowLimit) { self.limit = limit }

    /// Counts a row.
    mutating func add(_ row: @autoclosure () -> Finding.Row) {
        count += 1
        if rows.count < limit { rows.append(row()) }
    }
}

/// The rows with the largest scores, of all that were offered.
struct LargestRows {
    private let limit: Int
    private var kept: [(score: Double, number: Int, row: Finding.Row)] = []
    private var least = -Double.infinity
    private(set) var count = 0

    init(limit: Int = Finding.rowLimit) { self.limit = limit }

    /// Counts a row.
    mutating func add(_ score: Double, _ row: @autoclosure () -> Finding.Row) {
        let number = count
        count += 1
        guard score > least || kept.count < limit else { return }
        kept.append((score, number, row()))
        guard kept.count >= 2 * limit else { return }
        trim()
        least = kept.last?.score ?? least
    }

    private mutating func trim() {
        kept.sort { $0.score != $1.score ? $0.score > $1.score : $0.number < $1.number }
        kept.removeLast(max(0, kept.count - limit))
    }

    /// The rows, the largest score first.
    mutating func rows() -> [Finding.Row] {
        trim()
        return kept.map(\.row)
    }
}

/// A text as a finding shows it: one line, not too long, with secrets and personal data masked.
enum Excerpt {
    /// Characters that are shown.
    static let length = 160

    /// The beginning of a text.
    static func of(_ text: String) -> String {
        let first = text.clipped(to: 4 * length)
        return line(SecretScanner.masked(first)).clipped(to: length)
    }

    /// A text with its ends of lines and tabs as single spaces.
    static func line(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0 == "\n" || $0 == "\r" || $0 == "\t" }) else { return text }
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}

/// Numbers in a sentence.
enum Figure {
    /// A share as per cent: `4.2 %`.
    static func percent(_ share: Double) -> String {
        guard share.isFinite else { return "-" }
        let tenths = (share * 1000).rounded() / 10
        return tenths == tenths.rounded() && abs(tenths) >= 10 ? "\(Int(tenths)) %" : "\(tenths) %"
    }

    /// A number with so many digits behind the point.
    static func rounded(_ value: Double, _ digits: Int) -> Double {
        guard value.isFinite else { return 0 }
        var power = 1.0
        for _ in 0..<digits { power *= 10 }
        return (value * power).rounded() / power
    }
}
