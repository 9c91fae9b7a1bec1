import Statistics

/// The rows of a set that are cross-validated, as features.
struct LabelSample {
    let features: TextFeatures
    let rows: SparseRows
    let labels: [Int32]
    /// The number of each in the whole set.
    let numbers: [Int]
    /// Share of the most frequent label.
    let baseRate: Double
    private let isTaken: (Int) -> Bool

    /// Probabilities that are held at once, 64 MiB of them.
    private static let probabilityLimit = 1 << 24
    /// Features of all rows that are held at once, 128 MiB of them.
    private static let entryLimit = 1 << 24
    init(_ texts: LabelledTexts, classCount: Int, limit: Int, seed: UInt64) throws {
        // A byte begins up to three parts of words, and every fifth a word and a pair of them.
        let entriesPerRow = 4 * (texts.textBytes / max(1, texts.count) + 1)
        let limit = min(limit, Self.probabilityLimit / max(1, classCount), Self.entryLimit / entriesPerRow)
        let isTaken = Self.choice(of: limit, among: texts.count, seed: seed)
        var grams = GramRows()
        var labels: [Int32] = []
        var numbers: [Int] = []
        var counts = [Int](repeating: 0, count: classCount)
        try texts.forEach { number, entry in
            counts[entry.label] += 1
            guard isTaken(number) else { return }
            grams.append(entry.text)
            labels.append(Int32(truncatingIfNeeded: entry.label))
            numbers.append(number)
        }
        features = TextFeatures(grams, limit: TextClassifier.featureLimit(classCount))
        rows = features.rows(grams)
        self.labels = labels
        self.numbers = numbers
        self.isTaken = isTaken
        baseRate = Double(counts.max() ?? 0) / Double(max(1, texts.count))
    }

    /// Which of `count` rows are among about `limit` that a key chooses; all where there are no more.
    private static func choice(of limit: Int, among count: Int, seed: UInt64) -> (Int) -> Bool {
        guard count > limit else { return { _ in true } }
        let bound = UInt64(Double(limit) / Double(count) * 0x1p53)
        return { number in
            var random = CounterRandom(seed, 0x5A3B, UInt64(number))
            return random.next() >> 11 < bound
        }
    }

    /// Whether a row of the whole set is in the sample.
    func holds(_ number: Int) -> Bool { isTaken(number) }
}

/// Judges the labels of rows that a classifier has not learnt from.
struct LabelJudge {
    let features: TextFeatures
    let classifier: TextClassifier
    let thresholds: [Float]

    /// Rows that are judged at once.
    private static let chunk = 4096

    private struct Waiting: Sendable {
        var number: Int
        var label: Int
        var text: String
    }

    /// The doubts about some rows, and how many are confidently of which class. Rows with a label that nothing was learnt
    /// of are passed over.
    func judged(
        _ texts: LabelledTexts, isStopped: () -> Bool, where isWanted: (Int) -> Bool
    ) throws -> (doubts: [Doubt], joint: ConfidentJoint) {
        var doubts: [Doubt] = []
        var joint = ConfidentJoint(thresholds: thresholds)
        var waiting: [Waiting] = []
        func judge() throws {
            if isStopped() { throw CancellationError() }
            for part in judged(waiting) {
                doubts += part.doubts
                joint.add(part.joint)
            }
            waiting.removeAll(keepingCapacity: true)
        }
        try texts.forEach { number, entry in
            guard isWanted(number), thresholds[entry.label].isFinite else { return }
            waiting.append(Waiting(number: number, label: entry.label, text: entry.text))
            if waiting.count == Self.chunk { try judge() }
        }
        try judge()
        return (doubts, joint)
    }

    /// The same in two parts.
    private func judged(_ waiting: [Waiting]) -> [(doubts: [Doubt], joint: ConfidentJoint)] {
        var parts = [(doubts: [Doubt], joint: ConfidentJoint)](
            repeating: ([], ConfidentJoint(thresholds: thresholds)), count: 2)
        let middle = waiting.count / 2
        let (features, classifier) = (features, classifier)
        parts.withUnsafeMutableBufferPointer { parts in
            // Each piece writes its own part.
            nonisolated(unsafe) let parts = parts
            onTwoThreads(2) { half in
                let taken = half == 0 ? waiting[..<middle] : waiting[middle...]
                let rows = features.rows(GramRows(taken.lazy.map(\.text)))
                var probabilities = [Float](repeating: 0, count: classifier.classCount)
                for (row, item) in taken.enumerated() {
                    probabilities.withUnsafeMutableBufferPointer { classifier.probabilities(of: rows, row, into: $0) }
                    parts[half].joint.add(item.label, probabilities[...])
                    if let doubt = Doubt(row: item.number, given: item.label, probabilities: probabilities[...]) {
                        parts[half].doubts.append(doubt)
                    }
                }
            }
        }
        return parts
    }
}

/// What the rows with the most similar texts say about suspects.
struct Neighbours {
    private let sample: LabelSample
    /// The suspects' features, in their order.
    private let asked: SparseRows
    private let askedNumbers: [Int]

    init(_ sample: LabelSample, _ texts: LabelledTexts, suspects: [Int]) throws {
        self.sample = sample
        let wanted = Set(suspects)
        var found: [Int: String] = [:]
        if !wanted.isEmpty {
            try texts.forEach { number, entry in
                if wanted.contains(number) { found[number] = entry.text }
            }
        }
        asked = sample.features.rows(GramRows(suspects.map { found[$0] ?? "" }))
        askedNumbers = suspects
    }

    /// Writes into the first suspects what their neighbours say.
    func count(into suspects: inout [LabelNoise.Suspect]) {
        let asked = asked
        let sample = sample
        let askedNumbers = askedNumbers
        var nearest = [[Int32]](repeating: [], count: asked.count)
        nearest.withUnsafeMutableBufferPointer { nearest in
            // Each piece writes its own suspect.
            nonisolated(unsafe) let nearest = nearest
            nonisolated(unsafe) let sample = sample
            onTwoThreads(asked.count) {
                nearest[$0] = Self.labels(near: $0, of: asked, number: askedNumbers[$0], in: sample)
            }
        }
        for (index, labels) in nearest.enumerated() {
            let suspect = suspects[index]
            suspects[index].neighboursForSuggested = labels.count { Int($0) == suspect.suggested }
            suspects[index].neighboursForGiven = labels.count { Int($0) == suspect.given }
        }
    }

    /// The labels of the rows most similar to a suspect by the cosine of their features.
    private static func labels(near suspect: Int, of asked: SparseRows, number: Int, in sample: LabelSample) -> [Int32]
    {
        var dense = [Float](repeating: 0, count: sample.features.count)
        for entry in asked.offsets[suspect]..<asked.offsets[suspect + 1] {
            dense[Int(asked.indices[entry])] = asked.values[entry]
        }
        var best: [(similarity: Float, row: Int)] = []
        let rows = sample.rows
        dense.withUnsafeBufferPointer { dense in
            for row in 0..<rows.count where sample.numbers[row] != number {
                var similarity: Float = 0
                for entry in rows.offsets[row]..<rows.offsets[row + 1] {
                    similarity += rows.values[entry] * dense[Int(rows.indices[entry])]
                }
                if best.count == LabelNoise.neighbourCount, let last = best.last, similarity <= last.similarity {
                    continue
                }
                let place = best.firstIndex { $0.similarity < similarity } ?? best.count
                best.insert((similarity, row), at: place)
                if best.count > LabelNoise.neighbourCount { best.removeLast() }
            }
        }
        return best.map { sample.labels[$0.row] }
    }
}
