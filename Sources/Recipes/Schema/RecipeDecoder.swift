import Foundation
import TextCore

/// The state of one decoding: where it is, what was written, and what is wrong.
package final class RecipeDecoder {
    private(set) var problems: [RecipeProblem] = []
    /// Problems that are looked for; a file of more is one wrong file.
    private static let largestCount = 100
    private var path: [String] = []
    /// The default of the field being decoded, to show when its value has a wrong type.
    var example: (key: String, text: String)?
    let root: RecipeNode
    let checksFiles: Bool
    /// What the file is, in messages, and the keys it may have; `nil` for a recipe.
    let other: (subject: String, schema: SectionSchema)?

    init(root: RecipeNode, checksFiles: Bool, other: (subject: String, schema: SectionSchema)? = nil) {
        self.root = root
        self.checksFiles = checksFiles
        self.other = other
    }

    private var subject: String { other?.subject ?? "the recipe" }

    /// The place in the recipe: `data.train.0.path`; empty at the top.
    var key: String { path.joined(separator: ".") }
    /// The last key of the place, without list positions.
    var leaf: String { path.last { Int($0) == nil } ?? "" }

    func at<Result>(_ step: String, _ body: () -> Result) -> Result {
        path.append(step)
        defer { path.removeLast() }
        return body()
    }

    /// The whole key of `name` in the section being decoded.
    func key(_ name: String) -> String { (path + [name]).joined(separator: ".") }

    /// Whether the recipe writes `name` in the section being decoded (null counts as not written).
    func isWritten(_ name: String) -> Bool { root[key(name)].map { !$0.isNull } ?? false }

    /// Where `name` of this section is written; else where the section is.
    func position(_ name: String) -> RecipePosition { position(of: key(name)) }

    /// Where the value of the whole key `path` is written; else the nearest place above it.
    func position(of path: String) -> RecipePosition { root.nearestPosition(of: path) }

    // MARK: Reports

    func report(_ node: RecipeNode, _ what: String, why: String, fix: String) {
        report(node.position, what, why: why, fix: fix)
    }

    func report(_ name: String, _ what: String, why: String, fix: String) {
        report(position(name), what, why: why, fix: fix)
    }

    func report(_ place: RecipePosition, _ what: String, why: String, fix: String) {
        report(RecipeProblem(place, what, why: why, fix: fix))
    }

    private func report(_ problem: RecipeProblem) {
        if problems.count < Self.largestCount { problems.append(problem) }
    }

    /// - Parameters:
    ///   - sample: a value of the right type, shown when the field has no default.
    ///   - fix: the fix, where it is not to write such a value.
    func reportType(_ node: RecipeNode, expected: String, example sample: String, fix: String? = nil) {
        let shown = example.flatMap { $0.key == key ? $0.text : nil } ?? sample
        let advice =
            key.isEmpty
            ? "Write keys and values" + (other == nil ? ", beginning with `schema: 1`" : "")
            : "Write for example `\(leaf): \(shown)`"
        report(
            node, "\(key.isEmpty ? subject : key) must be \(expected), not \(node.shown)",
            why: "Another type would have to be guessed at", fix: fix ?? unquoting(node, expected) ?? advice)
    }

    /// The fix for a number that YAML reads as text.
    private func unquoting(_ node: RecipeNode, _ expected: String) -> String? {
        guard expected.contains("number") || expected.contains("integer"), node.reference == nil,
            let text = node.string
        else { return nil }
        let bare = text.replacing("_", with: "").replacing(",", with: "")
        switch YAMLScalar.resolve(bare) {
        case .integer, .number:
            return bare == text
                ? "Remove the quotes: `\(leaf): \(text)`" : "Write the digits alone: `\(leaf): \(bare)`"
        default:
            return nil
        }
    }

    func reportRange(_ node: RecipeNode, _ value: Double, _ limits: Limits) {
        let shown = node.reference == nil ? Int(exactly: value).map(String.init) ?? "\(value)" : node.shown
        report(
            node, "\(key) is \(shown), which is out of range",
            why: other == nil
                ? "Training with it would be meaningless or fail later" : "Nothing that follows from it would be true",
            fix: "Write a value \(limits.words)")
    }

    func reportMissing(_ member: SectionSchema.Member, of section: SectionSchema, at place: RecipePosition) {
        let home = path.dropLast()
        var fix = "Add `\(member.name): \(member.shape.sample)`"
        if section.shorthand == member.name, let name = home.last, Int(name) == nil {
            fix = "Add `\(name): \(member.shape.sample)`"
        } else if !home.isEmpty {
            fix += " to \(home.joined(separator: "."))"
        }
        report(place, "\(key) is missing", why: "It has no default: \(member.doc.asClause)", fix: fix)
    }

    func reportUnread(_ entry: RecipeNode.Entry, in schema: SectionSchema) {
        // Looking for what each of a million wrong keys may mean would take longer than anybody reads.
        guard problems.count < Self.largestCount else { return }
        if let planned = schema.planned.first(where: { $0.name == entry.key }) {
            if entry.value.isNull { return }
            if let neutral = planned.neutral, entry.value.json == neutral { return }
            report(
                entry.keyPosition, "\(key(entry.key)) is not available in this version of Hone",
                why: "Going on without it would give another run than the recipe describes", fix: planned.instead)
            return
        }
        let inside = path.isEmpty ? "at the top of \(subject)" : "in \(key)"
        report(
            entry.keyPosition, "unknown key '\(entry.key)' \(inside)",
            why: "Nothing reads it, so what it asks for would not happen",
            fix: other.map { KeyHints.hint(for: entry.key, in: schema, of: $0.schema) }
                ?? KeyHints.hint(for: entry.key, in: schema, at: path))
    }

    func checkExclusive(_ group: [String], _ entries: [RecipeNode.Entry]) {
        let written = entries.filter { group.contains($0.key) && !$0.value.isNull }
        guard let second = written.dropFirst().first else { return }
        let names = written.map { key($0.key) }.joined(separator: " and ")
        report(
            second.keyPosition, "\(names) are both written, but only one can hold",
            why: "One of them would be ignored", fix: "Keep one of \(group.map { "`\($0)`" }.joined(separator: ", "))")
    }

    // MARK: Files

    func checkExists(_ path: RecipePath, _ kind: PathKind, _ node: RecipeNode) {
        guard checksFiles else { return }
        // A list of paths is checked with the node of each.
        if let elements = node.elements {
            for element in elements where element.string.map({ path.absolute.hasSuffix($0) }) ?? false {
                return checkExists(path, kind, element)
            }
        }
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path.absolute, isDirectory: &isFolder)
        let noun = kind == .folder ? "folder" : kind == .file ? "file" : "file or folder"
        let shown = node.reference.map { "'\($0)'" } ?? "'\(path.absolute)'"
        if exists, kind == .either || isFolder.boolValue == (kind == .folder) { return }
        let what =
            exists
            ? "\(key): \(shown) is a \(isFolder.boolValue ? "folder" : "file"), not a \(noun)"
            : "\(key): there is no \(noun) \(shown)"
        report(
            RecipeProblem(
                node.position, what, why: "The run would stop as soon as it needs it",
                fix: exists ? "Write the path of a \(noun)" : advice(path, node), isMissingFile: !exists))
    }

    private func advice(_ path: RecipePath, _ node: RecipeNode) -> String {
        let folder = path.url.deletingLastPathComponent().path
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        if let near = nearestName(to: path.name, among: names), near != path.name {
            return "Did you mean '\(near)' in \(folder)?"
        }
        if let text = node.string, !text.hasPrefix("/") {
            let here = RecipePath(text)
            if here != path, FileManager.default.fileExists(atPath: here.absolute) {
                return "Paths start from the recipe's folder, not from the current one; write \(here.absolute)"
            }
        }
        if key == "model.path", node.reference == nil, let text = node.string, text.first != ".", text.first != "/",
            text.split(separator: "/").count == 2
        {
            return
                "Hone reads folders and downloads nothing; fetch the model first: `hf download \(text) --local-dir \(path.absolute)`"
        }
        if !FileManager.default.fileExists(atPath: folder) { return "The folder \(folder) does not exist either" }
        return "Paths start from the folder of the file they are written in; write the path from there, or from '/'"
    }
}

extension RecipeNode {
    /// Where the value at `path` is written; else the nearest place above it.
    package func nearestPosition(of path: String) -> RecipePosition {
        var steps = path.split(separator: ".")
        while !steps.isEmpty {
            if let node = self[steps.joined(separator: ".")] { return node.position }
            steps.removeLast()
        }
        return position
    }
}

extension ValueShape {
    /// A value to show in a message.
    fileprivate var sample: String {
        switch self {
        case .scalar(let schema, let expected):
            schema["const"]?.text() ?? schema["enum"]?.array?.first?.string
                ?? (expected == "a path" ? "path/to/it" : expected == "an integer" ? "1" : "…")
        case .list(let element, true): element.sample
        case .list: "[…]"
        case .names: "{…}"
        case .section(let schema): schema.shorthand.flatMap { schema.field($0)?.shape.sample } ?? "{…}"
        }
    }
}

extension String {
    /// The sentence as the end of another.
    fileprivate var asClause: String {
        let text = hasSuffix(".") ? String(dropLast()) : self
        let isWord = text.dropFirst().first?.isLowercase ?? false
        return isWord ? text.prefix(1).lowercased() + text.dropFirst() : text
    }
}
