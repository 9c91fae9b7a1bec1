import Foundation
import OrderedCollections
public import Statistics
import TextCore

/// How much of what is asked in production a suite still covers.
///
/// A row of production is covered when some row of the suite is as similar to it as nine of ten rows of the suite are to
/// another one of the suite. Similar is the cosine of hashed words and parts of words, weighted by how rare they are. So
/// about a tenth is uncovered when nothing has changed.
public struct SuiteCoverage: Sendable {
    /// A group of uncovered rows that are like each other.
    public struct Cluster: Sendable, Hashable {
        /// Rows in it.
        public var count: Int
        /// Its first row.
        public var example: Finding.Row
    }

    /// Rows of production that were looked at.
    public let rows: Int
    /// Rows of the suite that they were compared with.
    public let suiteRows: Int
    /// Similarity from which on a row is covered, [0, 1].
    public let threshold: Double
    /// Share of the rows that no row of the suite is like.
    public let uncovered: Double
    /// 95 % bounds of this share.
    public let interval: Interval
    /// The rows that the suite is the least like, with the nearest row of the suite.
    public let worst: [Finding.Row]
    /// Uncovered rows in groups, the largest first.
    public let clusters: [Cluster]

    /// Share of the suite's own rows that are less like any other: what is uncovered by chance.
    public static let usual = 0.1
    /// The share from which on a suite no longer stands for production.
    public static let limit = 0.2
    private static let rowLimit = 4000
    /// Similarity from which on two uncovered rows are of one group.
    private static let clusterSimilarity: Float = 0.2
    private static let clusterLimit = 400

    /// Whether the suite no longer stands for what is asked.
    public var isRotten: Bool { interval.lower > Self.limit }

    init(_ production: [DriftSample.Row], suite: [DriftSample.Row]) {
        let asked = Self.spread(production)
        let known = Self.spread(suite)
        let grams = GramRows(known.map(\.text) + asked.map(\.text))
        let features = TextFeatures(grams, limit: 1 << 20)
        let vectors = features.rows(grams)
        let own = Nearest(vectors, features.count, from: 0..<known.count, among: 0..<known.count)
        let nearest = Nearest(
            vectors, features.count, from: known.count..<(known.count + asked.count), among: 0..<known.count)
        let threshold = Self.quantile(own.similarities, Self.usual)
        let missing = asked.indices.filter { nearest.similarities[$0] < threshold }
            .sorted { (nearest.similarities[$0], $0) < (nearest.similarities[$1], $1) }
        rows = asked.count
        suiteRows = known.count
        self.threshold = Double(threshold)
        uncovered = Double(missing.count) / Double(max(1, asked.count))
        interval = .wilson(successes: Double(missing.count), trials: asked.count)
        worst = missing.prefix(50).map { row in
            Finding.Row(
                asked[row].source, excerpt: Excerpt.of(asked[row].text),
                other: nearest.rows[row].map { "\(known[$0].source): \(Excerpt.of(known[$0].text))" },
                score: Figure.rounded(Double(nearest.similarities[row]), 3))
        }
        clusters = Self.clusters(
            missing.sorted().map { known.count + $0 }, vectors, features.count, rows: asked, offset: known.count)
    }

    /// Rows from all over, at most `rowLimit`.
    private static func spread(_ rows: [DriftSample.Row]) -> [DriftSample.Row] {
        guard rows.count > rowLimit else { return rows }
        return (0..<rowLimit).map { rows[$0 * rows.count / rowLimit] }
    }

    private static func quantile(_ values: [Float], _ share: Double) -> Float {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        return sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }

    /// Groups rows around the first row of each group.
    private static func clusters(
        _ numbers: [Int], _ vectors: SparseRows, _ featureCount: Int, rows: [DriftSample.Row], offset: Int
    ) -> [Cluster] {
        var left = numbers
        var clusters: [Cluster] = []
        while let first = left.first, clusters.count < clusterLimit {
            let dense = vectors.dense(first, featureCount)
            let members = left.filter { $0 == first || vectors.product($0, dense) >= clusterSimilarity }
            let row = rows[first - offset]
            clusters.append(
                Cluster(count: members.count, example: Finding.Row(row.source, excerpt: Excerpt.of(row.text))))
            let taken = Set(members)
            left.removeAll { taken.contains($0) }
        }
        return Array(
            clusters.enumerated().sorted { ($1.element.count, $0.offset) < ($0.element.count, $1.offset) }
                .map(\.element).prefix(10))
    }
}

/// The most similar other row of each.
private struct Nearest {
    /// Cosine of the most similar row; 0 where nothing is shared.
    private(set) var similarities: [Float]
    /// That row.
    private(set) var rows: [Int?]

    init(_ vectors: SparseRows, _ featureCount: Int, from asked: Range<Int>, among known: Range<Int>) {
        var found = [(similarity: Float, row: Int)](repeating: (0, -1), count: asked.count)
        found.withUnsafeMutableBufferPointer { found in
            // Each piece writes its own row.
            nonisolated(unsafe) let found = found
            onTwoThreads(asked.count) { piece in
                let row = asked.lowerBound + piece
                let dense = vectors.dense(row, featureCount)
                var best: (similarity: Float, row: Int) = (0, -1)
                for other in known where other != row {
                    let similarity = vectors.product(other, dense)
                    if similarity > best.similarity { best = (similarity, other) }
                }
                found[piece] = best
            }
        }
        similarities = found.map(\.similarity)
        rows = found.map { $0.row < 0 ? nil : $0.row - known.lowerBound }
    }
}

extension SparseRows {
    /// A row with all features, most of them 0.
    fileprivate func dense(_ row: Int, _ featureCount: Int) -> [Float] {
        var dense = [Float](repeating: 0, count: featureCount)
        for entry in offsets[row]..<offsets[row + 1] { dense[Int(indices[entry])] = values[entry] }
        return dense
    }

    /// The product of a row with one that `dense` gave: their cosine.
    fileprivate func product(_ row: Int, _ dense: [Float]) -> Float {
        var sum: Float = 0
        dense.withUnsafeBufferPointer { dense in
            indices.withUnsafeBufferPointer { indices in
                values.withUnsafeBufferPointer { values in
                    for entry in offsets[row]..<offsets[row + 1] { sum += values[entry] * dense[Int(indices[entry])] }
                }
            }
        }
        return sum
    }
}
