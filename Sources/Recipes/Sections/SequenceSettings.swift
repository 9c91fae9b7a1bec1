/// How rows become sequences of tokens.
public struct SequenceSettings: Sendable, Hashable {
    /// Most tokens of one row.
    public var maxLength = 2048
    /// Whether several rows share a sequence; attention never crosses rows.
    public var packing = false
    public var onOverflow = OverflowRule.error

    public init() {}
}

/// What happens to a row longer than `max_length`.
public enum OverflowRule: String, Sendable, Hashable, CaseIterable {
    case error, truncate, drop, split
}

extension SequenceSettings: RecipeSection {
    package static let table = SectionTable<SequenceSettings>(
        "How rows become sequences of tokens.",
        fields: [
            Field("max_length", \.maxLength, "Most tokens of one row.", in: .within(2...16_777_216)),
            Field("packing", \.packing, "Whether rows are put end to end up to max_length tokens."),
            Field("on_overflow", \.onOverflow, "What happens to a longer row."),
        ])
}

extension OverflowRule: RecipeWord {}
