internal import OrderedCollections
internal import TextCore

/// One object of `tokenizer.json`, read key by key; what is missing, of a wrong type or unknown is an error with the
/// path of the value.
struct ComponentReader {
    let json: JSON
    /// File and path inside it, such as `tokenizer.json: pre_tokenizer.pretokenizers[1]`.
    let location: String

    init(_ json: JSON, at location: String) throws(TokenizationError) {
        guard json.object != nil else {
            throw TokenizationError("an object is expected here, not \(json.kind)", at: location)
        }
        self.json = json
        self.location = location
    }

    func path(_ key: String) -> String { location.hasSuffix(":") ? "\(location) \(key)" : "\(location).\(key)" }

    func error(_ message: String, key: String? = nil) -> TokenizationError {
        TokenizationError(message, at: key.map { path($0) } ?? location)
    }

    /// Refuses keys that this version gives no meaning, for they would change the tokens unnoticed.
    func allow(_ keys: [String]) throws(TokenizationError) {
        for key in json.object.map({ Array($0.keys) }) ?? [] where key != "type" && !keys.contains(key) {
            let hint = nearestName(to: key, among: keys).map { "; is `\($0)` meant?" } ?? ""
            throw error("the key `\(key)` is not known here and may change the tokens\(hint)")
        }
    }

    func value(_ key: String) throws(TokenizationError) -> JSON {
        guard let value = json[key], !value.isNull else { throw error("the key `\(key)` is missing") }
        return value
    }

    func string(_ key: String) throws(TokenizationError) -> String {
        let value = try value(key)
        guard let string = value.string else { throw error("a string is expected, not \(value.kind)", key: key) }
        return string
    }

    func optionalString(_ key: String) throws(TokenizationError) -> String? {
        json[key, default: .null].isNull ? nil : try string(key)
    }

    func bool(_ key: String, default fallback: Bool) throws(TokenizationError) -> Bool {
        let value = json[key, default: .null]
        if value.isNull { return fallback }
        guard let bool = value.bool else { throw error("true or false is expected, not \(value.kind)", key: key) }
        return bool
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(TokenizationError) -> Int {
        let value = try value(key)
        guard let integer = value.int, range.contains(integer) else {
            throw error("a whole number from \(range.lowerBound) to \(range.upperBound) is expected", key: key)
        }
        return integer
    }

    func array(_ key: String) throws(TokenizationError) -> [JSON] {
        let value = try value(key)
        guard let array = value.array else { throw error("an array is expected, not \(value.kind)", key: key) }
        return array
    }

    /// The objects of an array, each as a component.
    func components(_ key: String) throws(TokenizationError) -> [ComponentReader] {
        var result: [ComponentReader] = []
        for (index, element) in try array(key).enumerated() {
            result.append(try ComponentReader(element, at: "\(path(key))[\(index)]"))
        }
        return result
    }

    /// The `type` of the component.
    func type() throws(TokenizationError) -> String { try string("type") }

    func unknownType(_ type: String, kind: String, known: [String]) -> TokenizationError {
        let hint = nearestName(to: type, among: known).map { "; is `\($0)` meant?" } ?? ""
        return error("the \(kind) `\(type)` is not supported\(hint) Supported are \(known.joined(separator: ", "))")
    }

    /// The value of `pattern`: `{"String": …}` or `{"Regex": …}`.
    func matcher(_ key: String = "pattern") throws(TokenizationError) -> TextMatcher {
        let reader = try ComponentReader(try value(key), at: path(key))
        try reader.allow(["String", "Regex"])
        if let literal = try reader.optionalString("String") { return .literal(Array(literal.utf8)) }
        let pattern = try reader.string("Regex")
        do throws(RegexError) {
            return .regex(try LinearRegex(pattern, syntax: .oniguruma))
        } catch {
            throw reader.error("this pattern cannot be used: \(error)", key: "Regex")
        }
    }
}

extension JSON {
    subscript(key: String, default fallback: JSON) -> JSON { self[key] ?? fallback }
}

/// What a replacement or a split looks for.
enum TextMatcher: Sendable {
    case literal([UInt8])
    case regex(LinearRegex)

    /// The matches in UTF-8 text from left to right, without overlaps.
    func matches(in bytes: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        switch self {
        case .regex(let regex): return regex.matches(in: bytes)
        case .literal(let literal):
            guard let first = literal.first else { return [] }
            var ranges: [Range<Int>] = []
            var position = 0
            while position + literal.count <= bytes.count {
                if bytes[position] == first, bytes[position..<position + literal.count].elementsEqual(literal) {
                    ranges.append(position..<position + literal.count)
                    position += literal.count
                } else {
                    position += 1
                }
            }
            return ranges
        }
    }
}
