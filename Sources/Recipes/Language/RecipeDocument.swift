public import Foundation
import TextCore

/// A recipe as one tree: its file, the files it extends, the overrides and the references, put together.
public struct RecipeDocument: Sendable {
    /// The path as given.
    public let path: String
    /// The tree, shorthands written out, references replaced.
    public let root: RecipeNode
    /// The recipe and the files it extends, nearest first.
    public let files: [String]
    /// The `--set` arguments, as given.
    public let overrides: [String]
    /// What came from the environment.
    package let secrets: [Secret]

    /// Most files in a chain of `extends`.
    static let chainLimit = 16

    /// Reads the recipe at `path`.
    ///
    /// - Parameters:
    ///   - overrides: `--set` arguments, applied in order.
    ///   - environment: what `${env:NAME}` reads.
    /// - Throws: `RecipeError` when a file is missing or broken, when `extends` goes in a circle, when an override
    ///   cannot be applied, or when a reference has no value.
    public static func load(
        _ path: String, overrides: [String] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(RecipeError) -> RecipeDocument {
        let source = RecipeSource(
            name: path, directory: RecipePath(path).url.deletingLastPathComponent().path, rank: 0)
        let bytes = try read(RecipePath(path), asked: RecipePosition(source: source, line: 1, column: 1))
        return try RecipeDocument(
            bytes, source: source, file: RecipePath(path), overrides: overrides, environment: environment)
    }

    /// Reads a recipe from text, as if it were the file `name` in `directory`.
    ///
    /// - Throws: `RecipeError`, as `load` does.
    public static func parse(
        _ text: String, name: String = "recipe.yaml",
        directory: String = FileManager.default.currentDirectoryPath, overrides: [String] = [],
        environment: [String: String] = [:]
    ) throws(RecipeError) -> RecipeDocument {
        let source = RecipeSource(name: name, directory: RecipePath(directory).absolute, rank: 0)
        return try RecipeDocument(
            Array(text.utf8), source: source, file: RecipePath(name, relativeTo: directory), overrides: overrides,
            environment: environment)
    }

    private init(
        _ bytes: [UInt8], source: RecipeSource, file: RecipePath, overrides: [String], environment: [String: String]
    ) throws(RecipeError) {
        var files = [file]
        let shape = Recipe.shape
        var tree = try Self.layer(bytes, source, shape)
        try Self.extend(&tree, &files, shape)
        var problems: [RecipeProblem] = []
        for (index, text) in overrides.enumerated() {
            do throws(RecipeError) {
                tree = try RecipeOverride(text, number: index + 1, directory: source.directory).applied(to: tree, shape)
            } catch {
                problems += error.problems
            }
        }
        if let extends = tree["extends"] {
            problems.append(
                RecipeProblem(
                    extends.position, "`extends` cannot be set on the command line",
                    why: "The base has to be read before the overrides", fix: "Write it in the recipe"))
        }
        var references = References(environment: environment, name: Recipe.defaultName(for: source.name))
        root = references.expand(tree)
        problems += references.problems
        if !problems.isEmpty { throw RecipeError(problems) }
        path = source.name
        self.files = files.map(\.absolute)
        self.overrides = overrides
        secrets = references.secrets.sorted { $0.value.utf8.count > $1.value.utf8.count }
    }

    /// One file's tree, its shorthands written out.
    private static func layer(
        _ bytes: [UInt8], _ source: RecipeSource, _ shape: ValueShape
    ) throws(RecipeError) -> RecipeNode {
        let node = try YAMLReader.read(bytes, from: source)
        switch node.content {
        case .mapping: return node.canonical(shape)
        case .null: return RecipeNode(.mapping([]), at: node.position)
        default:
            throw RecipeError(
                node.position, "the recipe must be a block of keys, not \(node.shown)",
                why: "Nothing in it says what to train", fix: "Write keys and values, beginning with `schema: 1`")
        }
    }

    /// Puts the files that `tree` extends under it, nearest first.
    private static func extend(
        _ tree: inout RecipeNode, _ files: inout [RecipePath], _ shape: ValueShape
    ) throws(RecipeError) {
        while let extends = tree.removing("extends") {
            if extends.isNull { return }
            guard let text = extends.string, !text.isEmpty, !text.utf8.contains(0), !text.contains("${") else {
                throw RecipeError(
                    extends.position, "extends must be a path, not \(extends.shown)",
                    why: "Another type would have to be guessed at", fix: "Write for example `extends: base.yaml`")
            }
            let from = extends.position.source
            let base = RecipePath(text, relativeTo: from.directory)
            if files.contains(base) || files.count >= chainLimit {
                let chain = (files + [base]).map(\.name).joined(separator: " → ")
                throw RecipeError(
                    extends.position,
                    files.contains(base)
                        ? "extends goes in a circle: \(chain)"
                        : "extends goes through more than \(chainLimit) files: \(chain)",
                    why: "The recipe would never be complete", fix: "Remove one `extends`")
            }
            let folder = (from.name as NSString).deletingLastPathComponent
            let name = text.hasPrefix("/") || folder.isEmpty ? text : folder + "/" + text
            let source = RecipeSource(
                name: name, directory: base.url.deletingLastPathComponent().path, rank: files.count)
            files.append(base)
            var lower = try layer(try read(base, asked: extends.position), source, shape)
            let next = lower.removing("extends")
            tree = tree.merged(over: lower, shape)
            if let next { tree.append("extends", next) }
        }
    }

    private static func read(_ file: RecipePath, asked place: RecipePosition) throws(RecipeError) -> [UInt8] {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: file.absolute, isDirectory: &isFolder)
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.url.resolvingSymlinksInPath().path)
        let isRegular = attributes?[.type] as? FileAttributeType == .typeRegular
        let size = (attributes?[.size] as? NSNumber)?.intValue ?? 0
        guard exists, isRegular, size <= YAMLReader.byteLimit,
            let data = FileManager.default.contents(atPath: file.absolute)
        else {
            let folder = file.url.deletingLastPathComponent().path
            let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
            let near = nearestName(to: file.name, among: names.filter { $0 != file.name })
            let what =
                !exists
                ? "there is no recipe '\(file.absolute)'"
                : isRegular
                    ? "'\(file.absolute)' cannot be read or has \(size) bytes, more than \(YAMLReader.byteLimit)"
                    : "'\(file.absolute)' is no file"
            throw RecipeError([
                RecipeProblem(
                    place, what, why: "Nothing says what to train",
                    fix: near.map { "Did you mean '\($0)'?" } ?? "Name a YAML file that exists", isMissingFile: !exists)
            ])
        }
        return Array(data)
    }
}

extension RecipeNode {
    /// Takes a key out of a mapping and returns its value.
    fileprivate mutating func removing(_ key: String) -> RecipeNode? {
        guard var entries, let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
        let value = entries.remove(at: index).value
        content = .mapping(entries)
        return value
    }

    fileprivate mutating func append(_ key: String, _ value: RecipeNode) {
        content = .mapping((entries ?? []) + [Entry(key: key, keyPosition: value.position, value: value)])
    }
}
