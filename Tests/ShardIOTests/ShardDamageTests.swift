import CZstd
import Foundation
import ShardIO
import Testing
import TextCore

/// Where the zstd frames of a file start, skippable ones too, and behind them its end.
func frameBoundaries(_ bytes: [UInt8]) throws -> [Int] {
    var starts = [0]
    while let start = starts.last, start < bytes.count {
        let size = bytes.withUnsafeBytes { all in
            ZSTD_findFrameCompressedSize(all.baseAddress.map { $0 + start }, all.count - start)
        }
        try #require(ZSTD_isError(size) == 0)
        starts.append(start + size)
    }
    return starts
}

/// `count` places spread over `0 ..< limit`, each in its own part of it.
func spread(_ count: Int, over limit: Int, seed: UInt64) -> [Int] {
    (0..<count).map { index in
        let (low, high) = (index * limit / count, max(index * limit / count + 1, (index + 1) * limit / count))
        return low + Int(mix64(seed &+ UInt64(index)) % UInt64(high - low))
    }
}

@Suite struct ShardDamageTests {
    private let records = testRecords(300)

    /// A data set of one shard, its path, its bytes, and the starts of its zstd frames.
    private func withShard(_ body: (String, String, [UInt8], [Int]) throws -> Void) throws {
        try withFolder { folder in
            let manifest = try writeDataset(records, to: folder, shardBytes: 1 << 20)
            #expect(manifest.shards.count == 1)
            let path = "\(folder)/\(manifest.shards[0].name)"
            let bytes = try read(path)
            try body(folder, path, bytes, try frameBoundaries(bytes))
        }
    }

    @Test("shard.bitflip_sweep")
    func bitflipSweep() throws {
        try withShard { folder, path, bytes, starts in
            let text = jsonLines(records)
            // Header, frames, index, seek table, end.
            let frames = starts.count - 4
            #expect(frames > 10)
            let inAllParts = starts.dropLast() + starts.dropFirst().map { $0 - 1 }
            for (index, offset) in (spread(500 - inAllParts.count, over: bytes.count, seed: 1) + inAllParts)
                .enumerated()
            {
                var damaged = bytes
                damaged[offset] ^= 1 << UInt8(mix64(UInt64(index)) % 8)
                try write(damaged, to: path)
                let error = #expect(throws: DataError.self, "byte \(offset)") {
                    _ = try framedText(try ShardedDataset(path: folder))
                }
                #expect(error?.file == path)
                let frame = starts.partition(by: offset)
                if (1...frames).contains(frame) {
                    #expect(error?.message.hasPrefix("frame \(frame) of \(frames) ") == true, "\(error?.message ?? "")")
                    #expect(error?.byteOffset == starts[frame])
                }
                // Without the manifest, a flip in the mark at the start makes the file one that is not ours.
                if let found = try? framedText(try DataSourceOpener.open(path: path)) { #expect(found == text) }
            }
        }
    }

    @Test("shard.truncate_sweep")
    func truncateSweep() throws {
        try withShard { folder, path, bytes, starts in
            let ends = starts.dropLast()
            for length in spread(500 - ends.count, over: bytes.count, seed: 2) + ends {
                try write(Array(bytes[..<length]), to: path)
                let error = #expect(throws: DataError.self, "\(length) bytes") { try ShardedDataset(path: folder) }
                let whole = starts.filter { $0 <= length }.count - 1
                let found = try zstdDecode(Array(bytes[..<starts[whole]])).count { $0 == UInt8(ascii: "\n") }
                let message = error?.message ?? ""
                #expect(message.contains("300 records are expected"), "\(message)")
                // Records at the start of the frame that was cut may be there as well.
                let next = whole + 1 < starts.count ? try zstdDecode(Array(bytes[..<starts[whole + 1]])) : []
                let most = max(found, next.count { $0 == UInt8(ascii: "\n") })
                #expect(
                    message.firstMatch(of: /and (\d+)/).flatMap { Int($0.1) }.map { (found...most).contains($0) }
                        == true)
                #expect(throws: DataError.self, "\(length) bytes, alone") { try DataSourceOpener.open(path: path) }
                #expect(throws: DataError.self, "\(length) bytes, alone") {
                    try streamedRows(try DataSourceOpener.sequential(path: path))
                }
            }
        }
    }

    @Test func verifyTellsEverythingAtOnce() throws {
        try withFolder { folder in
            let manifest = try writeDataset(testRecords(800), to: folder)
            let paths = manifest.shards.map { "\(folder)/\($0.name)" }
            #expect(paths.count >= 6)
            var seen = 0
            let intact = try DataSourceOpener.verify(path: folder) { seen = $0.bytes }
            #expect(intact.isIntact && intact.foundRecords == 800 && intact.expectedRecords == 800)
            #expect(intact.integrity == "verified" && intact.frames == manifest.frames)
            #expect(seen == manifest.bytes)

            var flipped = try read(paths[0])
            let start = try frameBoundaries(flipped)[2]
            flipped[start + 20] ^= 4
            try write(flipped, to: paths[0])
            try write(try read(paths[1]).dropLast(10), to: paths[1])
            try FileManager.default.removeItem(atPath: paths[2])
            // The same records under another number: only the bytes of the file tell.
            let writer = try ShardWriter(
                path: paths[3], schema: "pref/1", options: .init(frameBytes: 2000), sequence: 77)
            let first = manifest.shards[..<3].reduce(0) { $0 + $1.records }
            for record in testRecords(800)[first..<(first + manifest.shards[3].records)] { try writer.append(record) }
            let other = try writer.finish()
            #expect(other.bytes == manifest.shards[3].bytes && other.sha256 != manifest.shards[3].sha256)
            try write(try read(paths[4]), to: "\(folder)/data-00099.jsonl.zst")

            let report = try DataSourceOpener.verify(path: folder)
            let lines = report.problems.map { $0.description.replacing("\(folder)/", with: "") }
            let lost = manifest.shards[0].records
            #expect(lines.count == 8, "\(lines)")
            #expect(lines.first == "data-00000.jsonl.zst: the file's SHA-256 is not that of the manifest")
            #expect(report.problems[1].frame == 2)
            #expect(report.problems[1].byteOffset == start)
            #expect(lines[2].hasPrefix("data-00000.jsonl.zst: \(lost) records are expected, and "))
            #expect(lines[3].hasPrefix("data-00001.jsonl.zst: the file has \(manifest.shards[1].bytes - 10) bytes"))
            #expect(
                lines[4]
                    == "data-00002.jsonl.zst: this shard is missing: the manifest has \(manifest.shards[2].records) records in "
                    + "it")
            #expect(lines[5].hasSuffix("records are expected, and 0 were found"))
            #expect(lines[6] == "data-00003.jsonl.zst: the file's SHA-256 is not that of the manifest")
            #expect(lines[7] == "data-00099.jsonl.zst: this shard is not in the manifest")
        }
    }

    @Test func anotherShardOfTheSameSizeIsNoticedWhenOpened() throws {
        try withFolder { folder in
            let zero = try writeDataset([["a": 0]], to: "\(folder)/zero")
            let one = try writeDataset([["a": 1]], to: "\(folder)/one")
            #expect(zero.shards[0].bytes == one.shards[0].bytes)
            try write(try read("\(folder)/one/data-00000.jsonl.zst"), to: "\(folder)/zero/data-00000.jsonl.zst")
            let error = #expect(throws: DataError.self) { try ShardedDataset(path: "\(folder)/zero") }
            #expect(error?.message == "this is another shard than the one in the manifest")
        }
    }

    @Test func aChangedManifestIsRefused() throws {
        try withFolder { folder in
            let manifest = try writeDataset(testRecords(20), to: folder)
            #expect(try DatasetManifest(folder: folder) == manifest)
            let path = "\(folder)/manifest.json"
            let text = String(decoding: try read(path), as: UTF8.self)
            for (old, new, message) in [
                ("pref/1", "pref/2", "the manifest does not fit its own hash: it was changed after it was written"),
                ("\"1.0\"", "\"2.0\"", "this data set has version 2.0, and this program reads version 1.x"),
                ("data-00000", "../data-00000", "a field of the manifest is missing or of a wrong type"),
                ("\"shards\": [", "\"shards\": {", "broken JSON"),
                ("hone dataset", "something", "this is no manifest of a data set"),
            ] {
                #expect(text.contains(old))
                try write(Array(text.replacing(old, with: new).utf8), to: path)
                let error = #expect(throws: DataError.self) { try ShardedDataset(path: folder) }
                #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
            }
        }
    }
}

@Suite struct ShardVersionTests {
    /// A shard whose header was changed and given the checksum that fits it.
    private func withHeader(_ change: (inout [UInt8]) -> Void, _ body: (String) throws -> Void) throws {
        try withFolder { folder in
            let path = "\(folder)/a-00000.jsonl.zst"
            let writer = try ShardWriter(path: path, schema: "pref/1", metadata: ["note": "x"])
            for record in testRecords(10) { try writer.append(record) }
            _ = try writer.finish()
            var bytes = try read(path)
            change(&bytes)
            let end = 8 + Int(bytes[4]) + Int(bytes[5]) << 8
            let hash = XXH64.hash(Array(bytes[8..<(end - 8)]))
            for index in 0..<8 { bytes[end - 8 + index] = UInt8(truncatingIfNeeded: hash >> (8 * UInt64(index))) }
            try write(bytes, to: path)
            try body(path)
        }
    }

    @Test func theHeaderSaysWhatWasWritten() throws {
        try withHeader({ _ in }) { path in
            let shard = try ShardFile(path: path)
            #expect(shard.header.schema == "pref/1")
            #expect(shard.header.metadata["note"] == "x")
            #expect(shard.header.metadata["records"] == 10)
            #expect(shard.header.metadata["raw_bytes"]?.int == shard.textBytes)
            #expect(shard.header.uuid.description.count == 36)
            #expect(shard.header.uuid.description.dropFirst(14).first == "8")
        }
    }

    @Test func anUnknownMajorVersionIsRefused() throws {
        try withHeader({ $0[16] = 2 }) { path in
            let error = #expect(throws: DataError.self) { try DataSourceOpener.open(path: path) }
            #expect(error?.kind == .unsupported)
            #expect(
                error?.description
                    == "\(path): this shard has version 2.0, and this program reads version 1.x (byte 0). Install the version "
                    + "of hone that wrote it; `zstd -dc` gives its records as JSONL in any case.")
        }
    }

    @Test func anUnknownRequiredFeatureIsRefusedAndAnOptionalOneIsNot() throws {
        try withHeader({ $0[20] = 4 }) { path in
            let error = #expect(throws: DataError.self) { try DataSourceOpener.open(path: path) }
            #expect(
                error?.message
                    == "this shard of version 1.0 needs features 0x4, and version 1.0 of this program knows 0x0")
        }
        try withHeader({ bytes in
            bytes[18] = 9
            bytes[27] = 0x80
        }) { path in
            let shard = try ShardFile(path: path)
            #expect((shard.header.major, shard.header.minor) == (1, 9))
            #expect(shard.header.optionalFeatures == 0x8000_0000)
            #expect(try framedRows(shard) == testRecords(10))
        }
    }

    /// The folder was written by version 1.0 of the format and is never written again.
    @Test func shardsOfVersion1AreReadForEver() throws {
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/shards")
        let folder = fixtures.appendingPathComponent("v1").path
        let dataset = try ShardedDataset(path: folder)
        #expect(dataset.shards.count == 2)
        #expect(dataset.manifest?.schema == "pref/1")
        #expect(dataset.manifest?.shuffleSeed == 7)
        #expect(dataset.identity == "c7beff832cb54d43f6e0b87bbbd79ff7fbd306c4d233e51adedfebdc42bc285e")
        let expected = try streamedRows(try DataFile(path: fixtures.appendingPathComponent("v1.jsonl").path))
        #expect(expected.count == 40)
        #expect(try framedRows(dataset) == expected)
        #expect(try DataSourceOpener.verify(path: folder).isIntact)
    }
}

extension [Int] {
    /// The last index whose element is at most `value`.
    func partition(by value: Int) -> Int { (firstIndex { $0 > value } ?? count) - 1 }
}
