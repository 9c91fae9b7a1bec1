import OrderedCollections
public import TextCore

/// Where a piece of a recipe was written: a file, or an argument of the command line.
public struct RecipeSource: Sendable, Hashable {
    /// What messages call it: the path as given, or `--set`.
    public let name: String
    /// The absolute folder that relative paths written here start from.
    public let directory: String
    /// Order of the sources in a report: the recipe, its bases from near to far, then the arguments.
    let rank: Int

    package init(name: String, directory: String, rank: Int = 0) {
        self.name = name
        self.directory = directory
        self.rank = rank
    }
}

/// A place in a recipe; prints as `file:line:column`.
///
/// An override's place is `--set:2:5`: its second argument, fifth character.
public struct RecipePosition: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// What the line belongs to.
    public let source: RecipeSource
    /// From 1; of an override, which `--set` it was.
    public let line: Int
    /// From 1, in Unicode scalars.
    public let column: Int

    package init(source: RecipeSource, line: Int, column: Int) {
        self.source = source
        self.line = line
        self.column = column
    }

    public var description: String { "\(source.name):\(line):\(column)" }

    public static func < (first: RecipePosition, second: RecipePosition) -> Bool {
        (first.source.rank, first.source.name, first.line, first.column)
            < (second.source.rank, second.source.name, second.line, second.column)
    }
}

/// A value of a recipe before it has a type, with the place where it was written.
public struct RecipeNode: Sendable, Hashable {
    /// A key and its value, in the order written.
    public struct Entry: Sendable, Hashable {
        public let key: String
        public let keyPosition: RecipePosition
        public var value: RecipeNode
    }

    /// What YAML's core schema makes of the text.
    public enum Content: Sendable, Hashable {
        case null
        case bool(Bool)
        case integer(Int)
        case number(Double)
        case string(String)
        case list([RecipeNode])
        case mapping([Entry])
    }

    public var content: Content
    public let position: RecipePosition
    /// The text as written, when it had references such as `${env:NAME}` that `content` has replaced.
    package var reference: String?

    package init(_ content: Content, at position: RecipePosition, reference: String? = nil) {
        self.content = content
        self.position = position
        self.reference = reference
    }

    /// The entries, when this is a mapping.
    public var entries: [Entry]? { if case .mapping(let entries) = content { entries } else { nil } }

    /// The elements, when this is a list.
    public var elements: [RecipeNode]? { if case .list(let elements) = content { elements } else { nil } }

    /// The text, when this is a string.
    public var string: String? { if case .string(let text) = content { text } else { nil } }

    /// Whether nothing is written here: `null`, `~` or empty.
    public var isNull: Bool { content == .null }

    /// The value of a mapping's key, or of a list's index, along a path such as `data.train.0.path`.
    public subscript(path: String) -> RecipeNode? {
        var node = self
        for step in path.split(separator: ".") {
            if let entry = node.entries?.first(where: { $0.key == step }) {
                node = entry.value
            } else if let elements = node.elements, let index = Int(step), elements.indices.contains(index) {
                node = elements[index]
            } else {
                return nil
            }
        }
        return node
    }

    /// The value with a type for a field that wants no string: what a whole reference stands for is read as YAML.
    var scalar: Content {
        if reference != nil, case .string(let text) = content { YAMLScalar.resolve(text) } else { content }
    }

    /// The value in the words of a message; of a reference its text, never what it stands for.
    var shown: String {
        if let reference { return "'\(reference)'" }
        return switch content {
        case .null: "nothing"
        case .bool(let value): "\(value)"
        case .integer(let value): "the integer \(value)"
        case .number(let value): "the number \(value)"
        case .string(let text): "the string '\(text.count > 60 ? text.prefix(57) + "…" : text[...])'"
        case .list: "a list"
        case .mapping: "a block of keys"
        }
    }

    /// The same value as JSON, without positions.
    public var json: JSON {
        switch content {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let text): .string(text)
        case .list(let elements): .array(elements.map(\.json))
        case .mapping(let entries):
            .object(OrderedDictionary(entries.map { ($0.key, $0.value.json) }, uniquingKeysWith: { $1 }))
        }
    }
}
