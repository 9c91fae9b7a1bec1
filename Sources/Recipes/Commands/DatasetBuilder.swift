import Foundation
import ShardIO
import TextCore
import Training

/// Rows of several sources into one data set.
///
/// Frames are read, checked and written out as text on several threads, and appended in their order on one: the data
/// set does not depend on how many threads there are.
struct DatasetBuilder {
    private let folder: String
    private let options: DatasetWriter.Options
    private var writer: DatasetWriter?
    private var sources: [DatasetManifest.Source] = []
    /// The first record of all, which says what kind the others must be.
    private var first: TrainingRecord?
    private var textBytes = 0

    /// Frames that are in memory at a time.
    private static let window = max(2, min(8, 2 * ProcessInfo.processInfo.activeProcessorCount))

    init(folder: String, options: DatasetWriter.Options) {
        self.folder = folder
        self.options = options
    }

    /// Appends the rows of a source.
    ///
    /// - Throws: `DataError` for the first row that is damaged, malformed, or of another kind than those before it;
    ///   `CancellationError` when a stop is requested.
    mutating func add(
        _ source: any FramedSource, _ decoder: RecordDecoder, _ stop: StopSignal, _ progress: inout DataProgress
    ) async throws {
        // A hash takes as long as the rows do, so it is taken beside them.
        async let provenance = DatasetManifest.Source(path: source.path, rows: source.frames.rowCount)
        try await withThrowingTaskGroup(of: (Int, Result<CanonicalFrame, any Error>).self) { group in
            var next = 0
            func read() {
                guard next < source.frames.count else { return }
                let index = next
                next += 1
                group.addTask {
                    (index, Result { try CanonicalFrame(source.frame(index), decoder) })
                }
            }
            for _ in 0..<Self.window { read() }
            var waiting: [Int: Result<CanonicalFrame, any Error>] = [:]
            for index in 0..<source.frames.count {
                if stop.isRequested { throw CancellationError() }
                while waiting[index] == nil, let (done, result) = try await group.next() { waiting[done] = result }
                guard let frame = try waiting.removeValue(forKey: index)?.get() else { break }
                try append(frame)
                read()
                show(source.path, &progress)
            }
        }
        sources.append(try await provenance)
    }

    private func show(_ path: String, _ progress: inout DataProgress) {
        let (rows, bytes, seconds) = (writer?.records ?? 0, textBytes, progress.seconds)
        progress.show {
            "\(path): \(counted(rows, "row")), \(byteText(bytes)), \(byteText(Int(Double(bytes) / max(seconds, 1e-3)))) a second"
        }
    }

    private mutating func append(_ frame: CanonicalFrame) throws {
        guard let record = frame.first else { return }
        try record.check(isLike: first ?? record)
        let writer = try writer ?? DatasetWriter(folder: folder, schema: record.schemaName, options: options)
        // Until the first record is known to be one, nothing on the disk is touched.
        self.writer = writer
        first = first ?? record
        try frame.text.withUnsafeBytes { bytes in
            var start = 0
            for end in frame.ends {
                try writer.append(line: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
        textBytes += frame.text.count + frame.ends.count
    }

    /// Writes the manifest.
    ///
    /// - Precondition: `add` was called, and did not throw.
    func finish() throws -> DatasetManifest {
        guard let writer else { preconditionFailure("no source gave a row, and none said that it is empty") }
        return try writer.finish(sources: sources)
    }
}

/// The rows of a frame as the lines of a shard.
private struct CanonicalFrame: Sendable {
    /// All lines, with nothing between them.
    private(set) var text: [UInt8] = []
    /// Where each line ends in `text`.
    private(set) var ends: [Int] = []
    private(set) var first: TrainingRecord?

    init(_ frame: DecodedFrame, _ decoder: RecordDecoder) throws {
        for row in 0..<frame.count {
            let record = try decoder.record(frame, row)
            if let first { try record.check(isLike: first) } else { first = record }
            text += record.canonicalJSON.text().utf8
            ends.append(text.count)
        }
    }
}

extension TrainingRecord {
    /// Refuses a record that is of another kind than one before it.
    fileprivate func check(isLike other: TrainingRecord) throws(DataError) {
        guard schemaName != other.schemaName else { return }
        let (place, before) = (info.provenance, other.info.provenance)
        throw DataError(
            .field, file: place.file, line: place.line, byteOffset: place.byteOffset,
            message: "this row is \(kind) (\(schemaName)), and \(before.file):\(before.line) is \(other.kind) "
                + "(\(other.schemaName))",
            fix: "A data set holds rows of one kind; build one folder for each.")
    }
}
