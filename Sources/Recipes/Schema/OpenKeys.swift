public import OrderedCollections
public import TextCore

/// The keys of a section that belong to what it names, such as the options of a verifier.
public struct OpenKeys: Sendable, Hashable {
    /// Each with its value, in the order written.
    public var members: OrderedDictionary<String, JSON> = [:]
    /// The keys whose values are paths, made absolute.
    var paths: Set<String> = []

    public init() {}

    /// All of them as one object.
    public var json: JSON { .object(members) }

    /// As they are written into a resolved recipe.
    var resolved: [(key: String, value: ResolvedValue)] {
        members.map { key, value in
            if paths.contains(key), let path = value.string { return (key, .path(path)) }
            return (key, ResolvedValue(value))
        }
    }
}
