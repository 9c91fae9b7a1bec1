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
        var batches = BatchStream(
            HeldStream(examples, shuffleSeed: 1), plan: .tokens(globalBatchSize: 4, limit: .rows(3)), stepsPerPass: 3)
        let steps = try (0..<3).map { _ in try batches.next() }
        #expect(steps.map { $0.microBatches.map(\.tokens.lengths.count) } == [[3, 1], [3, 1], [2]])
        #expect(steps.map(\.tokens).reduce(0, +) == examples.reduce(0) { $0 + $1.ids.count })
        #expect(steps[1].microBatches.map(\.firstDocument) == [0, 3])
        #expect(steps[2].epoch == 1 && steps[0].epoch == 1.0 / 3)
        let other = try batches.next().microBatches[0].tokens
        #expect(other != steps[0].microBatches[0].tokens)
        try batches.seek(to: steps[2].position)
        #expect(try batches.next().microBatches[0].tokens == other)
    }

    @Test func `file order keeps the rows as they are`() throws {
        let examples = TinyData.examples(5)
        var batches = BatchStream(
            HeldStream(examples, shuffleSeed: nil), plan: .tokens(globalBatchSize: 5, limit: .rows(5)))
        for _ in 0..<3 {
            #expect(try batches.next().microBatches[0].tokens.ids == examples.flatMap { $0.ids.map(Int.init) })
        }
    }

    @Test func `wrapped rows train every token but each row's first`() {
        let documents = [[1, 2, 3], [4, 5, 6, 7], [8]].map { TrainingExample(ids: $0, source: "a.txt:\($0[0])") }
        let rows = documents.wrapped(maxLength: 3)
        #expect(rows.map(\.ids) == [[1, 2, 3], [4, 5, 6], [7, 8]])
        #expect(rows.map(\.trainedCount) == [2, 2, 1])
        #expect(rows.map(\.source) == ["a.txt:1", "a.txt:4", "a.txt:4"])
    }

    @Test func `packed rows hold whole documents, and a pass has every one of them`() throws {
        let examples = TinyData.examples(40)
        var batches = BatchStream(
            HeldStream(examples, shuffleSeed: 3),
            plan: .tokens(globalBatchSize: 2, limit: .rows(2), packing: .bestFit(maxLength: 32), shuffleSeed: 3))
        let count = try batches.stepsOfPasses(1)[0]
        var documents: [[Int]] = []
        for _ in 0..<count {
            for batch in try batches.next().microBatches {
                var start = 0
                for length in batch.tokens.lengths {
                    documents.append(Array(batch.tokens.ids[start..<start + length]))
                    start += length
                }
                #expect(batch.tokens.ids.count <= 64)
            }
        }
        let expected = examples.map { $0.ids.map(Int.init) }
        #expect(Set(documents) == Set(expected) && documents.count == expected.count)
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
