import OrderedCollections
public import TextCore

/// Why a JSON Schema cannot be used, and where.
public struct JSONSchemaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The place in the schema, as a JSON pointer with `#`: `#/properties/price`.
    public let location: String
    /// What is wrong and what to write instead.
    public let message: String

    public var description: String { "\(location): \(message)" }
}

/// A JSON Schema (draft 2020-12), read once, against which values are checked in bounded time.
///
/// Understood are the assertions `type enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
/// minLength maxLength pattern minItems maxItems uniqueItems required minProperties maxProperties`, the applicators
/// `properties additionalProperties items prefixItems allOf anyOf oneOf not`, `$defs` and `definitions`, and `$ref` to a
/// place in the same schema (`#`, `#/$defs/node`). `title description default examples deprecated readOnly writeOnly
/// $comment format` say something to people and check nothing. Any other keyword is an error, so that no part of a
/// schema is passed over in silence.
///
/// Texts are as long as they have Unicode scalars; `pattern` matches anywhere in a text, in time proportional to it
/// (`LinearRegex`); numbers are equal, and multiples of each other, as decimals.
///
/// Time grows at most with the size of the schema times that of the value: references are resolved once, and a part
/// that several references share is checked once for each part of the value. A reference that leads to itself without
/// going down into the value is an error.
public struct JSONSchema: Sendable {
    /// What was found about a value.
    public struct Report: Sendable, Hashable {
        /// Whether the value meets the schema.
        public var isValid: Bool
        /// The share of leaf constraints that are met, [0, 1]; 1 for a valid value and for no other (see
        /// `JSONSchema.report(on:)`).
        public var fraction: Double
        /// The first few that are not met, each with the place in the value: `/items/0/price: 3 is less than 5`.
        public var problems: [String]
    }

    /// One schema of the document, with its children by number.
    struct Node: Sendable {
        var types: JSONTypes?
        var leaves: [Leaf] = []
        var required: [String] = []
        var properties: [String: Int] = [:]
        var additionalProperties: Rest = .anything
        var prefixItems: [Int] = []
        var items: Rest = .anything
        /// `$ref` and the members of `allOf`.
        var all: [Int] = []
        var anyOf: [Int] = []
        var oneOf: [Int] = []
        var not: Int?
        /// `false`: no value is valid.
        var isNever = false
        /// Several references lead here.
        var isShared = false
        /// Leaf constraints that a value fails when it is missing or of a wrong type, at least 1.
        var size = 1
    }

    /// What holds for members and elements that no other keyword names.
    enum Rest: Sendable {
        case anything
        case nothing
        case schema(Int)
    }

    /// An assertion about one value alone.
    enum Leaf: Sendable {
        case oneOf(Set<[UInt8]>, text: String)
        case minimum(JSON, exclusive: Bool)
        case maximum(JSON, exclusive: Bool)
        case multiple(ExactDecimal, text: String)
        case minLength(Int)
        case maxLength(Int)
        case pattern(LinearRegex)
        case minItems(Int)
        case maxItems(Int)
        case uniqueItems
        case minProperties(Int)
        case maxProperties(Int)
    }

    /// Applicators that stay at the same value, inside each other, at most.
    static let chainLimit = 16
    /// Arrays and objects inside each other in a value, at most; with `chainLimit` it bounds the depth of recursion.
    static let depthLimit = 128

    let nodes: [Node]

    /// Reads a schema.
    ///
    /// - Throws: `JSONSchemaError` for a keyword that is not supported or malformed, a pattern that `LinearRegex` does not
    ///   run, and a reference that leads nowhere or in a circle.
    public init(_ schema: JSON) throws(JSONSchemaError) {
        var compiler = JSONSchemaCompiler(schema)
        nodes = try compiler.compile()
    }

    /// Checks a value, and counts.
    ///
    /// A leaf constraint is a keyword of the first list above at one place of the value (each name of `required` is one),
    /// `additionalProperties: false`, `items: false`, and `not`. A value of a wrong type fails all that its schema asks,
    /// and so does a required member that is missing, so nothing is gained by leaving a hard part out. Of the elements
    /// under `items` (and members under a schema in `additionalProperties`) only the one with the lowest share counts, so
    /// nothing is gained by adding easy ones. `anyOf` counts as the branch with the highest share, and `oneOf` too, but
    /// fails as one when several branches are met. `allOf` and `$ref` count as all their parts.
    ///
    /// A value that nests deeper than 128 is not valid.
    public func report(on value: JSON) -> Report {
        guard let instance = JSONInstance(value, depth: Self.depthLimit) else {
            return Report(isValid: false, fraction: 0, problems: ["nested deeper than \(Self.depthLimit)"])
        }
        var evaluator = JSONSchemaEvaluator(nodes: nodes, instance: instance)
        let tally = evaluator.tally(of: 0, at: 0)
        guard !tally.isFull else { return Report(isValid: true, fraction: 1, problems: []) }
        let problems = evaluator.problems
        return Report(
            isValid: false, fraction: tally.fraction, problems: problems.isEmpty ? ["the schema is not met"] : problems)
    }

    /// Whether a value meets the schema.
    public func accepts(_ value: JSON) -> Bool { report(on: value).isValid }

    /// The values of `null`, `{}`, `[]`, `""`, `0` and `false` that meet the schema: answers that say nothing. A schema
    /// that accepts one is usually not what was meant.
    public var trivialAnswers: [JSON] { [.null, [:], [], "", 0, false].filter { accepts($0) } }

    /// Whether `null` or the empty object meets the schema, so that it asks for nothing.
    public var asksForNothing: Bool { accepts(.null) || accepts([:]) }
}

/// The types of JSON Schema.
struct JSONTypes: OptionSet, Sendable, Hashable {
    let rawValue: UInt8

    static let null = JSONTypes(rawValue: 1)
    static let boolean = JSONTypes(rawValue: 2)
    static let integer = JSONTypes(rawValue: 4)
    /// Every number, whole or not.
    static let number = JSONTypes(rawValue: 8)
    static let string = JSONTypes(rawValue: 16)
    static let array = JSONTypes(rawValue: 32)
    static let object = JSONTypes(rawValue: 64)

    static let named: [(name: String, type: JSONTypes)] = [
        ("null", .null), ("boolean", .boolean), ("integer", .integer), ("number", .number), ("string", .string),
        ("array", .array), ("object", .object),
    ]

    /// The types that a value has; a whole number has two, however it is written.
    init(of value: JSON) {
        switch value {
        case .null: self = .null
        case .bool: self = .boolean
        case .integer: self = [.integer, .number]
        case .number(let number): self = number.rounded() == number ? [.integer, .number] : .number
        case .string: self = .string
        case .array: self = .array
        case .object: self = .object
        }
    }

    init(rawValue: UInt8) { self.rawValue = rawValue }

    var names: String { Self.named.filter { contains($0.type) }.map(\.name).joined(separator: " or ") }
}

/// A JSON value in which every part has a number: breadth first, so that the children of a part are consecutive.
struct JSONInstance {
    private(set) var values: [JSON]
    /// The number of the first child of each part.
    private(set) var firstChild: [Int] = []
    private var parents: [Int] = [0]

    /// `nil` when the value nests deeper.
    init?(_ value: JSON, depth limit: Int) {
        values = [value]
        var levelEnd = 1
        var depth = 0
        var index = 0
        while index < values.count {
            if index == levelEnd {
                depth += 1
                levelEnd = values.count
            }
            firstChild.append(values.count)
            switch values[index] {
            case .array(let elements): values.append(contentsOf: elements)
            case .object(let members): values.append(contentsOf: members.values)
            default:
                index += 1
                continue
            }
            guard depth < limit else { return nil }
            parents.append(contentsOf: repeatElement(index, count: values.count - parents.count))
            index += 1
        }
    }

    /// The place of a part, as a JSON pointer; `the value` for the whole.
    func place(of part: Int) -> String {
        var part = part
        var steps: [String] = []
        while part != 0 {
            let parent = parents[part]
            let position = part - firstChild[parent]
            if case .object(let members) = values[parent] {
                steps.append(members.keys[position].replacing("~", with: "~0").replacing("/", with: "~1"))
            } else {
                steps.append(String(position))
            }
            part = parent
        }
        return steps.isEmpty ? "the value" : steps.reversed().map { "/" + $0 }.joined()
    }
}
