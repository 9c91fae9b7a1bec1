import LanguageModels
import SFT
import Testing
import TextCore
import Training

@Suite struct TokenBatchTests {
    @Test func `documents lie end to end, and the first token of each is no label`() {
        let batch = TokenBatch([
            TrainingExample(ids: [1, 2, 3]), TrainingExample(ids: []), TrainingExample(ids: [4, 5, 6]),
            TrainingExample(ids: [7, 8, 9, 10]), TrainingExample(ids: [11]),
        ])
        #expect(batch.tokens.ids == Array(1...11))
        #expect(batch.tokens.lengths == [3, 3, 4, 1])
        #expect(batch.labels == [2, 3, 5, 6, 8, 9, 10])
        #expect(batch.positions == [0, 1, 3, 4, 6, 7, 8])
    }

    @Test func `only marked tokens are labels`() {
        let batch = TokenBatch([
            TrainingExample(ids: [1, 2, 3, 4], trained: [true, false, true, false]),
            TrainingExample(ids: [5, 6], trained: [false, true]),
        ])
        #expect(batch.labels == [3, 6])
        #expect(batch.positions == [1, 4])
    }

    @Test func `an epoch reads every row once, the last step what is left, and counts prompts`() throws {
        let examples = TinyData.examples(10)
        let batches = try TokenBatches(examples, globalBatchSize: 4, limit: .rows(3), shuffleSeed: 1)
        let steps = (0..<3).map { batches.batch($0) }
        #expect(steps.map { $0.microBatches.map(\.tokens.lengths.count) } == [[3, 1], [3, 1], [2]])
        #expect(steps.map(\.tokens).reduce(0, +) == examples.reduce(0) { $0 + $1.ids.count })
        #expect(steps[1].microBatches.map(\.firstDocument) == [0, 3])
        #expect(steps[2].epoch == 1 && steps[0].epoch == 1.0 / 3)
        let other = batches.batch(4).microBatches[0].tokens
        #expect(other == batches.batch(4).microBatches[0].tokens)
        #expect(other != steps[1].microBatches[0].tokens)
    }

    @Test func `file order keeps the rows as they are`() throws {
        let examples = TinyData.examples(5)
        let batches = try TokenBatches(examples, globalBatchSize: 5, limit: .rows(5), shuffleSeed: nil)
        #expect(batches.batch(3).microBatches[0].tokens.ids == examples.flatMap { $0.ids.map(Int.init) })
    }

    @Test func `wrapped rows train every token but each row's first`() {
        let documents = [[1, 2, 3], [4, 5, 6, 7], [8]].map { TrainingExample(ids: $0, source: "a.txt:\($0[0])") }
        let rows = documents.wrapped(maxLength: 3)
        #expect(rows.map(\.ids) == [[1, 2, 3], [4, 5, 6], [7, 8]])
        #expect(rows.map(\.trainedCount) == [2, 2, 1])
        #expect(rows.map(\.source) == ["a.txt:1", "a.txt:4", "a.txt:4"])
    }

    @Test func `data without a trained token are an error`() {
        let untrained = TrainingExample(ids: [1, 2], trained: [true, false])
        #expect(throws: TrainingError.self) {
            try TokenBatches([untrained], globalBatchSize: 1, limit: .rows(1), shuffleSeed: nil)
        }
        #expect(throws: TrainingError.self) {
            try TokenBatches([], packedInto: 8, globalBatchSize: 1, limit: .rows(1), shuffleSeed: nil)
        }
    }

    @Test func `a token outside the vocabulary is an error that names the row`() throws {
        let model = try TinyData.model()
        let rows = [
            TrainingExample(ids: [1, 2], source: "a.jsonl:1"), TrainingExample(ids: [1, 31], source: "a.jsonl:2"),
        ]
        let error = #expect(throws: ModelError.self) { try rows.check(for: model) }
        #expect(error.map { "\($0)".contains("a.jsonl:2") } == true)
    }
}
