import TextCore

/// One `--set` argument: `a.b=value`, `a.0.b=value`, `list+=value`, or `~a.b` to remove.
package struct RecipeOverride: Sendable {
    private enum Action: Sendable {
        case set(RecipeNode)
        case append(RecipeNode)
        case remove
    }

    /// The argument as given.
    package let text: String
    private let path: [String]
    private let action: Action
    private let place: RecipePosition

    /// Parses the argument; what follows the first `=` is YAML.
    ///
    /// - Parameter number: which `--set` this is, from 1, for messages.
    /// - Throws: `RecipeError` when it has no `=` or its value is broken YAML.
    package init(_ text: String, number: Int, directory: String) throws(RecipeError) {
        let source = RecipeSource(name: "--set", directory: directory, rank: 1 << 20)
        place = RecipePosition(source: source, line: number, column: 1)
        self.text = text
        let isRemoval = text.hasPrefix("~")
        let equals = isRemoval ? nil : text.firstIndex(of: "=")
        guard isRemoval || equals != nil else {
            throw RecipeError(
                place, "the override '\(text)' has no '='", why: "It does not say which value to set",
                fix: "Write `--set key=value`, `--set list+=value` or `--set ~key`")
        }
        var name = text[(isRemoval ? text.index(after: text.startIndex) : text.startIndex)..<(equals ?? text.endIndex)]
        let isAppending = name.hasSuffix("+")
        if isAppending { name = name.dropLast() }
        path = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !path.contains("") else {
            throw RecipeError(
                place, "the override '\(text)' names no key", why: "It does not say which value to set",
                fix: "Write the whole key with dots: `--set train.learning_rate=1e-4`")
        }
        guard let equals else {
            action = .remove
            return
        }
        let value = text[text.index(after: equals)...]
        let node = try YAMLReader.read(
            Array(value.utf8), from: source,
            override: (
                line: number, columnsBefore: text[...equals].unicodeScalars.count, columns: value.unicodeScalars.count
            ))
        action = isAppending ? .append(node) : .set(node)
    }

    /// The recipe `root` with this override applied.
    ///
    /// - Throws: `RecipeError` when it removes what is not there, or steps into what has no such key or index.
    package func applied(to root: RecipeNode, _ shape: ValueShape) throws(RecipeError) -> RecipeNode {
        try apply(root, path[...], shape)
    }

    private func apply(
        _ node: RecipeNode, _ rest: ArraySlice<String>, _ shape: ValueShape?
    ) throws(RecipeError) -> RecipeNode {
        guard let step = rest.first else { return try replaced(node, shape) }
        switch node.content {
        case .list(let elements): return try applyToElement(node, elements, rest, shape)
        case .mapping(let entries): return try applyToKey(node, entries, rest, shape)
        case .null: return try applyToKey(node, [], rest, shape)
        default:
            throw refused(
                "'\(done(rest))' is \(node.shown), which has no '\(step)' in it",
                fix: "Set '\(done(rest))' itself, or remove the last part of the key")
        }
    }

    private func applyToElement(
        _ node: RecipeNode, _ elements: [RecipeNode], _ rest: ArraySlice<String>, _ shape: ValueShape?
    ) throws(RecipeError) -> RecipeNode {
        let step = rest[rest.startIndex], further = rest.dropFirst()
        guard let index = Int(step), elements.indices.contains(index) else {
            let range = elements.isEmpty ? "it is empty" : "it has the indices 0 to \(elements.count - 1)"
            throw refused(
                "'\(step)' is no index of the list '\(done(rest))'; \(range)",
                fix: "Use an index it has, or `+=` to add an element")
        }
        var elements = elements
        if further.isEmpty, case .remove = action {
            elements.remove(at: index)
        } else {
            elements[index] = try apply(elements[index], further, shape?.child(step))
        }
        return RecipeNode(.list(elements), at: node.position)
    }

    private func applyToKey(
        _ node: RecipeNode, _ entries: [RecipeNode.Entry], _ rest: ArraySlice<String>, _ shape: ValueShape?
    ) throws(RecipeError) -> RecipeNode {
        let step = rest[rest.startIndex], further = rest.dropFirst()
        var entries = entries
        let index = entries.firstIndex { $0.key == step }
        if case .remove = action, further.isEmpty || index == nil {
            guard let index else {
                let near = nearestName(to: step, among: entries.map(\.key))
                throw refused(
                    "there is no '\(step)' to remove",
                    fix: near.map { "Did you mean '\($0)'?" } ?? "Leave this override out")
            }
            entries.remove(at: index)
            return RecipeNode(.mapping(entries), at: node.position)
        }
        let below = index.map { entries[$0].value } ?? RecipeNode(.null, at: place)
        let value = try apply(below, further, shape?.child(step))
        let entry = RecipeNode.Entry(key: step, keyPosition: place, value: value)
        if case .section(let schema)? = shape, !value.isNull {
            let rivals = schema.rivals(of: step)
            entries.removeAll { rivals.contains($0.key) }
        }
        if let index = entries.firstIndex(where: { $0.key == step }) {
            entries[index] = entry
        } else {
            entries.append(entry)
        }
        return RecipeNode(.mapping(entries), at: node.position)
    }

    private func replaced(_ node: RecipeNode, _ shape: ValueShape?) throws(RecipeError) -> RecipeNode {
        switch action {
        case .set(let value): return value.canonical(shape)
        case .remove: return node
        case .append(let value):
            let element: ValueShape? = if case .list(let inner, _)? = shape { inner } else { nil }
            let added = value.elements ?? [value]
            switch node.content {
            case .null: return RecipeNode(.list(added.map { $0.canonical(element) }), at: place)
            case .list(let elements):
                return RecipeNode(.list(elements + added.map { $0.canonical(element) }), at: node.position)
            default:
                throw refused(
                    "'\(path.joined(separator: "."))' is \(node.shown), not a list, so nothing can be added to it",
                    fix: "Write `=` instead of `+=`")
            }
        }
    }

    private func done(_ rest: ArraySlice<String>) -> String { path[..<rest.startIndex].joined(separator: ".") }

    private func refused(_ what: String, fix: String) -> RecipeError {
        RecipeError(
            place, "the override '\(text)' cannot be applied: \(what)",
            why: "Running without it would not be what was asked for", fix: fix)
    }
}
