public import TextCore

/// 1 when the mathematical answer means the same as the reference, LaTeX or plain.
///
/// Both are read by a bounded grammar (10,000 characters, 500 parts, 60 levels) and compared in tiers: as written (0),
/// as exact fractions (1), as quotients of polynomials over ℚ with radicals (2), and at random points that depend on
/// nothing but the names of the variables (3). The tier that matched is in the score's parts under `tier`. Sets and
/// lists without brackets are compared without order, tuples and intervals in order and with their brackets, matrices by
/// element; ± is two values; `x = 5` is 5, and other equations are the same up to a factor. An answer matches a decimal
/// reference within a relative 10⁻ᵖ, p being `precision` or the reference's significant digits where those are fewer
/// (but at least 2), and a number without end, such as 1/3, also where it rounds to the reference; all else must be exact.
///
/// A reference that cannot be read makes the verifier abstain; an answer that cannot be read scores 0. Nothing here can
/// take long: every step is counted, and what is too large for one tier falls to the next.
public struct MathEquivalence: ImmediateVerifier {
    public struct Configuration: VerifierConfiguration {
        /// Where in the answer the formula is; `nil` for the last box, or else what looks most like the answer.
        public var extract: Extraction?
        /// Whether only a box is an answer.
        public var strictBoxed = false
        /// The tiers that are used.
        public var tiers = [0, 1, 2, 3]
        /// Digits to which an answer must agree with a decimal reference.
        public var precision = 6
        /// What 50 % is.
        public var percent = NumberReader.Percent.number
        /// Whether elements of sets and of lists without brackets may come in any order.
        public var allowSetOrder = true
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init(
                "extract", \.extract,
                "Where the formula is; left out: the last box, else behind ####, else behind 'answer is', else the last "
                    + "formula between dollar signs, else the whole text."),
            .init("strict_boxed", \.strictBoxed, "Whether only what is in a box is an answer."),
            .init(
                "tiers", \.tiers,
                "What is tried: as written (0), fractions (1), polynomials and radicals (2), random points (3).",
                allowed: ("a list of tiers from 0 to 3", { !$0.isEmpty && $0.allSatisfy { (0...3).contains($0) } })),
            .init(
                "precision", \.precision, "Digits to which an answer must agree with a decimal reference.",
                allowed: ("a whole number from 1 to 12", { (1...12).contains($0) })),
            .init("percent", \.percent, "Whether 50% is 50 (number), 0.5 (fraction), or no answer (refuse)."),
            .init("allow_set_order", \.allowSetOrder, "Whether elements of sets and lists may come in any order."),
        ]
    }

    public static let name = "math"
    public static let summary = "the mathematical answer means the same as the reference"
    private let configuration: Configuration

    public init(_ configuration: Configuration) throws(VerifierFailure) {
        guard !configuration.strictBoxed || configuration.extract == nil else {
            throw VerifierFailure(
                .configuration, option: "strict_boxed", "extract says where the answer is; leave one of the two out")
        }
        self.configuration = configuration
    }

    /// The right answers, any of which will do: texts or numbers. A worked solution's box, or what stands behind its
    /// `####`, is its answer.
    public struct Reference: JSONReadable {
        public static let expectation = "a formula or a number, or a list of those"
        /// The answers as written.
        public let texts: [String]
        let golds: [Result<MathNode, MathSyntaxError>]

        public init?(json: JSON) {
            guard let answers = AnyOf(json: json) else { return nil }
            texts = answers.texts.map(MathText.reference)
            golds = texts.map { text in Result { () throws(MathSyntaxError) in try MathParser.node(of: text) } }
        }
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        let golds = reference.golds.compactMap { try? $0.get() }.filter(isAllowed)
        guard !golds.isEmpty else {
            let reason = reference.golds.lazy.compactMap(\.failure).first?.message ?? "it has a percent sign"
            return .abstain(
                reason: "the reference '\(reference.texts[0].prefix(80))' is not understood: \(reason)")
        }
        guard let text = extracted(from: rollout) else { return .fail(note: absence(in: rollout)) }
        let answer: MathNode
        do throws(MathSyntaxError) {
            answer = try MathParser.node(of: text)
        } catch {
            return .fail(extracted: text, note: "the answer is not understood: \(error.message)")
        }
        guard isAllowed(answer) else { return .fail(extracted: text, note: "a percent sign is refused") }
        var comparison = MathComparison()
        comparison.tiers = Set(configuration.tiers)
        comparison.precision = configuration.precision
        comparison.percent = configuration.percent
        comparison.allowsSetOrder = configuration.allowSetOrder
        for gold in golds {
            guard let tier = comparison.matches(gold: gold, answer: answer) else { continue }
            let note = "the same \(Self.ways[tier]) (tier \(tier))"
            return .score(Score(1, passed: true, parts: ["tier": Double(tier)], extracted: text, note: note))
        }
        return .fail(extracted: text, note: "not the same")
    }

    private static let ways = ["as written", "as numbers", "when expanded", "at random points"]

    private func isAllowed(_ node: MathNode) -> Bool {
        guard configuration.percent == .refuse else { return true }
        return !node.contains { if case .percent = $0 { true } else { false } }
    }

    private func extracted(from rollout: Rollout) -> String? {
        if let place = configuration.extract ?? (configuration.strictBoxed ? .boxed : nil) {
            return place.text(in: rollout)
        }
        return rollout.answerText.flatMap { MathText.answer(in: $0) }
    }

    private func absence(in rollout: Rollout) -> String {
        (configuration.extract ?? .boxed).absence(in: rollout)
    }
}

extension MathEquivalence: SelfTesting {
    public func probes(for reference: Reference) -> [VerifierProbe] {
        let place = configuration.extract ?? .boxed
        guard let index = reference.golds.firstIndex(where: { $0.failure == nil }) else { return [] }
        let gold = reference.texts[index]
        var probes = [VerifierProbe("empty", answer: "", passes: false)]
        for (name, answer, passes) in [
            ("gold", gold, true), ("gold and another", "\(gold), \\text{none of it}", false),
            ("no answer", "\\text{no such answer}", false), ("nested without end", "9^{9^{9^{9^{9}}}}+\(gold)", false),
        ] {
            if let text = place.written(answer) { probes.append(VerifierProbe(name, answer: text, passes: passes)) }
        }
        return probes
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}
