import Foundation
import ShardIO
import Testing
import TextCore

/// Writes records into a folder of small shards with small frames.
@discardableResult
func writeDataset(
    _ records: [JSON], to folder: String, shardBytes: Int = 20_000, frameBytes: Int = 2_000, seed: UInt64? = nil,
    memory: Int = 1 << 20, overwrite: Bool = false
) throws -> DatasetManifest {
    let writer = try DatasetWriter(
        folder: folder, schema: "pref/1",
        options: .init(
            shards: .init(frameBytes: frameBytes, shardBytes: shardBytes), shuffleSeed: seed,
            shuffleMemoryBytes: memory,
            overwrite: overwrite, honeVersion: "0.3.0"))
    for record in records { try writer.append(record) }
    return try writer.finish(sources: [.init(path: "pairs.jsonl", sha256: "00", rows: records.count)])
}

@Suite struct ShardTests {
    @Test("shard.zstd_cli_roundtrip")
    func zstdCLIRoundtrip() throws {
        try withFolder { folder in
            let records = testRecords(1000)
            let manifest = try writeDataset(records, to: folder)
            #expect(manifest.shards.count > 3)
            let paths = manifest.shards.map { "\(folder)/\($0.name)" }
            var text: [UInt8] = []
            for path in paths {
                let bytes = try read(path)
                text += try zstdDecode(bytes)
                #expect(bytes.suffix(4) == [0xB1, 0xEA, 0x92, 0x8F], "the seekable format's magic is last")
            }
            #expect(text == jsonLines(records))
            guard
                let zstd = ["/usr/bin/zstd", "/usr/local/bin/zstd"].first(where: FileManager.default.isExecutableFile)
            else { return print("shard.zstd_cli_roundtrip: no zstd command here; decoded with the library only") }
            #expect(try run(zstd, ["-dc"] + paths) == text)
            #expect(try run(zstd, ["-tq"] + paths).isEmpty)
        }
    }

    private func run(_ tool: String, _ arguments: [String]) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let bytes = [UInt8](try output.fileHandleForReading.readToEnd() ?? Data())
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return bytes
    }

    @Test func framesRowsAndStreamsGiveTheRecords() throws {
        try withFolder { folder in
            let records = testRecords(500)
            let manifest = try writeDataset(records, to: folder)
            let dataset = try ShardedDataset(path: folder)
            #expect(dataset.integrity == "verified")
            #expect(dataset.identity == manifest.sha256)
            #expect(dataset.frames.rowCount == 500)
            #expect(dataset.frames.count == manifest.frames)
            #expect(try framedRows(dataset) == records)
            #expect(try streamedRows(dataset) == records)
            var stream = try dataset.rows(from: RowPosition(ordinal: 321, byteOffset: 0, line: 322))
            #expect(try stream.next()?.fields == records[321])
            #expect(try stream.seek(toRow: 5))
            #expect(try stream.next()?.fields == records[5])
            #expect(try !stream.seek(toRow: 500))
            #expect(try stream.next() == nil)
            // One shard is a source of its own.
            let first = try DataSourceOpener.open(path: "\(folder)/\(manifest.shards[0].name)")
            #expect(try framedRows(first) == Array(records[..<manifest.shards[0].records]))
        }
    }

    @Test func rowsKnowTheirPlaceInTheTextOfTheirShard() throws {
        try withFolder { folder in
            let manifest = try writeDataset(testRecords(400), to: folder)
            let dataset = try ShardedDataset(path: folder)
            let path = "\(folder)/\(manifest.shards[1].name)"
            let text = try zstdDecode(try read(path))
            let lines = text.split(separator: UInt8(ascii: "\n"))
            var seen = 0
            for index in 0..<dataset.frames.count {
                let frame = try dataset.frame(index)
                for row in 0..<frame.count where frame.provenance(of: row).file == path {
                    let place = frame.provenance(of: row)
                    #expect(place.ordinal == seen)
                    #expect(place.line == seen + 1)
                    let bytes = frame.withBytes(of: row) { Array($0) }
                    #expect(Array(text[place.byteOffset...].prefix(bytes.count)) == bytes)
                    #expect(bytes == Array(lines[seen]))
                    seen += 1
                }
            }
            #expect(seen == manifest.shards[1].records)
        }
    }

    @Test func equalInputGivesEqualBytes() throws {
        try withFolder { folder in
            let records = testRecords(300)
            let first = try writeDataset(records, to: "\(folder)/a", seed: 7)
            let second = try writeDataset(records, to: "\(folder)/b", seed: 7)
            #expect(first == second)
            for shard in first.shards {
                #expect(try read("\(folder)/a/\(shard.name)") == read("\(folder)/b/\(shard.name)"))
            }
            #expect(try read("\(folder)/a/manifest.json") == read("\(folder)/b/manifest.json"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/a").count == first.shards.count + 1)
            let names = try first.shards.map { try ShardFile(path: "\(folder)/a/\($0.name)").header.uuid }
            #expect(Set(names).count == names.count)
        }
    }

    @Test func aShuffleIsTheSameHoweverMuchMemoryThereIs() throws {
        try withFolder { folder in
            let records = testRecords(2000)
            var orders: [[JSON]] = []
            for (index, memory) in [1 << 24, 30_000, 700].enumerated() {
                try writeDataset(records, to: "\(folder)/\(index)", seed: 7, memory: memory)
                orders.append(try framedRows(try ShardedDataset(path: "\(folder)/\(index)")))
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(index)").allSatisfy {
                        $0.hasSuffix(".zst") || $0 == "manifest.json"
                    })
            }
            #expect(orders[0] == orders[1] && orders[0] == orders[2])
            let ids = orders[0].compactMap { $0["id"]?.int }
            #expect(ids.sorted() == Array(0..<2000))
            // Of a uniform order about one record stays where it was, and the rank correlation with the old places has a
            // standard deviation of 1/√1999; five of them are 0.112.
            #expect(zip(ids, 0..<2000).count { $0 == $1 } < 12)
            let mean = 999.5
            let covariance = zip(ids, 0..<2000).reduce(0.0) { $0 + (Double($1.0) - mean) * (Double($1.1) - mean) }
            let variance = (0..<2000).reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            #expect(abs(covariance / variance) < 0.112)
            try writeDataset(records, to: "\(folder)/other", seed: 8)
            #expect(try framedRows(try ShardedDataset(path: "\(folder)/other")) != orders[0])
        }
    }

    @Test func aLargeRecordHasItsOwnFrameAndTooLargeOnesAreRefused() throws {
        try withFolder { folder in
            let large: JSON = ["id": 1, "text": .string(String(repeating: "x", count: 100_000))]
            let writer = try ShardWriter(
                path: "\(folder)/a-00000.jsonl.zst", schema: "text/1", options: .init(frameBytes: 1000))
            try writer.append(["id": 0])
            try writer.append(large)
            try writer.append(["id": 2])
            let huge =
                Array("{\"a\":\"".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 64 << 20) + Array("\"}".utf8)
            let error = #expect(throws: DataError.self) {
                try huge.withUnsafeBytes { try writer.append(line: $0) }
            }
            #expect(error?.kind == .limit)
            _ = try writer.finish()
            let shard = try ShardFile(path: "\(folder)/a-00000.jsonl.zst")
            #expect((0..<shard.frames.count).map { shard.frames.rows(of: $0).count } == [1, 1, 1])
            #expect(try framedRows(shard) == [["id": 0], large, ["id": 2]])
        }
    }

    @Test func aWriterThatIsDroppedLeavesNothing() throws {
        try withFolder { folder in
            do {
                let writer = try DatasetWriter(
                    folder: folder, schema: "text/1", options: .init(shuffleSeed: 1, shuffleMemoryBytes: 100))
                for record in testRecords(50) { try writer.append(record) }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            let writer = try DatasetWriter(folder: folder, schema: "text/1")
            let error = #expect(throws: DataError.self) { try writer.finish() }
            #expect(error?.kind == .empty)
        }
    }

    @Test func aFolderIsNotOverwrittenUnlessAsked() throws {
        try withFolder { folder in
            try writeDataset(testRecords(200), to: folder)
            let error = #expect(throws: DataError.self) { try writeDataset(testRecords(3), to: folder) }
            #expect(error?.message == "the folder holds a data set already")
            #expect(try ShardedDataset(path: folder).frames.rowCount == 200)
            try writeDataset(testRecords(3), to: folder, overwrite: true)
            #expect(try framedRows(try ShardedDataset(path: folder)) == testRecords(3))
            #expect(try DataSourceOpener.verify(path: folder).isIntact)
            try write([1], to: "\(folder)/other-00000.jsonl.zst")
            let foreign = #expect(throws: DataError.self) {
                try writeDataset(testRecords(3), to: folder, overwrite: true)
            }
            #expect(foreign?.message == "the folder holds 'other-00000.jsonl.zst', a shard of something else")
            #expect(try ShardedDataset(path: folder).frames.rowCount == 3)
        }
    }

    @Test func whatAKilledWriterLeftIsCleared() throws {
        try withFolder { folder in
            try write([1], to: "\(folder)/.data-00000.jsonl.zst.tmp-1f")
            try write([1], to: "\(folder)/.shuffle-0-3.tmp-1f")
            try write([1], to: "\(folder)/notes.txt")
            try writeDataset(testRecords(3), to: folder)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(names == ["data-00000.jsonl.zst", "manifest.json", "notes.txt"])
        }
    }

    @Test func aLineThatIsNoRecordIsRefused() throws {
        try withFolder { folder in
            let writer = try ShardWriter(path: "\(folder)/a-00000.jsonl.zst", schema: "text/1")
            for line in ["", "[1]", " {}", "{\"a\":\n1}"] {
                let error = #expect(throws: DataError.self) {
                    try Array(line.utf8).withUnsafeBytes { try writer.append(line: $0) }
                }
                #expect(error?.message == "record 1 is not one line that starts with {")
            }
        }
    }

    @Test func aFolderWithoutManifestIsIncomplete() throws {
        try withFolder { folder in
            let manifest = try writeDataset(testRecords(300), to: folder)
            try FileManager.default.removeItem(atPath: "\(folder)/manifest.json")
            let error = #expect(throws: DataError.self) { try DataSourceOpener.open(path: folder) }
            #expect(
                error?.description
                    == "\(folder): the folder has \(manifest.shards.count) shards and no manifest.json, which is written "
                    + "last: it is incomplete. Build it again, or read the \(manifest.shards.count) whole shards with 300 "
                    + "records as a partial data set.")
            let partial = try DataSourceOpener.open(path: folder, options: .init(partial: true))
            #expect(try framedRows(partial) == testRecords(300))
            #expect(partial.integrity.contains("there may be more, because the folder has no manifest"))
            #expect(throws: DataError.self) { try writeDataset(testRecords(3), to: folder) }
        }
        try withFolder { folder in
            #expect(throws: DataError.self) { try DataSourceOpener.open(path: folder) }
            #expect(throws: DataError.self) { try DataSourceOpener.open(path: folder, options: .init(partial: true)) }
        }
    }
}
