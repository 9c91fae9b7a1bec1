import Foundation
import OrderedCollections

/// The functions that every template may call by name.
enum Functions {
    typealias Body = @Sendable (Interpreter, Arguments) throws -> Value

    static let table: [String: Body] = [
        "range": { interpreter, arguments in try range(interpreter, arguments) },
        "namespace": { interpreter, arguments in
            var attributes = OrderedDictionary<String, Value>()
            for (key, value) in try pairs(interpreter, arguments) {
                guard case .string(let name) = key else { throw TemplateFailure.type("keywords must be strings") }
                attributes[name] = value
            }
            return interpreter.makeNamespace(attributes)
        },
        "dict": { interpreter, arguments in
            .dictionary(try DictionaryValue(pairs(interpreter, arguments)))
        },
        "raise_exception": { interpreter, arguments in
            let message = try arguments.bound("raise_exception", ["message"], required: 1)[0] ?? .none
            throw TemplateFailure(.raised, try interpreter.text(of: message))
        },
        "strftime_now": { interpreter, arguments in
            guard case .string(let format) = try arguments.bound("strftime_now", ["format"], required: 1)[0] else {
                throw TemplateFailure.type("strftime_now takes a string")
            }
            try interpreter.spend(bytes: format.utf8.count * 8)
            return .string(CalendarTime(interpreter.date).formatted(format))
        },
        "joiner": { interpreter, arguments in
            let separator = try arguments.bound("joiner", ["sep"])[0] ?? .string(", ")
            let uses = Counter()
            return .callable(
                Callable("<Joiner>", depth: separator.depth + 1) { _, _ in uses.next() == 0 ? .string("") : separator })
        },
    ]

    private final class Counter {
        private var count = 0

        func next() -> Int {
            defer { count += 1 }
            return count
        }
    }

    /// The function of that name as a value.
    static func value(_ name: String) -> Value? {
        guard let body = table[name] else { return nil }
        return .callable(Callable("<function \(name)>", body: body))
    }

    /// The members that Python's `dict(…)` would have.
    private static func pairs(_ interpreter: Interpreter, _ arguments: Arguments) throws -> OrderedDictionary<
        Key, Value
    > {
        var members = OrderedDictionary<Key, Value>()
        if let first = arguments.positional.first {
            guard arguments.positional.count == 1 else {
                throw TemplateFailure.type("dict expected at most 1 argument")
            }
            if case .dictionary(let dictionary) = first {
                members = dictionary.members
            } else {
                for pair in try interpreter.elements(of: first) {
                    let parts = try interpreter.elements(of: pair)
                    guard parts.count == 2 else {
                        throw TemplateFailure.type("dictionary update sequence element is no pair")
                    }
                    members[try Key(parts[0])] = parts[1]
                }
            }
        }
        for (name, value) in arguments.keywords { members[.string(name)] = value }
        return members
    }

    private static func range(_ interpreter: Interpreter, _ arguments: Arguments) throws -> Value {
        let values = try arguments.positional.map { value in
            if case .undefined(let reason) = value { throw reason.failure }
            guard let number = value.wholeNumber else {
                throw TemplateFailure.type("'\(value.typeName)' object cannot be interpreted as an integer")
            }
            return number
        }
        guard arguments.keywords.isEmpty, (1...3).contains(values.count) else {
            throw TemplateFailure.type("range expected 1 to 3 arguments, got \(values.count)")
        }
        let start = values.count > 1 ? values[0] : 0
        let stop = values.count > 1 ? values[1] : values[0]
        let step = values.count > 2 ? values[2] : 1
        if step == 0 { throw TemplateFailure.type("range() arg 3 must not be zero") }
        var elements: [Value] = []
        var next = start
        while step > 0 ? next < stop : next > stop {
            elements.append(.integer(next))
            guard elements.count <= interpreter.limits.rangeElements else {
                throw TemplateFailure(
                    .limit, "a range of more than \(interpreter.limits.rangeElements) elements, the limit")
            }
            let (following, overflow) = next.addingReportingOverflow(step)
            if overflow { break }
            next = following
        }
        try interpreter.spend(elements.count / 2)
        return .sequence(try SequenceValue(.range(start: start, stop: stop, step: step), elements))
    }
}

/// A moment by the wall clock, for `strftime_now`. Names are English whatever the locale.
struct CalendarTime {
    private let parts: DateComponents
    private let offset: Int
    private let zone: String
    private let seconds: Int

    init(_ date: Date) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        parts = calendar.dateComponents(
            [.year, .month, .day, .hour, .minute, .second, .weekday, .dayOfYear], from: date)
        offset = calendar.timeZone.secondsFromGMT(for: date)
        zone = calendar.timeZone.abbreviation(for: date) ?? "UTC"
        seconds = Int(exactly: date.timeIntervalSince1970.rounded(.down)) ?? 0
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// C's `strftime`; a directive that it does not know stays as it is.
    func formatted(_ format: String) -> String {
        var result = ""
        var scalars = Substring(format).unicodeScalars
        while let scalar = scalars.popFirst() {
            guard scalar == "%", var letter = scalars.popFirst() else {
                result.unicodeScalars.append(scalar)
                continue
            }
            var isPadded = true
            if letter == "-", let next = scalars.popFirst() {
                isPadded = false
                letter = next
            }
            result += directive(letter, isPadded: isPadded) ?? "%" + (isPadded ? "" : "-") + String(letter)
        }
        return result
    }

    private func directive(_ letter: Unicode.Scalar, isPadded: Bool) -> String? {
        let year = parts.year ?? 1970
        let hour = parts.hour ?? 0
        let hourOfHalf = hour % 12 == 0 ? 12 : hour % 12
        let month = min(max(parts.month ?? 1, 1), 12) - 1
        let weekday = min(max(parts.weekday ?? 1, 1), 7) - 1
        func number(_ value: Int, _ width: Int = 2, fill: String = "0") -> String {
            let digits = String(value)
            return isPadded ? String(repeating: fill, count: max(0, width - digits.utf8.count)) + digits : digits
        }
        switch letter {
        case "Y": return String(year)
        case "y": return number(year % 100)
        case "m": return number(month + 1)
        case "d": return number(parts.day ?? 1)
        case "e": return number(parts.day ?? 1, fill: " ")
        case "H": return number(hour)
        case "I": return number(hourOfHalf)
        case "M": return number(parts.minute ?? 0)
        case "S": return number(parts.second ?? 0)
        case "f": return "000000"
        case "j": return number(parts.dayOfYear ?? 1, 3)
        case "p": return hour < 12 ? "AM" : "PM"
        case "B": return Self.months[month]
        case "b", "h": return String(Self.months[month].prefix(3))
        case "A": return Self.days[weekday]
        case "a": return String(Self.days[weekday].prefix(3))
        case "w": return String(weekday)
        case "u": return String(weekday == 0 ? 7 : weekday)
        case "s": return String(seconds)
        case "Z": return zone
        case "z":
            let minutes = abs(offset) / 60
            return (offset < 0 ? "-" : "+") + number(minutes / 60) + number(minutes % 60)
        case "F": return formatted("%Y-%m-%d")
        case "D", "x": return formatted("%m/%d/%y")
        case "T", "X": return formatted("%H:%M:%S")
        case "R": return formatted("%H:%M")
        case "c": return formatted("%a %b %e %H:%M:%S %Y")
        case "n": return "\n"
        case "t": return "\t"
        case "%": return "%"
        default: return nil
        }
    }
}
