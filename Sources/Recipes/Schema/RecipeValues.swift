public import Foundation
public import OrderedCollections
import TextCore

extension Int: RecipeValue {
    package static var shape: ValueShape { .scalar(schema: ["type": "integer"], expected: "an integer") }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Int? {
        switch node.scalar {
        case .integer(let value): return value
        case .number(let value) where Int(exactly: value) != nil && value.magnitude < 0x1p53: return Int(value)
        default:
            decoder.reportType(node, expected: "an integer", example: "16")
            return nil
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .integer(self) }
    package var numbers: [Double] { [Double(self)] }
}

extension Double: RecipeValue {
    package static var shape: ValueShape { .scalar(schema: ["type": "number"], expected: "a number") }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Double? {
        switch node.scalar {
        case .integer(let value): return Double(value)
        case .number(let value): return value
        default:
            decoder.reportType(node, expected: "a number", example: "1e-4")
            return nil
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .number(self) }
    package var numbers: [Double] { [self] }
}

extension Bool: RecipeValue {
    package static var shape: ValueShape { .scalar(schema: ["type": "boolean"], expected: "true or false") }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Bool? {
        if case .bool(let value) = node.scalar { return value }
        let words = ["yes": true, "on": true, "y": true, "no": false, "off": false, "n": false]
        let meant = node.reference == nil ? node.string.flatMap { words[$0.lowercased()] } : nil
        let fix = meant.map { "Write `\(decoder.leaf): \($0)`; YAML 1.2 reads \(node.string ?? "") as text" }
        decoder.reportType(node, expected: "true or false", example: "true", fix: fix)
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .bool(self) }
}

extension String: RecipeValue {
    package static var shape: ValueShape { .scalar(schema: ["type": "string"], expected: "a string") }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> String? {
        if let text = node.string { return text }
        decoder.reportType(node, expected: "a string", example: "\"text\"")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .string(self) }
}

extension Optional: RecipeValue where Wrapped: RecipeValue {
    package static var shape: ValueShape { Wrapped.shape }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Wrapped?? {
        if node.isNull { return .some(nil) }
        return Wrapped.decode(node, decoder).map { .some($0) }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { self?.resolved(purpose) ?? .null }
    package var numbers: [Double] { self?.numbers ?? [] }
    package var paths: [RecipePath] { self?.paths ?? [] }
}

extension Array: RecipeValue where Element: RecipeValue {
    package static var shape: ValueShape { .list(Element.shape, acceptsOne: false) }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> [Element]? {
        guard let nodes = node.elements else {
            decoder.reportType(node, expected: "a list", example: "[…]")
            return nil
        }
        let values = nodes.enumerated().map { index, node in
            decoder.at(String(index)) { Element.decode(node, decoder) }
        }
        let whole = values.compactMap(\.self)
        return whole.count == values.count ? whole : nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        isEmpty ? .null : .list(map { $0.resolved(purpose) })
    }
    package var numbers: [Double] { flatMap(\.numbers) }
    package var paths: [RecipePath] { flatMap(\.paths) }
}

/// An enumeration whose cases are the words a recipe uses.
package protocol RecipeWord: RecipeValue, CaseIterable, RawRepresentable where RawValue == String {
    /// Words of the language that this version cannot do, with what to write instead.
    static var planned: [String: String] { get }
    /// Words of other tools, and the case each is.
    static var spellings: [String: Self] { get }
}

extension RecipeWord {
    package static var planned: [String: String] { [:] }
    package static var spellings: [String: Self] { [:] }

    private static var words: [String] { allCases.map(\.rawValue) }

    package static var shape: ValueShape {
        .scalar(
            schema: ["type": "string", "enum": .array(words.map(JSON.string))],
            expected: "one of \(words.joined(separator: ", "))")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Self? { word(node, decoder) }

    /// The case that `node` names.
    ///
    /// - Parameter others: further words that a slip may have meant.
    static func word(_ node: RecipeNode, _ decoder: RecipeDecoder, others: [String] = []) -> Self? {
        guard let word = node.string else {
            decoder.reportType(node, expected: shape.expected, example: words.first ?? "")
            return nil
        }
        if let value = Self(rawValue: word) { return value }
        if let note = planned[word] {
            decoder.report(
                node,
                "\(decoder.key): \(word) is not available in this version, which has \(words.joined(separator: ", "))",
                why: "Running something else instead would not be what was asked for", fix: note)
            return nil
        }
        let near = spellings[word.lowercased()]?.rawValue ?? nearestName(to: word, among: words + others)
        decoder.report(
            node, "\(decoder.key) must be \(shape.expected), not \(node.shown)",
            why: "An unknown word would leave the choice to chance",
            fix: near.map { "Did you mean '\($0)'?" } ?? "Write for example `\(decoder.leaf): \(words.first ?? "")`")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .string(rawValue) }
}

/// A map from one name to another, in the order written: `columns: {prompt: question}`.
public struct NameMap: Sendable, Hashable {
    /// The names on the left and what each stands for.
    public var names: OrderedDictionary<String, String>

    public init(_ names: OrderedDictionary<String, String> = [:]) { self.names = names }

    public subscript(name: String) -> String? { names[name] }
}

extension NameMap: RecipeValue {
    package static var shape: ValueShape { .names(values: String.shape) }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> NameMap? {
        guard let entries = node.entries else {
            decoder.reportType(node, expected: "a block of names", example: "{prompt: question}")
            return nil
        }
        var names: OrderedDictionary<String, String> = [:]
        for entry in entries {
            if let value = decoder.at(entry.key, { String.decode(entry.value, decoder) }) { names[entry.key] = value }
        }
        return NameMap(names)
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        names.isEmpty ? .null : .mapping(names.map { ($0.key, .string($0.value)) })
    }
}

/// A file or folder, as the absolute path that the recipe's text meant.
public struct RecipePath: Sendable, Hashable, CustomStringConvertible {
    /// Absolute, without `.` and `..`.
    public let absolute: String

    /// - Parameter path: absolute, or relative to `directory`; `~/` is the home folder.
    public init(_ path: String, relativeTo directory: String = FileManager.default.currentDirectoryPath) {
        let whole =
            path.hasPrefix("/")
            ? path
            : path.hasPrefix("~/")
                ? FileManager.default.homeDirectoryForCurrentUser.path + path.dropFirst() : directory + "/" + path
        var steps: [Substring] = []
        for step in whole.split(separator: "/") where step != "." {
            if step == ".." { _ = steps.popLast() } else { steps.append(step) }
        }
        absolute = "/" + steps.joined(separator: "/")
    }

    /// The path as a file URL.
    public var url: URL { URL(fileURLWithPath: absolute) }

    /// The last step of the path.
    public var name: String { absolute.split(separator: "/").last.map(String.init) ?? "/" }

    public var description: String { absolute }
}

extension RecipePath: RecipeValue {
    package static var shape: ValueShape { .scalar(schema: ["type": "string", "minLength": 1], expected: "a path") }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> RecipePath? {
        guard let text = node.string, !text.isEmpty, !text.utf8.contains(0) else {
            decoder.reportType(node, expected: "a path", example: "folder/file.jsonl")
            return nil
        }
        return RecipePath(text, relativeTo: node.position.source.directory)
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        // What a file holds has its own fingerprint; where it lies changes nothing.
        purpose == .fingerprint ? .string(name) : .path(absolute)
    }
    package var paths: [RecipePath] { [self] }
}

/// What must be where a path points.
package enum PathKind: Sendable {
    case file
    case folder
    case either
}
