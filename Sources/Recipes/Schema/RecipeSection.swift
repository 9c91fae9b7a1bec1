import OrderedCollections
import TextCore

/// A type that a field of a recipe can have.
package protocol RecipeValue: Sendable, Hashable {
    /// What is accepted.
    static var shape: ValueShape { get }
    /// The value that `node` holds; reports to `decoder` and returns `nil` when it holds none.
    static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Self?
    /// The value as it is written into a resolved recipe; `.null` leaves the key out.
    func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue
    /// Every number in the value, for the range check.
    var numbers: [Double] { get }
    /// Every file or folder that the value names, for the check that it exists.
    var paths: [RecipePath] { get }
}

extension RecipeValue {
    package var numbers: [Double] { [] }
    package var paths: [RecipePath] { [] }
}

/// A block of keys: a struct whose stored properties carry types and defaults, and one table that carries the rest.
///
/// To add a section, write the struct with its `table` and add one `Field` to the table of the section above it.
/// Decoding, the JSON Schema, hints for misspelt keys, merging, `--set` and the resolved recipe follow from the table.
package protocol RecipeSection: RecipeValue {
    /// The section as it is when nothing is written.
    init()
    /// The keys.
    static var table: SectionTable<Self> { get }
    /// Fills in what follows from other fields, and reports combinations that make no sense.
    mutating func finish(_ decoder: RecipeDecoder)
}

/// What is written to a resolved recipe for a reader, and what counts for its fingerprint.
package enum ResolvedPurpose: Sendable {
    /// Everything.
    case file
    /// Only what can change the result of a run.
    case fingerprint
}

/// One key of a section.
package struct Field<Section: RecipeSection>: Sendable {
    let member: SectionSchema.Member
    let changesResults: Bool
    let decode: @Sendable (inout Section, RecipeNode, RecipeDecoder) -> Void
    let resolved: @Sendable (Section, ResolvedPurpose) -> ResolvedValue
    /// Decodes the section below from nothing, when the key is not written.
    let decodeAbsent: (@Sendable (inout Section, RecipePosition, RecipeDecoder) -> Void)?

    /// A key whose type and default are those of a stored property.
    ///
    /// - Parameters:
    ///   - doc: one sentence for people who write recipes; it is the description in the JSON Schema.
    ///   - limits: the range of every number in the value.
    ///   - exists: what must be on the disk where the value's paths point.
    ///   - acceptsOne: whether a list of one may be written without brackets.
    ///   - derivation: how the value follows from others when it is not written.
    ///   - isRequired: whether a recipe without it is an error.
    ///   - changesResults: whether another value can change the trained weights or the reported figures.
    init<Value: RecipeValue>(
        _ name: String, _ property: any WritableKeyPath<Section, Value> & Sendable, _ doc: String,
        in limits: Limits? = nil,
        exists: PathKind? = nil, acceptsOne: Bool = false, derivation: String? = nil, isRequired: Bool = false,
        changesResults: Bool = true
    ) {
        let standard = Section()[keyPath: property]
        let written = standard.resolved(.file).json
        // A block has no default of its own; its keys have.
        let hasDefault = !isRequired && derivation == nil && !written.isNull && written.object == nil
        member = SectionSchema.Member(
            name: name, doc: doc, shape: acceptsOne ? Value.shape.acceptingOne : Value.shape, isRequired: isRequired,
            limits: limits,
            defaultValue: hasDefault ? written : JSON?.none, derivation: derivation)
        self.changesResults = changesResults
        resolved = { section, purpose in section[keyPath: property].resolved(purpose) }
        decode = { section, node, decoder in
            decoder.example = hasDefault ? (decoder.key, written.text(.python)) : nil
            guard let value = Value.decode(node, decoder) else { return }
            section[keyPath: property] = value
            if let limits, let wrong = value.numbers.first(where: { !limits.contains($0) }) {
                decoder.reportRange(node, wrong, limits)
            }
            if let exists { for path in value.paths { decoder.checkExists(path, exists, node) } }
        }
        decodeAbsent = standard is any RecipeSection ? Self.absent(property) : nil
    }

    private static func absent<Value: RecipeValue>(
        _ property: any WritableKeyPath<Section, Value> & Sendable
    ) -> (@Sendable (inout Section, RecipePosition, RecipeDecoder) -> Void) {
        { section, place, decoder in
            if let value = Value.decode(RecipeNode(.mapping([]), at: place), decoder) {
                section[keyPath: property] = value
            }
        }
    }

    /// A key that the document's loader consumes before decoding, listed here so that the schema has it.
    init(consumed name: String, shape: ValueShape, _ doc: String) {
        member = SectionSchema.Member(
            name: name, doc: doc, shape: shape, isRequired: false, limits: nil, defaultValue: JSON?.none,
            derivation: nil)
        changesResults = false
        decode = { _, _, _ in }
        resolved = { _, _ in .null }
        decodeAbsent = nil
    }
}

/// All keys of a section and the rules among them.
package struct SectionTable<Section: RecipeSection>: Sendable {
    let fields: [Field<Section>]
    let schema: SectionSchema
    /// Where keys go that are none of the fields: the options of a verifier, which stand beside its name.
    let others: (any WritableKeyPath<Section, OpenKeys> & Sendable)?

    /// - Parameters:
    ///   - doc: one sentence on what the section is for.
    ///   - shorthand: the key that a value without keys stands for, as in `model: folder`.
    ///   - exclusive: groups of keys of which at most one may be written.
    ///   - planned: keys of the language that this version cannot do yet.
    ///   - others: where keys go that are none of the fields; without it they are errors.
    init(
        _ doc: String, shorthand: String? = nil, exclusive: [[String]] = [], planned: [PlannedField] = [],
        others: (any WritableKeyPath<Section, OpenKeys> & Sendable)? = nil, fields: [Field<Section>]
    ) {
        self.fields = fields
        self.others = others
        schema = SectionSchema(
            doc: doc, members: fields.map(\.member), planned: planned, exclusive: exclusive, shorthand: shorthand,
            isOpen: others != nil)
    }
}

extension RecipeSection {
    package static var shape: ValueShape { .section(table.schema) }

    package mutating func finish(_ decoder: RecipeDecoder) {}

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Self? {
        var section = Self()
        let entries: [RecipeNode.Entry]
        switch node.content {
        case .mapping(let written): entries = written
        case .null: entries = []
        default:
            decoder.reportType(node, expected: "a block of keys", example: exampleBlock)
            return nil
        }
        for entry in entries {
            guard let field = table.fields.first(where: { $0.member.name == entry.key }) else {
                if let others = table.others {
                    section[keyPath: others].members[entry.key] = entry.value.json
                } else {
                    decoder.reportUnread(entry, in: table.schema)
                }
                continue
            }
            decoder.at(entry.key) { field.decode(&section, entry.value, decoder) }
        }
        for field in table.fields where !entries.contains(where: { $0.key == field.member.name }) {
            decoder.at(field.member.name) {
                if field.member.isRequired {
                    decoder.reportMissing(field.member, of: table.schema, at: node.position)
                } else {
                    field.decodeAbsent?(&section, node.position, decoder)
                }
            }
        }
        for group in table.schema.exclusive { decoder.checkExclusive(group, entries) }
        section.finish(decoder)
        return section
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { resolved(purpose, without: []) }

    /// The section as it is written, less keys that nothing reads and that a recipe must therefore not have.
    func resolved(_ purpose: ResolvedPurpose, without unread: Set<String>) -> ResolvedValue {
        var pairs: [(key: String, value: ResolvedValue)] = []
        for field in Self.table.fields
        where (purpose == .file || field.changesResults) && !unread.contains(field.member.name) {
            let value = field.resolved(self, purpose)
            if !value.isNull { pairs.append((field.member.name, value)) }
        }
        if let others = Self.table.others { pairs += self[keyPath: others].resolved }
        return .mapping(pairs)
    }

    private static var exampleBlock: String {
        let members = table.schema.members
        guard let member = members.first(where: { $0.defaultValue != nil }) ?? members.first else { return "{}" }
        return "{\(member.name): \(member.defaultValue?.text(.python) ?? "…")}"
    }
}
