import OrderedCollections
public import TextCore

/// Which rows of a source are used: for each column a value, a list of values, or a block of conditions.
///
/// `{language: en, source: [a, b], score: {min: 0.5, max: 1}, text: {matches: "^Q"}, flag: {exists: false}}`; a row
/// must meet all of them.
public struct RowConditions: Sendable, Hashable {
    /// The conditions as they were written: an object of columns.
    public let json: JSON

    public init(_ json: JSON) { self.json = json }
}

extension RowConditions: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: [
                "type": "object", "minProperties": 1,
                "additionalProperties": [
                    "anyOf": [
                        ["type": ["string", "number", "boolean"]],
                        ["type": "array", "items": ["type": ["string", "number", "boolean"]], "minItems": 1],
                        [
                            "type": "object", "minProperties": 1, "additionalProperties": false,
                            "properties": [
                                "min": ["type": ["number", "string"]], "max": ["type": ["number", "string"]],
                                "not": true, "matches": ["type": "string"], "exists": ["type": "boolean"],
                            ],
                        ],
                    ]
                ],
            ], expected: "a block of columns and what they must hold")
    }

    private static let conditions = ["min", "max", "not", "matches", "exists"]

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> RowConditions? {
        guard let entries = node.entries, !entries.isEmpty else {
            decoder.reportType(node, expected: shape.expected, example: "{language: en}")
            return nil
        }
        var isWhole = true
        for entry in entries {
            decoder.at(entry.key) { isWhole = check(entry.value, decoder) && isWhole }
        }
        return isWhole ? RowConditions(node.json) : nil
    }

    /// Whether what a column must hold is well formed.
    private static func check(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Bool {
        switch node.content {
        case .bool, .integer, .number, .string: return true
        case .list: return checkValues(node, decoder)
        case .mapping(let entries) where !entries.isEmpty:
            var isWhole = true
            for entry in entries { isWhole = checkCondition(entry, decoder) && isWhole }
            return isWhole
        default:
            decoder.reportType(
                node, expected: "a value, a list of values or a block of conditions", example: "{exists: true}")
            return false
        }
    }

    private static func checkValues(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Bool {
        let elements = node.elements ?? [node]
        let wrong = elements.first {
            switch $0.content {
            case .bool, .integer, .number, .string: false
            default: true
            }
        }
        if let wrong {
            decoder.reportType(wrong, expected: "a list of strings, numbers or booleans", example: "[a, b]")
        }
        if elements.isEmpty {
            decoder.reportType(node, expected: "a list of at least one value", example: "[a, b]")
        }
        return wrong == nil && !elements.isEmpty
    }

    private static func checkCondition(_ entry: RecipeNode.Entry, _ decoder: RecipeDecoder) -> Bool {
        guard conditions.contains(entry.key) else {
            let near = nearestName(to: entry.key, among: conditions)
            decoder.report(
                entry.keyPosition, "unknown condition '\(entry.key)' in \(decoder.key)",
                why: "Rows would be used that were meant to be left out",
                fix: near.map { "Did you mean '\($0)'?" } ?? "Known are \(conditions.joined(separator: ", "))")
            return false
        }
        return decoder.at(entry.key) {
            switch (entry.key, entry.value.content) {
            case ("min", .integer), ("min", .number), ("max", .integer), ("max", .number), ("exists", .bool):
                return true
            case ("min", .string), ("max", .string): return true
            case ("not", _): return checkValues(entry.value, decoder)
            case ("matches", .string(let pattern)): return checkPattern(pattern, entry.value, decoder)
            default:
                let (expected, sample) =
                    entry.key == "exists"
                    ? ("true or false", "true")
                    : entry.key == "matches" ? ("a regular expression", "\"^yes\"") : ("a number or a string", "0.5")
                decoder.reportType(entry.value, expected: expected, example: sample)
                return false
            }
        }
    }

    private static func checkPattern(_ pattern: String, _ node: RecipeNode, _ decoder: RecipeDecoder) -> Bool {
        do throws(RegexError) {
            _ = try LinearRegex(pattern)
            return true
        } catch {
            decoder.report(
                node, "\(decoder.key) is no regular expression: \(error)", why: "No row could be compared with it",
                fix: "Mend the pattern")
            return false
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { ResolvedValue(json) }
}

extension ResolvedValue {
    fileprivate init(_ json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .string(let text): self = .string(text)
        case .array(let elements): self = .list(elements.map { ResolvedValue($0) })
        case .object(let members): self = .mapping(members.map { ($0.key, ResolvedValue($0.value)) })
        }
    }
}
