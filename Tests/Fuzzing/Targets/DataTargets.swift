import Foundation
import OrderedCollections
import ShardIO
import TextCore

/// Data files, shards and folders of shards.
extension InputTarget {
    static let data =
        [
            file("jsonl", form: .lines), file("json-array", "rows.json", form: .json),
            file("csv", form: delimited(",")),
            file("tsv", form: delimited("\t")),
            file("txt", form: .text(words: ["\n", "\r\n", "\r", "\u{FEFF}", "\n\n"])),
            zstd, shard, manifest, position,
        ]

    private static func delimited(_ mark: String) -> Form {
        .text(words: [mark, "\"", "\"\"", "\n", "\r\n", "\r", "\u{FEFF}", "prompt", "completion", "\n\n", "é", "\u{0}"])
    }

    /// Rows of every record format.
    static let rows = [
        #"{"prompt": "Hé \u00e9 \ud83d\ude00", "completion": "b\n", "id": "1", "weight": 0.5, "extra": [1, null]}"#,
        #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 1}]}"#,
        #"{"prompt": "a", "chosen": "b", "rejected": "c", "margin": 0.25, "score_chosen": 3}"#,
        #"{"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}]}"#,
        #"{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}"#,
        #"{"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}], "label": true}"#,
        #"{"text": "just text"}"#, #"{"prompt": "2+2=", "answer": "4", "tools": [], "chat_template_kwargs": {"a": 1}}"#,
        #"{"input": {"messages": [{"role": "user", "content": "a"}]}, "preferred_output": [{"role": "assistant", "content": "b"}], "non_preferred_output": [{"role": "assistant", "content": "c"}]}"#,
    ]

    private static func file(_ name: String, _ fileName: String? = nil, form: Form) -> InputTarget {
        InputTarget(
            name: name, corpus: name, fileName: fileName ?? "rows.\(name)", form: form,
            samples: {
                switch name {
                case "jsonl": rows.map { Array((($0 + "\n") + ($0 + "\n")).utf8) }
                case "json-array": [Array("[\(rows[0]),\n \(rows[0])]".utf8)]
                case "csv": [Array("prompt,completion,note\na,\"b, \"\"c\"\"\nd\",\r\ne,f,g\n".utf8)]
                case "tsv": [Array("prompt\tcompletion\na\tb\nc\t\"d\te\"\n".utf8)]
                default: [Array("a line\n\nanother é\r\nlast".utf8)]
                }
            },
            read: { input in
                try input.write()
                try readRows(input.file.path)
            })
    }

    /// Reads a data file forwards and frame by frame, as records of its own and of every other format.
    private static func readRows(_ path: String) throws {
        let options = DataFileOptions(maximumRecordBytes: 1 << 20, chunkBytes: 4096)
        var forwards: [JSON] = []
        var stream = try DataSourceOpener.sequential(path: path, options: options).rows()
        while let row = try stream.next() { forwards.append(row.fields) }
        let source = try DataSourceOpener.open(path: path, options: options)
        guard source.frames.rowCount == forwards.count else {
            throw FuzzError("\(forwards.count) rows forwards, and \(source.frames.rowCount) in frames")
        }
        var row = 0
        for index in 0..<source.frames.count {
            let frame = try source.frame(index)
            for place in 0..<frame.count {
                guard try frame.row(place).fields == forwards[row] else { throw FuzzError("row \(row) differs") }
                row += 1
            }
        }
        for format in RecordFormat.all { try? readRecords(source, format: format.name) }
        try readRecords(source, format: "auto")
    }

    /// The reader of typed columns and the one of trees must see the same record.
    private static func readRecords(_ source: any FramedSource, format: String) throws {
        let decoder = try RecordDecoder(source: source, format: format)
        for index in 0..<source.frames.count {
            let frame = try source.frame(index)
            for place in 0..<frame.count {
                let record = try decoder.record(frame, place)
                guard try decoder.record(try frame.row(place)) == record else {
                    throw FuzzError("row \(place) is two records: \(record)")
                }
            }
        }
    }

    static let zstd = InputTarget(
        name: "zst", corpus: "zstd", fileName: "rows.jsonl.zst", form: .lines, memoryLimit: 320,
        samples: { [Array((rows[0] + "\n" + rows[0] + "\n").utf8)] },
        seal: { zstdFrame(raw: $0) },
        read: { input in
            try input.write()
            try readRows(input.file.path)
        })

    /// A folder of shards, made once.
    private static let dataset: (manifest: [UInt8], shard: [UInt8], name: String)? = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-fuzz-data-\(getpid())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let options = DatasetWriter.Options(
            shards: .init(frameBytes: 400, shardBytes: 4000), shuffleSeed: 7, overwrite: true, honeVersion: "0.0.0")
        guard let writer = try? DatasetWriter(folder: folder, schema: "pref/1", options: options) else { return nil }
        for number in 0..<24 {
            try? writer.append([
                "prompt": .string("p\(number)"), "chosen": "good", "rejected": .string("bad \(number)"),
            ])
        }
        guard let manifest = try? writer.finish(sources: []), let first = manifest.shards.first,
            let text = FileManager.default.contents(atPath: folder + "/manifest.json"),
            let shard = FileManager.default.contents(atPath: folder + "/" + first.name)
        else { return nil }
        return ([UInt8](text), [UInt8](shard), first.name)
    }()

    static let shard = InputTarget(
        name: "shard", corpus: "shard", fileName: "data-00000.jsonl.zst", form: .bytes, memoryLimit: 256,
        samples: { [dataset?.shard ?? []] },
        seal: ShardSeal.sealed,
        read: { input in
            try input.write()
            _ = try DataSourceOpener.verify(path: input.file.path)
            try readRows(input.file.path)
        })

    static let manifest = InputTarget(
        name: "manifest", corpus: "manifest", fileName: "manifest.json", form: .json,
        samples: { [dataset?.manifest ?? []] },
        seal: { bytes in
            guard var members = (try? JSON(parsing: bytes))?.object else { return bytes }
            members["sha256"] = nil
            members["sha256"] = .string(SHA256.digest(of: JSON.object(members).text()).hexadecimal)
            return Array(JSON.object(members).text().utf8)
        },
        read: { input in
            try input.write()
            guard let dataset else { throw FuzzError("no data set") }
            try input.write(dataset.shard, to: dataset.name)
            _ = try DataSourceOpener.verify(path: input.folder.path)
            try readRows(input.folder.path)
        })

    static let position = InputTarget(
        name: "position", corpus: "position", fileName: "position.json", form: .json,
        samples: {
            let order = try mixture()
            var samples = try order.samples()
            var positions = [samples.position]
            for _ in 0..<9 {
                _ = try samples.next { .take((), id: "\($0.source)-\($0.ordinal)") }
                positions.append(samples.position)
            }
            return positions.map { Array($0.json.text().utf8) }
        },
        read: { input in
            let order = try mixture()
            for accepts in [false, true] {
                let position = try order.resolve(
                    try StreamPosition(json: try JSON(parsing: input.bytes)), acceptDataChange: accepts)
                var samples = try order.samples(from: position)
                for _ in 0..<40 { _ = try samples.next { .take((), id: "\($0.source)-\($0.ordinal)") } }
                _ = samples.position.json.text()
            }
        })

    private static func mixture() throws -> SampleOrder {
        let sources = [5, 11].map { count in
            SampleOrder.Source(
                InMemorySource(
                    path: "memory-\(count)", rows: (0..<count).map { ["text": .string("\($0)")] }, rowsPerFrame: 3),
                weight: Double(count))
        }
        return try SampleOrder(
            sources: sources,
            settings: SampleOrder.Settings(shuffleSeed: 3, windowFrames: 2, mix: .weighted(.drop)))
    }
}

/// A frame of zstd that holds `content` without compressing it.
func zstdFrame(raw content: [UInt8]) -> [UInt8] {
    var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58]
    var rest = content[...]
    repeat {
        let block = rest.prefix(100_000)
        rest = rest.dropFirst(block.count)
        let header = UInt32(rest.isEmpty ? 1 : 0) | UInt32(block.count) << 3
        frame += (0..<3).map { UInt8(truncatingIfNeeded: header >> (8 * UInt32($0))) } + block
    } while !rest.isEmpty
    return frame
}

/// Makes a changed shard's checksums fit, so that what stands behind them is read.
enum ShardSeal {
    static func sealed(_ shard: [UInt8]) -> [UInt8] {
        var bytes = shard
        func number(_ offset: Int, _ width: Int) -> Int {
            guard offset >= 0, offset + width <= bytes.count else { return 0 }
            return (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
        }
        func put(_ value: UInt64, _ width: Int, at offset: Int) {
            guard offset >= 0, offset + width <= bytes.count else { return }
            for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
        }
        let headerEnd = 8 + number(4, 4)
        if headerEnd >= 16, headerEnd <= bytes.count {
            put(XXH64.hash(Array(bytes[8..<(headerEnd - 8)])), 8, at: headerEnd - 8)
        }
        let entries = number(bytes.count - 9, 4)
        let frames = entries - 2
        let tableStart = bytes.count - (8 + 12 * entries + 9)
        let contentStart = tableStart - (frames * 32 + 16)
        guard frames > 0, contentStart > 8, contentStart < tableStart else { return bytes }
        put(XXH64.hash(Array(bytes[contentStart..<(tableStart - 8)])), 8, at: tableStart - 8)
        // The table repeats sizes and hashes of the index.
        for frame in 0..<frames {
            let entry = contentStart + 32 * frame
            let place = tableStart + 8 + 12 * (frame + 1)
            put(UInt64(number(entry + 8, 4)), 4, at: place)
            put(UInt64(number(entry + 12, 4)), 4, at: place + 4)
            put(UInt64(truncatingIfNeeded: number(entry + 24, 4)), 4, at: place + 8)
        }
        return bytes
    }
}
