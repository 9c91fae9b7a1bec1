/// The ratio of Python's `difflib.SequenceMatcher(None, answer, reference)`: 2 M / (|a| + |b|), with M the scalars in the
/// blocks that match.
///
/// The longest block that both texts share is taken first, then the longest on its left and on its right, and so on; it
/// is not the longest common subsequence, and the order of the texts matters. As in Python, a scalar that makes up more
/// than 1 % of a reference of at least 200 scalars starts no block (`autojunk`). Finding blocks can take time with the
/// product of the lengths: after 200 million comparisons what is not yet matched counts as different. The best of the
/// references counts.
public struct SequenceMatcher: TextSimilarity {
    public struct Configuration: VerifierConfiguration {
        /// Whether frequent scalars of a long reference start no block.
        public var autojunk = true
        /// What is common to the verifiers that compare scalar by scalar.
        var edit = EditConfiguration()
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("autojunk", \.autojunk, "Whether frequent scalars of a long reference start no block."),
            .init("normalize", \.edit.normalize, "What is done to both texts first, in this order."),
            .init("ignore_case", \.edit.ignoreCase, "Whether capital and small letters are alike."),
            .init("pass_at", \.edit.passAt, PassMark.summary, allowed: PassMark.allowed),
            .init("extract", \.edit.extract, "Where the answer stands."),
        ]
    }

    public static let name = "sequence_matcher"
    public static let summary = "the ratio of Python's difflib.SequenceMatcher"
    private let configuration: Configuration
    var extract: Extraction { configuration.edit.extract }
    var passAt: Double? { configuration.edit.passAt }

    public init(_ configuration: Configuration) { self.configuration = configuration }

    func isUsable(_ reference: String) -> Bool { !configuration.edit.scalars(reference).isEmpty }

    func similarity(of answer: String, to references: [String]) -> Double {
        let mine = configuration.edit.scalars(answer)
        return references.map { reference in
            let other = configuration.edit.scalars(reference)
            var matching = BlockMatching(mine, other, autojunk: configuration.autojunk)
            return Double(2 * matching.matchedCount()) / Double(max(mine.count + other.count, 1))
        }.max() ?? 0
    }
}

/// The blocks that two texts share, found as `difflib` finds them.
private struct BlockMatching {
    private struct Region {
        var first: Range<Int>
        var second: Range<Int>
    }

    private let first: [Unicode.Scalar]
    private let second: [Unicode.Scalar]
    /// For each place of the first text, which list of `places` its scalar has, or none.
    private let lists: [Int?]
    /// The places of a scalar in the second text, ascending; empty for frequent ones.
    private let places: [[Int]]
    private var comparisons = 200_000_000
    // The length of the block that ends before each place of the second text, for this row and the one before.
    private var lengths: [Int]
    private var previous: [Int]

    init(_ first: [Unicode.Scalar], _ second: [Unicode.Scalar], autojunk: Bool) {
        var numbers: [Unicode.Scalar: Int] = [:]
        var places: [[Int]] = []
        for (place, scalar) in second.enumerated() {
            if let number = numbers[scalar] {
                places[number].append(place)
            } else {
                numbers[scalar] = places.count
                places.append([place])
            }
        }
        if autojunk, second.count >= 200 {
            let most = second.count / 100 + 1
            places = places.map { $0.count > most ? [] : $0 }
        }
        self.first = first
        self.second = second
        self.places = places
        lists = first.map { numbers[$0] }
        lengths = [Int](repeating: 0, count: second.count + 1)
        previous = lengths
    }

    /// The scalars in all blocks.
    mutating func matchedCount() -> Int {
        var matched = 0
        var regions = [Region(first: 0..<first.count, second: 0..<second.count)]
        while let region = regions.popLast(), comparisons > 0 {
            let (start, other, size) = longestBlock(in: region)
            guard size > 0 else { continue }
            matched += size
            if region.first.lowerBound < start, region.second.lowerBound < other {
                regions.append(
                    Region(first: region.first.lowerBound..<start, second: region.second.lowerBound..<other))
            }
            if start + size < region.first.upperBound, other + size < region.second.upperBound {
                regions.append(
                    Region(
                        first: (start + size)..<region.first.upperBound,
                        second: (other + size)..<region.second.upperBound))
            }
        }
        return matched
    }

    /// The longest block in a region, the first of equals; then what equals on both its sides, frequent scalars too.
    private mutating func longestBlock(in region: Region) -> (first: Int, second: Int, size: Int) {
        var best = (first: region.first.lowerBound, second: region.second.lowerBound, size: 0)
        /// The places that hold lengths of the row before.
        var used: ArraySlice<Int> = []
        for place in region.first {
            let here = lists[place].map { range(of: region.second, in: places[$0]) } ?? []
            comparisons -= 1 + here.count
            guard comparisons > 0 else { break }
            for other in here {
                let length = previous[other] + 1
                lengths[other + 1] = length
                if length > best.size { best = (place - length + 1, other - length + 1, length) }
            }
            for other in used { previous[other + 1] = 0 }
            swap(&lengths, &previous)
            used = here
        }
        for other in used { previous[other + 1] = 0 }
        while best.first > region.first.lowerBound, best.second > region.second.lowerBound,
            first[best.first - 1] == second[best.second - 1]
        {
            best = (best.first - 1, best.second - 1, best.size + 1)
        }
        while best.first + best.size < region.first.upperBound, best.second + best.size < region.second.upperBound,
            first[best.first + best.size] == second[best.second + best.size]
        {
            best.size += 1
        }
        return best
    }

    /// The places of a sorted list that are in a range.
    private func range(of range: Range<Int>, in places: [Int]) -> ArraySlice<Int> {
        let start = partition(places) { $0 >= range.lowerBound }
        let end = partition(places) { $0 >= range.upperBound }
        return places[start..<end]
    }

    private func partition(_ places: [Int], _ isBehind: (Int) -> Bool) -> Int {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(places[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
