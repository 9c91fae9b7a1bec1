import Foundation
import ShardIO
import Synchronization
import Testing
import TextCore

@Suite struct PlainZstdTests {
    private let records = testRecords(400)

    /// The records in so many frames, whose ends fall inside lines too.
    private func frames(_ count: Int, checksum: Bool, contentSize: Bool = true) -> [[UInt8]] {
        let text = jsonLines(records)
        return (0..<count).map { index in
            zstdFrame(
                Array(text[(index * text.count / count)..<((index + 1) * text.count / count)]), checksum: checksum,
                contentSize: contentSize)
        }
    }

    private func expectRecords(_ bytes: [UInt8], integrity: String, sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        try withFile("x.jsonl.zst", bytes) { path in
            let source = try DataSourceOpener.open(path: path)
            #expect(try framedRows(source) == records, sourceLocation: sourceLocation)
            #expect(source.integrity == integrity, sourceLocation: sourceLocation)
            #expect(try streamedRows(source) == records, sourceLocation: sourceLocation)
            let sequential = try DataSourceOpener.sequential(path: path)
            #expect(try streamedRows(sequential) == records, sourceLocation: sourceLocation)
        }
    }

    @Test("plain_zst.multiframe_and_skippable")
    func multiframeAndSkippable() throws {
        let frames = frames(7, checksum: true)
        let statement = "7 of 7 frames carry checksums; completeness cannot be verified without a manifest"
        try expectRecords(Array(frames.joined()), integrity: statement)
        let between = frames.enumerated().flatMap { index, frame in
            skippableFrame([UInt8](repeating: 1, count: index * 50_000), kind: UInt32(index)) + frame
        }
        try expectRecords(between + skippableFrame([1, 2, 3]), integrity: statement)
        // What pzstd writes: before each frame a skippable one that holds its size.
        let parallel = frames.flatMap { frame in
            skippableFrame((0..<4).map { UInt8(truncatingIfNeeded: frame.count >> (8 * $0)) }, kind: 0) + frame
        }
        try expectRecords(parallel, integrity: statement)
        try expectRecords(
            frames[0] + zstdFrame([]) + Array(frames[1...].joined()),
            integrity: "8 of 8 frames carry checksums; completeness cannot be verified without a manifest")
        let mixed = zip(frames, self.frames(7, checksum: false, contentSize: false)).enumerated()
        try expectRecords(
            mixed.flatMap { index, pair in index < 3 ? pair.0 : pair.1 },
            integrity: "3 of 7 frames carry checksums; completeness cannot be verified without a manifest")
    }

    @Test func blocksLieOnTheTextAndNotOnTheFrames() throws {
        let text = jsonLines(testRecords(6000))
        func source(_ count: Int) throws -> [DecodedRows] {
            let frames = (0..<count).map { index in
                zstdFrame(Array(text[(index * text.count / count)..<((index + 1) * text.count / count)]))
            }
            return try withFile("x.jsonl.zst", Array(frames.joined())) { path in
                let source = try DataSourceOpener.open(path: path)
                #expect(source.hasRandomAccess)
                // Backwards, so that each block is found from a frame's start.
                return try (0..<source.frames.count).reversed().map { index in
                    let frame = try source.frame(index)
                    return DecodedRows(
                        rows: try (0..<frame.count).map { try frame.row($0).fields },
                        places: (0..<frame.count).map { frame.provenance(of: $0).byteOffset },
                        identity: source.identity)
                }
            }
        }
        let one = try source(1)
        #expect(one.count > 2)
        #expect(one.reversed().flatMap(\.rows) == testRecords(6000))
        #expect(one.reversed().flatMap(\.places).first == 0)
        #expect(try source(40) == one)
    }

    private struct DecodedRows: Equatable {
        var rows: [JSON]
        var places: [Int]
        var identity: String
    }

    @Test("plain_zst.truncated_silent_case")
    func truncatedSilentCase() throws {
        // Frames without checksum, and cuts of which many lie where a decoder has only whole lines in its hands.
        let bytes = Array(frames(7, checksum: false).joined())
        let ends = Set(try frameBoundaries(bytes))
        var cuts = 0
        for length in spread(60, over: bytes.count - 8, seed: 5).map({ $0 + 8 }) where !ends.contains(length) {
            try withFile("x.jsonl.zst", bytes[..<length]) { path in
                let error = #expect(throws: DataError.self) { try DataSourceOpener.open(path: path) }
                let frame = try frameBoundaries(bytes).partition(by: length) + 1
                #expect(error?.kind == .damaged)
                #expect(error?.byteOffset == length)
                let message = error?.message ?? ""
                #expect(message.contains("frame \(frame)"), "\(message)")
                #expect(message.contains("cut off"))
                // The rows that came before are those that a stream gives before it fails.
                var stream = try DataSourceOpener.sequential(path: path).rows()
                var rows: [JSON] = []
                let late = #expect(throws: DataError.self) {
                    while let row = try stream.next() { rows.append(row.fields) }
                }
                #expect(rows == Array(records[..<rows.count]))
                #expect(late?.message == message)
                #expect(
                    message.hasSuffix(
                        rows.count == 1 ? "1 whole row comes before it" : "\(rows.count) whole rows come before it"))
            }
            cuts += 1
        }
        #expect(cuts > 50)
    }

    @Test("plain_zst.no_checksum_notice")
    func noChecksumNotice() throws {
        try expectRecords(
            Array(frames(7, checksum: false).joined()),
            integrity: "0 of 7 frames carry checksums; completeness cannot be verified without a manifest")
    }

    @Test(arguments: [true, false])
    func fiveHundredFlipsAndCutsAreNoticedWhereTheFormatCan(checksum: Bool) throws {
        // Frames of whole lines: the worst case, because a cut between two leaves no broken line.
        let bytes = (0..<12).flatMap { index in
            skippableFrame([9, 9])
                + zstdFrame(
                    jsonLines(Array(records[(index * 400 / 12)..<((index + 1) * 400 / 12)])), checksum: checksum)
        }
        let text = jsonLines(records)
        let ends = try frameBoundaries(bytes)
        let statement =
            "\(checksum ? 12 : 0) of 12 frames carry checksums; completeness cannot be verified without a manifest"
        try withFolder { folder in
            let path = "\(folder)/x.jsonl.zst"
            var silent = 0
            for (index, offset) in spread(500, over: bytes.count, seed: 3).enumerated() {
                var damaged = bytes
                damaged[offset] ^= 1 << UInt8(mix64(UInt64(index)) % 8)
                try write(damaged, to: path)
                guard let source = try? DataSourceOpener.open(path: path) else { continue }
                // What was changed without a word must have been announced as possible, and never happens with checksums.
                #expect(source.integrity == statement)
                if try framedText(source) != text { silent += 1 }
            }
            #expect(checksum ? silent == 0 : silent > 0)
            for length in spread(500 - ends.count + 1, over: bytes.count, seed: 4) + ends.dropLast() {
                try write(Array(bytes[..<length]), to: path)
                let source = try? DataSourceOpener.open(path: path)
                let boundary = ends.firstIndex(of: length) ?? 0
                // A cut between two frames cannot be seen; that is what the statement says.
                if boundary > 1 {
                    #expect(source?.integrity.hasSuffix("completeness cannot be verified without a manifest") == true)
                    let found = try source.map(framedText) ?? []
                    #expect(!found.isEmpty && found == Array(text[..<found.count]))
                } else {
                    #expect(source == nil, "\(length) bytes")
                }
            }
        }
    }

    private func failure(_ bytes: [UInt8]) throws -> DataError? {
        try withFile("x.jsonl.zst", bytes) { path in
            #expect(throws: DataError.self) { try DataSourceOpener.open(path: path) }
        }
    }

    @Test func whatIsNoZstdIsSaid() throws {
        let good = zstdFrame(Array("{\"a\":1}\n".utf8))
        #expect(try failure([])?.message == "the file is empty")
        #expect(try failure(Array("{\"a\":1}\n".utf8))?.message == "this is no zstd file")
        let garbage = try failure(good + Array("{\"a\":2}\n".utf8))
        #expect(garbage?.message == "what follows frame 1 is no zstd frame; 1 whole row comes before it")
        #expect(garbage?.byteOffset == good.count)
        #expect(try failure(good + [0x28])?.message.contains("cut off in the header of frame 2") == true)
        #expect(try failure(good + skippableFrame([1, 2, 3]).dropLast())?.message.contains("cut off") == true)
        #expect(try failure(zstdFrame([]))?.kind == .empty)
        var wrong = zstdFrame(jsonLines(records))
        wrong[wrong.count - 1] ^= 1
        #expect(try failure(wrong)?.message.hasPrefix("the content of frame 1 does not fit its checksum") == true)
    }

    @Test func bombsAreBounded() throws {
        // A window of 2 GiB: exponent 21 above 2^10.
        let window = try failure([0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x01, 0x00, 0x00])
        #expect(window?.kind == .limit)
        #expect(window?.message == "frame 1 asks for a window of 2147483648 bytes, and 128 MiB are allowed")
        // A header that promises a terabyte for a frame of one raw block with eight bytes.
        let promise: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xC0, 0x50, 0, 0, 0, 0, 1, 0, 0, 0, 0x41, 0, 0]
        let lie = try failure(promise + Array("{\"a\":1}\n".utf8))
        #expect(lie?.kind == .damaged, "\(String(describing: lie))")
        // Nothing but zeros, a line without end.
        let zeros = zstdFrame([UInt8](repeating: 0, count: 80 << 20))
        #expect(zeros.count < 10_000)
        #expect(try failure(zeros)?.kind == .limit)
    }

    @Test func aMillionEmptyFramesAreOnlySlow() throws {
        let empty = zstdFrame([], checksum: false)
        var bytes: [UInt8] = []
        for _ in 0..<1_000_000 { bytes += empty }
        bytes += zstdFrame(Array("{\"a\":1}\n".utf8))
        let clock = ContinuousClock()
        let time = try clock.measure {
            try withFile("x.jsonl.zst", bytes) { path in
                let source = try DataSourceOpener.open(path: path)
                #expect(try framedRows(source) == [["a": 1]])
                #expect(source.integrity.hasPrefix("1 of 1000001 frames carry checksums"))
            }
        }
        #expect(time < .seconds(5))
    }

    @Test func oneLongFrameIsReadForward() throws {
        let line = String(repeating: "long lines compress well. ", count: 40)
        let count = 20_000
        let text = (0..<count).map { "{\"n\":\($0),\"t\":\"\(line)\"}\n" }.joined()
        try withFile("x.jsonl.zst", zstdFrame(Array(text.utf8))) { path in
            let source = try DataSourceOpener.open(path: path)
            #expect(!source.hasRandomAccess)
            func first(_ index: Int) throws -> Int? { try source.frame(index).row(0).fields["n"]?.int }
            for index in [0, 1, 2, 5, 4, 3, 40, 0, 79] {
                #expect(try first(index) == source.frames.rows(of: index).lowerBound)
            }
            // Threads that ask for neighbours in any order.
            let wrong = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 4) { thread in
                for index in stride(from: thread, to: source.frames.count, by: 4) {
                    let number = (try? source.frame(index).row(0))?.fields["n"]?.int
                    if number != source.frames.rows(of: index).lowerBound { wrong.withLock { $0 += 1 } }
                }
            }
            #expect(wrong.withLock { $0 } == 0)
        }
    }

    @Test func otherFormatsAreReadCompressedToo() throws {
        try withFile("x.csv.zst", zstdFrame(Array("a,b\n1,\"x\ny\"\n2,z\n".utf8))) { path in
            let source = try DataSourceOpener.open(path: path)
            #expect(try framedRows(source) == [["a": "1", "b": "x\ny"], ["a": "2", "b": "z"]])
        }
        try withFile("x.csv.zst", zstdFrame(Array("a,b\n1,2\n3\n".utf8))) { path in
            let error = #expect(throws: DataError.self) { try framedRows(try DataSourceOpener.open(path: path)) }
            #expect(error?.line == 3)
            #expect(error?.byteOffset == 8)
        }
    }

    @Test func streamsOfCompressedFilesResume() throws {
        try withFile("x.jsonl.zst", Array(frames(5, checksum: true).joined())) { path in
            let source = try DataSourceOpener.sequential(path: path)
            var stream = try source.rows()
            for index in 0..<records.count {
                if index % 37 == 0 {
                    var resumed = try source.rows(from: stream.position)
                    #expect(try resumed.next()?.fields == records[index])
                }
                let row = try stream.next()
                #expect(row?.fields == records[index])
            }
            #expect(try stream.next() == nil)
        }
    }
}
