import Foundation
import ShardIO
import Synchronization
import Testing
import TextCore

@Suite struct StreamDeliveryTests {
    @Test("stream.threads_invariance")
    func threadsInvariance() throws {
        let sources = [namedSource(900, perFrame: 9, path: "a"), namedSource(410, perFrame: 30, path: "b")]
        let mixes: [(SampleOrder.Mix, UInt64?)] = [(.concat, 7), (.concat, nil), (.weighted(.repeat), 7)]
        for (mix, seed) in mixes {
            let order = try order(sources, seed: seed, window: 10, mix: mix, weights: [2, 1])
            let runs = try [1, 2, 8].map { threads in
                let stream = try SampleStream<Int>(sources: sources, order: order, threads: threads) {
                    // Delays that differ from run to run.
                    if UInt8.random(in: 0..<16) == 0 { usleep(UInt32.random(in: 0..<300)) }
                    if $2.ordinal % 11 == 3 { return .skip }
                    return try takeNamed($0, $1, $2)
                }
                let steps = try stream.steps(2500)
                stream.cancel()
                return (steps, stream.position)
            }
            for run in runs {
                #expect(run.0 == runs[0].0)
                #expect(run.1 == runs[0].1)
            }
            // Rows in memory are given as the stream gives them.
            var held = try order.samples()
            let steps = try (0..<2500).map { _ in
                Given(
                    try held.next {
                        $0.ordinal % 11 == 3 ? .skip : .take((), id: "\(sources[$0.source].path)-\($0.ordinal)")
                    })
            }
            #expect(steps == runs[0].0)
            #expect(held.position == runs[0].1)
        }
    }

    @Test func aRowWithoutANameIsNamedByItsSourceAndNumber() throws {
        let source = namedSource(1200, perFrame: 3)
        let order = try order([source], seed: nil)
        let stream = try SampleStream<Int>(sources: [source], order: order) { _, _, address in .take(address.ordinal) }
        guard case .sample(let first) = try stream.next(), case .sample(let second) = try stream.next() else {
            Issue.record("there are samples")
            return
        }
        let tag = XXH64.hash(Array(source.identity.utf8))
        #expect(first.id == String(tag, radix: 16).leftPadded(16) + ":0")
        #expect(second.id.hasSuffix(":1"))
        let chain = XXH64.hash(Array(second.id.utf8), seed: XXH64.hash(Array(first.id.utf8)))
        #expect(stream.position.digest.value == chain)
        var digest = stream.position.digest
        while case .sample(let sample) = try stream.next() { digest.append(sample.id) }
        #expect(stream.position.digest == digest)
    }

    @Test func anErrorComesAtItsPlaceAndStays() throws {
        struct Refusal: Error {}
        let source = namedSource(500, perFrame: 10)
        let order = try order([source], window: 8)
        let expected = try order.walk(steps: 500)
        for threads in [1, 4] {
            let stream = try SampleStream<Int>(sources: [source], order: order, threads: threads) {
                if $2.ordinal == 123 { throw Refusal() }
                return try takeNamed($0, $1, $2)
            }
            let place = expected.steps.firstIndex { $0.address?.ordinal == 123 } ?? -1
            #expect(try stream.steps(place) == Array(expected.steps[..<place]))
            for _ in 0..<2 { #expect(throws: Refusal.self) { try stream.next() } }
            #expect(stream.position == expected.positions[place])
        }
    }

    @Test func readingAheadStopsAtTwoWindowsAndCancellingStopsIt() throws {
        let prepared = Mutex(0)
        let source = WatchedSource(namedSource(4000, perFrame: 10))
        let order = try order([source], window: 20)
        let stream = try SampleStream<Int>(sources: [source], order: order, threads: 3) {
            prepared.withLock { $0 += 1 }
            return try takeNamed($0, $1, $2)
        }
        for _ in 0..<4 {
            _ = try stream.steps(301)
            usleep(30_000)
            let frames = source.frameNumbers.count
            // A window has 200 rows; those of the windows that are prepared to the last have been freed.
            #expect(frames <= prepared.withLock { $0 } / 200 * 20 + 40)
            // Eight chunks of 64 rows wait, and one is being delivered.
            #expect(prepared.withLock { $0 } <= stream.position.consumed + 9 * 64)
        }
        #expect(Set(source.frameNumbers).count == source.frameNumbers.count)
        stream.cancel()
        let count = source.frameNumbers.count
        usleep(30_000)
        #expect(source.frameNumbers.count == count)
        #expect(throws: CancellationError.self) { while true { _ = try stream.next() } }
    }

    @Test func aStreamThatGoesAwayLeavesNothingBehind() throws {
        final class Token: Sendable {}
        weak var remains: Token?
        for taken in [0, 1, 100] {
            do {
                let token = Token()
                remains = token
                let source = namedSource(2000, perFrame: 10)
                let stream = try SampleStream<Int>(sources: [source], order: order([source]), threads: 4) {
                    withExtendedLifetime(token) {}
                    return try takeNamed($0, $1, $2)
                }
                _ = try stream.steps(taken)
            }
            for _ in 0..<200 where remains != nil { usleep(10_000) }
            #expect(remains == nil)
        }
    }

    @Test func aForwardOnlySourceIsReadForward() throws {
        let source = WatchedSource(namedSource(2000, perFrame: 10, hasRandomAccess: false))
        let files = try order([source], seed: nil, window: 16)
        let stream = try SampleStream<Int>(sources: [source], order: files, threads: 8, prepare: takeNamed)
        #expect(try stream.steps(epochs: 2) == files.walk(epochs: 2).steps)
        stream.cancel()
        let frames = source.frameNumbers
        #expect(Array(frames.prefix(400)) == Array(0..<200) + Array(0..<200))
        let shuffled = try order([source], window: 16)
        var error = #expect(throws: DataError.self) {
            try SampleStream<Int>(sources: [source], order: shuffled, prepare: takeNamed)
        }
        #expect(
            error?.description
                == "row: this file can only be read from the start to the end, so that its rows cannot be shuffled. "
                + "Build it into shards, which can: hone data build 'row' -o FOLDER.")
        error = #expect(throws: DataError.self) {
            try SampleStream<Int>(
                sources: [source], order: files, from: files.walk(steps: 900).positions[900], prepare: takeNamed)
        }
        #expect(error?.message.hasSuffix("cannot be returned to after an interruption") == true)
        // Laid end to end with others it is in nobody's way before it has begun and once it is read.
        let others = (0..<2).map { namedSource(500, perFrame: 10, path: "other\($0)") }
        let joined: [any FramedSource] = [others[0], source, others[1]]
        let three = try order(joined, seed: nil, window: 16)
        for (place, isRefused) in [(400, false), (800, true), (2400, true), (2700, false)] {
            let (steps, positions) = try three.walk(epochs: 1)
            func resumed() throws -> [Given] {
                try SampleStream(sources: joined, order: three, from: positions[place], prepare: takeNamed)
                    .steps(epochs: 1)
            }
            if isRefused {
                #expect(throws: DataError.self) { try resumed() }
            } else {
                #expect(try resumed() == Array(steps[place...]))
            }
        }
        // Where one window reaches over everything, it is shuffled, still read forward, and resumed.
        let small = WatchedSource(namedSource(600, perFrame: 10, hasRandomAccess: false))
        let whole = try order([small])
        let (steps, positions) = try whole.walk(epochs: 2)
        let resumed = try SampleStream<Int>(
            sources: [small], order: whole, from: positions[250], threads: 8, prepare: takeNamed)
        #expect(try resumed.steps(steps.count - 250) == Array(steps[250...]))
        resumed.cancel()
        let first = small.frameNumbers.prefix { $0 < 59 }
        #expect(zip(first, first.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("stream.quarantine")
    func quarantine() throws {
        try withFile("other.txt", "x") { path in
            let log = path + ".quarantine.jsonl"
            let source = WatchedSource(namedSource(4000, perFrame: 10, path: "pairs"), damaged: [17])
            let order = try order([source], window: 8)
            let sound = try order.walk(epochs: 2).steps
            let stream = try SampleStream<Int>(
                sources: [source], order: order, threads: 3,
                corruption: .quarantine(log: log, maxBadFraction: 0.003)
            ) {
                if $2.ordinal == 2001 {
                    throw DataError(
                        .syntax, file: "pairs", byteOffset: 77, jsonPath: "$.chosen", message: "no text", fix: "")
                }
                return try takeNamed($0, $1, $2)
            }
            let isSound: (Given) -> Bool = {
                $0.address.map { $0.frame != 17 && $0.ordinal != 2001 } ?? true
            }
            #expect(try stream.steps(epochs: 2) == sound.filter(isSound))
            #expect(stream.quarantinedRows == 11)
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(
                Set(lines) == [
                    #"{"file":"pairs-00000","frame":17,"offset":17000,"ordinals":[170,179],"#
                        + #""reason":"frame 17 fails its checksum"}"#,
                    #"{"file":"pairs","frame":200,"offset":77,"ordinals":[2001,2001],"#
                        + #""reason":"no text at $.chosen"}"#,
                ])
            #expect(lines.count == 2)
            // A run that goes on writes nothing twice, and counts what is there.
            let resumed = try SampleStream<Int>(
                sources: [source], order: order, from: stream.position,
                corruption: .quarantine(log: log, maxBadFraction: 0.003), prepare: takeNamed)
            _ = try resumed.steps(epochs: 1)
            #expect(resumed.quarantinedRows == 11)
            #expect(try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").count == 2)
        }
    }

    /// A real shard of which one byte has flipped, beside sound ones.
    @Test func aFlippedBitCostsItsFrame() throws {
        try withFolder { folder in
            let data = folder + "/pairs"
            let manifest = try writeDataset(namedRows(3000), to: data)
            let damaged = "\(data)/\(manifest.shards[1].name)"
            var bytes = try read(damaged)
            bytes[bytes.count / 3] ^= 0x10
            try write(bytes, to: damaged)
            let source = try DataSourceOpener.open(path: data)
            let bad = (0..<source.frames.count).filter { (try? source.frame($0)) == nil }
            #expect(bad.count == 1)
            let order = try order([source], window: 8)
            let expected = try order.walk(epochs: 1).steps.filter { $0.address?.frame != bad.first }
            let stream = try SampleStream<Int>(
                sources: [source], order: order,
                corruption: .quarantine(log: folder + "/quarantine.jsonl", maxBadFraction: 0.1), prepare: takeNamed)
            #expect(try stream.steps(epochs: 1).map(\.address) == expected.map(\.address))
            var log = try DataFile(path: folder + "/quarantine.jsonl").rows()
            let entry = try #require(try log.next()).fields
            let rows = source.frames.rows(of: bad.first ?? 0)
            #expect(entry["file"]?.string?.hasSuffix(manifest.shards[1].name) == true, "\(entry)")
            #expect(entry["frame"]?.int == bad.first)
            #expect(entry["ordinals"]?.array?.compactMap(\.int) == [rows.lowerBound, rows.upperBound - 1])
            #expect(entry["offset"]?.int != nil && entry["reason"]?.string != nil)
            #expect(try log.next() == nil)
        }
    }

    /// The same rows from shards, from JSON lines and from one long compressed frame.
    @Test func everyKindOfSourceIsDeliveredAsOrdered() throws {
        try withFolder { folder in
            let rows = namedRows(20_000)
            try writeDataset(rows, to: folder + "/pairs", shardBytes: 200_000)
            try write(jsonLines(rows), to: folder + "/pairs.jsonl")
            try write(zstdFrame(jsonLines(rows)), to: folder + "/pairs.jsonl.zst")
            for (name, seed) in [("pairs", UInt64(3)), ("pairs.jsonl", 3), ("pairs.jsonl.zst", nil)] {
                let source = try DataSourceOpener.open(path: "\(folder)/\(name)")
                let order = try order([source], seed: seed, window: 8)
                let stream = try SampleStream<Int>(sources: [source], order: order, prepare: takeNamed)
                #expect(try stream.steps(epochs: 2).map(\.address) == order.walk(epochs: 2).steps.map(\.address))
                #expect(stream.position.consumed == 40_000)
            }
        }
    }

    @Test func damageBeyondTheBudgetStopsARun() throws {
        try withFile("other.txt", "x") { path in
            let log = path + ".quarantine.jsonl"
            let source = WatchedSource(namedSource(4000, perFrame: 10, path: "pairs"), damaged: [17])
            let order = try order([source], window: 8)
            let steps = try order.walk(epochs: 1).steps
            let place = steps.firstIndex { $0.address?.frame == 17 } ?? -1
            // The policy to fail stops at the first row of the frame, and so does a budget of 0.1 %.
            for policy in [CorruptionPolicy.fail, .quarantine(log: log)] {
                let stream = try SampleStream<Int>(
                    sources: [source], order: order, corruption: policy, prepare: takeNamed)
                #expect(try stream.steps(place) == Array(steps[..<place]))
                let error = #expect(throws: DataError.self) { try stream.next() }
                #expect(error?.description.contains("frame 17 fails its checksum") == true)
                #expect((error?.kind == .limit) == (policy != .fail))
                if policy != .fail {
                    #expect(
                        error?.message.hasPrefix("10 of 4000 rows are damaged, more than the share of 0.001") == true)
                }
            }
            try "nonsense\n".write(toFile: log, atomically: true, encoding: .utf8)
            #expect(throws: DataError.self) {
                try SampleStream<Int>(
                    sources: [source], order: order, corruption: .quarantine(log: log), prepare: takeNamed)
            }
        }
    }

    /// An option that is wrong for every row is no damage.
    @Test func aWrongOptionIsNotPutInQuarantine() throws {
        try withFile("other.txt", "x") { path in
            let source = namedSource(100, perFrame: 10)
            let stream = try SampleStream<Int>(
                sources: [source], order: order([source]), corruption: .quarantine(log: path + ".log")
            ) { _, _, _ in throw DataError(.option, file: "recipe", message: "no such column", fix: "") }
            let error = #expect(throws: DataError.self) { try stream.next() }
            #expect(error?.file == "recipe")
            #expect(!FileManager.default.fileExists(atPath: path + ".log"))
        }
    }
}

extension String {
    fileprivate func leftPadded(_ count: Int) -> String { String(repeating: "0", count: count - self.count) + self }
}
