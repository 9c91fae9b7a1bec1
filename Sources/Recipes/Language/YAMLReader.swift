import Yams

/// Reads YAML text into nodes that know where they were written.
///
/// Yams scans and nests; what a scalar means, which keys are equal and what is refused is decided here. Tags, anchors
/// and aliases are refused: `extends` and `${name}` do their work in view, and an alias can make a small file huge.
package struct YAMLReader {
    /// Most bytes of one file.
    package static let byteLimit = 1 << 20
    /// Most levels of lists and mappings inside each other.
    package static let depthLimit = 32

    private let source: RecipeSource
    private let override: (line: Int, columnsBefore: Int, columns: Int)?
    private var problems: [RecipeProblem] = []

    /// - Parameter override: of an argument's value, which argument it is, how many characters precede the value, and
    ///   how many it has.
    private init(source: RecipeSource, override: (line: Int, columnsBefore: Int, columns: Int)?) {
        self.source = source
        self.override = override
    }

    /// The single document in `bytes`; an empty one is null.
    ///
    /// - Throws: `RecipeError` with every refused construct, or with the first syntax error.
    package static func read(
        _ bytes: [UInt8], from source: RecipeSource, override: (line: Int, columnsBefore: Int, columns: Int)? = nil
    ) throws(RecipeError) -> RecipeNode {
        var reader = YAMLReader(source: source, override: override)
        let start = reader.position(line: 1, column: 1)
        guard bytes.count <= byteLimit else {
            throw RecipeError(
                start, "the file has \(bytes.count) bytes, more than the \(byteLimit) a recipe may have",
                why: "A recipe is small; this is probably a data file given by mistake",
                fix: "Name the recipe, and give data under data.train[].path")
        }
        // A byte order mark would count as a column of the first line.
        let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RecipeError(
                start, "the file is not UTF-8 text", why: "Its characters would be guessed at",
                fix: "Save it as UTF-8")
        }
        if let name = reader.firstAlias(in: bytes) {
            throw RecipeError(
                reader.position(line: name.line, column: name.column),
                "the YAML alias '*\(name.text)' repeats an anchored value",
                why: "Aliases hide what a recipe says and can make a small file huge, so recipes have none",
                fix: "Write the value out, or put the shared part in a file and write `extends: that.yaml`")
        }
        let root = try reader.parse(text)
        if !reader.problems.isEmpty { throw RecipeError(reader.problems) }
        return root
    }

    private func position(line: Int, column: Int) -> RecipePosition {
        guard let override else { return RecipePosition(source: source, line: line, column: column) }
        // The parser puts what is missing at the end of a text on the line after it.
        let inArgument = line == 1 ? column : override.columns + 1
        return RecipePosition(source: source, line: override.line, column: override.columnsBefore + inArgument)
    }

    private mutating func parse(_ text: String) throws(RecipeError) -> RecipeNode {
        do {
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            // Nodes hold their anchors weakly, through the parser.
            return try withExtendedLifetime(parser) {
                guard let root = try parser.singleRoot() else {
                    return RecipeNode(.null, at: position(line: 1, column: 1))
                }
                return node(root, depth: 0)
            }
        } catch let error as YamlError {
            throw syntaxError(error, in: text)
        } catch {
            throw RecipeError(
                position(line: 1, column: 1), "the file cannot be read as YAML: \(error)",
                why: "Nothing in it can be used", fix: "Check it with a YAML editor")
        }
    }

    // MARK: Nodes

    private mutating func node(_ node: Node, depth: Int) -> RecipeNode {
        let place = position(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
        let nothing = RecipeNode(.null, at: place)
        guard depth <= Self.depthLimit else {
            report(
                place, "values are nested more than \(Self.depthLimit) levels deep",
                why: "No field of a recipe is that deep", fix: "Remove the extra brackets or indentation")
            return nothing
        }
        if node.anchor != nil {
            report(
                place, "a YAML anchor ('&name') stands before this value",
                why: "Recipes have no aliases, so nothing could refer to it",
                fix: "Remove the anchor, or put quotes around a text that begins with '&'")
            return nothing
        }
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            guard checkTag(scalar.tag, at: place, isQuoted: !isPlain) else { return nothing }
            return RecipeNode(isPlain ? YAMLScalar.resolve(scalar.string) : .string(scalar.string), at: place)
        case .sequence(let sequence):
            guard checkTag(sequence.tag, at: place, isQuoted: false) else { return nothing }
            var elements: [RecipeNode] = []
            for element in sequence { elements.append(self.node(element, depth: depth + 1)) }
            return RecipeNode(.list(elements), at: place)
        case .mapping(let mapping):
            guard checkTag(mapping.tag, at: place, isQuoted: false) else { return nothing }
            return RecipeNode(.mapping(entries(mapping, depth: depth)), at: place)
        case .alias:
            report(place, "a YAML alias", why: "Recipes have none", fix: "Write the value out")
            return nothing
        }
    }

    private mutating func entries(_ mapping: Node.Mapping, depth: Int) -> [RecipeNode.Entry] {
        var entries: [RecipeNode.Entry] = []
        var seen: [String: RecipePosition] = [:]
        for (key, value) in mapping {
            let place = position(line: key.mark?.line ?? 1, column: key.mark?.column ?? 1)
            guard case .scalar(let scalar) = key, !scalar.string.isEmpty else {
                report(
                    place, "a key that is a list, a mapping or empty", why: "Every key of a recipe is a name",
                    fix: "Write `name: value`; a text that begins with '[', '{' or '?' needs quotes")
                continue
            }
            // Comparing keys has given those without a tag the standard one.
            if !scalar.tag.description.hasPrefix("tag:yaml.org,2002:") {
                _ = checkTag(scalar.tag, at: place, isQuoted: false)
            }
            if let first = seen[scalar.string] {
                report(Self.duplicate(scalar.string, at: place, first: first))
                continue
            }
            seen[scalar.string] = place
            let node = self.node(value, depth: depth + 1)
            entries.append(RecipeNode.Entry(key: scalar.string, keyPosition: place, value: node))
        }
        return entries
    }

    private mutating func checkTag(_ tag: Tag, at place: RecipePosition, isQuoted: Bool) -> Bool {
        let name = tag.description
        if name.isEmpty || (isQuoted && name == Tag.Name.str.rawValue) { return true }
        report(
            place, "a YAML tag ('\(name)') stands before this value",
            why: "A recipe holds no code and no types of its own",
            fix: "Remove the tag; put quotes around what must be a string")
        return false
    }

    private mutating func report(_ place: RecipePosition, _ what: String, why: String, fix: String) {
        report(RecipeProblem(place, what, why: why, fix: fix))
    }

    private mutating func report(_ problem: RecipeProblem) {
        // A file of a million wrong tags is one wrong file.
        if problems.count < 100 { problems.append(problem) }
    }

    private static func duplicate(_ key: String, at place: RecipePosition, first: RecipePosition?) -> RecipeProblem {
        let before = first.map { ", first on line \($0.line)" } ?? " in one block"
        return RecipeProblem(
            place, "key '\(key)' is written twice\(before)", why: "One of the two values would be lost in silence",
            fix: "Keep one of them")
    }

    // MARK: Errors and aliases

    private func syntaxError(_ error: YamlError, in text: String) -> RecipeError {
        let why = "Nothing after this place can be read"
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = position(line: mark.line, column: mark.column)
            let detail = [context?.text.trimmed, problem.trimmed].compactMap(\.self).filter { !$0.isEmpty }
            return RecipeError(
                place, "broken YAML: \(detail.joined(separator: ", "))", why: why, fix: Self.advice(problem))
        case .reader(let problem, let offset, _, let text):
            let before = text.prefix(offset ?? 0).unicodeScalars
            let line = before.count { $0 == "\n" } + 1
            let column = before.reversed().prefix { $0 != "\n" }.count + 1
            return RecipeError(
                position(line: line, column: column), "a character that YAML does not allow: \(problem.trimmed)",
                why: why, fix: "Remove it, or write it as an escape in double quotes")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let first = position(line: context.mark.line, column: context.mark.column)
            return RecipeError(
                duplicates.enumerated().map { index, key in
                    guard index == 0, let line = Self.repetition(of: key, after: context.mark, in: text) else {
                        return Self.duplicate(key, at: first, first: nil)
                    }
                    return Self.duplicate(key, at: position(line: line, column: context.mark.column), first: first)
                })
        case .memory:
            return RecipeError(
                position(line: 1, column: 1), "the brackets or indentation are nested too deeply", why: why,
                fix: "A recipe needs fewer than \(Self.depthLimit) levels")
        default:
            return RecipeError(
                position(line: 1, column: 1), "broken YAML", why: why, fix: "Check it with a YAML editor")
        }
    }

    /// The line below `mark` that begins with `key` in the same column; Yams tells only where the first one is.
    private static func repetition(of key: String, after mark: Mark, in text: String) -> Int? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for line in lines.indices.dropFirst(mark.line) {
            let scalars = lines[line].unicodeScalars
            guard scalars.prefix(mark.column - 1).allSatisfy({ $0 == " " || $0 == "-" }) else { continue }
            let rest = String(scalars.dropFirst(mark.column - 1))
            let forms = [key, "\"\(key)\"", "'\(key)'"]
            if forms.contains(where: { rest.hasPrefix($0 + ":") || rest.hasPrefix($0 + " :") }) { return line + 1 }
        }
        return nil
    }

    private static func advice(_ problem: String) -> String {
        if problem.contains("mapping values") {
            return "Check the indentation, and put quotes around a text with ': ' in it"
        }
        if problem.contains("tab") || problem.contains("cannot start any token") {
            return "Indent with spaces, not tabs, and put quotes around a text that begins with a special character"
        }
        if problem.contains("another document") { return "Keep one document: remove the '---' lines between them" }
        if problem.contains("end of stream") || problem.contains("',' or") {
            return "Close the bracket or quote that was opened before"
        }
        return "Check the indentation, brackets and quotes on this line and the one before"
    }

    /// The first `*name` whose `&name` also occurs, both where a value can begin.
    ///
    /// Runs before the parser, which would expand aliases. It also sees quotes and comments; a text there that has
    /// both forms of one name is too rare to matter.
    private func firstAlias(in bytes: [UInt8]) -> (text: String, line: Int, column: Int)? {
        var anchors: Set<String> = []
        var aliases: [(text: String, line: Int, column: Int)] = []
        var line = 1
        var lineStart = 0
        let openers = Set(" \t\r\n[]{},:-?\"'".utf8)
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") {
                line += 1
                lineStart = index + 1
            }
            guard byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*") else { continue }
            guard index == 0 || openers.contains(bytes[index - 1]) || bytes[index - 1] >= 0x80 else { continue }
            let text = String(decoding: bytes[(index + 1)...].prefix { Self.isName($0) }, as: UTF8.self)
            guard !text.isEmpty else { continue }
            if byte == UInt8(ascii: "&") {
                anchors.insert(text)
            } else {
                aliases.append((text, line, index - lineStart + 1))
            }
        }
        return aliases.first { anchors.contains($0.text) }
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension String {
    /// The text without white space at its ends.
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
