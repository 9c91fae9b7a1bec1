import OrderedCollections
import ShardIO
public import TextCore

/// Which rows of a source are used: for each column a value, a list of values, or a block of conditions, as
/// `RowFilter` reads them.
public struct RowConditions: Sendable, Hashable {
    /// The conditions as they were written: an object of columns.
    public let json: JSON

    public init(_ json: JSON) { self.json = json }
}

extension RowConditions: RecipeValue {
    private static let scalar: JSON = ["type": ["string", "number", "boolean"]]
    private static let scalars: JSON = ["anyOf": [scalar, ["type": "array", "items": scalar, "minItems": 1]]]

    package static var shape: ValueShape {
        .scalar(
            schema: [
                "type": "object", "minProperties": 1,
                "additionalProperties": [
                    "anyOf": [
                        scalars,
                        [
                            "type": "object", "minProperties": 1, "additionalProperties": false,
                            "properties": [
                                "min": ["type": "number"], "max": ["type": "number"], "not": scalars,
                                "matches": ["type": "string"], "exists": ["type": "boolean"],
                            ],
                        ],
                    ]
                ],
            ], expected: "a block of columns and what they must hold")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> RowConditions? {
        guard let entries = node.entries, !entries.isEmpty else {
            decoder.reportType(node, expected: shape.expected, example: "{language: en}")
            return nil
        }
        var isWhole = true
        for entry in entries {
            decoder.at(entry.key) { isWhole = check(entry, decoder) && isWhole }
        }
        return isWhole ? RowConditions(node.json) : nil
    }

    /// Whether what one column must hold is well formed.
    private static func check(_ entry: RecipeNode.Entry, _ decoder: RecipeDecoder) -> Bool {
        if entry.value.isNull {
            decoder.reportType(
                entry.value, expected: "a value, a list of values or a block of conditions", example: "{exists: true}")
            return false
        }
        do throws(DataError) {
            _ = try RowFilter(json: [entry.key: entry.value.json], place: decoder.key)
            return true
        } catch {
            decoder.report(
                entry.value, "\(decoder.key): \(error.message)",
                why: "Rows would be used that were meant to be left out", fix: error.fix)
            return false
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { ResolvedValue(json) }
}
