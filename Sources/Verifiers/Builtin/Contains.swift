/// 1 when the answer, normalised, contains the references, normalised: any of them, or all.
public struct Contains: ImmediateVerifier {
    /// How many of several references must be in the answer.
    public enum Mode: String, NamedChoice {
        case any
        case all
    }

    public struct Configuration: VerifierConfiguration {
        /// How many of several references must be in the answer.
        public var mode = Mode.any
        /// Whether a reference counts only where no letter, digit or underscore touches it.
        public var words = false
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        /// What is done to all texts first, in this order.
        public var normalize: [Normalizer] = []
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("mode", \.mode, "Whether any or all of several references must be in the answer."),
            .init("words", \.words, "Whether only whole words count."),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("normalize", \.normalize, "What is done to all texts first, in this order."),
        ]
    }

    public static let name = "contains"
    public static let summary = "the answer contains the reference, or any or all of them"
    private let configuration: Configuration
    private let normalizers: [Normalizer]

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        normalizers = configuration.normalize + (configuration.ignoreCase ? [.casefold] : [])
    }

    public func check(_ reference: AnyOf) throws(VerifierFailure) {
        for text in reference.texts where normalizers.applied(to: text).isEmpty {
            throw VerifierFailure(.item, "the reference is empty, and every answer contains that")
        }
    }

    public func verify(_ rollout: Rollout, against reference: AnyOf) throws(VerifierFailure) -> Verdict {
        guard let answer = rollout.answerText else { return .fail(note: "the reasoning never ended") }
        let scalars = Array(normalizers.applied(to: answer).unicodeScalars)
        let found = reference.texts.filter {
            let wanted = Array(normalizers.applied(to: $0).unicodeScalars)
            return firstPlace(of: wanted, in: scalars, wholeWords: configuration.words) != nil
        }
        let passed = configuration.mode == .any ? !found.isEmpty : found.count == reference.texts.count
        return .check(
            passed, extracted: found.first, note: passed ? nil : "found \(found.count) of \(reference.texts.count)")
    }
}

/// The first place at or after `start` where `wanted` stands; with `wholeWords`, where no word continues on its sides.
func firstPlace(
    of wanted: [Unicode.Scalar], in scalars: [Unicode.Scalar], from start: Int = 0, wholeWords: Bool
) -> Int? {
    guard !wanted.isEmpty, scalars.count >= wanted.count else { return nil }
    var place = start
    while place <= scalars.count - wanted.count {
        if stands(wanted, at: place, in: scalars, wholeWords: wholeWords) { return place }
        place += 1
    }
    return nil
}

/// Whether `wanted` stands at `place`.
func stands(_ wanted: [Unicode.Scalar], at place: Int, in scalars: [Unicode.Scalar], wholeWords: Bool) -> Bool {
    let end = place + wanted.count
    guard end <= scalars.count, let first = wanted.first, let last = wanted.last, scalars[place] == first else {
        return false
    }
    guard scalars[place..<end].elementsEqual(wanted) else { return false }
    guard wholeWords else { return true }
    if place > 0, first.isWord, scalars[place - 1].isWord { return false }
    if end < scalars.count, last.isWord, scalars[end].isWord { return false }
    return true
}
