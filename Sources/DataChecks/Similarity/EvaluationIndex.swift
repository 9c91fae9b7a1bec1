import TextCore

/// A row that a model is judged by, found in a row to train on.
struct OverlapMatch: Sendable, Hashable {
    /// How it was found.
    enum Kind: String, Sendable, Hashable, CaseIterable, Comparable {
        /// What is asked is the same, but for case, white space and punctuation.
        case exact
        /// The row to train on holds it, or half of a long one, word by word.
        case contained
        /// It is alike in most of its pieces.
        case near

        static func < (left: Kind, right: Kind) -> Bool {
            allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
        }
    }

    /// How alike two rows are that are called nearly the same; what is less alike is only told of.
    static let nearSimilarity = 0.6

    /// The number of the row that a model is judged by.
    var item: Int
    var kind: Kind
    /// Jaccard's index of their pieces, or the share of its words that are contained, [0, 1].
    var score: Double
}

/// Rows that a model is judged by, in which rows to train on are looked up one after the other.
///
/// Memory grows with these rows and their texts, not with those to train on.
struct EvaluationIndex {
    /// How alike a row is at least that is told of: a question in which a few words were changed.
    static let leastSimilarity = 0.5
    /// Words of a text at least that is looked for inside others; shorter ones are contained by chance.
    static let leastWords = 8
    /// Words of a text up to which all of it must be contained, and the length of the runs that are looked for of a
    /// longer one.
    private static let gramWords = 12
    /// The share of a long text's runs that must be contained.
    private static let leastContained = 0.5
    /// Texts with one band in common that are compared with a row.
    private static let bucketLimit = 512

    private let common: CommonText
    private let bands = SketchBands(threshold: Self.leastSimilarity)
    private let leastAgreement = SketchBands.leastAgreement(threshold: Self.leastSimilarity)
    /// For each item where its text is, of texts that are there once.
    private var textOfItem: [Int32] = []
    private var itemsOfText: [[Int32]] = []
    private var shingles: [Shingles] = []
    private var sketches = SketchTable()
    private var exact: [UInt64: Int32] = [:]
    private var buckets: [UInt64: [Int32]] = [:]
    /// For each run of words the texts that it is in.
    private var grams: [UInt64: [Int32]] = [:]
    private var gramCounts: [Int32] = []
    private var lengths: Set<Int> = []
    /// A bit for each run's lower bits, so that most are dismissed at once.
    private var bits = [UInt64](repeating: 0, count: Self.bitWords)

    private static let bitWords = 1 << 15
    /// For each text the number of the row that it was last compared with, so that no pair is compared twice.
    private var comparedWith: [UInt32] = []
    private var lookups: UInt32 = 0

    /// - Parameter common: what most prompts share.
    init(common: CommonText) { self.common = common }

    /// Rows.
    var count: Int { textOfItem.count }

    /// Adds what a row asks; its number is the count before.
    mutating func add(_ prompt: String) {
        let item = Int32(clamping: textOfItem.count)
        let text = NormalizedText(prompt)
        if let known = exact[text.hash] {
            textOfItem.append(known)
            itemsOfText[Int(known)].append(item)
            return
        }
        let number = Int32(clamping: itemsOfText.count)
        textOfItem.append(number)
        itemsOfText.append([item])
        exact[text.hash] = number
        let pieces = Shingles(text, without: common)
        let sketch = TextSketch(pieces.hashes)
        comparedWith.append(0)
        shingles.append(pieces)
        sketches.append(sketch)
        if !pieces.hashes.isEmpty {
            for key in keys(sketch) {
                if buckets[key, default: []].count < Self.bucketLimit { buckets[key, default: []].append(number) }
            }
        }
        addGrams(WordGrams(text), number)
    }

    /// The hash of each band with the band's number.
    private func keys(_ sketch: TextSketch) -> [UInt64] {
        SketchTable.keys(sketch, bands).enumerated().map { UInt64($0) << 32 | UInt64($1) }
    }

    private mutating func addGrams(_ words: WordGrams, _ text: Int32) {
        guard words.count >= Self.leastWords else {
            gramCounts.append(0)
            return
        }
        let length = min(words.count, Self.gramWords)
        lengths.insert(length)
        var seen: Set<UInt64> = []
        for start in 0...words.count - length {
            let hash = words.hash(from: start, length: length)
            guard seen.insert(hash).inserted else { continue }
            grams[hash, default: []].append(text)
            bits[Int(hash >> 6) & (Self.bitWords - 1)] |= 1 << (hash & 63)
        }
        gramCounts.append(Int32(clamping: seen.count))
    }

    // MARK: Looking up

    /// Which rows a row to train on gives away, each with how; none for most.
    ///
    /// - Parameters:
    ///   - prompt: what it asks; compared with what the rows ask.
    ///   - texts: all that it says, in which the rows are looked for.
    mutating func matches(prompt: String, texts: [String]) -> [OverlapMatch] {
        guard !itemsOfText.isEmpty else { return [] }
        var found: [Int32: (kind: OverlapMatch.Kind, score: Double)] = [:]
        func note(_ text: Int32, _ kind: OverlapMatch.Kind, _ score: Double) {
            if let known = found[text], (known.kind, -known.score) <= (kind, -score) { return }
            found[text] = (kind, score)
        }
        let normalized = NormalizedText(prompt)
        if !normalized.isEmpty, let text = exact[normalized.hash] { note(text, .exact, 1) }
        for (text, score) in near(normalized) { note(text, .near, score) }
        for text in texts {
            for (text, score) in contained(WordGrams(NormalizedText(text))) { note(text, .contained, score) }
        }
        return found.flatMap { text, match in
            itemsOfText[Int(text)].map { OverlapMatch(item: Int($0), kind: match.kind, score: match.score) }
        }.sorted { ($0.kind, -$0.score, $0.item) < ($1.kind, -$1.score, $1.item) }
    }

    private mutating func near(_ text: NormalizedText) -> [(text: Int32, score: Double)] {
        guard !text.isEmpty else { return [] }
        let pieces = Shingles(text, without: common)
        let sketch = TextSketch(pieces.hashes)
        lookups &+= 1
        if lookups == 0 {
            comparedWith = comparedWith.map { _ in 0 }
            lookups = 1
        }
        var found: [(Int32, Double)] = []
        for key in keys(sketch) {
            for candidate in buckets[key] ?? [] where comparedWith[Int(candidate)] != lookups {
                comparedWith[Int(candidate)] = lookups
                guard sketches.agreement(sketch, Int(candidate), atLeast: leastAgreement) >= leastAgreement else {
                    continue
                }
                let score = pieces.similarity(to: shingles[Int(candidate)])
                if score >= Self.leastSimilarity { found.append((candidate, score)) }
            }
        }
        return found
    }

    private func contained(_ words: WordGrams) -> [(text: Int32, score: Double)] {
        var hits: [Int32: Set<UInt64>] = [:]
        for length in lengths where length <= words.count {
            for start in 0...words.count - length {
                let hash = words.hash(from: start, length: length)
                guard bits[Int(hash >> 6) & (Self.bitWords - 1)] >> (hash & 63) & 1 == 1, let texts = grams[hash]
                else { continue }
                // A run that many texts have is a phrase, or a template's.
                guard texts.count <= max(4, itemsOfText.count / 50) else { continue }
                for text in texts { hits[text, default: []].insert(hash) }
            }
        }
        return hits.compactMap { text, runs in
            let score = Double(runs.count) / Double(max(1, gramCounts[Int(text)]))
            return score >= Self.leastContained ? (text, score) : nil
        }
    }
}
