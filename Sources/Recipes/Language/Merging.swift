/// How one layer of a recipe (a base, the file, an override) lies over another. The schema is asked for two things:
/// which shorthands stand for which keys, and which keys exclude each other.
extension RecipeNode {
    /// This value with every shorthand written out: `model: X` becomes `model: {path: X}`.
    func canonical(_ shape: ValueShape?) -> RecipeNode {
        var result = self
        switch (shape, content) {
        case (.section(let schema)?, .mapping(let entries)):
            result.content = .mapping(
                entries.map { entry in
                    var entry = entry
                    entry.value = entry.value.canonical(schema.field(entry.key)?.shape)
                    return entry
                })
        case (.section, .null),
            (.section(_)?, _) where shape?.shorthand == nil || isNull:
            break
        case (.section(let schema)?, _):
            guard let key = schema.shorthand else { break }
            let value = canonical(schema.field(key)?.shape)
            result = RecipeNode(.mapping([Entry(key: key, keyPosition: position, value: value)]), at: position)
        case (.list(let element, _)?, .list(let elements)):
            result.content = .list(elements.map { $0.canonical(element) })
        case (.list(let element, true)?, _) where !isNull:
            result = RecipeNode(.list([canonical(element)]), at: position)
        default:
            break
        }
        return result
    }

    /// This layer over `lower`: mappings merge key by key, anything else replaces, and a key that excludes others
    /// removes them from below (`max_steps` written here takes the place of `epochs` there).
    func merged(over lower: RecipeNode, _ shape: ValueShape?) -> RecipeNode {
        guard let upperEntries = entries, var merged = lower.entries else { return self }
        if case .section(let schema)? = shape {
            for entry in upperEntries where !entry.value.isNull {
                let rivals = schema.rivals(of: entry.key)
                merged.removeAll { rivals.contains($0.key) }
            }
        }
        for entry in upperEntries {
            guard let index = merged.firstIndex(where: { $0.key == entry.key }) else {
                merged.append(entry)
                continue
            }
            let value = entry.value.merged(over: merged[index].value, shape?.child(entry.key))
            merged[index] = Entry(key: entry.key, keyPosition: entry.keyPosition, value: value)
        }
        return RecipeNode(.mapping(merged), at: position)
    }
}

extension ValueShape {
    fileprivate var shorthand: String? { if case .section(let schema) = self { schema.shorthand } else { nil } }
}
