public import TextCore

/// One value from several verifiers.
///
/// `combine` says how, for children with values v and weights w:
///
/// | | Value |
/// |---|---|
/// | `sum` | Σ w·v / Σ w; Σ w·v with `normalized: false` |
/// | `product` | Π v^w; every child's range lies in [0, 1] |
/// | `min` | the least v |
/// | `gate` | the last child's v when every child before it is at least its `at_least` (1 unless given), else `otherwise` (0 unless given); children behind a closed gate are not run |
/// | `lexicographic` | with q = the nearest of `levels` equal steps of [0, 1] to v: q₁ q₂ … qₙ as a number in base `levels`, over the greatest such number; so the first child decides, the second decides among equals, and so on |
/// | `formula` | `formula`, an expression over the children's names (`Formula`), clipped to `range` if that is given |
///
/// A child that fails makes the whole fail: a failure is no score. What a child's abstention does is said by `on_abstain`:
/// the whole abstains (`abstain`, the default), the child counts 0 (`zero`), or it is left out (`renormalize`, not for
/// `gate` and `formula`); where all abstain, so does the whole. A division by zero or a value that is not finite in a
/// formula is a failure of kind `invalidValue`.
///
/// The whole passes when all children do (of `gate`, when no gate is closed and the last child passes), fails when one
/// fails, and does not say when a child does not; of `formula` it does not say. With `pass_at` it passes from that value
/// on.
public struct Composite: Sendable {
    /// How values become one.
    public enum Combination: String, NamedChoice {
        case sum
        case product
        case min
        case gate
        case lexicographic
        case formula
    }

    /// What a child's abstention does.
    public enum Abstention: String, NamedChoice {
        /// The whole abstains.
        case abstain
        /// The child counts 0.
        case zero
        /// The child is left out.
        case renormalize
    }

    /// A value that is read later, with better messages.
    public struct Entry: JSONReadable, Hashable {
        public static let expectation = "an object such as {verifier: json_valid, weight: 0.5}"
        public var json: JSON
        public init?(json: JSON) {
            guard json.object != nil else { return nil }
            self.json = json
        }
    }

    public struct Configuration: VerifierConfiguration {
        /// How values become one.
        public var combine = Combination.sum
        /// The children: `{verifier, name, weight, at_least, target, …}` and their own options.
        public var of: [Entry] = []
        /// For `formula`, the expression.
        public var formula: String?
        /// For `sum`, whether it is divided by the weights' sum.
        public var normalized = true
        /// For `gate`, the value behind a closed gate.
        public var otherwise = 0.0
        /// For `lexicographic`, how many steps [0, 1] has.
        public var levels = 11
        /// For `formula`, the least and the greatest value.
        public var range: [Double] = []
        /// What a child's abstention does.
        public var onAbstain = Abstention.abstain
        /// The least value that passes.
        public var passAt: Double?
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("combine", \.combine, "How values become one."),
            .init(
                "of", \.of,
                "The verifiers: `{verifier: json_valid, name: format, weight: 0.5, target: …}` and their own options."),
            .init(
                "formula", \.formula, "For formula, an expression over the names, such as `0.9 * right + 0.1 * format`."
            ),
            .init("normalized", \.normalized, "For sum, whether it is divided by the weights' sum."),
            .init("otherwise", \.otherwise, "For gate, the value behind a closed gate."),
            .init(
                "levels", \.levels, "For lexicographic, how many steps [0, 1] has.",
                allowed: ("a whole number from 2 to 1001", { (2...1001).contains($0) })),
            .init(
                "range", \.range, "For formula, the least and the greatest value; others are clipped.",
                allowed: ("two numbers, the lesser first", { $0.count == 2 && $0[0] < $0[1] })),
            .init(
                "on_abstain", \.onAbstain, "Whether a child's abstention makes all abstain, counts 0, or is left out."),
            .init("pass_at", \.passAt, "The least value that passes."),
        ]
    }

    /// A verifier that is part of it.
    struct Child: Sendable {
        var name: String
        var weight: Double
        var threshold: Double
        /// The member of the reference that it takes; `nil` for all of it.
        var target: String?
        var verifier: AnyVerifier
    }

    public static let name = "composite"
    public static let summary = "one value from several verifiers: sum, product, min, gate, lexicographic, formula"

    let configuration: Configuration
    let children: [Child]
    /// For `formula`.
    let formula: Formula?
    /// The values that it may have.
    public let range: ClosedRange<Double>

    /// Makes the children too.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration` when options do not go together, a child's are wrong (with its
    ///   place in `of`), or a child judges whole groups.
    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        self.configuration = configuration
        children = try CompositeReader(configuration, environment).children()
        formula = try Self.formula(configuration, children)
        range = try Self.range(configuration, children)
    }

    /// This composite as a verifier of a registry.
    public var verifier: AnyVerifier {
        AnyVerifier(name: Self.name, range: range, traits: traits) {
            (json: JSON) throws(VerifierFailure) -> BoundVerifier in
            try BoundComposite(self, reference: json).verifier
        }
    }

    private var traits: VerifierTraits {
        var traits = VerifierTraits()
        traits.timeout = .zero
        for child in children.map(\.verifier.traits) {
            traits.isDeterministic = traits.isDeterministic && child.isDeterministic
            traits.usesNetwork = traits.usesNetwork || child.usesNetwork
            traits.isBlocking = traits.isBlocking || child.isBlocking
            traits.runsUntrustedCode = traits.runsUntrustedCode || child.runsUntrustedCode
            traits.sandbox = [traits.sandbox, child.sandbox].compactMap(\.self).min()
            // Children run one after the other.
            traits.timeout += child.timeout
        }
        return traits
    }

    private static func formula(
        _ configuration: Configuration, _ children: [Child]
    ) throws(VerifierFailure) -> Formula? {
        guard configuration.combine == .formula else {
            guard configuration.formula == nil else {
                throw VerifierFailure(
                    .configuration, option: "formula", "it is read with combine: formula only")
            }
            return nil
        }
        guard let text = configuration.formula else {
            throw VerifierFailure(
                .configuration, option: "formula", "it must be given, such as \"0.9 * right + 0.1 * format\"")
        }
        if let child = children.first(where: { !Formula.isName($0.name) }) {
            throw VerifierFailure(
                .configuration, option: "of",
                "'\(child.name)' cannot stand in a formula; give the verifier a `name` of letters, digits and _")
        }
        do throws(FormulaError) {
            return try Formula(text, variables: children.map(\.name))
        } catch {
            throw VerifierFailure(.configuration, option: "formula", error.description)
        }
    }

    private static func range(
        _ configuration: Configuration, _ children: [Child]
    ) throws(VerifierFailure) -> ClosedRange<Double> {
        let ranges = children.map(\.verifier.range)
        let lows = ranges.map(\.lowerBound)
        let highs = ranges.map(\.upperBound)
        switch configuration.combine {
        case .product, .lexicographic:
            for child in children where child.verifier.range.lowerBound < 0 || child.verifier.range.upperBound > 1 {
                throw VerifierFailure(
                    .configuration, option: "of",
                    "'\(child.name)' has values outside of [0, 1], which \(configuration.combine.rawValue) cannot take")
            }
            return 0...1
        case .min: return (lows.min() ?? 0)...(highs.min() ?? 1)
        case .gate:
            let last = ranges.last ?? 0...1
            return Swift.min(last.lowerBound, configuration.otherwise)...max(last.upperBound, configuration.otherwise)
        case .formula:
            let largest = Double.greatestFiniteMagnitude
            return configuration.range.isEmpty ? -largest...largest : configuration.range[0]...configuration.range[1]
        case .sum:
            if configuration.normalized, configuration.onAbstain != .zero {
                return (lows.min() ?? 0)...(highs.max() ?? 1)
            }
            let total = configuration.normalized ? children.reduce(0) { $0 + $1.weight } : 1
            var (low, high) = (0.0, 0.0)
            for (child, range) in zip(children, ranges) {
                let ends = [0, child.weight * range.lowerBound / total, child.weight * range.upperBound / total]
                low += ends.min() ?? 0
                high += ends.max() ?? 0
            }
            guard low.isFinite, high.isFinite else {
                throw VerifierFailure(.configuration, option: "of", "the sum may be infinite")
            }
            return low...high
        }
    }
}

extension VerifierRegistry {
    /// Adds `composite`, whose children are made from the registry of the environment.
    mutating func registerComposite() {
        let options = Composite.Configuration.options.map {
            OptionDescription(
                name: $0.name, summary: $0.summary, expectation: $0.expectation, isPath: $0.isPath)
        }
        register(Composite.name, summary: Composite.summary, options: options) {
            (json: JSON, environment: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier in
            try Composite(Composite.Configuration(options: json), in: environment).verifier
        }
    }
}
