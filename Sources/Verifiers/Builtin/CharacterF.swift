/// chrF of one answer (Popović, 2015 and 2017), as sacreBLEU's `sentence_chrf` computes it, divided by 100.
///
/// Over n-grams of scalars that are not white space, for n up to `char_order`, and of words, for n up to `word_order` (2 is
/// chrF++), precision and recall are averaged over the orders that both texts have, and joined to
/// (1 + β²) P R / (β² P + R). The best of the references counts.
public struct CharacterF: TextSimilarity {
    public struct Configuration: VerifierConfiguration {
        /// The largest n-gram of scalars.
        public var characterOrder = 6
        /// The largest n-gram of words.
        public var wordOrder = 0
        /// How many times as much recall counts as precision.
        public var beta = 2.0
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        /// The least value that passes.
        public var passAt: Double?
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init(
                "char_order", \.characterOrder, "The largest n-gram of scalars.",
                allowed: ("a whole number from 1 to 9", { (1...9).contains($0) })),
            .init(
                "word_order", \.wordOrder, "The largest n-gram of words; 2 is chrF++.",
                allowed: ("a whole number from 0 to 9", { (0...9).contains($0) })),
            .init(
                "beta", \.beta, "How many times as much recall counts as precision.",
                allowed: ("a number above 0, at most 10", { $0 > 0 && $0 <= 10 })),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("pass_at", \.passAt, PassMark.summary, allowed: PassMark.allowed),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    public static let name = "chrf"
    public static let summary = "chrF of the answer, as sacreBLEU computes it for a sentence"
    private let configuration: Configuration
    var extract: Extraction { configuration.extract }
    var passAt: Double? { configuration.passAt }

    public init(_ configuration: Configuration) { self.configuration = configuration }

    func isUsable(_ reference: String) -> Bool { !TextTokenizer.char.units(of: reference).isEmpty }

    func similarity(of answer: String, to references: [String]) -> Double {
        var characters = NGramCounter<Unicode.Scalar>()
        var words = NGramCounter<ScalarText>()
        func counted(_ text: String) -> [[Int: Int]] {
            let text = configuration.ignoreCase ? text.lowercased() : text
            let scalars = text.unicodeScalars.filter { !TextTokenizer.isSpace($0) }
            var grams = characters.grams(of: scalars, upTo: configuration.characterOrder)
            if configuration.wordOrder > 0 {
                grams += words.grams(of: Self.words(of: text), upTo: configuration.wordOrder)
            }
            return grams.map(counts)
        }
        let mine = counted(answer)
        return references.map { score(mine, counted($0)) }.max() ?? 0
    }

    private func score(_ answer: [[Int: Int]], _ reference: [[Int: Int]]) -> Double {
        var (precision, recall, orders) = (0.0, 0.0, 0.0)
        for (mine, other) in zip(answer, reference) where !mine.isEmpty && !other.isEmpty {
            let shared = Double(overlap(mine, other))
            precision += shared / Double(mine.values.reduce(0, +))
            recall += shared / Double(other.values.reduce(0, +))
            orders += 1
        }
        guard orders > 0, precision + recall > 0 else { return 0 }
        precision /= orders
        recall /= orders
        let factor = configuration.beta * configuration.beta
        return (1 + factor) * precision * recall / (factor * precision + recall)
    }

    /// Words with one mark of ASCII parted from their end or else from their beginning.
    private static func words(of text: String) -> [ScalarText] {
        let isMark: (Unicode.Scalar) -> Bool = {
            $0.isASCII && $0.value > 0x20 && $0.value < 0x7F && !$0.isLetterOrDigit
        }
        return text.unicodeScalars.split(whereSeparator: TextTokenizer.isSpace).flatMap { word -> [ScalarText] in
            guard word.count > 1, let first = word.first, let last = word.last else { return [ScalarText(word)] }
            if isMark(last) { return [ScalarText(word.dropLast()), ScalarText(CollectionOfOne(last))] }
            if isMark(first) { return [ScalarText(CollectionOfOne(first)), ScalarText(word.dropFirst())] }
            return [ScalarText(word)]
        }
    }
}

extension Unicode.Scalar {
    /// Whether this is an ASCII letter or digit.
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case "0"..."9", "a"..."z", "A"..."Z": true
        default: false
        }
    }
}
