import Foundation
import TextCore

/// What `length` is asked for. All forms are one verifier to a recipe; which type serves it follows from `form`.
///
/// | `form` | Value of a text of n units |
/// |---|---|
/// | `target` | 1 - abs(n - target) / target, at least 0 |
/// | `max` | 0 up to limit - buffer; from there linear to -1 at limit; -1 beyond (DAPO's soft overlong punishment) |
/// | `cosine` | b + ½ (a - b) (1 + cos(π min(n / limit, 1))): from a for n = 0 to b for n ≥ limit |
/// | `group_linear` | -mean(r) · Σ weight · quantity / the group's largest |
/// | `concise_among_correct` | `bonus` for the shortest of the right answers, all of them on a tie; else 0 |
///
/// `cosine` takes its bounds from what the components before say: (a, b) is (`correct_max`, `correct_min`) for a text that
/// passed, so that the shorter is worth more, and (`wrong_min`, `wrong_max`) for one that did not, so that a long one
/// loses less. The last two forms look at all rollouts of a row; r is what the components before say together.
///
/// Alone, any of these teaches a model to write nothing: use it next to a reward for right answers, behind a gate.
public struct LengthConfiguration: VerifierConfiguration {
    /// How a length becomes a value.
    public enum Form: String, NamedChoice {
        case target
        case max
        case cosine
        case groupLinear = "group_linear"
        case conciseAmongCorrect = "concise_among_correct"
    }

    /// What is counted.
    public enum Unit: String, NamedChoice {
        /// The tokens that the model wrote, with the stop token.
        case tokens
        /// Unicode scalars.
        case scalars
        /// What white space parts.
        case words
    }

    /// How a length becomes a value; must be given.
    public var form: Form?
    /// What is counted.
    public var unit = Unit.tokens
    /// Where the text stands that is counted; tokens are always those of the whole text.
    public var extract = Extraction.full
    /// The units that are wanted, for `target`.
    public var target: Int?
    /// The units from which on a text is overlong, for `max`, or where the curve ends, for `cosine`.
    public var limit: Int?
    /// The units below the limit over which the punishment grows, for `max`.
    public var buffer: Int?
    /// The value of a right answer of no units, for `cosine`.
    public var correctMax = 1.0
    /// The value of a right answer of the limit's length, for `cosine`.
    public var correctMin = 0.5
    /// The value of a wrong answer of the limit's length, for `cosine`.
    public var wrongMax = -0.5
    /// The value of a wrong answer of no units, for `cosine`.
    public var wrongMin = -1.0
    /// How much the length counts, for `group_linear`.
    public var outputWeight = 1.0
    /// How much the tokens count that tools and users added, for `group_linear`.
    public var inputWeight = 0.1
    /// How much the turns count, for `group_linear`.
    public var turnWeight = 0.1
    /// What the shortest right answer is worth, for `concise_among_correct`.
    public var bonus = 1.0
    public init() {}

    private static let atLeastOne: (words: String, check: @Sendable (Int?) -> Bool) = (
        "a whole number of at least 1", { $0.map { $0 >= 1 } ?? true }
    )
    private static let bound: (words: String, check: @Sendable (Double) -> Bool) = (
        "a number from -1 to 1", { (-1...1).contains($0) }
    )
    private static let weight: (words: String, check: @Sendable (Double) -> Bool) = (
        "a number from 0 to 100", { (0...100).contains($0) }
    )

    public static let options: [ConfigurationOption<Self>] = [
        .init("form", \.form, "How a length becomes a value."),
        .init("unit", \.unit, "What is counted: tokens (with the stop token), scalars or words."),
        .init("extract", \.extract, "Where the text stands that is counted, for scalars and words."),
        .init("target", \.target, "The units that are wanted, for `target`.", allowed: atLeastOne),
        .init(
            "limit", \.limit, "The units that are too many, for `max`; the end of the curve, for `cosine`.",
            allowed: atLeastOne),
        .init(
            "buffer", \.buffer, "The units below the limit over which the punishment grows, for `max`.",
            allowed: atLeastOne),
        .init("correct_max", \.correctMax, "A right answer of no units, for `cosine`.", allowed: bound),
        .init("correct_min", \.correctMin, "A right answer of the limit's length, for `cosine`.", allowed: bound),
        .init("wrong_max", \.wrongMax, "A wrong answer of the limit's length, for `cosine`.", allowed: bound),
        .init("wrong_min", \.wrongMin, "A wrong answer of no units, for `cosine`.", allowed: bound),
        .init("output_weight", \.outputWeight, "How much the length counts, for `group_linear`.", allowed: weight),
        .init(
            "input_weight", \.inputWeight, "How much tokens that tools and users added count, for `group_linear`.",
            allowed: weight),
        .init("turn_weight", \.turnWeight, "How much the turns count, for `group_linear`.", allowed: weight),
        .init(
            "bonus", \.bonus, "What the shortest right answer is worth, for `concise_among_correct`.",
            allowed: ("a number above 0, at most 1", { $0 > 0 && $0 <= 1 })),
    ]

    /// - Throws: `VerifierFailure` when `extract` is asked for with tokens.
    func checkUnit() throws(VerifierFailure) {
        guard unit == .tokens, extract != .full else { return }
        throw VerifierFailure(
            .configuration, option: "extract", "tokens are counted over the whole text; use `unit: scalars` or `words`")
    }

    func required(_ value: Int?, _ option: String) throws(VerifierFailure) -> Int {
        guard let value else {
            throw VerifierFailure(.configuration, option: option, "`form: \(form?.rawValue ?? "")` needs it")
        }
        return value
    }

    /// The units that a rollout has.
    ///
    /// - Throws: `VerifierFailure` of kind `item` when tokens are asked for and nobody counted them.
    func units(of rollout: Rollout) throws(VerifierFailure) -> Int {
        switch unit {
        case .tokens:
            guard rollout.tokenCount > 0 || rollout.fullText.isEmpty else {
                throw VerifierFailure(
                    .item, "the rollout does not say how many tokens it has; count `unit: scalars` or `words`")
            }
            return max(0, rollout.tokenCount)
        case .scalars: return (extract.text(in: rollout) ?? "").unicodeScalars.count
        case .words: return words(of: extract.text(in: rollout) ?? "").count
        }
    }
}

/// What white space parts in a text.
func words(of text: String) -> [Substring.UnicodeScalarView] {
    text[...].unicodeScalars.split { $0.properties.isWhitespace }
}

/// How near a text's length is to one that is wanted.
struct LengthTarget: ImmediateVerifier {
    typealias Configuration = LengthConfiguration
    static let name = "length"
    static let summary = "how near the length is to a target"
    private let configuration: LengthConfiguration
    private let target: Int

    init(_ configuration: LengthConfiguration) throws(VerifierFailure) {
        try configuration.checkUnit()
        self.configuration = configuration
        target = try configuration.required(configuration.target, "target")
    }

    func verify(_ rollout: Rollout, against reference: NoReference) throws(VerifierFailure) -> Verdict {
        let count = try configuration.units(of: rollout)
        let value = max(0, 1 - abs(Double(count) - Double(target)) / Double(target))
        return .score(Score(value, parts: ["length": Double(count)]))
    }
}

/// DAPO's soft overlong punishment (equation 13).
struct LengthLimit: ImmediateVerifier {
    typealias Configuration = LengthConfiguration
    static let name = "length"
    static let summary = "a punishment for overlong texts"
    static let range = -1.0...0.0
    private let configuration: LengthConfiguration
    private let limit: Int
    private let buffer: Int

    init(_ configuration: LengthConfiguration) throws(VerifierFailure) {
        try configuration.checkUnit()
        self.configuration = configuration
        limit = try configuration.required(configuration.limit, "limit")
        buffer = try configuration.required(configuration.buffer, "buffer")
        guard buffer <= limit else {
            throw VerifierFailure(.configuration, option: "buffer", "\(buffer) is more than the limit, \(limit)")
        }
    }

    func verify(_ rollout: Rollout, against reference: NoReference) throws(VerifierFailure) -> Verdict {
        let count = try configuration.units(of: rollout)
        let start = limit - buffer
        let value: Double =
            if count <= start { 0 } else if count <= limit { Double(start - count) / Double(buffer) } else { -1 }
        return .score(Score(value, parts: ["length": Double(count)]))
    }
}

/// The cosine over the length, one for right and one for wrong answers.
struct LengthCosine: Verifier {
    typealias Configuration = LengthConfiguration
    static let name = "length"
    static let summary = "short right answers are worth most, short wrong ones least"
    static let range = -1.0...1.0
    private let configuration: LengthConfiguration
    private let limit: Int

    init(_ configuration: LengthConfiguration) throws(VerifierFailure) {
        try configuration.checkUnit()
        self.configuration = configuration
        limit = try configuration.required(configuration.limit, "limit")
        for (low, high, name) in [
            (configuration.correctMin, configuration.correctMax, "correct_min"),
            (configuration.wrongMin, configuration.wrongMax, "wrong_min"),
        ] where low > high {
            throw VerifierFailure(.configuration, option: name, "\(low) is more than the largest value, \(high)")
        }
    }

    func verify(_ rollout: Rollout, against reference: NoReference, in context: VerificationContext)
        async throws(VerifierFailure) -> Verdict
    {
        guard let passed = context.earlier?.passed else { throw lengthNeedsEarlier("says whether the answer is right") }
        let count = try configuration.units(of: rollout)
        // Without the bound the cosine would come back, and very long texts would be worth more again.
        let share = min(Double(count) / Double(limit), 1)
        let (short, long) =
            passed
            ? (configuration.correctMax, configuration.correctMin) : (configuration.wrongMin, configuration.wrongMax)
        let value = long + (short - long) * (1 + cos(.pi * share)) / 2
        return .score(Score(min(max(value, -1), 1), parts: ["length": Double(count)]))
    }
}

func lengthNeedsEarlier(_ what: String) -> VerifierFailure {
    VerifierFailure(.configuration, option: "form", "a component must be listed before this one that \(what)")
}

extension VerifierRegistry {
    /// Adds `length`, whose form decides which type serves it.
    mutating func registerLength() {
        let options = LengthConfiguration.options.map {
            OptionDescription(name: $0.name, summary: $0.summary, expectation: $0.expectation)
        }
        register(
            "length", summary: "how long the text is: target, max, cosine, and two forms over groups", options: options
        ) {
            (json: JSON, environment: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier in
            let configuration = try LengthConfiguration(options: json)
            switch configuration.form {
            case .target: return AnyVerifier(try LengthTarget(configuration))
            case .max: return AnyVerifier(try LengthLimit(configuration))
            case .cosine: return AnyVerifier(try LengthCosine(configuration))
            case .groupLinear: return AnyVerifier(try LengthInGroup(configuration))
            case .conciseAmongCorrect: return AnyVerifier(try ConciseAmongCorrect(configuration))
            case nil:
                throw VerifierFailure(
                    .configuration, option: "form", "one must be given: \(LengthConfiguration.Form.expectation)")
            }
        }
    }
}
