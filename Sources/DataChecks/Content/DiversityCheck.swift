import Foundation
import OrderedCollections
import TextCore

/// Measures how different the rows to train on are from each other: distinct words and runs of words, how many rows they
/// are worth, and how many answers begin alike.
struct DiversityCheck: DataCheck {
    /// Rows whose likeness is measured.
    private static let sampleLimit = 100_000
    /// Groupings of the rows by likeness.
    private static let groupings = 4
    /// Words of a text that are looked at.
    private static let wordLimit = 2000

    /// How many words and runs of words there are, and how many different ones.
    private struct Runs {
        var totals = [0, 0, 0]
        var distinct = [DistinctCounter(), DistinctCounter(), DistinctCounter()]

        mutating func add(_ text: String) {
            var before: UInt64 = 0
            var beforeThat: UInt64 = 0
            var place = 0
            TextWords.forEach(text, limit: DiversityCheck.wordLimit) { hash, _ in
                distinct[0].add(hash)
                if place > 0 { distinct[1].add(TextWords.mixed(before &* 3 ^ hash)) }
                if place > 1 { distinct[2].add(TextWords.mixed((beforeThat &* 3 ^ before) &* 3 ^ hash)) }
                (beforeThat, before) = (before, hash)
                place += 1
            }
            for length in 1...3 { totals[length - 1] += max(0, place - length + 1) }
        }

        var json: JSON {
            var members: OrderedDictionary<String, JSON> = [:]
            for length in 1...3 where totals[length - 1] > 0 {
                let share = min(1, distinct[length - 1].count / Double(totals[length - 1]))
                members["distinct_\(length)"] = .number(Figure.rounded(share, 4))
            }
            members["words"] = .integer(totals[0])
            members["different_words"] = .integer(Int(distinct[0].count))
            return .object(members)
        }
    }

    private var prompts = Runs()
    private var answers = Runs()
    private var answerRows = 0
    private var hashes: KeyedSample<SIMD4<UInt32>>
    private var openings = FrequentCounter<String>(limit: 2048)
    private var openingRows: KeyedSample<(opening: String, row: Finding.Row)>

    init(_ settings: DataCheckSettings) {
        hashes = KeyedSample(limit: Self.sampleLimit, seed: settings.seed)
        openingRows = KeyedSample(limit: 2000, seed: settings.seed)
    }

    mutating func add(_ row: CheckedRow) {
        guard row.side == .train else { return }
        prompts.add(row.prompt)
        // Of one prompt there are often several pairs.
        hashes.offer(
            Self.hash(row.rejected == nil && !row.prompt.isEmpty ? row.prompt : row.prompt + " " + (row.answer ?? "")))
        guard let answer = row.answer else { return }
        answers.add(answer)
        answerRows += 1
        if let opening = Self.opening(answer) {
            openings.add(opening)
            openingRows.offer((opening, Finding.Row(row.source, excerpt: Excerpt.of(answer))))
        }
    }

    /// Four groupings, each by the first pair of words in three orders of all pairs: rows fall into one group with a
    /// probability that is the cube of Jaccard's index of their pairs (Broder, 1997), so only alike ones do.
    private static func hash(_ text: String) -> SIMD4<UInt32> {
        var least = (
            SIMD4<UInt32>(repeating: .max), SIMD4<UInt32>(repeating: .max), SIMD4<UInt32>(repeating: .max)
        )
        var before: UInt64 = 0
        var place = 0
        TextWords.forEach(text, limit: wordLimit) { hash, _ in
            let pair = UInt32(truncatingIfNeeded: TextWords.mixed(place == 0 ? hash : before &* 3 ^ hash) >> 16)
            let pairs = SIMD4(repeating: pair)
            least.0 = pointwiseMin(least.0, pairs &* Self.factors.0 &+ Self.factors.1)
            least.1 = pointwiseMin(least.1, pairs &* Self.factors.1 &+ Self.factors.2)
            least.2 = pointwiseMin(least.2, pairs &* Self.factors.2 &+ Self.factors.0)
            before = hash
            place += 1
        }
        return (least.0 &* 0x9E37_79B1 ^ least.1) &* 0x85EB_CA6B ^ least.2
    }

    /// Odd numbers that put all pairs in another order each.
    private static let factors = (
        SIMD4<UInt32>(0x2C1B_3C6D, 0x297A_2D39, 0x1B87_3593, 0xE654_6B65),
        SIMD4<UInt32>(0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F, 0x1656_67B1),
        SIMD4<UInt32>(0xCC9E_2D51, 0x9E37_79B1, 0x7FEB_352D, 0x846C_A68B)
    )

    /// The first three words of an answer of some length.
    private static func opening(_ answer: String) -> String? {
        var end = 0
        var words = 0
        TextWords.forEach(answer, limit: 8) { _, range in
            words += 1
            if words <= 3 { end = range.upperBound }
        }
        // A name such as `card_arrival` is one word here.
        guard words == 8, answer.utf8.count(where: { $0 == 0x20 }) >= 7 else { return nil }
        return Excerpt.line(String(decoding: answer.utf8.prefix(end), as: UTF8.self))
    }

    func findings() -> [Finding] {
        guard hashes.offered >= 50 else { return [] }
        let effective = effectiveShare
        var figures: OrderedDictionary<String, JSON> = [
            "prompts": prompts.json, "effective_share": .number(Figure.rounded(effective, 3)),
            "effective_rows": .integer(Int(effective * Double(hashes.offered))),
        ]
        if answerRows > 0 { figures["answers"] = answers.json }
        let isPoor = effective < 0.3
        let rows = hashes.offered
        var findings = [
            Finding(
                "diversity.size", isPoor ? .warning : .note,
                "\(grouped(rows)) rows are worth about \(grouped(Int(effective * Double(rows)))) rows that are not alike",
                why: isPoor
                    ? "Rows that repeat each other teach little more than one of them, and take as long"
                    : "The more a set repeats itself, the sooner more passes over it stop helping",
                edit: isPoor ? "Remove near duplicates (`data.dedup: near`), or collect rows of other kinds" : "",
                count: rows, figures: figures)
        ]
        if let opening = openingFinding { findings.append(opening) }
        return findings
    }

    /// Share of the rows that are left when groups of rows with the same hash count as the exponential of their entropy;
    /// the mean over the groupings.
    private var effectiveShare: Double {
        let rows = hashes.elements
        guard !rows.isEmpty else { return 0 }
        var sum = 0.0
        for order in 0..<Self.groupings {
            var counts: [UInt32: Int] = [:]
            for row in rows { counts[row[order], default: 0] += 1 }
            // Sorted, as sums in another order have other last bits.
            let entropy = counts.values.sorted().reduce(0.0) { sum, count in
                let share = Double(count) / Double(rows.count)
                return sum - share * log(share)
            }
            sum += exp(entropy) / Double(rows.count)
        }
        return sum / Double(Self.groupings)
    }

    private var openingFinding: Finding? {
        guard openings.total >= 100, let most = openings.most else { return nil }
        let share = Double(most.count) / Double(openings.total)
        guard share >= 0.1 else { return nil }
        let rows = openingRows.elements.filter { $0.opening == most.element }.map(\.row)
        return Finding(
            "diversity.opening", share >= 0.5 ? .warning : .note,
            "\(Figure.percent(share)) of the longer answers begin with '\(most.element)'",
            why: "A model learns an opening before anything else, and will use it where it does not fit",
            edit: "Reword some of these answers, unless they are to begin like that", count: most.count,
            rows: Array(rows.prefix(20)), figures: ["share": .number(Figure.rounded(share, 4))])
    }
}
