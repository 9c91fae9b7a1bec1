/// A value that came from the environment and must not be written anywhere.
package struct Secret: Sendable, Hashable {
    let value: String
    /// What is written instead: `${env:NAME}`.
    let reference: String
}

/// Replaces `${env:NAME}` and `${name}` in the strings of a recipe; `$${` stands for `${` itself.
struct References {
    private let environment: [String: String]
    private var name: String
    private(set) var problems: [RecipeProblem] = []
    private(set) var secrets: [Secret] = []

    /// - Parameter name: what `${name}` stands for where the recipe has no `name`.
    init(environment: [String: String], name: String) {
        self.environment = environment
        self.name = name
    }

    /// The recipe with all references replaced; the text that had them stays with the node.
    mutating func expand(_ root: RecipeNode) -> RecipeNode {
        guard var entries = root.entries else { return root }
        // The name comes first, as the others may refer to it.
        if let index = entries.firstIndex(where: { $0.key == "name" }) {
            entries[index].value = node(entries[index].value, isName: true)
            name = entries[index].value.string ?? name
        }
        for index in entries.indices where entries[index].key != "name" {
            entries[index].value = node(entries[index].value)
        }
        return RecipeNode(.mapping(entries), at: root.position)
    }

    private mutating func node(_ node: RecipeNode, isName: Bool = false) -> RecipeNode {
        var result = node
        switch node.content {
        case .string(let text) where text.contains("${"):
            if let replaced = replaced(text, node.position, isName: isName) {
                result.content = .string(replaced)
                if text.contains("${env:") { result.reference = text }
            }
        case .list(let elements):
            var expanded: [RecipeNode] = []
            for element in elements { expanded.append(self.node(element)) }
            result.content = .list(expanded)
        case .mapping(let entries):
            var expanded: [RecipeNode.Entry] = []
            for var entry in entries {
                entry.value = self.node(entry.value)
                expanded.append(entry)
            }
            result.content = .mapping(expanded)
        default:
            break
        }
        return result
    }

    /// - Parameter isName: whether this is `name` itself, where `${name}` has no meaning.
    private mutating func replaced(_ text: String, _ place: RecipePosition, isName: Bool) -> String? {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            if rest[..<start.lowerBound].hasSuffix("$") {
                result += rest[..<start.lowerBound].dropLast() + "${"
                rest = rest[start.upperBound...]
                continue
            }
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                report(
                    place, "a reference '${' that is not closed",
                    "Write '}' after the name, or '$${' for the characters")
                return nil
            }
            let key = rest[start.upperBound..<end]
            guard let value = value(of: key, place, isName: isName) else { return nil }
            result += value
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private mutating func value(of key: Substring, _ place: RecipePosition, isName: Bool) -> String? {
        if key == "name", !isName { return name }
        guard key.hasPrefix("env:") else {
            report(
                place, "the reference '${\(key)}' is unknown",
                "Write ${env:NAME} for an environment variable, ${name} for the recipe's name, or '$${' for the characters"
            )
            return nil
        }
        let variable = String(key.dropFirst(4))
        guard let value = environment[variable] else {
            report(
                place, "the environment variable '\(variable)' is not set",
                "Set it before the command: `\(variable)=… hone …`")
            return nil
        }
        if !secrets.contains(where: { $0.value == value }), !value.isEmpty {
            secrets.append(Secret(value: value, reference: "${\(key)}"))
        }
        return value
    }

    private mutating func report(_ place: RecipePosition, _ what: String, _ fix: String) {
        problems.append(
            RecipeProblem(place, what, why: "The characters themselves would be taken for the value", fix: fix))
    }
}
