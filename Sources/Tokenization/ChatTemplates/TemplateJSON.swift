/// How the filter `tojson` lays JSON out: Python's `json.dumps` with the defaults that transformers gives it.
struct TemplateJSONWriter {
    let interpreter: Interpreter
    var ensuresASCII = false
    var indent: String?
    var itemSeparator: String
    var keySeparator: String
    var sortsKeys = false
    private var output: [UInt8] = []

    init(_ interpreter: Interpreter, arguments: Arguments) throws {
        self.interpreter = interpreter
        let values = try arguments.bound("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
        ensuresASCII = values[0]?.isTrue ?? false
        sortsKeys = values[3]?.isTrue ?? false
        switch values[1] {
        case nil, .some(.none): indent = nil
        case .string(let text): indent = text
        case .some(let value):
            guard let width = value.wholeNumber else { throw TemplateFailure.type("tojson: 'indent' is no number") }
            indent = try interpreter.repeated(" ", count: width)
        }
        (itemSeparator, keySeparator) = (indent == nil ? ", " : ",", ": ")
        if let separators = values[2], case .sequence(let pair) = separators {
            guard pair.elements.count == 2, case .string(let item) = pair.elements[0],
                case .string(let key) = pair.elements[1]
            else { throw TemplateFailure.type("tojson: 'separators' are two strings") }
            (itemSeparator, keySeparator) = (item, key)
        }
    }

    mutating func text(of value: Value) throws -> String {
        try write(value, level: 0)
        return String(bytes: output)
    }

    private mutating func append(_ text: String) throws {
        output.append(contentsOf: text.utf8)
        if output.count > interpreter.limits.outputBytes { try interpreter.spend(bytes: output.count) }
        try interpreter.spend(1 + text.utf8.count / 64)
    }

    private mutating func write(_ value: Value, level: Int) throws {
        switch value {
        case .none: try append("null")
        case .bool(let flag): try append(flag ? "true" : "false")
        case .integer(let number): try append(String(number))
        case .double(let number): try append(Self.text(of: number))
        case .string(let text): try writeString(text)
        case .sequence(let sequence) where sequence.kind == .list || sequence.kind == .tuple:
            try write(sequence.elements, brackets: ("[", "]"), level: level) { writer, element in
                try writer.write(element, level: level + 1)
            }
        case .dictionary(let dictionary):
            var members = dictionary.members.map { ($0.key, $0.value) }
            if sortsKeys { members = try interpreter.sorted(members) { $0.0.value } }
            try write(members, brackets: ("{", "}"), level: level) { writer, member in
                try writer.writeString(Self.text(of: member.0))
                try writer.append(writer.keySeparator)
                try writer.write(member.1, level: level + 1)
            }
        default: throw TemplateFailure.type("Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private mutating func write<Element>(
        _ elements: [Element], brackets: (String, String), level: Int,
        body: (inout TemplateJSONWriter, Element) throws -> Void
    ) throws {
        try append(brackets.0)
        for (index, element) in elements.enumerated() {
            if index > 0 { try append(itemSeparator) }
            try breakLine(level: level + 1)
            try body(&self, element)
        }
        if !elements.isEmpty { try breakLine(level: level) }
        try append(brackets.1)
    }

    private mutating func breakLine(level: Int) throws {
        guard let indent else { return }
        try append("\n" + interpreter.repeated(indent, count: level))
    }

    private static func text(of number: Double) -> String {
        number.isNaN
            ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : pythonRepresentation(of: number)
    }

    private static func text(of key: Key) -> String {
        switch key {
        case .none: "null"
        case .integer(let number): String(number)
        case .number(let number): text(of: number)
        case .string(let text): text
        }
    }

    private mutating func writeString(_ text: String) throws {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{08}": result += "\\b"
            case "\u{0C}": result += "\\f"
            case _ where scalar.value < 0x20 || (ensuresASCII && scalar.value > 0x7E):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                }
            default: result.unicodeScalars.append(scalar)
            }
        }
        try append(result + "\"")
    }
}
