import OrderedCollections
import TextCore
import Verifiers

/// A verifier as a recipe names it: one that is registered, or a file of the user's own.
public struct VerifierName: Sendable, Hashable {
    /// The registered name; of a file its name without the extension.
    public let name: String
    /// A Swift source file, or a worker that was built from one; `nil` for a registered verifier.
    public let file: RecipePath?
    /// Which of the file's verifiers, written behind `#`; `nil` where it has one.
    public let member: String?

    public init(_ name: String) {
        self.name = name
        file = nil
        member = nil
    }

    init(file: RecipePath, member: String?) {
        self.file = file
        self.member = member
        let last = file.name
        name = member ?? last.lastIndex(of: ".").map { String(last[..<$0]) } ?? last
    }

    /// The file as it is written, with the verifier's name behind `#`; `nil` for a registered verifier.
    var fileName: String? { file.map { $0.absolute + (member.map { "#" + $0 } ?? "") } }
}

extension VerifierName: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: [
                "type": "string",
                "anyOf": [
                    ["enum": .array(VerifierRegistry.builtin.names.map { .string($0) })],
                    ["pattern": "\\.(swift|verifier)(#.+)?$"], ["type": "string"],
                ],
            ], expected: "the name of a verifier, or the path of a Swift file")
    }

    /// Names that other tools and older pages use.
    private static let spellings = [
        "exact_match": "exact", "equals": "exact", "number": "numeric", "multiple_choice": "choice",
        "format": "format_tags", "llm_judge": "judge_score", "score_model": "judge_score", "label_model": "judge_label",
        "text_similarity": "fuzzy", "accuracy_reward": "math", "think_format_reward": "format_tags",
        "http_grader": "http",
        "endpoint": "http", "reward": "reward_model", "jsonschema": "json_schema", "xml": "format_tags",
    ]

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> VerifierName? {
        guard let text = node.string else {
            decoder.reportType(node, expected: shape.expected, example: "exact")
            return nil
        }
        if VerifierFile.isNamed(by: text) {
            var path = node
            let mark = text.lastIndex(of: "#")
            if let mark { path.content = .string(String(text[..<mark])) }
            let member = mark.map { String(text[text.index(after: $0)...]) }
            return RecipePath.decode(path, decoder).map { VerifierName(file: $0, member: member) }
        }
        let known = Registry.current.verifiers.names
        if known.contains(text) { return VerifierName(text) }
        let near = spellings[text].flatMap { known.contains($0) ? $0 : nil } ?? nearestName(to: text, among: known)
        decoder.report(
            node, "\(decoder.key) names a verifier that does not exist: \(node.shown)",
            why: "Nothing could judge the answers",
            fix: (near.map { "Did you mean '\($0)'? " } ?? "")
                + "Known: \(known.joined(separator: ", ")); a verifier of your own is the path of a .swift file")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        fileName.map { .path($0) } ?? .string(name)
    }
    package var paths: [RecipePath] { file.map { [$0] } ?? [] }
}

extension RecipeDecoder {
    /// Checks the options that stand beside a verifier's name, and makes the paths among them absolute.
    ///
    /// - Parameters:
    ///   - options: the keys that are none of the section's own.
    ///   - section: whose own keys a misspelt one may have meant.
    ///   - isComplete: whether nothing is added to the options later, so that they can be tried.
    func checkOptions(
        of verifier: VerifierName?, _ options: inout OpenKeys, in section: SectionSchema, isComplete: Bool
    ) {
        // Of a file's verifier the options are known once it is built; of none that is known nothing can be said.
        guard let verifier, verifier.file == nil else { return }
        let registry = Registry.current.verifiers
        let known = registry.options(of: verifier.name) ?? []
        var isSound = true
        for key in options.members.keys where !known.contains(where: { $0.name == key }) {
            isSound = false
            let near = nearestName(to: key, among: known.map(\.name) + section.names)
            let other = registry.names.first { name in registry.options(of: name)?.contains { $0.name == key } ?? false
            }
            let list =
                other.map { "Remove it, or write `verifier: \($0)`" }
                ?? (known.isEmpty ? "It has none" : "It has \(known.map(\.name).joined(separator: ", "))")
            report(
                key, "\(self.key(key)) is no option of verifier \(verifier.name)",
                why: "Nothing reads it, so what it asks for would not happen",
                fix: near.map { "Did you mean '\($0)'?" } ?? list)
        }
        for option in known where option.isPath {
            guard let node = root[self.key(option.name)], node.string != nil,
                let path = at(option.name, { RecipePath.decode(node, self) })
            else { continue }
            // Which of the two it must be is the verifier's to say: a schema is a file, a model a folder.
            at(option.name) { checkExists(path, .either, node) }
            options.members[option.name] = .string(path.absolute)
            options.paths.insert(option.name)
        }
        guard isSound, isComplete, checksFiles else { return }
        do {
            _ = try registry.make(verifier.name, options: options.json)
        } catch {
            let place = error.option.map { self.key($0) } ?? self.key("verifier")
            let written = root[place] == nil ? self.key("verifier") : place
            report(
                root.nearestPosition(of: written), "\(place): \(error.message)",
                why: "Verifier \(verifier.name) cannot be made with these options",
                fix: error.option.flatMap { name in
                    known.first { $0.name == name }.map { "`\(name)` is \($0.expectation): \($0.summary)" }
                } ?? "Look at its options: `hone verifier options \(verifier.name)`")
        }
    }
}
