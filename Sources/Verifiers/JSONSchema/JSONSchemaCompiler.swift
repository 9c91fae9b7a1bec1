import OrderedCollections
import TextCore

/// Turns a schema document into nodes: every schema that is reached gets a number, references are resolved, and what
/// could make a check run for ever is refused.
struct JSONSchemaCompiler {
    private static let nodeLimit = 20_000
    /// Levels down to which the constraints of a missing member are counted, and the most that is counted.
    private static let sizeDepth = 8
    private static let sizeLimit = 1_000_000

    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "format",
        "$defs", "definitions",
    ]
    private static let keywords = [
        "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "minLength",
        "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "required", "minProperties", "maxProperties",
        "properties", "additionalProperties", "items", "prefixItems", "allOf", "anyOf", "oneOf", "not", "$ref", "$defs",
        "definitions",
    ]

    private let root: JSON
    private var nodes: [JSONSchema.Node] = []
    /// The number of the schema at each place of the document.
    private var numbers: [String: Int] = [:]
    private var waiting: [(number: Int, location: String, schema: JSON)] = []

    init(_ root: JSON) { self.root = root }

    mutating func compile() throws(JSONSchemaError) -> [JSONSchema.Node] {
        _ = try number(of: root, at: "#")
        var next = 0
        while next < waiting.count {
            let (number, location, schema) = waiting[next]
            try fill(number, location, schema)
            next += 1
        }
        try refuseCircles()
        countSizes()
        return nodes
    }

    /// The number of a schema that is used at one more place.
    private mutating func number(of schema: JSON, at location: String) throws(JSONSchemaError) -> Int {
        if let number = numbers[location] {
            nodes[number].isShared = true
            return number
        }
        let number = nodes.count
        guard number < Self.nodeLimit else {
            throw JSONSchemaError(location: location, message: "the schema has more than \(Self.nodeLimit) parts")
        }
        nodes.append(JSONSchema.Node())
        numbers[location] = number
        waiting.append((number, location, schema))
        return number
    }

    private mutating func fill(_ number: Int, _ location: String, _ schema: JSON) throws(JSONSchemaError) {
        if let isAnything = schema.bool {
            nodes[number].isNever = !isAnything
            return
        }
        guard let members = schema.object else {
            throw JSONSchemaError(
                location: location, message: "a schema is an object, true or false, and this is \(schema.kind)")
        }
        var node = nodes[number]
        for (keyword, value) in members {
            try read(keyword, value, at: location, into: &node)
        }
        // A member that is checked may have made this one shared.
        node.isShared = node.isShared || nodes[number].isShared
        nodes[number] = node
    }

    private mutating func read(
        _ keyword: String, _ value: JSON, at location: String, into node: inout JSONSchema.Node
    ) throws(JSONSchemaError) {
        let place = location + "/" + Self.escaped(keyword)
        switch keyword {
        case "type": node.types = try types(value, place)
        case "enum":
            guard let values = value.array, !values.isEmpty else { throw malformed(place, "a list of values", value) }
            node.leaves.append(
                .oneOf(Set(values.map(\.canonicalBytes)), text: "one of \(Self.short(value))"))
        case "const": node.leaves.append(.oneOf([value.canonicalBytes], text: Self.short(value)))
        case "minimum", "exclusiveMinimum":
            node.leaves.append(.minimum(try bound(value, place), exclusive: keyword == "exclusiveMinimum"))
        case "maximum", "exclusiveMaximum":
            node.leaves.append(.maximum(try bound(value, place), exclusive: keyword == "exclusiveMaximum"))
        case "multipleOf":
            guard let unit = ExactDecimal(value), !unit.isNegative, unit.digits > 0 else {
                throw malformed(place, "a number greater than 0", value)
            }
            node.leaves.append(.multiple(unit, text: value.text()))
        case "minLength": node.leaves.append(.minLength(try count(value, place)))
        case "maxLength": node.leaves.append(.maxLength(try count(value, place)))
        case "minItems": node.leaves.append(.minItems(try count(value, place)))
        case "maxItems": node.leaves.append(.maxItems(try count(value, place)))
        case "minProperties": node.leaves.append(.minProperties(try count(value, place)))
        case "maxProperties": node.leaves.append(.maxProperties(try count(value, place)))
        case "uniqueItems":
            guard let isUnique = value.bool else { throw malformed(place, "true or false", value) }
            if isUnique { node.leaves.append(.uniqueItems) }
        case "pattern":
            guard let pattern = value.string else { throw malformed(place, "a regular expression", value) }
            do throws(RegexError) {
                node.leaves.append(.pattern(try LinearRegex(pattern)))
            } catch {
                throw JSONSchemaError(location: place, message: error.description)
            }
        case "required": node.required = try names(value, place)
        default: try readApplicator(keyword, value, at: location, into: &node)
        }
    }

    private mutating func readApplicator(
        _ keyword: String, _ value: JSON, at location: String, into node: inout JSONSchema.Node
    ) throws(JSONSchemaError) {
        let place = location + "/" + Self.escaped(keyword)
        switch keyword {
        case "properties":
            guard let members = value.object else { throw malformed(place, "an object of schemas", value) }
            for (key, schema) in members {
                node.properties[key] = try number(of: schema, at: place + "/" + Self.escaped(key))
            }
        case "additionalProperties": node.additionalProperties = try rest(value, place)
        case "items":
            guard value.array == nil else {
                throw JSONSchemaError(
                    location: place, message: "a list under `items` is an older draft; write `prefixItems` instead")
            }
            node.items = try rest(value, place)
        case "prefixItems": node.prefixItems = try schemas(value, place)
        case "allOf": node.all += try schemas(value, place)
        case "anyOf": node.anyOf = try schemas(value, place)
        case "oneOf": node.oneOf = try schemas(value, place)
        case "not": node.not = try number(of: value, at: place)
        case "$ref": node.all.append(try reference(value, place))
        case "$schema":
            guard let draft = value.string, draft.contains("draft/2020-12") else {
                throw JSONSchemaError(
                    location: place,
                    message:
                        "only draft 2020-12 is understood, and \(Self.short(value)) is named; where the schema has "
                        + "nothing of another draft, leave `$schema` out")
            }
        case "$id":
            // At the root it names the document, and all references are local anyhow.
            guard location == "#" else { throw unsupported(keyword, location) }
        default:
            guard Self.annotations.contains(keyword) else { throw unsupported(keyword, location) }
        }
    }

    private func unsupported(_ keyword: String, _ location: String) -> JSONSchemaError {
        let hint = nearestName(to: keyword, among: Self.keywords).map { " Did you mean '\($0)'?" } ?? ""
        return JSONSchemaError(location: location, message: "keyword '\(keyword)' is not supported.\(hint)")
    }

    private func malformed(_ place: String, _ expectation: String, _ value: JSON) -> JSONSchemaError {
        JSONSchemaError(location: place, message: "\(expectation) is expected, and \(Self.short(value)) is given")
    }

    // MARK: Values of keywords

    private static func short(_ value: JSON) -> String {
        let text = value.text()
        return text.utf8.count <= 200 ? text : String(text.prefix(200)) + "…"
    }

    private static func escaped(_ key: String) -> String {
        key.replacing("~", with: "~0").replacing("/", with: "~1")
    }

    private func types(_ value: JSON, _ place: String) throws(JSONSchemaError) -> JSONTypes {
        var types: JSONTypes = []
        for name in value.array ?? [value] {
            guard let type = JSONTypes.named.first(where: { $0.name == name.string })?.type else {
                throw malformed(place, "one of \(JSONTypes.named.map(\.name).joined(separator: ", "))", name)
            }
            types.formUnion(type)
        }
        guard !types.isEmpty else { throw malformed(place, "at least one type", value) }
        return types
    }

    private func bound(_ value: JSON, _ place: String) throws(JSONSchemaError) -> JSON {
        guard let number = value.double, number.isFinite else { throw malformed(place, "a number", value) }
        return value
    }

    private func count(_ value: JSON, _ place: String) throws(JSONSchemaError) -> Int {
        guard let count = value.int, count >= 0 else { throw malformed(place, "a whole number of at least 0", value) }
        return count
    }

    private func names(_ value: JSON, _ place: String) throws(JSONSchemaError) -> [String] {
        var names: [String] = []
        for element in value.array ?? [.null] {
            guard let name = element.string else { throw malformed(place, "a list of names", value) }
            names.append(name)
        }
        return names
    }

    private mutating func schemas(_ value: JSON, _ place: String) throws(JSONSchemaError) -> [Int] {
        guard let schemas = value.array, !schemas.isEmpty else { throw malformed(place, "a list of schemas", value) }
        var numbers: [Int] = []
        for (index, schema) in schemas.enumerated() { numbers.append(try number(of: schema, at: "\(place)/\(index)")) }
        return numbers
    }

    private mutating func rest(_ value: JSON, _ place: String) throws(JSONSchemaError) -> JSONSchema.Rest {
        if let isAnything = value.bool { return isAnything ? .anything : .nothing }
        return .schema(try number(of: value, at: place))
    }

    private mutating func reference(_ value: JSON, _ place: String) throws(JSONSchemaError) -> Int {
        guard let text = value.string else { throw malformed(place, "a reference such as #/$defs/node", value) }
        guard text == "#" || text.hasPrefix("#/") else {
            throw JSONSchemaError(
                location: place,
                message:
                    "only references into this schema are followed, such as #/$defs/node, and \(Self.short(value)) is none"
            )
        }
        var location = "#"
        var schema = root
        for token in text.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false) where text != "#" {
            let key = (Self.decoded(token) ?? String(token)).replacing("~1", with: "/").replacing("~0", with: "~")
            let child: JSON?
            if let elements = schema.array {
                child = Int(key).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
            } else {
                child = schema[key]
            }
            guard let child else {
                throw JSONSchemaError(
                    location: place, message: "\(Self.short(value)) leads nowhere: there is no '\(key)'")
            }
            schema = child
            location += "/" + Self.escaped(key)
        }
        return try number(of: schema, at: location)
    }

    /// A text in which `%2F` and its like are the bytes they stand for; `nil` when those are no text.
    private static func decoded(_ token: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = token.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%"), rest.count >= 2, let code = UInt8(Substring(rest.prefix(2)), radix: 16)
            else {
                bytes.append(byte)
                continue
            }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    // MARK: The whole

    /// The children that look at the same value.
    private func inPlace(_ node: JSONSchema.Node) -> [Int] {
        node.all + node.anyOf + node.oneOf + (node.not.map { [$0] } ?? [])
    }

    /// Refuses references that lead to themselves at the same value, and chains too long to follow.
    private func refuseCircles() throws(JSONSchemaError) {
        var parents = Array(repeating: 0, count: nodes.count)
        for node in nodes { for child in inPlace(node) { parents[child] += 1 } }
        var ready = nodes.indices.filter { parents[$0] == 0 }
        var length = Array(repeating: 1, count: nodes.count)
        var next = 0
        while next < ready.count {
            let number = ready[next]
            next += 1
            for child in inPlace(nodes[number]) {
                length[child] = max(length[child], length[number] + 1)
                parents[child] -= 1
                if parents[child] == 0 { ready.append(child) }
            }
        }
        if let number = parents.firstIndex(where: { $0 > 0 }) {
            throw JSONSchemaError(
                location: location(of: number),
                message: "this leads to itself without going down into the value, so it could never be decided")
        }
        if let number = length.firstIndex(where: { $0 > JSONSchema.chainLimit }) {
            throw JSONSchemaError(
                location: location(of: number),
                message:
                    "more than \(JSONSchema.chainLimit) of $ref, allOf, anyOf, oneOf and not stand inside each other")
        }
    }

    private func location(of number: Int) -> String { numbers.first { $0.value == number }?.key ?? "#" }

    /// Counts the leaf constraints of each schema: its own, those it refers to, and those of members it requires.
    private mutating func countSizes() {
        let own = nodes.map { node in
            var count = node.leaves.count + node.required.count
            if node.types != nil { count += 1 }
            if case .nothing = node.additionalProperties { count += 1 }
            if case .nothing = node.items { count += 1 }
            return count + (node.anyOf.isEmpty ? 0 : 1) + (node.oneOf.isEmpty ? 0 : 1) + (node.not == nil ? 0 : 1)
        }
        let children = nodes.map { node in node.all + node.required.compactMap { node.properties[$0] } }
        var sizes = own
        for _ in 0..<Self.sizeDepth {
            sizes = nodes.indices.map { number in
                children[number].reduce(own[number]) { min(Self.sizeLimit, $0 + sizes[$1]) }
            }
        }
        for number in nodes.indices { nodes[number].size = max(1, sizes[number]) }
    }
}
