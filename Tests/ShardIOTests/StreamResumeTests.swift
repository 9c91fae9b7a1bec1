import OrderedCollections
import ShardIO
import Testing
import TextCore

@Suite struct StreamResumeTests {
    /// Every position leads to the very next step and to the very next position, through the text of a checkpoint; so
    /// by induction a run from any of them is the rest of the uninterrupted run, digest included.
    @Test("stream.resume_every_position", arguments: [nil, UInt64(7)])
    func resumeEveryPosition(seed: UInt64?) throws {
        let source = namedSource(5000, perFrame: 25)
        let order = try order([source], seed: seed)
        let (steps, positions) = try order.walk(epochs: 3)
        #expect(steps.count == 15_003)
        for (index, step) in steps.enumerated() {
            let position = try positions[index].reread()
            let resumed = try order.walk(from: position, steps: 1)
            guard position == positions[index], resumed.steps == [step], resumed.positions[1] == positions[index + 1]
            else {
                Issue.record("resuming before step \(index), \(step), gave \(resumed.steps)")
                return
            }
        }
        // The stream gives what the order says, from the start and from places all over.
        let whole = try SampleStream(sources: [source], order: order, prepare: takeNamed)
        #expect(try whole.steps(epochs: 3) == steps)
        #expect(whole.position == positions[15_003])
        #expect(whole.position.digest == positions[15_003].digest)
        var delays: [Duration] = []
        for start in stride(from: 0, to: steps.count, by: 397) {
            let clock = ContinuousClock()
            let began = clock.now
            let stream = try SampleStream(
                sources: [source], order: order, from: positions[start].reread(), threads: 1 + start % 3,
                prepare: takeNamed)
            let first = try stream.steps(1)
            delays.append(clock.now - began)
            let rest = try stream.steps(min(80, steps.count - start) - 1)
            #expect(first + rest == Array(steps[start..<start + 1 + rest.count]))
            #expect(stream.position == positions[start + 1 + rest.count])
        }
        // The median, for a machine that is busy with other tests.
        #expect(delays.sorted()[delays.count / 2] < .milliseconds(250))
    }

    @Test(arguments: SampleOrder.Exhausted.allCases)
    func resumeEveryPositionOfAMixture(exhausted: SampleOrder.Exhausted) throws {
        let sources = [200, 90, 333].enumerated().map { namedSource($1, perFrame: 7, path: "s\($0)") }
        let order = try order(sources, window: 4, mix: .weighted(exhausted), weights: [0.5, 0.2, 0.3])
        let (steps, positions) = try order.walk(steps: 2000)
        for (index, step) in steps.enumerated() {
            let resumed = try order.walk(from: positions[index].reread(), steps: 1)
            #expect(resumed.steps == [step] && resumed.positions[1] == positions[index + 1])
        }
        for start in stride(from: 0, to: 1900, by: 173) {
            let stream = try SampleStream(
                sources: sources, order: order, from: positions[start].reread(), prepare: takeNamed)
            #expect(try stream.steps(100) == Array(steps[start..<start + 100]))
            #expect(stream.position == positions[start + 100])
        }
    }

    @Test("stream.resume_twice_and_at_epoch_end")
    func resumeTwiceAndAtEpochEnd() throws {
        let source = namedSource(700, perFrame: 5)
        let order = try order([source], window: 8)
        let (steps, positions) = try order.walk(epochs: 3)
        func stream(_ position: StreamPosition) throws -> SampleStream<Int> {
            try SampleStream(sources: [source], order: order, from: position.reread(), prepare: takeNamed)
        }
        // A resumed run that is resumed again, and again.
        var given: [Given] = []
        var position = order.start
        for count in [100, 333, 1, 266, 1, 1, 700, 701] {
            let part = try stream(position)
            given += try part.steps(count)
            position = part.position
        }
        #expect(given == steps)
        #expect(position == positions[positions.count - 1])
        // Before the first sample, before and behind the last of an epoch, and behind the end of that epoch.
        for start in [0, 699, 700, 701, 702, 1401, 1402] {
            let resumed = try stream(positions[start])
            #expect(try resumed.steps(steps.count - start) == Array(steps[start...]))
            #expect(resumed.position == position)
        }
        #expect(steps[700] == .endOfEpoch(0) && steps[1401] == .endOfEpoch(1))
        #expect(positions[700].epoch == 0 && positions[701].epoch == 1)
        #expect(positions[701].consumed == 700)
    }

    @Test("stream.elastic_1_2_4")
    func elastic() throws {
        let (batch, steps) = (32, 60)
        let source = namedSource(600, perFrame: 10)
        let order = try order([source], window: 16)
        /// The batches from `position` on as `worldSize` processes take them, each from a stream of its own.
        func batches(_ worldSize: Int, from position: StreamPosition, steps: Range<Int>) throws -> (
            [[String]], StreamPosition
        ) {
            var taken = steps.map { _ in [String](repeating: "", count: batch) }
            var end = position
            for rank in 0..<worldSize {
                let stream = try SampleStream(
                    sources: [source], order: order, from: position.reread(), prepare: takeNamed)
                for step in steps {
                    let slice = SampleOrder.slice(
                        step: step, globalBatchSize: batch, rank: rank, worldSize: worldSize)
                    while stream.position.consumed < (step + 1) * batch {
                        let number = stream.position.consumed
                        guard case .sample(let sample) = try stream.next() else { continue }
                        if slice.contains(number) { taken[step - steps.lowerBound][number - step * batch] = sample.id }
                    }
                }
                end = stream.position
            }
            return (taken, end)
        }
        let alone = try batches(1, from: order.start, steps: 0..<steps)
        #expect(Set(alone.0.joined().prefix(600)).count == 600)
        for worldSize in [2, 4] {
            let together = try batches(worldSize, from: order.start, steps: 0..<steps)
            #expect(together.0 == alone.0 && together.1 == alone.1)
        }
        var (given, position) = try batches(1, from: order.start, steps: 0..<11)
        for (worldSize, range) in [(4, 11..<29), (2, 29..<steps)] {
            let part = try batches(worldSize, from: position, steps: range)
            given += part.0
            position = part.1
        }
        #expect(given == alone.0 && position == alone.1)
    }

    @Test("stream.dataset_changed_on_resume")
    func datasetChangedOnResume() throws {
        let kept = namedSource(300, perFrame: 10, path: "kept.jsonl")
        let before = namedSource(200, perFrame: 10, path: "pairs.jsonl")
        let after = InMemorySource(
            path: "pairs.jsonl", rows: namedRows(190, prefix: "other"), rowsPerFrame: 10)
        let old = try order([kept, before])
        let stream = try SampleStream(sources: [kept, before], order: old, prepare: takeNamed)
        _ = try stream.steps(410)
        let position = try stream.position.reread()
        let new = try order([kept, after])
        let error = #expect(throws: DataError.self) {
            try SampleStream(sources: [kept, after], order: new, from: position, prepare: takeNamed)
        }
        #expect(error?.file == "pairs.jsonl")
        #expect(error?.message == "the data have changed since the checkpoint was written")
        #expect(error?.fix.contains("--accept-data-change") == true)
        let resumed = try SampleStream(
            sources: [kept, after], order: new, from: position, acceptDataChange: true, prepare: takeNamed)
        #expect(resumed.position.acceptedDataChanges == 1)
        #expect(try resumed.steps(epochs: 1).count == 490 - 410 + 1)
        #expect(try resumed.position.reread().acceptedDataChanges == 1)
        // From then on it is a position of the new data.
        _ = try new.resolve(resumed.position.reread())
        // Fewer rows of the same data are other data too; another seed is another order.
        let fewer = try order([kept, before], maxSamples: [nil, 50])
        #expect(throws: DataError.self) { try fewer.resolve(position) }
        let one = try order([kept])
        #expect(throws: DataError.self) { try one.resolve(position) }
        #expect(try one.resolve(position, acceptDataChange: true).acceptedDataChanges == 1)
        for other in [try order([kept, before], seed: 8), try order([kept, before], window: 3)] {
            let error = #expect(throws: DataError.self) { try other.resolve(position, acceptDataChange: true) }
            #expect(error?.message == "the order's settings are not those of the checkpoint")
        }
    }

    @Test func aPositionIsSmallAndADamagedOneIsRefused() throws {
        let sources = (0..<8).map { namedSource(100, perFrame: 10, path: "s\($0)") }
        let order = try order(sources, window: 3, mix: .weighted(.drop))
        let position = try order.walk(steps: 555).positions[555]
        #expect(position.json.text().utf8.count < 1024)
        #expect(try position.reread() == position)
        let values: [JSON] = [
            .null, true, -1, 1e300, "x", "-1", "99999999999999999999", [], [1], [[1, 2, 3]], [[0, -1, 0, false]],
            [[0, 0, 0, 0]], [.string("")], ["a": 1], .integer(.max), .integer(.min), [.integer(.min)],
            .array(sources.map { _ in [0, 999, 0, false] }), .array(sources.map { _ in [0, 1, 999, false] }),
            .array(sources.map { _ in [0, 0, 0, true] }), .array(sources.map { _ in 1 }),
            .array([7, -7, 0, 0, 0, 0, 0, 0].map { .integer($0 * 1000) }),
        ]
        for key in position.json.object?.keys.map({ $0 }) ?? [] {
            guard case .object(var members) = position.json else { continue }
            members[key] = nil
            #expect(throws: DataError.self) { try StreamPosition(json: .object(members)) }
            for value in values {
                members[key] = value
                guard let read = try? StreamPosition(json: .object(members)) else { continue }
                // What can be read is either refused by the order, or harmless: it leads on without an end.
                guard let samples = try? order.samples(from: read) else { continue }
                var rest = samples
                for _ in 0..<50 { _ = try rest.next { _ in Prepared<Int>.take(0) } }
            }
        }
        #expect(throws: DataError.self) { try StreamPosition(json: "nonsense") }
    }
}
