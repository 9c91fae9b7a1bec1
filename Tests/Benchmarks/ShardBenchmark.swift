import Foundation
import ShardIO
import TextCore

/// What reading shards of preference rows costs beside `zstd -dc`, and what writing them costs.
///
/// Every figure is in user time of the processor, on all threads together, so that what else the machine does hardly
/// moves it; the decoder and what is measured against it take turns.
///
/// This is `bench.decode_ratio`: a benchmark and no test, as figures depend on what else the machine does.
struct ShardBenchmark {
    /// Text of the rows.
    let megabytes: Int

    /// How often the data set is read for one figure: a single pass over 100 MB is a tenth of a second.
    private static let passes = 3
    /// The MB/s of `zstd -dc` where the targets that are no ratios were set: a window of 16 MiB in 15 ms.
    private static let designRate = 1100.0

    func run(_ repetitions: Int) throws -> Measurement {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let source = folder.path + "/rows.jsonl"
        try PreferenceRows(seed: 5).write(megabytes: megabytes, to: source)
        var result = Measurement()
        let shards = folder.path + "/shards"
        let conversions = try measureConversion(of: source, to: shards, min(repetitions, 3))
        let data = try ShardedDataset(path: shards)
        guard let manifest = data.manifest else { throw Subprocess.Failure(description: "\(shards) has no manifest") }
        result["text_megabytes"] = .number((Double(manifest.textBytes) / 1e6).rounded(digits: 4))
        result["compression_ratio"] = .number((Double(manifest.textBytes) / Double(manifest.bytes)).rounded(digits: 3))
        result["bytes_per_row"] = .integer(manifest.textBytes / manifest.records)
        let rate = try measureReading(data, manifest, repetitions, &result)
        for (name, value) in conversions {
            result[name] = .target(value, atLeast: 150 * rate / Self.designRate)
        }
        result["peak_rss_mb"] = .integer(peakResidentMegabytes())
        return result
    }

    // MARK: writing

    /// MB of text that become shards in a second.
    private func measureConversion(
        of source: String, to folder: String, _ repetitions: Int
    ) throws -> [(name: String, value: Double)] {
        let bytes = Double(try FileManager.default.attributesOfItem(atPath: source)[.size] as? Int ?? 0)
        return try [("copying", true), ("conversion", false)].map { name, keepsText in
            let seconds = try (0..<repetitions).map { _ in
                try UserTime.seconds(RUSAGE_SELF) { try Self.convert(source, to: folder, keepsText: keepsText) }
            }.median
            return ("\(name)_megabytes_per_second", bytes / 1e6 / seconds)
        }
    }

    /// Makes shards of a file: of its lines as they are, or of the records that they hold in their canonical form.
    private static func convert(_ source: String, to folder: String, keepsText: Bool) throws {
        let rows = try DataSourceOpener.open(path: source)
        let decoder = try RecordDecoder(source: rows, format: "preference")
        let writer = try DatasetWriter(folder: folder, schema: "pref/1", options: .init(overwrite: true))
        for index in 0..<rows.frames.count {
            let frame = try rows.frame(index)
            for row in 0..<frame.count {
                if keepsText {
                    try frame.withBytes(of: row) { bytes throws(DataError) in try writer.append(line: bytes) }
                } else {
                    try writer.append(try decoder.record(frame, row).canonicalJSON)
                }
            }
        }
        _ = try writer.finish()
    }

    // MARK: reading

    /// - Returns: MB of text that the baseline decodes in a second.
    private func measureReading(
        _ data: ShardedDataset, _ manifest: DatasetManifest, _ repetitions: Int, _ result: inout Measurement
    ) throws -> Double {
        let baseline = DecoderBaseline()
        let decoder = try RecordDecoder(source: data, format: "preference")
        let files = data.shards.map(\.path)
        let ways: [(name: String, read: () throws -> Void)] = [
            ("decode", { try Self.decode(data) }), ("ordered", { try Self.deliver(data, shuffled: false) }),
            ("shuffled", { try Self.deliver(data, shuffled: true) }), ("parse", { try Self.parse(data, decoder) }),
        ]
        var times: [String: [Double]] = [:]
        for repetition in 0...repetitions {
            let reference = try baseline.userSeconds(files, passes: Self.passes)
            let own = try ways.map { way in
                try UserTime.seconds(RUSAGE_SELF) { for _ in 0..<Self.passes { try way.read() } }
            }
            // The first round brings the files into memory.
            if repetition == 0 { continue }
            times["baseline", default: []].append(reference)
            for (way, time) in zip(ways, own) { times[way.name, default: []].append(time) }
        }
        let seconds = times.mapValues(\.median)
        func take(_ name: String) -> Double { seconds[name] ?? .nan }
        let rate = Double(manifest.textBytes * Self.passes) / 1e6 / take("baseline")
        result["baseline"] = .string(baseline.name)
        result["baseline_megabytes_per_second"] = .number(rate.rounded(digits: 4))
        result["decode_ratio"] = .target(take("baseline") / take("decode"), atLeast: 0.9)
        result["ordered_delivery_ratio"] = .target(take("baseline") / take("ordered"), atLeast: 0.8)
        result["shuffled_to_ordered_ratio"] = .target(take("ordered") / take("shuffled"), atLeast: 0.9)
        result["parsed_records_per_second"] = .target(
            Double(manifest.records * Self.passes) / take("parse"), atLeast: 200_000 * rate / Self.designRate)
        return rate
    }

    /// Decodes every frame and checks it.
    private static func decode(_ data: ShardedDataset) throws {
        for index in 0..<data.frames.count { _ = try data.frame(index) }
    }

    /// Delivers every row in the order of an epoch, not parsed.
    private static func deliver(_ data: ShardedDataset, shuffled: Bool) throws {
        let order = try SampleOrder(sources: [.init(data)], settings: .init(shuffleSeed: shuffled ? 1 : nil))
        let stream = try SampleStream(sources: [data], order: order) { frame, row, _ in
            .take(frame.withBytes(of: row) { $0.count })
        }
        var bytes = 0
        while case .sample(let sample) = try stream.next() { bytes += sample.element }
        guard bytes + data.frames.rowCount == data.manifest?.textBytes else {
            throw Subprocess.Failure(description: "the stream gave \(bytes) bytes of rows")
        }
    }

    /// Decodes every frame and makes a record of every row.
    private static func parse(_ data: ShardedDataset, _ decoder: RecordDecoder) throws {
        for index in 0..<data.frames.count {
            let frame = try data.frame(index)
            for row in 0..<frame.count {
                guard case .preference = try decoder.record(frame, row) else {
                    throw Subprocess.Failure(description: "frame \(index), row \(row) is no preference")
                }
            }
        }
    }
}

/// A folder that is gone when the work is done.
struct TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "hone-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}

extension JSON {
    /// A figure and the least that it should be.
    static func target(_ value: Double, atLeast least: Double) -> JSON {
        ["value": .number(value.rounded(digits: 4)), "at_least": .number(least.rounded(digits: 3))]
    }

    /// A figure and the most that it may be.
    static func target(_ value: Double, atMost most: Double) -> JSON {
        ["value": .number(value.rounded(digits: 4)), "at_most": .number(most.rounded(digits: 3))]
    }
}
