import Foundation

/// Texts and numbers in the form that reports show.
public enum ReportText {
    /// A text from outside as it is: nothing in it is read as code or strong.
    public static func literal(_ text: String) -> String {
        text.contains { $0 == "`" || $0 == "*" }
            ? text.replacing("`", with: "\\`").replacing("*", with: "\\*") : text
    }

    /// A text from outside as code.
    public static func code(_ text: String) -> String {
        guard !text.isEmpty else { return "" }
        guard text.contains("`") else { return "`\(text)`" }
        var longest = 0
        var run = 0
        for character in text {
            run = character == "`" ? run + 1 : 0
            longest = max(longest, run)
        }
        let fence = String(repeating: "`", count: longest + 1)
        return "\(fence) \(text) \(fence)"
    }

    /// A number with so many significant digits and commas between thousands: `0.0123`, `1,235,040`, `2.1e-09`.
    ///
    /// Whole numbers keep all their digits; what is not finite is `not a number` or `infinite`.
    public static func number(_ value: Double, digits: Int = 4) -> String {
        guard value.isFinite else { return value.isNaN ? "not a number" : value > 0 ? "infinite" : "minus infinite" }
        if value == 0 { return "0" }
        let size = abs(value)
        if size < 1e-4 || size >= 1e15 { return String(format: "%.\(max(0, digits - 2))e", value) }
        if size >= 1000 || value == value.rounded() {
            let whole = value.rounded()
            if value == whole || digits <= 4 { return grouped(Int(whole)) }
        }
        let exponent = Int(log10(size).rounded(.down))
        var text = String(format: "%.\(max(0, digits - 1 - exponent))f", value)
        if text.contains(".") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text
    }

    /// A whole number with commas between thousands.
    public static func grouped(_ value: Int) -> String {
        var digits = String(value.magnitude)
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = String(digits.dropLast(3))
        }
        return (value < 0 ? "-" : "") + ([digits[...]] + groups).joined(separator: ",")
    }

    /// A share as per cent: `89.1 %`.
    public static func percent(_ share: Double, places: Int = 1) -> String {
        share.isFinite ? String(format: "%.\(places)f %%", 100 * share) : "not a number"
    }

    /// A difference of shares in points, with its sign: `+3.2 points`.
    public static func points(_ difference: Double) -> String {
        difference.isFinite ? String(format: "%+.1f points", 100 * difference) : "not a number"
    }

    /// Bytes in the unit that fits: `1.4 KB`, `250 MB`.
    public static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["bytes", "KB", "MB", "GB"] {
            if value < 1000 { return unit == "bytes" ? "\(count) bytes" : "\(number(value, digits: 3)) \(unit)" }
            value /= 1000
        }
        return "\(number(value, digits: 3)) TB"
    }

    /// A time in the units that fit: `0.42 s`, `3 min 20 s`, `2 h 5 min`, `3 days 4 h`.
    public static func duration(seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "not a number" }
        if seconds < 10 { return "\(number(seconds, digits: 2)) s" }
        let whole = Int(seconds.rounded())
        func two(_ large: Int, _ unit: String, _ small: Int, _ rest: String) -> String {
            "\(grouped(large)) \(unit)" + (small > 0 ? " \(small) \(rest)" : "")
        }
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return two(whole / 60, "min", whole % 60, "s") }
        if whole < 86_400 { return two(whole / 3600, "h", whole % 3600 / 60, "min") }
        return two(whole / 86_400, whole < 172_800 ? "day" : "days", whole % 86_400 / 3600, "h")
    }
}
