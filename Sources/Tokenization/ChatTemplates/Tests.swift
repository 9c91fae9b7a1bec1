import TextCore

/// What may stand after `is`.
enum Tests {
    typealias Body = @Sendable (Interpreter, Value, Arguments) throws -> Bool

    static let table: [String: Body] = {
        var table: [String: Body] = [
            "defined": { _, value, _ in !value.isUndefined },
            "undefined": { _, value, _ in value.isUndefined },
            "none": { _, value, _ in if case .none = value { true } else { false } },
            "boolean": { _, value, _ in if case .bool = value { true } else { false } },
            "true": { _, value, _ in if case .bool(true) = value { true } else { false } },
            "false": { _, value, _ in if case .bool(false) = value { true } else { false } },
            "integer": { _, value, _ in if case .integer = value { true } else { false } },
            "float": { _, value, _ in if case .double = value { true } else { false } },
            "number": { _, value, _ in value.number != nil },
            "string": { _, value, _ in if case .string = value { true } else { false } },
            "mapping": { _, value, _ in if case .dictionary = value { true } else { false } },
            "iterable": { _, value, _ in isIterable(value) },
            "sequence": { _, value, _ in isSequence(value) },
            "callable": { _, value, _ in if case .callable = value { true } else { false } },
            "escaped": { _, _, _ in false },
            "odd": { interpreter, value, _ in try remainder(interpreter, value, .integer(2)) == 1 },
            "even": { interpreter, value, _ in try remainder(interpreter, value, .integer(2)) == 0 },
            "divisibleby": { interpreter, value, arguments in
                try remainder(interpreter, value, one("divisibleby", arguments)) == 0
            },
            "lower": { interpreter, value, _ in isCased(try interpreter.text(of: value), lower: true) },
            "upper": { interpreter, value, _ in isCased(try interpreter.text(of: value), lower: false) },
            "in": { interpreter, value, arguments in try interpreter.contains(one("in", arguments), value) },
            "sameas": { interpreter, value, arguments in
                let other = try one("sameas", arguments)
                return try value.typeName == other.typeName && interpreter.areEqual(value, other)
            },
            "filter": { interpreter, value, _ in Filters.table[try interpreter.text(of: value)] != nil },
            "test": { interpreter, value, _ in Tests.table[try interpreter.text(of: value)] != nil },
        ]
        let comparisons: [(Comparison, [String])] = [
            (.equal, ["eq", "equalto", "=="]), (.notEqual, ["ne", "!="]), (.less, ["lt", "lessthan", "<"]),
            (.lessOrEqual, ["le", "<="]), (.greater, ["gt", "greaterthan", ">"]), (.greaterOrEqual, ["ge", ">="]),
        ]
        for (comparison, names) in comparisons {
            for name in names {
                table[name] = { interpreter, value, arguments in
                    try interpreter.holds(comparison, value, one(name, arguments))
                }
            }
        }
        return table
    }()

    static func unknown(_ name: String, offset: Int? = nil) -> TemplateFailure {
        let hint = nearestName(to: name, among: table.keys.sorted()).map { "; did you mean '\($0)'?" } ?? ""
        return TemplateFailure(.syntax, "no test named '\(name)'\(hint)", offset: offset)
    }

    private static func one(_ name: String, _ arguments: Arguments) throws -> Value {
        guard arguments.positional.count == 1, let value = arguments.positional.first else {
            throw TemplateFailure.type(
                "the test '\(name)' takes one argument, \(arguments.positional.count) were given")
        }
        return value
    }

    private static func isIterable(_ value: Value) -> Bool {
        switch value {
        case .undefined, .string, .sequence, .dictionary, .generator, .loop: true
        default: false
        }
    }

    private static func isSequence(_ value: Value) -> Bool {
        switch value {
        case .undefined, .string, .dictionary: return true
        case .sequence(let sequence):
            switch sequence.kind {
            case .list, .tuple, .range: return true
            default: return false
            }
        default: return false
        }
    }

    private static func remainder(_ interpreter: Interpreter, _ value: Value, _ divisor: Value) throws -> Double? {
        try interpreter.arithmetic(.remainder, value, divisor).number
    }

    /// `str.islower` and `str.isupper`: a letter with case, and none of the other case.
    static func isCased(_ text: String, lower: Bool) -> Bool {
        var found = false
        for scalar in text.unicodeScalars {
            if scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter {
                if lower { return false }
                found = true
            } else if scalar.properties.isLowercase {
                if !lower { return false }
                found = true
            }
        }
        return found
    }
}
