import Foundation

/// Rows of grams as `TextGrams` counts them, one behind the other.
package struct GramRows: Sendable {
    /// Where each row begins in `entries`, and where the last one ends.
    package private(set) var offsets: [Int] = [0]
    package private(set) var entries: [UInt32] = []
    private var grams = TextGrams()

    package init() {}

    /// The rows of some texts.
    package init(_ texts: some Sequence<String>) {
        for text in texts { append(text) }
    }

    package var count: Int { offsets.count - 1 }

    package mutating func append(_ text: String) {
        grams.append(text, to: &entries)
        offsets.append(entries.count)
    }

    mutating func removeAll() {
        entries.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        offsets.append(0)
    }
}

/// Rows of numbered features with their values, one behind the other.
package struct SparseRows: Sendable {
    package fileprivate(set) var offsets: [Int] = [0]
    package fileprivate(set) var indices: [UInt32] = []
    package fileprivate(set) var values: [Float] = []

    package var count: Int { offsets.count - 1 }
}

/// Which grams are features, and how much each says: term frequency times inverse document frequency.
///
/// A feature's value is (1 + ln tf) (ln((1 + n) / (1 + df)) + 1), of n texts of which df hold it. Words (with pairs of
/// words) and parts of words are scaled to length 1 each, and then together.
package struct TextFeatures: Sendable {
    /// Feature of a bucket; -1 where it is none.
    private let indices: [Int32]
    private let weights: [Float]

    /// How many there are.
    package var count: Int { weights.count }

    /// Takes the grams that occur in at least two of the rows, the more frequent ones if there are more than `limit`.
    package init(_ rows: GramRows, limit: Int) {
        var frequencies = [UInt32](repeating: 0, count: 1 << TextGrams.bucketBits)
        for entry in rows.entries { frequencies[Int(entry >> UInt32(TextGrams.countBits))] &+= 1 }
        let least = Self.leastFrequency(frequencies, limit: limit)
        var indices = [Int32](repeating: -1, count: frequencies.count)
        var weights: [Float] = []
        for (bucket, frequency) in frequencies.enumerated() where frequency >= least {
            indices[bucket] = Int32(truncatingIfNeeded: weights.count)
            weights.append(Float(log(Double(rows.count + 1) / Double(frequency + 1)) + 1))
        }
        self.indices = indices
        self.weights = weights
    }

    /// The least frequency, from 2, that leaves at most `limit` features.
    private static func leastFrequency(_ frequencies: [UInt32], limit: Int) -> UInt32 {
        var histogram = [Int](repeating: 0, count: 1024)
        for frequency in frequencies where frequency >= 2 { histogram[min(1023, Int(frequency))] += 1 }
        var kept = 0
        for frequency in stride(from: 1023, through: 2, by: -1) {
            kept += histogram[frequency]
            if kept > limit { return UInt32(frequency + 1) }
        }
        return 2
    }

    /// The rows' features and values.
    package func rows(_ grams: GramRows) -> SparseRows {
        var rows = SparseRows()
        rows.offsets.reserveCapacity(grams.offsets.count)
        rows.indices.reserveCapacity(grams.entries.count)
        rows.values.reserveCapacity(grams.entries.count)
        for row in 0..<grams.count { append(grams.entries[grams.offsets[row]..<grams.offsets[row + 1]], to: &rows) }
        return rows
    }

    private func append(_ entries: ArraySlice<UInt32>, to rows: inout SparseRows) {
        let start = rows.indices.count
        let block = 1 << (TextGrams.bucketBits - 1)
        var middle = start
        for entry in entries {
            let bucket = Int(entry >> UInt32(TextGrams.countBits))
            let index = indices[bucket]
            guard index >= 0 else { continue }
            let count = entry & (1 << UInt32(TextGrams.countBits) - 1)
            let frequency: Float = count == 1 ? 1 : 1 + Float(log(Double(count)))
            rows.indices.append(UInt32(index))
            rows.values.append(frequency * weights[Int(index)])
            if bucket < block { middle = rows.indices.count }
        }
        scale(&rows.values, start..<middle)
        scale(&rows.values, middle..<rows.values.count)
        scale(&rows.values, start..<rows.values.count)
        rows.offsets.append(rows.indices.count)
    }

    /// Scales some values to length 1.
    private func scale(_ values: inout [Float], _ range: Range<Int>) {
        var square: Float = 0
        for index in range { square += values[index] * values[index] }
        guard square > 0 else { return }
        let factor = 1 / square.squareRoot()
        for index in range { values[index] *= factor }
    }
}
