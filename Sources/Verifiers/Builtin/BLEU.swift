import Foundation
public import TextCore

/// BLEU of one answer, as sacreBLEU's `sentence_bleu` computes it, divided by 100.
///
/// The variant names all that changes the number: `bleu4_13a_exp` counts n-grams up to 4 over the units of mteval-v13a
/// and smooths exponentially. bp · exp(mean of log p_n) over the orders that the answer is long enough for, with the
/// brevity penalty bp = min(1, exp(1 - r / c)) for c units in the answer and r in the reference whose length is nearest
/// (the shorter of two), and p_n the share of n-grams that stand in a reference, each at most as often as there. An order
/// without a match counts, smoothed by `exp`, as 1 / 2^k of one n-gram for the kth such order; by `floor`, as a tenth of
/// one; with `addk` each order above 1 has one match and one n-gram more; by `none`, as 0, as does the whole for almost
/// all short texts. Without any match BLEU is 0.
public struct BLEU: TextSimilarity {
    /// The largest n, the tokenizer and the smoothing.
    public struct Variant: JSONReadable, Hashable {
        /// What stands for the orders without a match.
        public enum Smoothing: String, NamedChoice {
            case exp
            case floor
            case addk
            case none
        }

        public static let expectation =
            "a variant such as bleu4_13a_exp: bleu1 to bleu4, a tokenizer (13a, intl, none, char, rouge, unicode), and a "
            + "smoothing (exp, floor, addk, none)"
        /// The largest n, 1 to 4.
        public var order = 4
        /// What an n-gram is made of.
        public var tokenizer = TextTokenizer.mteval13a
        /// What stands for the orders without a match.
        public var smoothing = Smoothing.exp

        public init() {}
        public init?(json: JSON) {
            guard let name = json.string else { return nil }
            let parts = name.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, let order = ["bleu1": 1, "bleu2": 2, "bleu3": 3, "bleu4": 4][parts[0]],
                let tokenizer = TextTokenizer(rawValue: parts[1]), let smoothing = Smoothing(rawValue: parts[2])
            else { return nil }
            (self.order, self.tokenizer, self.smoothing) = (order, tokenizer, smoothing)
        }
    }

    public struct Configuration: VerifierConfiguration {
        /// The largest n, the tokenizer and the smoothing.
        public var variant = Variant()
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        /// The least value that passes.
        public var passAt: Double?
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("variant", \.variant, "The largest n, the tokenizer and the smoothing: bleu4_13a_exp."),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("pass_at", \.passAt, PassMark.summary, allowed: PassMark.allowed),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    public static let name = "bleu"
    public static let summary = "BLEU of the answer, as sacreBLEU computes it for a sentence"
    private let configuration: Configuration
    var extract: Extraction { configuration.extract }
    var passAt: Double? { configuration.passAt }

    public init(_ configuration: Configuration) { self.configuration = configuration }

    private func units(_ text: String) -> [ScalarText] {
        configuration.variant.tokenizer.units(of: configuration.ignoreCase ? text.lowercased() : text)
    }

    func isUsable(_ reference: String) -> Bool { !units(reference).isEmpty }

    func similarity(of answer: String, to references: [String]) -> Double {
        let variant = configuration.variant
        var counter = NGramCounter<ScalarText>()
        let answer = counter.grams(of: units(answer), upTo: variant.order)
        let references = references.map { counter.grams(of: units($0), upTo: variant.order) }
        let length = answer[0].count
        let nearest = references.map { $0[0].count }.min {
            (abs($0 - length), $0) < (abs($1 - length), $1)
        }
        guard length > 0, let nearest else { return 0 }
        var matches: [Int] = []
        for order in 0..<variant.order {
            var most: [Int: Int] = [:]
            for reference in references { most.merge(counts(of: reference[order]), uniquingKeysWith: max) }
            matches.append(overlap(counts(of: answer[order]), most))
        }
        guard matches.contains(where: { $0 > 0 }) else { return 0 }
        let penalty = length < nearest ? exp(1 - Double(nearest) / Double(length)) : 1
        return penalty * exp(meanLog(matches: matches, totals: answer.map(\.count)))
    }

    /// The mean of the logarithms of the precisions; -∞ where one is 0.
    private func meanLog(matches: [Int], totals: [Int]) -> Double {
        var sum = 0.0
        var orders = 0
        var vain = 1.0
        for (index, (match, total)) in zip(matches, totals).enumerated() {
            var (match, total) = (Double(match), Double(total))
            if configuration.variant.smoothing == .addk, index > 0 {
                match += 1
                total += 1
            }
            guard total > 0 else { break }
            orders += 1
            if match == 0 {
                switch configuration.variant.smoothing {
                case .exp:
                    vain *= 2
                    match = 1 / vain
                case .floor: match = 0.1
                case .addk, .none: return -.infinity
                }
            }
            sum += log(match / total)
        }
        return orders > 0 ? sum / Double(orders) : -.infinity
    }
}
