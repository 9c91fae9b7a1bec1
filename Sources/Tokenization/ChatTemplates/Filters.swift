import Foundation
import OrderedCollections
import TextCore

/// What may stand after `|`. Filters on text are here, those on collections in `Filters+Collections.swift`.
enum Filters {
    typealias Body = @Sendable (Interpreter, Value, Arguments) throws -> Value

    static let table: [String: Body] = textFilters.merging(numberFilters) { $1 }.merging(collectionFilters) { $1 }

    static func unknown(_ name: String, offset: Int? = nil) -> TemplateFailure {
        let hint = nearestName(to: name, among: table.keys.sorted()).map { "; did you mean '\($0)'?" } ?? ""
        return TemplateFailure(.syntax, "no filter named '\(name)'\(hint)", offset: offset)
    }

    /// A filter that turns text into text and takes no arguments.
    private static func mapping(_ transform: @escaping @Sendable (String) -> String) -> Body {
        { interpreter, value, arguments in
            _ = try arguments.bound("this filter", [])
            let text = try interpreter.text(of: value)
            try interpreter.spend(bytes: text.utf8.count)
            return .string(transform(text))
        }
    }

    private static let textFilters: [String: Body] = [
        "upper": mapping { $0.uppercased() },
        "lower": mapping { $0.lowercased() },
        "capitalize": mapping(capitalized),
        "title": mapping(title),
        "string": mapping { $0 },
        "safe": mapping { $0 },
        "escape": mapping(escape), "e": mapping(escape), "forceescape": mapping(escape),
        "trim": { interpreter, value, arguments in
            let text = try interpreter.text(of: value)
            try interpreter.spend(bytes: text.utf8.count)
            switch try arguments.bound("trim", ["chars"])[0] {
            case nil, .some(.none): return .string(stripped(text))
            case .string(let characters): return .string(stripped(text, of: characters))
            case .some(let other):
                throw TemplateFailure.type("trim takes a string of characters, not '\(other.typeName)'")
            }
        },
        "replace": { interpreter, value, arguments in
            let values = try arguments.bound("replace", ["old", "new", "count"], required: 2)
            return .string(
                try interpreter.replace(
                    interpreter.text(of: value), interpreter.text(of: values[0] ?? .none),
                    with: interpreter.text(of: values[1] ?? .none), limit: values[2]?.wholeNumber))
        },
        "format": { interpreter, value, arguments in
            let argument: Value
            if arguments.keywords.isEmpty {
                argument = try .tuple(arguments.positional)
            } else {
                var members = OrderedDictionary<Key, Value>()
                for (name, value) in arguments.keywords { members[.string(name)] = value }
                argument = .dictionary(try DictionaryValue(members))
            }
            return .string(try interpreter.percentFormat(interpreter.text(of: value), argument))
        },
        "indent": { interpreter, value, arguments in
            let values = try arguments.bound("indent", ["width", "first", "blank"])
            guard case .string(let text) = value else {
                if case .undefined(let reason) = value { throw reason.failure }
                throw TemplateFailure.type("indent takes a string, not '\(value.typeName)'")
            }
            return .string(
                try indent(
                    interpreter, text, by: values[0] ?? .integer(4), first: values[1]?.isTrue ?? false,
                    blank: values[2]?.isTrue ?? false))
        },
        "center": { interpreter, value, arguments in
            let width = try arguments.bound("center", ["width"])[0]?.wholeNumber ?? 80
            return .string(try interpreter.centered(interpreter.text(of: value), width: width, fill: " "))
        },
        "truncate": { interpreter, value, arguments in
            let values = try arguments.bound("truncate", ["length", "killwords", "end", "leeway"])
            let length = values[0]?.wholeNumber ?? 255
            let leeway = values[3]?.wholeNumber ?? 5
            guard case .string(let text) = value else {
                // Anything with a length passes where it is short enough, as in Jinja.
                let end = try values[2].map(interpreter.text(of:)) ?? "..."
                if length >= end.codePointCount,
                    try interpreter.length(of: value) <= min(length, 1 << 30) + min(leeway, 1 << 30)
                {
                    return value
                }
                throw TemplateFailure.type("truncate takes a string, not '\(value.typeName)'")
            }
            return .string(
                try truncate(
                    interpreter, text, length: length, killsWords: values[1]?.isTrue ?? false,
                    end: values[2].map(interpreter.text(of:)) ?? "...", leeway: leeway))
        },
        "wordcount": { interpreter, value, _ in
            let text = try interpreter.text(of: value)
            try interpreter.spend(bytes: text.utf8.count)
            var count = 0
            var inWord = false
            for scalar in text.unicodeScalars {
                let isWord = scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                if isWord, !inWord { count += 1 }
                inWord = isWord
            }
            return .integer(count)
        },
        "urlencode": { interpreter, value, _ in
            let text = try interpreter.text(of: value)
            try interpreter.spend(bytes: text.utf8.count * 3)
            var result = ""
            for byte in text.utf8 {
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E:
                    result.unicodeScalars.append(Unicode.Scalar(byte))
                default: result += String(format: "%%%02X", Int(byte))
                }
            }
            return .string(result)
        },
        "tojson": { interpreter, value, arguments in
            var writer = try TemplateJSONWriter(interpreter, arguments: arguments)
            return .string(try writer.text(of: value))
        },
    ]

    private static func escape(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "'": result += "&#39;"
            case "\"": result += "&#34;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Words begin after blanks, hyphens and opening brackets; unlike `str.title`, not after every other character.
    private static func title(_ text: String) -> String {
        var result = ""
        var startsWord = true
        for scalar in text.unicodeScalars {
            let separates = "-({[<".unicodeScalars.contains(scalar) || stripped(String(scalar)).isEmpty
            if separates {
                result.unicodeScalars.append(scalar)
            } else {
                result += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
            }
            startsWord = separates
        }
        return result
    }

    private static func indent(
        _ interpreter: Interpreter, _ text: String, by width: Value, first: Bool, blank: Bool
    ) throws -> String {
        var indentation = ""
        if case .string(let text) = width {
            indentation = text
        } else if let count = width.wholeNumber {
            indentation = try interpreter.repeated(" ", count: count)
        } else {
            throw TemplateFailure.type("indent takes a number or a string, not '\(width.typeName)'")
        }
        let lines = splitLines(text + "\n")
        let (added, overflow) = indentation.utf8.count.multipliedReportingOverflow(by: lines.count)
        guard !overflow, added <= interpreter.limits.repetitionBytes else {
            throw TemplateFailure(
                .limit, "an indentation adds more than \(interpreter.limits.repetitionBytes) bytes, the limit")
        }
        try interpreter.spend(bytes: text.utf8.count + added)
        var result = first ? indentation : ""
        for (index, line) in lines.enumerated() {
            if index > 0 { result += "\n" + (line.isEmpty && !blank ? "" : indentation) }
            result += line
        }
        return result
    }

    private static func truncate(
        _ interpreter: Interpreter, _ text: String, length: Int, killsWords: Bool, end: String, leeway: Int
    ) throws -> String {
        let endCount = end.codePointCount
        guard length >= endCount, leeway >= 0 else {
            throw TemplateFailure.type("truncate: expected length >= \(endCount), got \(length)")
        }
        let (limit, overflow) = length.addingReportingOverflow(leeway)
        if overflow || text.codePointCount <= limit { return text }
        try interpreter.spend(bytes: text.utf8.count)
        let head = String(text.unicodeScalars.prefix(length - endCount))
        return (killsWords ? head : split(head, on: " ", limit: 1, fromRight: true)[0]) + end
    }

    private static let numberFilters: [String: Body] = [
        "abs": { interpreter, value, _ in
            if let whole = value.wholeNumber {
                return whole < 0 ? try interpreter.signed(.integer(whole), negative: true) : .integer(whole)
            }
            if case .double(let number) = value { return .double(number.magnitude) }
            if case .undefined(let reason) = value { throw reason.failure }
            throw TemplateFailure.type("bad operand type for abs(): '\(value.typeName)'")
        },
        "int": { _, value, arguments in
            let values = try arguments.bound("int", ["default", "base"])
            return try wholeNumber(of: value, base: values[1]?.wholeNumber ?? 10) ?? values[0] ?? .integer(0)
        },
        "float": { _, value, arguments in
            let fallback = try arguments.bound("float", ["default"])[0] ?? .double(0)
            if case .undefined(let reason) = value { throw reason.failure }
            if case .string(let text) = value { return float(of: text).map(Value.double) ?? fallback }
            return value.number.map(Value.double) ?? fallback
        },
        "round": { _, value, arguments in
            let values = try arguments.bound("round", ["precision", "method"])
            return try rounded(value, precision: values[0]?.wholeNumber ?? 0, method: values[1] ?? .string("common"))
        },
    ]

    private static func wholeNumber(of value: Value, base: Int) throws -> Value? {
        switch value {
        case .undefined(let reason): throw reason.failure
        case .double(let number): return Int(exactly: number.rounded(.towardZero)).map(Value.integer)
        case .string(let text):
            let digits = split(stripped(text), on: "_").joined()
            if (2...36).contains(base), let number = Int(digits, radix: base) { return .integer(number) }
            let prefixes = ["0x": 16, "0o": 8, "0b": 2]
            if let radix = prefixes[String(digits.lowercased().prefix(2))], base == radix || base == 0 {
                return Int(digits.dropFirst(2), radix: radix).map(Value.integer)
            }
            return float(of: text).flatMap { Int(exactly: $0.rounded(.towardZero)) }.map(Value.integer)
        default: return value.wholeNumber.map(Value.integer)
        }
    }

    private static func float(of text: String) -> Double? {
        let trimmed = stripped(text)
        switch trimmed.lowercased() {
        case "nan", "+nan", "-nan": return .nan
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        default:
            guard trimmed.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }) else {
                return nil
            }
            return Double(trimmed)
        }
    }

    private static func rounded(_ value: Value, precision: Int, method: Value) throws -> Value {
        guard case .string(let method) = method, ["common", "ceil", "floor"].contains(method) else {
            throw TemplateFailure.type("method must be common, ceil or floor")
        }
        guard (-300...300).contains(precision) else {
            throw TemplateFailure(.limit, "round: a precision of \(precision) digits is over 300, the limit")
        }
        if case .undefined(let reason) = value { throw reason.failure }
        guard let number = value.number else {
            throw TemplateFailure.type("type \(value.typeName) doesn't define __round__ method")
        }
        guard method == "common" else {
            let scale = pow(10, Double(precision))
            let scaled = number * scale
            return .double((method == "ceil" ? scaled.rounded(.up) : scaled.rounded(.down)) / scale)
        }
        if precision >= 0 {
            if let whole = value.wholeNumber { return .integer(whole) }
            return .double(number.isFinite ? Double(String(format: "%.\(precision)f", number)) ?? number : number)
        }
        let scale = pow(10, Double(-precision))
        let result = (number / scale).rounded(.toNearestOrEven) * scale
        if value.wholeNumber != nil, let whole = Int(exactly: result) { return .integer(whole) }
        return .double(result)
    }
}

extension Interpreter {
    /// `str.replace`.
    func replace(_ text: String, _ old: String, with new: String, limit: Int?) throws -> String {
        let limit = limit.flatMap { $0 < 0 ? nil : $0 } ?? .max
        try spend(bytes: text.utf8.count)
        if old.isEmpty { return try interleave(text, new, limit: limit) }
        let bytes = Array(text.utf8)
        let needle = Array(old.utf8)
        let found = occurrences(of: needle, in: bytes, limit: limit)
        if found.isEmpty { return text }
        let (growth, overflow) = new.utf8.count.multipliedReportingOverflow(by: found.count)
        try spend(bytes: overflow ? .max : growth)
        var result: [UInt8] = []
        var start = 0
        for index in found {
            result += bytes[start..<index]
            result += Array(new.utf8)
            start = index + needle.count
        }
        return String(bytes: result + bytes[start...])
    }

    /// Replacing nothing puts the text before every character and at the end.
    private func interleave(_ text: String, _ new: String, limit: Int) throws -> String {
        let (growth, overflow) = new.utf8.count.multipliedReportingOverflow(by: min(limit, text.codePointCount + 1))
        try spend(bytes: overflow ? .max : growth)
        var result = ""
        var left = limit
        for scalar in text.unicodeScalars {
            if left > 0 { result += new }
            left -= left > 0 ? 1 : 0
            result.unicodeScalars.append(scalar)
        }
        return left > 0 ? result + new : result
    }

    /// `str.center`.
    func centered(_ text: String, width: Int, fill: String) throws -> String {
        let missing = max(0, width - min(text.codePointCount, max(0, width)))
        return try padded(text, fill: fill, left: missing / 2 + (missing & width & 1), missing: missing)
    }

    /// `text` with `missing` fill characters around it, `left` of them before it.
    func padded(_ text: String, fill: String, left: Int, missing: Int) throws -> String {
        guard missing <= limits.repetitionBytes else {
            throw TemplateFailure(.limit, "a padding makes more than \(limits.repetitionBytes) bytes, the limit")
        }
        return try repeated(fill, count: left) + text + repeated(fill, count: missing - left)
    }
}
