public import TextCore

/// A moment as data sets write it, in seconds since 1970 in UTC.
///
/// Read are `2026-03-31`, `2026-03-31T14:05`, `2026-03-31 14:05:09.5+02:00`, and numbers of seconds or, from 10¹¹ on, of
/// milliseconds. Without a zone it is UTC.
public struct RowTime: Sendable, Hashable, Comparable {
    /// Seconds since 1970.
    public let seconds: Double

    /// A moment.
    ///
    /// - Parameter seconds: since 1970 in UTC.
    public init(seconds: Double) { self.seconds = seconds }

    public static func < (left: RowTime, right: RowTime) -> Bool { left.seconds < right.seconds }

    /// The moment that a column holds; `nil` where it holds none.
    public init?(_ value: JSON) {
        if let number = value.double ?? value.string.flatMap({ Self.plainNumber($0) }) {
            guard number.isFinite, abs(number) < 1e17 else { return nil }
            self.init(seconds: abs(number) >= 1e11 ? number / 1000 : number)
            return
        }
        guard let text = value.string else { return nil }
        self.init(text)
    }

    /// The moment that a text says; `nil` where it says none.
    public init?(_ text: String) {
        var reader = Digits(Array(text.utf8))
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), (1...12).contains(month), day >= 1, day <= Self.days(month, year)
        else { return nil }
        var seconds = Double(Self.daysSince1970(year, month, day)) * 86_400
        if reader.take("T") || reader.take("t") || reader.take(" ") {
            guard let hour = reader.number(2), hour < 24, reader.take(":"), let minute = reader.number(2), minute < 60
            else { return nil }
            seconds += Double(hour * 3600 + minute * 60)
            if reader.take(":") {
                // A minute may have a leap second.
                guard let second = reader.number(2), second <= 60 else { return nil }
                seconds += Double(second) + (reader.take(".") || reader.take(",") ? reader.fraction() : 0)
            }
            _ = reader.take(" ")
            let isBefore = reader.take("-")
            if isBefore || reader.take("+") {
                guard let hours = reader.number(2), hours <= 15 else { return nil }
                _ = reader.take(":")
                let minutes = reader.isAtEnd ? 0 : reader.number(2) ?? 60
                guard minutes < 60 else { return nil }
                seconds += (isBefore ? 1 : -1) * Double(hours * 3600 + minutes * 60)
            } else if !reader.take("Z") {
                _ = reader.take("z")
            }
        }
        guard reader.isAtEnd else { return nil }
        self.init(seconds: seconds)
    }

    /// A number that is no year, month and day written together.
    private static func plainNumber(_ text: String) -> Double? {
        text.utf8.count > 8 && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2E } ? Double(text) : nil
    }

    private static func days(_ month: Int, _ year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar, counting years from March so that a leap day is the last.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let sinceMarch = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + sinceMarch - 719_468
    }

    /// Digits and signs of a text, one after the other.
    private struct Digits {
        private let bytes: [UInt8]
        private var index = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { index == bytes.count }

        mutating func take(_ sign: Unicode.Scalar) -> Bool {
            guard index < bytes.count, UInt32(bytes[index]) == sign.value else { return false }
            index += 1
            return true
        }

        private mutating func digit() -> Int? {
            guard index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39 else { return nil }
            defer { index += 1 }
            return Int(bytes[index]) - 0x30
        }

        mutating func number(_ count: Int) -> Int? {
            var value = 0
            for _ in 0..<count {
                guard let digit = digit() else { return nil }
                value = 10 * value + digit
            }
            return value
        }

        mutating func fraction() -> Double {
            var (value, scale) = (0.0, 1.0)
            while let digit = digit() {
                scale /= 10
                value += Double(digit) * scale
            }
            return value
        }
    }
}
