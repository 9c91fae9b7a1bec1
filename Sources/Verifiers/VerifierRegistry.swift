import OrderedCollections
public import TextCore

/// What a verifier's option is, for help texts.
public struct OptionDescription: Sendable, Hashable {
    /// The name in a recipe.
    public var name: String
    /// What it means.
    public var summary: String
    /// What its value must be.
    public var expectation: String
    /// Whether a text is the path of a file, from the recipe's folder.
    public var isPath: Bool

    public init(name: String, summary: String, expectation: String, isPath: Bool = false) {
        self.name = name
        self.summary = summary
        self.expectation = expectation
        self.isPath = isPath
    }
}

/// The verifiers that a recipe may name. A value: built in one place and passed on.
public struct VerifierRegistry: Sendable {
    /// Makes a verifier from its options.
    public typealias Maker =
        @Sendable (_ options: JSON, _ environment: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier

    private struct Entry: Sendable {
        var summary: String
        var options: [OptionDescription]
        var make: Maker
    }

    private var entries: OrderedDictionary<String, Entry> = [:]

    /// No verifiers.
    public init() {}

    /// The verifiers that come with Hone.
    public static var builtin: VerifierRegistry {
        var registry = VerifierRegistry()
        registry.register(ExactMatch.self)
        registry.register(Contains.self)
        registry.register(StringCheck.self)
        registry.register(Choice.self)
        registry.register(Label.self)
        registry.register(MultilabelF1.self)
        registry.register(Numeric.self)
        registry.register(MathEquivalence.self)
        registry.register(RegexMatch.self)
        registry.register(JSONValid.self)
        registry.register(FormatTags.self)
        registry.registerLength()
        registry.register(Repetition.self)
        registry.register(BLEU.self)
        registry.register(GLEU.self)
        registry.register(ROUGEN.self)
        registry.register(ROUGEL.self)
        registry.register(CharacterF.self)
        registry.register(EditSimilarity.self)
        registry.register(FuzzyMatch.self)
        registry.register(SequenceMatcher.self)
        registry.register(JSONSchemaMatch.self)
        registry.register(JSONF1.self)
        registry.register(ToolCallMatch.self)
        registry.registerComposite()
        registry.register(Recorded.self)
        registry.registerCommand()
        return registry
    }

    /// Adds a verifier under its name.
    ///
    /// - Precondition: the name is free.
    public mutating func register<V: Verifier>(_ type: V.Type) {
        let options = V.Configuration.options.map {
            OptionDescription(
                name: $0.name, summary: $0.summary, expectation: $0.expectation, isPath: $0.isPath)
        }
        register(V.name, summary: V.summary, options: options) {
            (json: JSON, environment: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier in
            AnyVerifier(try V(V.Configuration(options: json), in: environment))
        }
    }

    /// Adds a verifier that something else makes.
    ///
    /// - Precondition: the name is free.
    public mutating func register(
        _ name: String, summary: String, options: [OptionDescription], make: @escaping Maker
    ) {
        precondition(entries[name] == nil, "two verifiers are named '\(name)'")
        entries[name] = Entry(summary: summary, options: options, make: make)
    }

    /// The names in the order of registration.
    public var names: [String] { Array(entries.keys) }

    /// What a verifier checks, in one line; `nil` for an unknown name.
    public func summary(of name: String) -> String? { entries[name]?.summary }

    /// The options of a verifier; `nil` for an unknown name.
    public func options(of name: String) -> [OptionDescription]? { entries[name]?.options }

    /// Makes a verifier from its name and its options.
    ///
    /// - Parameters:
    ///   - name: a registered name, or a file with a verifier (`VerifierFile`).
    ///   - options: an object of the verifier's own options.
    ///   - environment: what the verifier may use.
    /// - Throws: `VerifierFailure` of kind `configuration` when the name or an option is unknown (with the nearest), or
    ///   an option has a wrong value.
    public func make(
        _ name: String, options: JSON = [:], in environment: VerifierEnvironment = VerifierEnvironment()
    ) throws(VerifierFailure) -> AnyVerifier {
        guard let entry = entries[name] else {
            if VerifierFile.isNamed(by: name) {
                do throws(VerifierFailure) {
                    return try VerifierFile.make(name, options: options, in: environment)
                } catch {
                    throw error.named(name)
                }
            }
            let hint = nearestName(to: name, among: names).map { "Did you mean '\($0)'? " } ?? ""
            throw VerifierFailure(
                .configuration, verifier: name,
                "there is no such verifier. \(hint)Known: \(names.joined(separator: ", ")).")
        }
        do throws(VerifierFailure) { return try entry.make(options, environment) } catch { throw error.named(name) }
    }
}
