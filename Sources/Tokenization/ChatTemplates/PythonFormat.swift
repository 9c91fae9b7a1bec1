import Foundation

/// A field of `str.format` or of `%`-formatting: `[[fill]align][sign][#][0][width][,][.precision][type]`.
private struct FormatField {
    var fill: Unicode.Scalar = " "
    var alignment: Unicode.Scalar?
    var sign: Unicode.Scalar = "-"
    var isAlternate = false
    var groups: Unicode.Scalar?
    var width = 0
    var precision: Int?
    var type: Unicode.Scalar?
}

/// Which positional argument a field without a name takes.
private struct FieldNumbering {
    private var next = 0
    private var isManual: Bool?

    mutating func index(of given: Int?) throws -> Int {
        if let isManual, isManual != (given != nil) {
            throw TemplateFailure.type("cannot switch between manual and automatic field numbering")
        }
        isManual = given != nil
        defer { next += 1 }
        return given ?? next
    }
}

// `'%s' % x` and `'{}'.format(x)` as Python has them.
extension Interpreter {
    // MARK: %-formatting

    func percentFormat(_ format: String, _ argument: Value) throws -> String {
        var positional = [argument]
        if case .sequence(let sequence) = argument, sequence.kind == .tuple { positional = sequence.elements }
        var used = 0
        var takesKeys = false
        var result = ""
        var scalars = Substring(format).unicodeScalars
        while let scalar = scalars.popFirst() {
            guard scalar == "%" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            if scalars.first == "%" {
                scalars.removeFirst()
                result += "%"
                continue
            }
            var value: Value?
            if scalars.first == "(" {
                takesKeys = true
                value = try item(.string(try readKey(&scalars)), of: argument)
            }
            let field = try readPercentField(&scalars) {
                guard used < positional.count, let width = positional[used].wholeNumber else {
                    throw TemplateFailure.type("* wants int")
                }
                used += 1
                return width
            }
            if value == nil {
                guard used < positional.count else {
                    throw TemplateFailure.type("not enough arguments for format string")
                }
                value = positional[used]
                used += 1
            }
            if let value { result += try percent(value, field) }
            try spend(bytes: result.utf8.count)
        }
        var acceptsRest = takesKeys
        if case .dictionary = argument { acceptsRest = true }
        guard used >= positional.count || acceptsRest else {
            throw TemplateFailure.type("not all arguments converted during string formatting")
        }
        return result
    }

    private func readKey(_ scalars: inout Substring.UnicodeScalarView) throws -> String {
        scalars.removeFirst()
        var key = ""
        while let scalar = scalars.popFirst() {
            if scalar == ")" { return key }
            key.unicodeScalars.append(scalar)
        }
        throw TemplateFailure.type("incomplete format key")
    }

    private func readPercentField(
        _ scalars: inout Substring.UnicodeScalarView, star: () throws -> Int
    ) throws -> FormatField {
        var field = FormatField()
        field.alignment = ">"
        while let flag = scalars.first, "-+ #0".unicodeScalars.contains(flag) {
            scalars.removeFirst()
            switch flag {
            case "-": field.alignment = "<"
            case "+", " ": if field.sign != "+" { field.sign = flag }
            case "#": field.isAlternate = true
            default: field.fill = "0"
            }
        }
        field.width = try scalars.first == "*" ? starred(&scalars, star) : readNumber(&scalars) ?? 0
        if field.width < 0 {
            field.alignment = "<"
            field.width = -max(field.width, -Int.max)
        }
        if scalars.first == "." {
            scalars.removeFirst()
            field.precision = try scalars.first == "*" ? starred(&scalars, star) : readNumber(&scalars) ?? 0
        }
        while let letter = scalars.first, "hlL".unicodeScalars.contains(letter) { scalars.removeFirst() }
        guard let type = scalars.popFirst() else { throw TemplateFailure.type("incomplete format") }
        field.type = type
        if field.alignment == "<" { field.fill = " " }
        return field
    }

    private func starred(_ scalars: inout Substring.UnicodeScalarView, _ star: () throws -> Int) throws -> Int {
        scalars.removeFirst()
        return try star()
    }

    private func readNumber(_ scalars: inout Substring.UnicodeScalarView) throws -> Int? {
        var digits = ""
        while let digit = scalars.first, ("0"..."9").contains(digit) {
            digits.unicodeScalars.append(digit)
            scalars.removeFirst()
        }
        if digits.isEmpty { return nil }
        guard let number = Int(digits) else { throw TemplateFailure.type("a width in a format is too large") }
        return number
    }

    private func percent(_ value: Value, _ field: FormatField) throws -> String {
        switch field.type {
        case "s", "r", "a":
            var text = try field.type == "s" ? text(of: value) : representation(of: value)
            if let precision = field.precision { text = String(text.unicodeScalars.prefix(max(0, precision))) }
            var plain = field
            plain.fill = " "
            return try padded(text, plain)
        case "c":
            if let code = value.wholeNumber {
                guard let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else {
                    throw TemplateFailure.type("%c arg not in range(0x110000)")
                }
                return try padded(String(scalar), field)
            }
            return try padded(text(of: value), field)
        case "d", "i", "u", "x", "X", "o", "e", "E", "f", "F", "g", "G":
            guard let number = value.number else {
                if case .undefined(let reason) = value { throw reason.failure }
                throw TemplateFailure.type(
                    "%\(field.type.map(String.init) ?? "") format: a number is required, not \(value.typeName)")
            }
            var numeric = field
            if field.type == "i" || field.type == "u" { numeric.type = "d" }
            if numeric.type == "d", value.wholeNumber == nil {
                guard let whole = Int(exactly: number.rounded(.towardZero)) else {
                    throw TemplateFailure.type("cannot convert float to integer")
                }
                return try formatted(.integer(whole), numeric)
            }
            return try formatted(value, numeric)
        default:
            throw TemplateFailure.type("unsupported format character '\(field.type.map(String.init) ?? "")'")
        }
    }

    // MARK: str.format

    func braceFormat(_ format: String, _ arguments: Arguments) throws -> String {
        var numbering = FieldNumbering()
        return try braceFormat(format, arguments, numbering: &numbering, level: 0)
    }

    private func braceFormat(
        _ format: String, _ arguments: Arguments, numbering: inout FieldNumbering, level: Int
    ) throws -> String {
        if level > 1 { throw TemplateFailure.type("Max string recursion exceeded") }
        var result = ""
        var scalars = Substring(format).unicodeScalars
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "{" where scalars.first == "{", "}" where scalars.first == "}":
                scalars.removeFirst()
                result.unicodeScalars.append(scalar)
            case "{":
                let field = try readBraceField(&scalars)
                result += try braceValue(field, arguments, numbering: &numbering, level: level)
                try spend(bytes: result.utf8.count)
            case "}": throw TemplateFailure.type("Single '}' encountered in format string")
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private func readBraceField(_ scalars: inout Substring.UnicodeScalarView) throws -> String {
        var field = ""
        var open = 0
        while let scalar = scalars.popFirst() {
            if scalar == "}", open == 0 { return field }
            if scalar == "{" { open += 1 }
            if scalar == "}" { open -= 1 }
            field.unicodeScalars.append(scalar)
        }
        throw TemplateFailure.type("expected '}' before end of string")
    }

    private func braceValue(
        _ field: String, _ arguments: Arguments, numbering: inout FieldNumbering, level: Int
    ) throws -> String {
        let halves = split(field, on: ":", limit: 1)
        let conversion = split(halves[0], on: "!", limit: 1)
        var value = try braceArgument(conversion[0], arguments, numbering: &numbering)
        if conversion.count > 1 {
            switch conversion[1] {
            case "s": value = .string(try text(of: value))
            case "r", "a": value = .string(try representation(of: value))
            default: throw TemplateFailure.type("Unknown conversion specifier '\(conversion[1])'")
            }
        }
        var specification = halves.count > 1 ? halves[1] : ""
        if specification.utf8.contains(0x7B) {
            specification = try braceFormat(specification, arguments, numbering: &numbering, level: level + 1)
        }
        return try formatted(value, parseSpecification(specification))
    }

    private func braceArgument(_ path: String, _ arguments: Arguments, numbering: inout FieldNumbering) throws -> Value
    {
        var rest = Substring(path).unicodeScalars
        var name = ""
        while let scalar = rest.first, scalar != ".", scalar != "[" {
            name.unicodeScalars.append(scalar)
            rest.removeFirst()
        }
        var value: Value
        if name.isEmpty || Int(name) != nil {
            let index = try numbering.index(of: Int(name))
            guard arguments.positional.indices.contains(index) else {
                throw TemplateFailure.type("Replacement index \(index) out of range for positional args tuple")
            }
            value = arguments.positional[index]
        } else {
            guard let found = arguments.keywords.last(where: { $0.name == name }) else {
                throw TemplateFailure.type("format has no argument \(pythonRepresentation(of: name))")
            }
            value = found.value
        }
        while let opening = rest.popFirst() {
            var part = ""
            while let scalar = rest.first, opening == "[" ? scalar != "]" : scalar != "." && scalar != "[" {
                part.unicodeScalars.append(scalar)
                rest.removeFirst()
            }
            if opening == "[", rest.popFirst() == nil { throw TemplateFailure.type("Missing ']' in format string") }
            value =
                try opening == "."
                ? attribute(part, of: value) : item(Int(part).map(Value.integer) ?? .string(part), of: value)
        }
        return value
    }

    private func parseSpecification(_ text: String) throws -> FormatField {
        var field = FormatField()
        var scalars = Substring(text).unicodeScalars
        let alignments = "<>=^".unicodeScalars
        if let second = scalars.dropFirst().first, alignments.contains(second), let first = scalars.first {
            field.fill = first
            field.alignment = second
            scalars.removeFirst(2)
        } else if let first = scalars.first, alignments.contains(first) {
            field.alignment = first
            scalars.removeFirst()
        }
        if let sign = scalars.first, "+- ".unicodeScalars.contains(sign) { field.sign = scalars.removeFirst() }
        if scalars.first == "#" {
            field.isAlternate = true
            scalars.removeFirst()
        }
        if scalars.first == "0" {
            if field.alignment == nil {
                field.fill = "0"
                field.alignment = "="
            }
            scalars.removeFirst()
        }
        field.width = try readNumber(&scalars) ?? 0
        if let mark = scalars.first, mark == "," || mark == "_" { field.groups = scalars.removeFirst() }
        if scalars.first == "." {
            scalars.removeFirst()
            guard let precision = try readNumber(&scalars) else {
                throw TemplateFailure.type("Format specifier missing precision")
            }
            field.precision = precision
        }
        field.type = scalars.popFirst()
        guard scalars.isEmpty else { throw TemplateFailure.type("Invalid format specifier '\(text)'") }
        return field
    }

    // MARK: One field

    private func formatted(_ value: Value, _ field: FormatField) throws -> String {
        if let whole = value.wholeNumber, !isBoolWithoutType(value, field) {
            return try pad(number: digits(of: whole, field), negative: whole < 0, field)
        }
        if case .double(let number) = value {
            return try pad(number: digits(of: number.magnitude, field), negative: number.sign == .minus, field)
        }
        if let type = field.type, type != "s" {
            throw TemplateFailure.type("Unknown format code '\(type)' for object of type '\(value.typeName)'")
        }
        var text = try text(of: value)
        if let precision = field.precision { text = String(text.unicodeScalars.prefix(precision)) }
        return try padded(text, field)
    }

    private func isBoolWithoutType(_ value: Value, _ field: FormatField) -> Bool {
        if case .bool = value { field.type == nil } else { false }
    }

    private func digits(of whole: Int, _ field: FormatField) throws -> String {
        let magnitude = whole.magnitude
        switch field.type {
        case nil, "d", "n":
            let digits = String(magnitude)
            let missing = (field.precision ?? 0) - digits.utf8.count
            return grouped(missing > 0 ? try repeated("0", count: missing) + digits : digits, field)
        case "x": return (field.isAlternate ? "0x" : "") + String(magnitude, radix: 16)
        case "X": return (field.isAlternate ? "0X" : "") + String(magnitude, radix: 16, uppercase: true)
        case "o": return (field.isAlternate ? "0o" : "") + String(magnitude, radix: 8)
        case "b": return (field.isAlternate ? "0b" : "") + String(magnitude, radix: 2)
        case "c":
            guard let scalar = UInt32(exactly: whole).flatMap(Unicode.Scalar.init) else {
                throw TemplateFailure.type("%c arg not in range(0x110000)")
            }
            return String(scalar)
        default: return try digits(of: Double(magnitude), field)
        }
    }

    private func digits(of number: Double, _ field: FormatField) throws -> String {
        let precision = field.precision ?? 6
        guard precision <= 1000 else {
            throw TemplateFailure(.limit, "a precision of \(precision) digits in a format is over 1000, the limit")
        }
        if !number.isFinite { return number.isNaN ? "nan" : "inf" }
        switch field.type {
        case nil where field.precision == nil: return grouped(pythonRepresentation(of: number), field)
        case nil, "g", "G", "n":
            let text = String(format: "%.\(max(precision, 1))g", number)
            return grouped(field.type == "G" ? text.uppercased() : text, field)
        case "f", "F": return grouped(String(format: "%.\(precision)f", number), field)
        case "e": return String(format: "%.\(precision)e", number)
        case "E": return String(format: "%.\(precision)E", number)
        case "%": return grouped(String(format: "%.\(precision)f", number * 100), field) + "%"
        default:
            throw TemplateFailure.type(
                "Unknown format code '\(field.type.map(String.init) ?? "")' for object of type 'float'")
        }
    }

    private func grouped(_ digits: String, _ field: FormatField) -> String {
        guard let mark = field.groups else { return digits }
        let whole = digits.unicodeScalars.prefix { ("0"..."9").contains($0) }
        var result = String.UnicodeScalarView()
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index) % 3 == 0 { result.append(mark) }
            result.append(digit)
        }
        return String(result) + digits.dropFirst(whole.count)
    }

    private func pad(number digits: String, negative: Bool, _ field: FormatField) throws -> String {
        let sign = negative ? "-" : field.sign == "-" ? "" : String(field.sign)
        var field = field
        if field.alignment == "=" || (field.alignment == ">" && field.fill == "0") {
            let missing = field.width - sign.utf8.count - digits.codePointCount
            return try sign + repeated(String(field.fill), count: missing) + digits
        }
        if field.alignment == nil { field.alignment = ">" }
        return try padded(sign + digits, field)
    }

    private func padded(_ text: String, _ field: FormatField) throws -> String {
        let missing = field.width - text.codePointCount
        guard missing > 0 else { return text }
        let left =
            switch field.alignment {
            case ">": missing
            case "^": missing / 2
            default: 0
            }
        return try padded(text, fill: String(field.fill), left: left, missing: missing)
    }
}
