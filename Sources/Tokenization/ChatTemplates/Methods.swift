import OrderedCollections

/// The methods of strings, dictionaries and lists. What would change a value in place is refused, as the sandbox of
/// transformers does.
enum Methods {
    typealias StringBody = @Sendable (Interpreter, String, Arguments) throws -> Value
    typealias DictionaryBody = @Sendable (Interpreter, DictionaryValue, Arguments) throws -> Value
    typealias SequenceBody = @Sendable (Interpreter, SequenceValue, Arguments) throws -> Value

    /// The method of that name bound to `value`; an undefined value that says why for one that changes it.
    static func bind(_ name: String, to value: Value) -> Value? {
        switch value {
        case .string(let text):
            guard let body = stringMethods[name] else { return nil }
            return bound(name, to: value) { interpreter, arguments in
                try interpreter.spend(bytes: text.utf8.count)
                return try body(interpreter, text, arguments)
            }
        case .dictionary(let dictionary):
            if ["clear", "pop", "popitem", "setdefault", "update"].contains(name) {
                return .undefined(.unsafe(name, of: "dict"))
            }
            guard let body = dictionaryMethods[name] else { return nil }
            return bound(name, to: value) { try body($0, dictionary, $1) }
        case .sequence(let sequence):
            let mutating = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
            if sequence.kind == .list, mutating.contains(name) { return .undefined(.unsafe(name, of: "list")) }
            guard sequence.kind == .list || sequence.kind == .tuple, let body = sequenceMethods[name] else {
                return nil
            }
            return bound(name, to: value) { try body($0, sequence, $1) }
        default: return nil
        }
    }

    private static func bound(
        _ name: String, to value: Value, body: @escaping (Interpreter, Arguments) throws -> Value
    ) -> Value {
        .callable(
            Callable("<built-in method \(name) of \(value.typeName) object>", depth: value.depth + 1, body: body))
    }

    private static let dictionaryMethods: [String: DictionaryBody] = [
        "items": { interpreter, dictionary, _ in
            .sequence(try SequenceValue(.items, interpreter.pairs(of: dictionary)))
        },
        "keys": { _, dictionary, _ in .sequence(try SequenceValue(.keys, dictionary.members.keys.map(\.value))) },
        "values": { _, dictionary, _ in .sequence(try SequenceValue(.values, Array(dictionary.members.values))) },
        "get": { _, dictionary, arguments in
            let values = try arguments.bound("get", ["key", "default"], required: 1)
            return dictionary.members[try Key(values[0] ?? .none)] ?? values[1] ?? .none
        },
        "copy": { _, dictionary, _ in .dictionary(dictionary) },
    ]

    private static let sequenceMethods: [String: SequenceBody] = [
        "count": { interpreter, sequence, arguments in
            let wanted = try arguments.bound("count", ["value"], required: 1)[0] ?? .none
            return .integer(try sequence.elements.filter { try interpreter.areEqual($0, wanted) }.count)
        },
        "index": { interpreter, sequence, arguments in
            let wanted = try arguments.bound("index", ["value"], required: 1)[0] ?? .none
            guard let index = try sequence.elements.firstIndex(where: { try interpreter.areEqual($0, wanted) }) else {
                throw TemplateFailure.type("\(try interpreter.representation(of: wanted)) is not in list")
            }
            return .integer(index)
        },
        "copy": { _, sequence, _ in .sequence(sequence) },
    ]

    private static let stringMethods: [String: StringBody] = changes.merging(searches) { $1 }
        .merging(splits) { $1 }.merging(predicates) { $1 }

    // MARK: Strings

    private static func changing(_ transform: @escaping @Sendable (String) -> String) -> StringBody {
        { _, text, arguments in
            _ = try arguments.bound("this method", [])
            return .string(transform(text))
        }
    }

    private static func stripping(_ side: Side) -> StringBody {
        { _, text, arguments in
            guard let characters = try optionalText("strip", arguments.bound("strip", ["chars"])[0]) else {
                return .string(stripped(text, side: side))
            }
            return .string(stripped(text, of: characters, side: side))
        }
    }

    private static func text(_ function: String, _ value: Value?) throws -> String {
        switch value {
        case .string(let text): return text
        case .undefined(let reason): throw reason.failure
        default: throw TemplateFailure.type("\(function) takes a string, not '\(value?.typeName ?? "NoneType")'")
        }
    }

    private static func optionalText(_ function: String, _ value: Value?) throws -> String? {
        switch value {
        case nil, .some(.none): nil
        default: try text(function, value)
        }
    }

    private static let changes: [String: StringBody] = [
        "upper": changing { $0.uppercased() },
        "lower": changing { $0.lowercased() },
        "casefold": changing { $0.lowercased() },
        "capitalize": changing(capitalized),
        "title": changing(titled),
        "swapcase": changing { text in
            text.unicodeScalars.map { scalar in
                scalar.properties.isUppercase ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
            }.joined()
        },
        "strip": stripping(.both),
        "lstrip": stripping(.left),
        "rstrip": stripping(.right),
        "replace": { interpreter, subject, arguments in
            let values = try arguments.bound("replace", ["old", "new", "count"], required: 2)
            return .string(
                try interpreter.replace(
                    subject, text("replace", values[0]), with: text("replace", values[1]),
                    limit: values[2]?.wholeNumber))
        },
        "removeprefix": { _, subject, arguments in
            let prefix = try text("removeprefix", arguments.bound("removeprefix", ["prefix"], required: 1)[0])
            guard subject.utf8.starts(with: prefix.utf8) else { return .string(subject) }
            return .string(String(bytes: subject.utf8.dropFirst(prefix.utf8.count)))
        },
        "removesuffix": { _, subject, arguments in
            let suffix = try text("removesuffix", arguments.bound("removesuffix", ["suffix"], required: 1)[0])
            guard subject.utf8.reversed().starts(with: suffix.utf8.reversed()) else { return .string(subject) }
            return .string(String(bytes: subject.utf8.dropLast(suffix.utf8.count)))
        },
        "join": { interpreter, separator, arguments in
            let elements = try interpreter.elements(
                of: arguments.bound("join", ["iterable"], required: 1)[0] ?? .none)
            let parts = try elements.enumerated().map { index, element in
                guard case .string(let part) = element else {
                    throw TemplateFailure.type(
                        "sequence item \(index): expected str instance, \(element.typeName) found")
                }
                return part
            }
            return .string(try interpreter.join(parts, with: separator))
        },
        "format": { interpreter, format, arguments in .string(try interpreter.braceFormat(format, arguments)) },
        "center": padding { interpreter, text, missing, fill, width in
            try interpreter.centered(text, width: width, fill: fill)
        },
        "ljust": padding { interpreter, text, missing, fill, _ in
            try text + interpreter.repeated(fill, count: missing)
        },
        "rjust": padding { interpreter, text, missing, fill, _ in
            try interpreter.repeated(fill, count: missing) + text
        },
        "zfill": { interpreter, subject, arguments in
            let width = try arguments.bound("zfill", ["width"], required: 1)[0]?.wholeNumber ?? 0
            let zeros = try interpreter.repeated("0", count: max(0, width) - min(subject.codePointCount, max(0, width)))
            let hasSign = subject.utf8.first == 0x2B || subject.utf8.first == 0x2D
            return .string(
                hasSign
                    ? String(bytes: subject.utf8.prefix(1)) + zeros + String(bytes: subject.utf8.dropFirst())
                    : zeros + subject)
        },
    ]

    private static func padding(
        _ body: @escaping @Sendable (Interpreter, String, Int, String, Int) throws -> String
    ) -> StringBody {
        { interpreter, subject, arguments in
            let values = try arguments.bound("justification", ["width", "fillchar"], required: 1)
            guard let width = values[0]?.wholeNumber else { throw TemplateFailure.type("a width is a whole number") }
            let fill = try optionalText("justification", values[1]) ?? " "
            guard fill.codePointCount == 1 else {
                throw TemplateFailure.type("The fill character must be exactly one character long")
            }
            let missing = max(0, width) - min(subject.codePointCount, max(0, width))
            return .string(try body(interpreter, subject, missing, fill, width))
        }
    }

    private static let searches: [String: StringBody] = [
        "startswith": affix("startswith") { $0.starts(with: $1) },
        "endswith": affix("endswith") { $0.reversed().starts(with: $1.reversed()) },
        "find": search("find", fromRight: false, mustExist: false),
        "rfind": search("rfind", fromRight: true, mustExist: false),
        "index": search("index", fromRight: false, mustExist: true),
        "rindex": search("rindex", fromRight: true, mustExist: true),
        "count": { interpreter, subject, arguments in
            let values = try arguments.bound("count", ["sub", "start", "end"], required: 1)
            let (part, _) = try window(interpreter, subject, values[1], values[2])
            let wanted = try text("count", values[0])
            return .integer(
                wanted.isEmpty
                    ? part.codePointCount + 1 : occurrences(of: Array(wanted.utf8), in: Array(part.utf8)).count)
        },
    ]

    /// The part of `text` from code point `start` to `end`, and the resolved start.
    private static func window(
        _ interpreter: Interpreter, _ text: String, _ start: Value?, _ end: Value?
    ) throws -> (String, Int) {
        guard start != nil || end != nil else { return (text, 0) }
        let count = text.codePointCount
        func resolve(_ value: Value?, _ fallback: Int) -> Int {
            guard let index = value?.wholeNumber else { return fallback }
            return index < 0 ? max(0, max(index, -count) + count) : min(index, count)
        }
        guard
            case .string(let part) = try interpreter.slice(
                .string(text), start: start ?? .none, stop: end ?? .none, step: .none)
        else { return (text, 0) }
        return (part, resolve(start, 0))
    }

    private static func affix(
        _ name: String, _ matches: @escaping @Sendable ([UInt8], [UInt8]) -> Bool
    ) -> StringBody {
        { interpreter, subject, arguments in
            let values = try arguments.bound(name, ["affix", "start", "end"], required: 1)
            let (part, _) = try window(interpreter, subject, values[1], values[2])
            let bytes = Array(part.utf8)
            if case .sequence(let options) = values[0], options.kind == .tuple {
                return .bool(try options.elements.contains { matches(bytes, Array(try text(name, $0).utf8)) })
            }
            return .bool(matches(bytes, Array(try text(name, values[0]).utf8)))
        }
    }

    private static func search(_ name: String, fromRight: Bool, mustExist: Bool) -> StringBody {
        { interpreter, subject, arguments in
            let values = try arguments.bound(name, ["sub", "start", "end"], required: 1)
            let (part, start) = try window(interpreter, subject, values[1], values[2])
            let bytes = Array(part.utf8)
            let needle = Array(try text(name, values[0]).utf8)
            let found =
                fromRight ? lastOccurrence(of: needle, in: bytes) : firstOccurrence(of: needle, in: bytes, from: 0)
            guard let found else {
                if mustExist { throw TemplateFailure.type("substring not found") }
                return .integer(-1)
            }
            return .integer(start + String(bytes: bytes[..<found]).codePointCount)
        }
    }

    private static let splits: [String: StringBody] = [
        "split": splitting(fromRight: false),
        "rsplit": splitting(fromRight: true),
        "splitlines": { interpreter, subject, arguments in
            let keeps = try arguments.bound("splitlines", ["keepends"])[0]?.isTrue ?? false
            return try .list(splitLines(subject, keepingEnds: keeps).map(Value.string))
        },
        "partition": { interpreter, subject, arguments in
            let separator = try separator("partition", arguments.bound("partition", ["sep"], required: 1)[0])
            let parts = split(subject, on: separator, limit: 1)
            return try .tuple(
                (parts.count == 2 ? [parts[0], separator, parts[1]] : [subject, "", ""]).map(Value.string))
        },
        "rpartition": { interpreter, subject, arguments in
            let separator = try separator("rpartition", arguments.bound("rpartition", ["sep"], required: 1)[0])
            let parts = split(subject, on: separator, limit: 1, fromRight: true)
            return try .tuple(
                (parts.count == 2 ? [parts[0], separator, parts[1]] : ["", "", subject]).map(Value.string))
        },
    ]

    private static func separator(_ name: String, _ value: Value?) throws -> String {
        let separator = try text(name, value)
        if separator.isEmpty { throw TemplateFailure.type("empty separator") }
        return separator
    }

    private static func splitting(fromRight: Bool) -> StringBody {
        { interpreter, subject, arguments in
            let values = try arguments.bound("split", ["sep", "maxsplit"])
            let limit = values[1]?.wholeNumber.flatMap { $0 < 0 ? nil : $0 } ?? .max
            let parts: [String]
            if try optionalText("split", values[0]) == nil {
                parts =
                    fromRight
                    ? splitOnWhitespaceFromRight(subject, limit: limit) : splitOnWhitespace(subject, limit: limit)
            } else {
                parts = split(subject, on: try separator("split", values[0]), limit: limit, fromRight: fromRight)
            }
            try interpreter.spend(parts.count)
            return try .list(parts.map(Value.string))
        }
    }

    private static func all(_ isMember: @escaping @Sendable (Unicode.Scalar) -> Bool) -> StringBody {
        { _, text, _ in .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(isMember)) }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    private static let predicates: [String: StringBody] = [
        "isdigit": all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit },
        "isdecimal": all { $0.properties.numericType == .decimal },
        "isnumeric": all { $0.properties.numericType != nil },
        "isalpha": all(isLetter),
        "isalnum": all { isLetter($0) || $0.properties.numericType != nil },
        "isspace": all { stripped(String($0)).isEmpty },
        "isascii": { _, text, _ in .bool(text.utf8.allSatisfy { $0 < 0x80 }) },
        "islower": { _, text, _ in .bool(Tests.isCased(text, lower: true)) },
        "isupper": { _, text, _ in .bool(Tests.isCased(text, lower: false)) },
        "istitle": { _, text, _ in .bool(sameCodePoints(text, titled(text)) && !sameCodePoints(text, text.lowercased()))
        },
    ]
}
