import OrderedCollections
import TextCore

/// The texts and messages among a row's columns, read straight from its JSON text without a tree.
struct TypedColumns {
    /// What a column of texts or messages holds.
    enum Content {
        case text(String)
        /// Messages and, unless all may be trained, which of them may.
        case messages([JSON], mayTrain: [Bool]?)
    }

    private let names: [String]
    fileprivate var contents: [Content?]

    fileprivate init(_ names: [String]) {
        self.names = names
        contents = Array(repeating: nil, count: names.count)
    }

    subscript(key: String) -> Content? { names.firstIndex(of: key).flatMap { contents[$0] } }

    mutating func take(_ key: String) -> Content? {
        guard let index = names.firstIndex(of: key) else { return nil }
        return contents[index].take()
    }
}

/// The names of a format's columns of texts and messages, made ready to be compared with a row's bytes.
struct TypedColumnNames {
    let names: [String]
    fileprivate let keys: [ShortKey]

    /// - Precondition: every name has 1 to 16 bytes, and there are at most 64.
    init(_ names: [String]) {
        self.names = names
        keys = names.map(ShortKey.init)
    }
}

extension RowFields {
    /// The columns of the row that `bytes` are the JSON text of.
    ///
    /// Only what is usual is read: where a row has anything else this gives `nil`, and the row is parsed as a tree, which
    /// finds what it means or what is wrong with it. A row so means the same however it was read.
    init?(_ typed: TypedColumnNames, _ bytes: UnsafeRawBufferPointer, provenance: Provenance) {
        let limits = JSONLimits()
        guard bytes.count <= limits.bytes else { return nil }
        var parser = TypedRowParser(reader: JSONReader(bytes, limits: limits), provenance: provenance)
        var columns = TypedColumns(typed.names)
        do throws(TypedRowParser.Unusual) {
            let others = try parser.row(typed.keys, contents: &columns.contents)
            self.init(columns, others: others, provenance: provenance)
        } catch {
            return nil
        }
    }
}

extension TypedColumns.Content {
    /// The column as a row has it.
    var json: JSON {
        switch self {
        case .text(let text): .string(text)
        case .messages(let messages, nil): .array(messages)
        case .messages(let messages, let mayTrain?):
            .array(zip(messages, mayTrain).map { $0.withTrainingWeight($1) })
        }
    }
}

private struct TypedRowParser {
    /// Something in the row is not usual, or is wrong.
    struct Unusual: Error {}

    var reader: JSONReader
    let provenance: Provenance

    /// Reads the object that a row is: the columns with these keys into `contents`, and all others.
    mutating func row(_ keys: [ShortKey], contents: inout [TypedColumns.Content?]) throws(Unusual)
        -> OrderedDictionary<String, JSON>
    {
        var others: OrderedDictionary<String, JSON> = [:]
        var seen: UInt64 = 0
        var hasNulls = false
        try take("{")
        repeat {
            guard reader.peek() == UInt8(ascii: "\"") else { throw Unusual() }
            let start = reader.position
            guard let name = reader.takePlainBytes() else { throw Unusual() }
            if let key = ShortKey(name), let index = keys.firstIndex(of: key) {
                guard seen & (1 << UInt64(index)) == 0 else { throw Unusual() }
                seen |= 1 << UInt64(index)
                try take(":")
                contents[index] = try content()
            } else {
                reader.position = start
                let name = try string()
                try take(":")
                let value = try value(depth: 1).withoutNulls
                hasNulls = hasNulls || value.isNull
                if others.isEmpty { others.reserveCapacity(4) }
                guard others.updateValue(value, forKey: name) == nil else { throw Unusual() }
            }
        } while reader.take(UInt8(ascii: ","))
        try take("}")
        guard reader.peek() == nil else { throw Unusual() }
        return hasNulls ? others.filter { !$0.value.isNull } : others
    }

    /// Reads a text, a list of messages or `null`.
    private mutating func content() throws(Unusual) -> TypedColumns.Content? {
        switch reader.peek() {
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "["): return try messages()
        case UInt8(ascii: "n"):
            _ = try value(depth: 1)
            return nil
        default: throw Unusual()
        }
    }

    private mutating func messages() throws(Unusual) -> TypedColumns.Content {
        try take("[")
        if reader.take(UInt8(ascii: "]")) { return .messages([], mayTrain: nil) }
        // Most lists hold one message: they get the memory of one.
        if let message = try plainMessage() {
            if reader.take(UInt8(ascii: "]")) { return .messages([message], mayTrain: nil) }
            try take(",")
            return try messages(after: [message])
        }
        return try messages(after: [])
    }

    private mutating func messages(after first: [JSON]) throws(Unusual) -> TypedColumns.Content {
        var messages = first
        var mayTrain: [Bool]?
        repeat {
            if let message = try plainMessage() {
                messages.append(message)
                mayTrain?.append(true)
            } else {
                let (message, isTrained) = try anyMessage()
                if !isTrained, mayTrain == nil { mayTrain = messages.map { _ in true } }
                messages.append(message)
                mayTrain?.append(isTrained)
            }
        } while reader.take(UInt8(ascii: ","))
        try take("]")
        return .messages(messages, mayTrain: mayTrain)
    }

    /// Reads `{"role": …, "content": "…"}` in either order, with a known role; takes nothing and gives `nil` of all else.
    private mutating func plainMessage() throws(Unusual) -> JSON? {
        guard reader.peek() == UInt8(ascii: "{") else { throw Unusual() }
        let start = reader.position
        reader.position += 1
        guard let first = reader.takePlainBytes(), reader.take(UInt8(ascii: ":")) else { throw Unusual() }
        let shapes = MessageShapes.shared
        let firstKey = ShortKey(first)
        let isRoleFirst = firstKey == MessageShapes.role
        var role: Int?
        var content: String?
        if isRoleFirst {
            role = knownRole()
        } else if firstKey == MessageShapes.content {
            content = try stringIfNext()
        }
        if role != nil || content != nil, reader.take(UInt8(ascii: ",")), let second = reader.takePlainBytes(),
            reader.take(UInt8(ascii: ":"))
        {
            let secondKey = ShortKey(second)
            if isRoleFirst, secondKey == MessageShapes.content {
                content = try stringIfNext()
            } else if !isRoleFirst, secondKey == MessageShapes.role {
                role = knownRole()
            }
        }
        guard let role, let content, reader.take(UInt8(ascii: "}")) else {
            reader.position = start
            return nil
        }
        return shapes.message(role: role, content: content, isRoleFirst: isRoleFirst)
    }

    /// Takes a known role's name and gives its number; `nil` where none comes next.
    private mutating func knownRole() -> Int? {
        guard let name = reader.takePlainBytes(), let key = ShortKey(name) else { return nil }
        return MessageShapes.shared.roleKeys.firstIndex(of: key)
    }

    private mutating func stringIfNext() throws(Unusual) -> String? {
        reader.peek() == UInt8(ascii: "\"") ? try string() : nil
    }

    /// Reads a message as a tree and checks it as every format does.
    private mutating func anyMessage() throws(Unusual) -> (JSON, Bool) {
        let element = try value(depth: 2).withoutNulls
        do throws(DataError) {
            return try RowFields(RawRow(fields: [:], provenance: provenance)).checkedMessage(element, at: "$")
        } catch {
            throw Unusual()
        }
    }

    private mutating func take(_ byte: Unicode.Scalar) throws(Unusual) {
        guard reader.take(UInt8(ascii: byte)) else { throw Unusual() }
    }

    private mutating func value(depth: Int) throws(Unusual) -> JSON {
        do throws(JSONError) { return try reader.value(depth: depth) } catch { throw Unusual() }
    }

    private mutating func string() throws(Unusual) -> String {
        do throws(JSONError) { return try reader.string() } catch { throw Unusual() }
    }
}

/// Messages with a role and a text, which nearly all are: their keys are stored once for all of them.
private final class MessageShapes: Sendable {
    static let shared = MessageShapes()

    static let role = ShortKey("role")
    static let content = ShortKey("content")

    private let roleFirst: OrderedDictionary<String, JSON> = ["role": .null, "content": .null]
    private let contentFirst: OrderedDictionary<String, JSON> = ["content": .null, "role": .null]
    private let roles = knownRoles.map { JSON.string($0) }
    let roleKeys = knownRoles.map(ShortKey.init)

    /// - Parameter role: the number of a known role.
    func message(role: Int, content: String, isRoleFirst: Bool) -> JSON {
        var members = isRoleFirst ? roleFirst : contentFirst
        members.values.withContiguousMutableStorageIfAvailable { values in
            values[isRoleFirst ? 0 : 1] = roles[role]
            values[isRoleFirst ? 1 : 0] = .string(content)
        }
        return .object(members)
    }
}

/// A name of 1 to 16 bytes in two words: its first and its last eight bytes, which overlap.
private struct ShortKey: Equatable {
    private let first: UInt64
    private let last: UInt64
    private let count: Int

    /// - Precondition: `name` has 1 to 16 bytes.
    init(_ name: String) {
        let key = Array(name.utf8).withUnsafeBytes { ShortKey($0) }
        guard let key else { preconditionFailure("a typed column's name has 1 to 16 bytes, and '\(name)' has not") }
        self = key
    }

    /// - Returns: `nil` of bytes that are none, or more than 16.
    init?(_ bytes: UnsafeRawBufferPointer) {
        count = bytes.count
        switch count {
        case 8...16:
            first = bytes.loadUnaligned(as: UInt64.self)
            last = bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        case 4..<8:
            first = UInt64(bytes.loadUnaligned(as: UInt32.self))
            last = UInt64(bytes.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        case 1..<4:
            first = UInt64(bytes[0]) | UInt64(bytes[count / 2]) << 8
            last = UInt64(bytes[count - 1])
        default: return nil
        }
    }
}
