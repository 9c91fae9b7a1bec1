/// OpenAI's string check: 1 when the answer is, is not, or contains the reference, scalar by scalar.
///
/// Nothing is normalised. Of several references any will do; with `ne` the answer must be none of them. One thing differs
/// from OpenAI: an answer of nothing but white space never passes, not even `ne`, unless `eq` asks for it. `like` and
/// `ilike` are met by an answer that lists every text there is: pair them with a limit of length, or use `exact`.
public struct StringCheck: ImmediateVerifier, SelfTesting {
    /// How the answer is compared.
    public enum Operation: String, NamedChoice {
        /// The answer is the reference.
        case eq
        /// The answer is not the reference.
        case ne
        /// The answer contains the reference.
        case like
        /// The answer contains the reference, capital and small letters being alike.
        case ilike
    }

    public struct Configuration: VerifierConfiguration {
        /// How the answer is compared.
        public var operation = Operation.eq
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init(
                "operation", \.operation,
                "Whether the answer is (eq), is not (ne), or contains (like; ilike: of any case) the reference."),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    public static let name = "string_check"
    public static let summary = "the answer is, is not, or contains the reference, to the letter"
    private let operation: Operation
    private let extract: Extraction

    public init(_ configuration: Configuration) {
        operation = configuration.operation
        extract = configuration.extract
    }

    public func check(_ reference: AnyOf) throws(VerifierFailure) {
        guard operation == .like || operation == .ilike, reference.texts.contains(where: { $0.trimmed.isEmpty }) else {
            return
        }
        throw VerifierFailure(.item, "the reference is empty, and every answer contains that")
    }

    public func verify(_ rollout: Rollout, against reference: AnyOf) throws(VerifierFailure) -> Verdict {
        guard let answer = extract.text(in: rollout) else { return .fail(note: extract.absence(in: rollout)) }
        let passed =
            switch operation {
            case .eq: reference.texts.contains { $0.isSameText(as: answer) }
            case .ne: !answer.trimmed.isEmpty && !reference.texts.contains { $0.isSameText(as: answer) }
            case .like: contains(reference.texts, in: answer)
            case .ilike: contains(reference.texts.map(Self.folded), in: Self.folded(answer))
            }
        return .check(passed, extracted: answer)
    }

    private func contains(_ texts: [String], in answer: String) -> Bool {
        let scalars = Array(answer.unicodeScalars)
        return texts.contains { WantedText($0).stands(in: scalars, wholeWords: false) }
    }

    private static func folded(_ text: String) -> String { Normalizer.casefold.applied(to: text) }

    public func probes(for reference: AnyOf) -> [VerifierProbe] {
        switch operation {
        case .ne:
            let other = extract.written((reference.texts.first ?? "") + " or maybe something else entirely")
            var probes = TextProbes.probes(gold: [], extract: extract, refusesMore: false)
            if let other { probes.append(VerifierProbe("another text", answer: other, passes: true)) }
            if let same = reference.texts.first.flatMap({ extract.written($0) }) {
                probes.append(VerifierProbe("the reference", answer: same, passes: false))
            }
            return probes
        case .eq, .like, .ilike:
            let isEmpty = reference.texts.contains { $0.trimmed.isEmpty }
            let probes = TextProbes.probes(gold: reference.texts, extract: extract, refusesMore: operation == .eq)
            return isEmpty ? probes.filter { $0.passes } : probes
        }
    }
}
