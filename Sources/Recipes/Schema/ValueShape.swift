import OrderedCollections
package import TextCore

/// What a field accepts, for everything that is not decoding: the JSON Schema, merging, shorthands, hints.
package indirect enum ValueShape: Sendable {
    /// One value, described by a fragment of JSON Schema and by words such as `a number`.
    case scalar(schema: JSON, expected: String)
    /// A list; where `acceptsOne`, a single element may stand for a list of one.
    case list(ValueShape, acceptsOne: Bool)
    /// A block of freely chosen names.
    case names(values: ValueShape)
    case section(SectionSchema)

    /// What a message says the field takes.
    var expected: String {
        switch self {
        case .scalar(_, let expected): expected
        case .list: "a list"
        case .names: "a block of names"
        case .section: "a block of keys"
        }
    }

    /// The shape of a key or an index below this one.
    func child(_ step: some StringProtocol) -> ValueShape? {
        switch self {
        case .scalar: nil
        case .list(let element, _): element
        case .names(let values): values
        case .section(let schema): schema.field(String(step))?.shape
        }
    }

    /// The section that this shape is or lists.
    var section: SectionSchema? {
        switch self {
        case .section(let schema): schema
        case .list(let element, _): element.section
        default: nil
        }
    }

    /// The same shape, where a single element may stand for a list of one.
    var acceptingOne: ValueShape {
        if case .list(let element, _) = self { .list(element, acceptsOne: true) } else { self }
    }

    /// This shape as JSON Schema (draft 2020-12).
    var schema: JSON {
        switch self {
        case .scalar(let schema, _): return schema
        case .list(let element, let acceptsOne):
            let list: JSON = ["type": "array", "items": element.schema]
            return acceptsOne ? ["anyOf": [list, element.schema]] : list
        case .names(let values): return ["type": "object", "additionalProperties": values.schema]
        case .section(let section): return section.schema
        }
    }
}

/// A section without its type: the keys it knows and what each accepts.
package struct SectionSchema: Sendable {
    struct Member: Sendable {
        let name: String
        let doc: String
        let shape: ValueShape
        let isRequired: Bool
        let limits: Limits?
        let defaultValue: JSON?
        let derivation: String?
    }

    let doc: String
    let members: [Member]
    let planned: [PlannedField]
    let exclusive: [[String]]
    let shorthand: String?
    /// Whether other keys are taken too.
    var isOpen = false

    func field(_ name: String) -> Member? { members.first { $0.name == name } }

    var names: [String] { members.map(\.name) }

    /// The keys that cannot stand beside `name`.
    func rivals(of name: String) -> [String] {
        exclusive.filter { $0.contains(name) }.flatMap { $0 }.filter { $0 != name }
    }

    var schema: JSON {
        var properties: OrderedDictionary<String, JSON> = [:]
        for member in members { properties[member.name] = member.schema }
        var object: OrderedDictionary<String, JSON> = [
            "type": "object", "description": .string(doc), "properties": .object(properties),
            "additionalProperties": .bool(isOpen),
        ]
        let required = members.filter(\.isRequired).map { JSON.string($0.name) }
        if !required.isEmpty { object["required"] = .array(required) }
        let rules: [JSON] = exclusive.map { group in
            let pairs: [JSON] = group.indices.flatMap { first in
                group[(first + 1)...].map { ["required": [.string(group[first]), .string($0)]] }
            }
            return ["not": ["anyOf": .array(pairs)]]
        }
        if !rules.isEmpty { object["allOf"] = .array(rules) }
        guard let shorthand, let target = field(shorthand) else { return .object(object) }
        // A block of keys is always this section, whatever else the shorthand's key could take.
        return ["anyOf": [.object(object), ["allOf": [target.shape.schema], "not": ["type": "object"]]]]
    }
}

extension SectionSchema.Member {
    /// The member's own schema: its shape's, with the sentence, the default and the range.
    fileprivate var schema: JSON {
        var object = shape.schema.object ?? [:]
        var text = doc
        if let derivation { text += " Default: \(derivation)." }
        object["description"] = .string(text)
        if let defaultValue { object["default"] = defaultValue }
        guard let limits else { return .object(object) }
        if case .list(let element, _) = shape, var items = element.schema.object {
            for (key, value) in limits.schema { items[key] = value }
            object["items"] = .object(items)
        } else {
            for (key, value) in limits.schema { object[key] = value }
        }
        return .object(object)
    }
}

/// A key of the recipe language that this version reads but cannot do yet: a described error, never silence.
package struct PlannedField: Sendable {
    let name: String
    /// The value that means "without it", which is therefore accepted.
    let neutral: JSON?
    /// What to do instead, as a clause.
    let instead: String

    init(_ name: String, neutral: JSON? = nil, instead: String) {
        self.name = name
        self.neutral = neutral
        self.instead = instead
    }
}

/// The numbers that a field accepts.
package struct Limits: Sendable {
    private let minimum: Double?
    private let maximum: Double?
    private let excludesMinimum: Bool
    private let excludesMaximum: Bool

    private init(
        _ minimum: Double?, _ maximum: Double?, excludesMinimum: Bool = false, excludesMaximum: Bool = false
    ) {
        self.minimum = minimum
        self.maximum = maximum
        self.excludesMinimum = excludesMinimum
        self.excludesMaximum = excludesMaximum
    }

    /// Above 0.
    static let positive = Limits(0, nil, excludesMinimum: true)
    /// 0 or more.
    static let notNegative = Limits(0, nil)
    /// 0 to 1, both included.
    static let fraction = Limits(0, 1)
    /// From 0 up to but not 1.
    static let belowOne = Limits(0, 1, excludesMaximum: true)

    /// Above 0 and at most `maximum`.
    static func positive(upTo maximum: Double) -> Limits { Limits(0, maximum, excludesMinimum: true) }
    static func atLeast(_ minimum: Double) -> Limits { Limits(minimum, nil) }
    static func within(_ range: ClosedRange<Double>) -> Limits { Limits(range.lowerBound, range.upperBound) }

    /// Whether `value` is allowed; a number that is not finite never is.
    func contains(_ value: Double) -> Bool {
        guard value.isFinite else { return false }
        if let minimum, excludesMinimum ? value <= minimum : value < minimum { return false }
        if let maximum, excludesMaximum ? value >= maximum : value > maximum { return false }
        return true
    }

    /// The range in words: `above 0`, `from 0 to 1`.
    var words: String {
        let low = minimum.map(Self.text), high = maximum.map(Self.text)
        return switch (low, high) {
        case (let low?, let high?) where excludesMinimum: "above \(low) and at most \(high)"
        case (let low?, let high?) where excludesMaximum: "at least \(low) and below \(high)"
        case (let low?, let high?): "from \(low) to \(high)"
        case (let low?, nil): excludesMinimum ? "above \(low)" : "at least \(low)"
        case (nil, let high?): "at most \(high)"
        case (nil, nil): "finite"
        }
    }

    fileprivate var schema: [(String, JSON)] {
        var pairs: [(String, JSON)] = []
        if let minimum { pairs.append((excludesMinimum ? "exclusiveMinimum" : "minimum", Self.json(minimum))) }
        if let maximum { pairs.append((excludesMaximum ? "exclusiveMaximum" : "maximum", Self.json(maximum))) }
        return pairs
    }

    private static func json(_ value: Double) -> JSON { Int(exactly: value).map(JSON.integer) ?? .number(value) }
    private static func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}
