import Foundation
import Statistics

/// How the words of two sets of texts differ.
struct VocabularyDrift {
    /// A word that comes up more often in one of the sets.
    struct Word {
        var word: String
        /// Occurrences in either set.
        var first, second: Int
        /// Log-odds ratio in standard deviations; above 0 where the second set has it more often.
        var score: Double
    }

    /// Jensen and Shannon's divergence of the words' shares, the sets weighted by their sizes, in bits: 0 for the same
    /// shares, at most 1.
    let divergence: Double
    /// What random divisions of all texts give on average: texts differ by chance alone.
    let byChance: Double
    /// The share of random divisions that differ at least as much.
    let pValue: Double
    /// Share of the second set's words (as they are written, each as often as it comes) that the first has not.
    let newShare: Double
    /// The same of one half of the first set against the other half.
    let usualNewShare: Double
    /// New words that come up in two texts or more, the most frequent first.
    let newWords: [(word: String, count: Int)]
    /// The words that tell the sets apart the most, those of the second first.
    let telling: [Word]

    /// Words of a text that are looked at.
    private static let wordLimit = 1000

    /// - Parameters:
    ///   - first: the older texts.
    ///   - second: the newer ones.
    ///   - resamples: how often all texts are divided at random.
    ///   - seed: what the divisions are keyed by.
    init(_ first: [String], _ second: [String], resamples: Int = 999, seed: UInt64) {
        let words = WordRows(first + second, limit: Self.wordLimit)
        let division = Division(words)
        let seen = division.information(of: Array(0..<first.count))
        var drawn = [Double](repeating: 0, count: resamples)
        drawn.withUnsafeMutableBufferPointer { drawn in
            // Each piece writes its own draws.
            nonisolated(unsafe) let drawn = drawn
            onTwoThreads(2) { half in
                for draw in stride(from: half, to: resamples, by: 2) {
                    var random = CounterRandom(seed, 0x7713, UInt64(draw))
                    drawn[draw] = division.information(
                        of: Array(random.permutation(words.count).prefix(first.count)))
                }
            }
        }
        divergence = seen
        byChance = drawn.reduce(0, +) / Double(max(1, resamples))
        pValue = Double(1 + drawn.count { $0 >= seen - 1e-12 }) / Double(1 + resamples)
        let counts = words.counts(before: first.count)
        let all = counts.second.reduce(0, +)
        let new = counts.second.indices.filter { counts.first[$0] == 0 && counts.second[$0] > 0 }
        newShare = Double(new.reduce(0) { $0 + counts.second[$1] }) / Double(max(1, all))
        usualNewShare = Self.newShare(betweenHalvesOf: first, seed: seed)
        let spread = words.rowCounts(from: first.count)
        newWords = new.filter { spread[$0] >= 2 }.sorted { (counts.second[$1], $0) < (counts.second[$0], $1) }
            .prefix(20).map { (words.names[$0], counts.second[$0]) }
        telling = Self.telling(words, counts)
    }

    private static func newShare(betweenHalvesOf texts: [String], seed: UInt64) -> Double {
        var random = CounterRandom(seed, 0x4A1F)
        let order = random.permutation(texts.count)
        let half = texts.count / 2
        let words = WordRows(order.map { texts[$0] }, limit: wordLimit)
        let counts = words.counts(before: half)
        let all = counts.second.reduce(0, +)
        let new = counts.second.indices.reduce(0) { $0 + (counts.first[$1] == 0 ? counts.second[$1] : 0) }
        return Double(new) / Double(max(1, all))
    }

    /// The words with the largest log-odds ratios in deviations, with the shares of both sets together as what is
    /// expected (Monroe, Colaresi and Quinn, "Fightin' words", 2008).
    private static func telling(_ words: WordRows, _ counts: (first: [Int], second: [Int])) -> [Word] {
        let (firstTotal, secondTotal) = (
            Double(counts.first.reduce(0, +)), Double(counts.second.reduce(0, +))
        )
        guard firstTotal > 0, secondTotal > 0 else { return [] }
        let weight = 500.0
        let scored = words.names.indices.map { index -> Word in
            let (a, b) = (Double(counts.first[index]), Double(counts.second[index]))
            let prior = weight * (a + b) / (firstTotal + secondTotal)
            func odds(_ count: Double, _ total: Double) -> Double {
                log((count + prior) / (total + weight - count - prior))
            }
            let deviation = (1 / (a + prior) + 1 / (b + prior)).squareRoot()
            return Word(
                word: words.names[index], first: counts.first[index], second: counts.second[index],
                score: (odds(b, secondTotal) - odds(a, firstTotal)) / deviation)
        }
        let sorted = scored.filter { abs($0.score) >= 3 }
            .sorted { abs($0.score) != abs($1.score) ? abs($0.score) > abs($1.score) : $0.word < $1.word }.prefix(24)
        return sorted.filter { $0.score > 0 } + sorted.filter { $0.score < 0 }
    }
}

/// Texts as numbered words, one text behind the other.
private struct WordRows: Sendable {
    /// The words in lower case, by number.
    private(set) var names: [String] = []
    fileprivate private(set) var offsets: [Int] = [0]
    fileprivate private(set) var numbers: [Int32] = []

    var count: Int { offsets.count - 1 }

    init(_ texts: [String], limit: Int) {
        var known: [UInt64: Int32] = [:]
        for text in texts {
            TextWords.forEach(text, limit: limit) { hash, range in
                if let number = known[hash] { return numbers.append(number) }
                let number = Int32(truncatingIfNeeded: names.count)
                known[hash] = number
                let start = text.utf8.index(text.utf8.startIndex, offsetBy: range.lowerBound)
                let word = text.utf8[start...].prefix(min(range.count, 60))
                names.append(String(decoding: word, as: UTF8.self).lowercased())
                numbers.append(number)
            }
            offsets.append(numbers.count)
        }
    }

    /// How often each word comes up in the first `count` texts, and in the others.
    func counts(before count: Int) -> (first: [Int], second: [Int]) {
        var first = [Int](repeating: 0, count: names.count)
        var second = first
        for number in numbers[..<offsets[count]] { first[Int(number)] += 1 }
        for number in numbers[offsets[count]...] { second[Int(number)] += 1 }
        return (first, second)
    }

    /// In how many texts from the one with this number on each word comes up.
    func rowCounts(from start: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: names.count)
        var last = [Int](repeating: -1, count: names.count)
        for row in start..<count {
            for number in numbers[offsets[row]..<offsets[row + 1]] where last[Int(number)] != row {
                last[Int(number)] = row
                counts[Int(number)] += 1
            }
        }
        return counts
    }
}

/// What a division of texts in two says about their words.
private struct Division: Sendable {
    private let rows: WordRows
    private let totals: [Int32]
    /// n ln n.
    private let products: [Double]

    init(_ rows: WordRows) {
        self.rows = rows
        var totals = [Int32](repeating: 0, count: rows.names.count)
        for number in rows.numbers { totals[Int(number)] += 1 }
        self.totals = totals
        products = (0...rows.numbers.count).map { $0 == 0 ? 0 : Double($0) * log(Double($0)) }
    }

    /// The information between a word and its side in bits, which is the divergence of the sides' words weighted by size.
    func information(of side: [Int]) -> Double {
        let all = rows.numbers.count
        guard all > 0 else { return 0 }
        var counts = [Int32](repeating: 0, count: totals.count)
        var size = 0
        counts.withUnsafeMutableBufferPointer { counts in
            rows.numbers.withUnsafeBufferPointer { numbers in
                for row in side {
                    for entry in rows.offsets[row]..<rows.offsets[row + 1] { counts[Int(numbers[entry])] += 1 }
                    size += rows.offsets[row + 1] - rows.offsets[row]
                }
            }
        }
        var sum = 0.0
        products.withUnsafeBufferPointer { products in
            for (count, total) in zip(counts, totals) {
                sum += products[Int(count)] + products[Int(total - count)] - products[Int(total)]
            }
        }
        let sides = products[size] + products[all - size] - products[all]
        return max(0, (sum - sides) / Double(all) / log(2))
    }
}
