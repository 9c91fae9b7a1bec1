import OrderedCollections
import TextCore

/// A value on its way into a resolved recipe.
package indirect enum ResolvedValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    /// An absolute path.
    case path(String)
    /// Text with references such as `${env:NAME}` that must be written as it is.
    case reference(String)
    case list([ResolvedValue])
    case mapping([Pair])

    package struct Pair: Sendable, Hashable {
        let key: String
        var value: ResolvedValue
    }

    static func mapping(_ pairs: [(key: String, value: ResolvedValue)]) -> ResolvedValue {
        .mapping(pairs.map { Pair(key: $0.key, value: $0.value) })
    }

    var isNull: Bool { self == .null }

    var json: JSON {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): Int(exactly: value).map(JSON.integer) ?? .number(value)
        case .string(let text), .path(let text), .reference(let text): .string(text)
        case .list(let elements): .array(elements.map(\.json))
        case .mapping(let pairs):
            .object(OrderedDictionary(pairs.map { ($0.key, $0.value.json) }, uniquingKeysWith: { $1 }))
        }
    }

    /// This value with the references of `node` put back where it has some, so that no secret is written.
    func restoringReferences(of node: RecipeNode?) -> ResolvedValue {
        guard let node else { return self }
        if let reference = node.reference {
            let isRelative = node.string.map { !$0.hasPrefix("/") && !$0.hasPrefix("~/") } ?? false
            guard case .path = self, isRelative else { return .reference(reference) }
            return .reference(node.position.source.directory.escapingReferences + "/" + reference)
        }
        switch self {
        case .list(let elements):
            return .list(
                elements.enumerated().map { index, element in
                    let written = node.elements.flatMap { $0.indices.contains(index) ? $0[index] : nil }
                    return element.restoringReferences(of: written)
                })
        case .mapping(let pairs):
            return .mapping(pairs.map { Pair(key: $0.key, value: $0.value.restoringReferences(of: node[$0.key])) })
        default:
            return self
        }
    }

    /// This value with every occurrence of a secret in a text replaced by the reference that it came from.
    func hiding(_ secrets: [Secret]) -> ResolvedValue {
        func hidden(_ text: String, _ whole: ResolvedValue) -> ResolvedValue {
            var result = text.escapingReferences
            var found = false
            for secret in secrets where secret.value.utf8.count >= 4 && text.contains(secret.value) {
                result = result.replacing(secret.value.escapingReferences, with: secret.reference)
                found = true
            }
            return found ? .reference(result) : whole
        }
        switch self {
        case .string(let text), .path(let text): return hidden(text, self)
        case .list(let elements): return .list(elements.map { $0.hiding(secrets) })
        case .mapping(let pairs):
            return .mapping(pairs.map { Pair(key: $0.key, value: $0.value.hiding(secrets)) })
        default: return self
        }
    }
}

extension String {
    /// The text with `${` written so that it stands for itself.
    var escapingReferences: String { replacing("${", with: "$${") }
}

extension ResolvedValue {
    /// A value that has no type of its own.
    init(_ json: JSON) {
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
