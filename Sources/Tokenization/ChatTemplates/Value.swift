import OrderedCollections
import TextCore

/// A value while a template runs, with Python's distinctions.
enum Value {
    case undefined(Undefined)
    case none
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
    case sequence(SequenceValue)
    case dictionary(DictionaryValue)
    case generator(Generator)
    case namespace(Namespace)
    case loop(LoopState)
    case callable(Callable)
}

/// Why a value is not there; says so when something other than printing or testing is done with it.
indirect enum Undefined {
    case variable(String)
    case attribute(String, of: String)
    case element(String, of: String)
    case unsafe(String, of: String)
    case because(String)

    var failure: TemplateFailure {
        switch self {
        case .variable(let name): TemplateFailure(.undefined, "\(pythonRepresentation(of: name)) is undefined")
        case .attribute(let name, let type):
            TemplateFailure(
                .undefined, "'\(type)' has no attribute \(pythonRepresentation(of: name))")
        case .element(let key, let type): TemplateFailure(.undefined, "\(type) has no element \(key)")
        case .unsafe(let name, let type):
            TemplateFailure(.security, "access to attribute '\(name)' of '\(type)' object is unsafe.")
        case .because(let message): TemplateFailure(.undefined, message)
        }
    }
}

/// A list, a tuple, a view of a dictionary or a range. Values inside each other are at most `maximumDepth` deep, so
/// that walking and freeing them needs a bounded stack.
final class SequenceValue {
    enum Kind: Equatable { case list, tuple, keys, values, items, range(start: Int, stop: Int, step: Int) }

    static let maximumDepth = 128

    let kind: Kind
    let elements: [Value]
    let depth: Int

    /// Elements of one list; a range has fewer.
    static let largestCount = 1 << 20

    init(_ kind: Kind, _ elements: [Value]) throws {
        guard elements.count <= Self.largestCount else {
            throw TemplateFailure(.limit, "a list of more than \(Self.largestCount) elements, the limit")
        }
        self.kind = kind
        self.elements = elements
        depth = try checkedDepth(over: elements)
    }
}

private func checkedDepth(over elements: some Sequence<Value>) throws -> Int {
    var depth = 1
    for element in elements { depth = max(depth, 1 + element.depth) }
    if depth > SequenceValue.maximumDepth {
        throw TemplateFailure(
            .limit, "lists and dictionaries inside each other deeper than \(SequenceValue.maximumDepth), the limit")
    }
    return depth
}

final class DictionaryValue {
    let members: OrderedDictionary<Key, Value>
    let depth: Int

    init(_ members: OrderedDictionary<Key, Value>) throws {
        self.members = members
        depth = try checkedDepth(over: members.values)
    }
}

/// The key of a dictionary: a string by its code points, a number by its value, a truth value or `none`.
enum Key: Hashable {
    case none
    case number(Double)
    case integer(Int)
    case string(String)

    /// - Throws: for values that Python cannot hash, and for tuples.
    init(_ value: Value) throws {
        switch value {
        case .none: self = .none
        case .bool(let flag): self = .integer(flag ? 1 : 0)
        case .integer(let number): self = .integer(number)
        case .double(let number): self = Int(exactly: number).map(Key.integer) ?? .number(number)
        case .string(let text): self = .string(text)
        default: throw TemplateFailure.type("unhashable type: '\(value.typeName)'")
        }
    }

    var value: Value {
        switch self {
        case .none: .none
        case .number(let number): .double(number)
        case .integer(let number): .integer(number)
        case .string(let text): .string(text)
        }
    }

    static func == (left: Key, right: Key) -> Bool {
        switch (left, right) {
        case (.none, .none): true
        case (.number(let a), .number(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.string(let a), .string(let b)): sameCodePoints(a, b)
        default: false
        }
    }

    func hash(into hasher: inout Hasher) {
        switch self {
        case .none: hasher.combine(0)
        case .number(let number): hasher.combine(number)
        case .integer(let number): hasher.combine(number)
        case .string(let text):
            for byte in text.utf8 { hasher.combine(byte) }
        }
    }
}

/// Elements handed out once, as Python's generators do.
final class Generator {
    let elements: [Value]
    private(set) var position = 0

    init(_ elements: [Value]) { self.elements = elements }

    func next() -> Value? {
        guard position < elements.count else { return nil }
        defer { position += 1 }
        return elements[position]
    }

    func rest() -> [Value] {
        defer { position = elements.count }
        return Array(elements[position...])
    }
}

/// Attributes that a template may set from inside a loop.
final class Namespace {
    var attributes: OrderedDictionary<String, Value>

    init(_ attributes: OrderedDictionary<String, Value>) { self.attributes = attributes }
}

/// The variable `loop`.
final class LoopState {
    let elements: [Value]
    let depth: Int
    var index = 0
    let level: Int
    var lastChanged: [Value]?
    /// Runs the body again over other elements; only in a recursive loop.
    var recurse: ((Interpreter, Value) throws -> String)?

    init(elements: [Value], level: Int) throws {
        self.elements = elements
        self.level = level
        depth = try checkedDepth(over: elements)
    }
}

/// A function, a method bound to its value, or a macro.
final class Callable {
    let representation: String
    let attributes: [String: Value]
    /// Nesting of the value that a method is bound to.
    let depth: Int
    let body: (Interpreter, Arguments) throws -> Value

    init(
        _ representation: String, attributes: [String: Value] = [:], depth: Int = 0,
        body: @escaping (Interpreter, Arguments) throws -> Value
    ) {
        self.depth = depth
        self.representation = representation
        self.attributes = attributes
        self.body = body
    }
}

/// What a function, method, filter or test is called with.
struct Arguments {
    var positional: [Value] = []
    var keywords: [(name: String, value: Value)] = []

    /// The arguments in the order of `parameters`, `nil` where none was given.
    ///
    /// - Throws: a type failure for too many, unknown, repeated or missing arguments.
    func bound(_ function: String, _ parameters: [String], required: Int = 0) throws -> [Value?] {
        guard positional.count <= parameters.count else {
            throw TemplateFailure.type(
                "\(function) takes at most \(parameters.count) arguments, \(positional.count) were given")
        }
        var values: [Value?] = positional
        values += Array(repeating: nil, count: parameters.count - positional.count)
        for (name, value) in keywords {
            guard let index = parameters.firstIndex(of: name) else {
                throw TemplateFailure.type("\(function) got an unexpected keyword argument '\(name)'")
            }
            guard values[index] == nil else {
                throw TemplateFailure.type("\(function) got multiple values for argument '\(name)'")
            }
            values[index] = value
        }
        for index in 0..<required where values[index] == nil {
            throw TemplateFailure.type("\(function) is missing its argument '\(parameters[index])'")
        }
        return values
    }
}

extension Value {
    static func list(_ elements: [Value]) throws -> Value { .sequence(try SequenceValue(.list, elements)) }
    static func tuple(_ elements: [Value]) throws -> Value { .sequence(try SequenceValue(.tuple, elements)) }
    static func generator(over elements: [Value]) -> Value { .generator(Generator(elements)) }

    /// The value of JSON data, objects in the order of their keys.
    init(_ json: JSON, level: Int = 0) throws {
        guard level <= SequenceValue.maximumDepth else {
            throw TemplateFailure(.limit, "the data given to the template is nested deeper than the limit")
        }
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .integer(number)
        case .number(let number): self = .double(number)
        case .string(let text): self = .string(text)
        case .array(let elements): self = try .list(elements.map { try Value($0, level: level + 1) })
        case .object(let object):
            var members = OrderedDictionary<Key, Value>(minimumCapacity: object.count)
            for (key, value) in object { members[.string(key)] = try Value(value, level: level + 1) }
            self = .dictionary(try DictionaryValue(members))
        }
    }

    /// Nesting below this value; what is shared and changeable counts as flat.
    var depth: Int {
        switch self {
        case .sequence(let sequence): sequence.depth
        case .dictionary(let dictionary): dictionary.depth
        case .generator(let generator): 1 + (generator.elements.map(\.depth).max() ?? 0)
        case .loop(let state): state.depth
        case .callable(let callable): callable.depth
        default: 0
        }
    }

    var isUndefined: Bool { if case .undefined = self { true } else { false } }

    /// Python's truth of the value.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let flag): flag
        case .integer(let number): number != 0
        case .double(let number): number != 0
        case .string(let text): !text.isEmpty
        case .sequence(let sequence): !sequence.elements.isEmpty
        case .dictionary(let dictionary): !dictionary.members.isEmpty
        case .generator, .namespace, .loop, .callable: true
        }
    }

    /// The name of the Python type, for error messages.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .double: "float"
        case .string: "str"
        case .sequence(let sequence):
            switch sequence.kind {
            case .list: "list"
            case .tuple: "tuple"
            case .keys: "dict_keys"
            case .values: "dict_values"
            case .items: "dict_items"
            case .range: "range"
            }
        case .dictionary: "dict"
        case .generator: "generator"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .callable: "function"
        }
    }

    /// The type as Jinja names it where something is missing from a value.
    var ownerName: String {
        switch self {
        case .none: "None"
        case .namespace: "jinja2.utils.Namespace object"
        case .loop: "jinja2.runtime.LoopContext object"
        default: "\(typeName) object"
        }
    }

    /// The whole number that this is, a truth value included.
    var wholeNumber: Int? {
        switch self {
        case .integer(let number): number
        case .bool(let flag): flag ? 1 : 0
        default: nil
        }
    }

    /// The number that this is, a truth value included.
    var number: Double? {
        switch self {
        case .double(let number): number
        default: wholeNumber.map(Double.init)
        }
    }
}
