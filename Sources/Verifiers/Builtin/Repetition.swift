/// A punishment for text that repeats itself.
///
/// `detect: ngrams`: -max_penalty · (1 - different n-grams / n-grams), and 0 where there are fewer than n units.
/// `detect: suffix`: -max_penalty · (units of the longest end that also stands earlier in the text) / units; it finds a
/// text that ends in a loop, whatever the loop's length, and may overlap itself. Units are the tokens' ids, or the words,
/// capital and small letters being alike. Tables and code repeat themselves for good reason: keep the weight low there.
public struct Repetition: ImmediateVerifier, SelfTesting {
    /// What is counted.
    public enum Unit: String, NamedChoice {
        /// The ids of the tokens that were written.
        case tokens
        /// What white space parts.
        case words
    }

    /// What kind of repetition is punished.
    public enum Detect: String, NamedChoice {
        /// N-grams that stand in the text more than once.
        case ngrams
        /// An end that stands in the text before.
        case suffix
    }

    public struct Configuration: VerifierConfiguration {
        /// What kind of repetition is punished.
        public var detect = Detect.ngrams
        /// Units in an n-gram.
        public var n = 3
        /// What a text loses that does nothing but repeat.
        public var maxPenalty = 1.0
        /// What is counted.
        public var unit = Unit.tokens
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("detect", \.detect, "Whether n-grams that repeat are punished, or an end that stands before."),
            .init(
                "n", \.n, "Units in an n-gram.",
                allowed: ("a whole number from 1 to 32", { (1...32).contains($0) })),
            .init(
                "max_penalty", \.maxPenalty, "What a text loses that does nothing but repeat.",
                allowed: ("a number above 0, at most 1", { $0 > 0 && $0 <= 1 })),
            .init("unit", \.unit, "What is counted: tokens or words."),
        ]
    }

    public static let name = "repetition"
    public static let summary = "a punishment for text that repeats itself"
    public static let range = -1.0...0.0
    private let configuration: Configuration

    public init(_ configuration: Configuration) { self.configuration = configuration }

    public func verify(_ rollout: Rollout, against reference: NoReference) throws(VerifierFailure) -> Verdict {
        let ids = try units(of: rollout)
        let share =
            switch configuration.detect {
            case .ngrams: repeatedShare(of: ids)
            case .suffix: ids.isEmpty ? 0 : Double(Self.repeatedSuffix(of: ids)) / Double(ids.count)
            }
        return .score(Score(share == 0 ? 0 : -configuration.maxPenalty * share, parts: ["repeated": share]))
    }

    private func units(of rollout: Rollout) throws(VerifierFailure) -> [Int32] {
        switch configuration.unit {
        case .tokens:
            guard !rollout.tokens.isEmpty || rollout.fullText.isEmpty else {
                throw VerifierFailure(.item, "nobody kept the rollout's tokens; count `unit: words`")
            }
            return rollout.tokens
        case .words:
            var known: [ScalarText: Int32] = [:]
            return words(of: Normalizer.casefold.applied(to: rollout.fullText)).map { word in
                let text = ScalarText(word)
                if let id = known[text] { return id }
                let id = Int32(clamping: known.count)
                known[text] = id
                return id
            }
        }
    }

    private func repeatedShare(of ids: [Int32]) -> Double {
        let total = ids.count - configuration.n + 1
        guard total > 0 else { return 0 }
        var counter = NGramCounter<Int32>()
        let different = Set(counter.grams(of: ids, upTo: configuration.n)[configuration.n - 1]).count
        return 1 - Double(different) / Double(total)
    }

    /// Units of the longest end of a text that also stands earlier in it, found with the Z-function of the text read
    /// backwards.
    static func repeatedSuffix(of ids: [Int32]) -> Int {
        let text = Array(ids.reversed())
        var lengths = [Int](repeating: 0, count: text.count)
        var (start, end) = (0, 0)
        var longest = 0
        for index in text.indices.dropFirst() {
            var length = index < end ? min(lengths[index - start], end - index) : 0
            while index + length < text.count, text[length] == text[index + length] { length += 1 }
            lengths[index] = length
            if index + length > end { (start, end) = (index, index + length) }
            longest = max(longest, length)
        }
        return longest
    }

    public func probes(for reference: NoReference) -> [VerifierProbe] {
        guard configuration.unit == .words else { return [] }
        return [
            VerifierProbe("no repetition", answer: "every word stands here once", passes: true),
            VerifierProbe(
                "a loop", answer: String(repeating: "again and ", count: 40 + configuration.n), passes: false),
        ]
    }
}
