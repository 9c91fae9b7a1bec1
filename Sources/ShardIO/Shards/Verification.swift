/// Everything that is wrong with a data set, found in one pass over all its bytes.
public struct VerificationReport: Sendable, Hashable {
    /// One thing that is wrong.
    public struct Problem: Sendable, Hashable, CustomStringConvertible {
        /// The file.
        public var file: String
        /// The frame, from 1, when it is one frame's.
        public var frame: Int?
        /// Bytes of the file before the damage, when it has a place.
        public var byteOffset: Int?
        /// What is wrong, in one clause without a full stop.
        public var message: String

        /// `file: message (byte N)`
        public var description: String { "\(file): \(message)" + (byteOffset.map { " (byte \($0))" } ?? "") }
    }

    /// What is wrong, in the order of the files.
    public internal(set) var problems: [Problem] = []
    /// Files that were read.
    public internal(set) var files = 0
    /// Frames that were decoded and fit their checksums.
    public internal(set) var frames = 0
    /// Records that should be there; `nil` when nothing tells.
    public internal(set) var expectedRecords: Int?
    /// Records that were read.
    public internal(set) var foundRecords = 0
    /// What the checks can promise: `verified` or less.
    public internal(set) var integrity = "verified"

    /// Whether nothing is wrong.
    public var isIntact: Bool { problems.isEmpty }

    mutating func add(_ error: DataError, frame: Int? = nil) {
        problems.append(
            Problem(file: error.file, frame: frame, byteOffset: error.byteOffset, message: error.message))
    }

    mutating func add(_ message: String, file: String) {
        problems.append(Problem(file: file, frame: nil, byteOffset: nil, message: message))
    }
}

/// How far a verification has come.
public struct VerificationProgress: Sendable, Hashable {
    /// Bytes of files that have been hashed.
    public var bytes: Int
    /// Bytes of all files.
    public var totalBytes: Int
}

extension DataSourceOpener {
    /// Reads all of a data set, shard or data file, and says everything that is wrong with it.
    ///
    /// Of a data set the SHA-256 of each shard is compared too. Rows are not parsed.
    ///
    /// - Parameter progress: is called now and then.
    /// - Throws: `DataError` when there is nothing to verify: no such file, or a manifest that cannot be read.
    public static func verify(
        path: String, options: DataFileOptions = DataFileOptions(), progress: (VerificationProgress) -> Void = { _ in }
    ) throws(DataError) -> VerificationReport {
        var report = VerificationReport()
        if isFolder(path) {
            guard fileNames(in: path).contains(DatasetManifest.fileName) else {
                let dataset = try ShardedDataset(path: path, partial: options.partial)
                report.integrity = dataset.integrity
                for shard in dataset.shards { verify(shard, into: &report) }
                return report
            }
            try verify(dataset: path, manifest: try DatasetManifest(folder: path), into: &report, progress: progress)
            return report
        }
        if try ShardFile.isShard(path: path) {
            verify(shardAt: path, into: &report)
            return report
        }
        let file = try DataFile(path: path, options: options)
        report.files = 1
        report.integrity = file.integrity
        do throws(DataError) {
            let framed = try file.framed()
            report.integrity = framed.integrity
            report.frames = framed.frames.count
            report.foundRecords = framed.frames.rowCount
        } catch {
            report.add(error)
        }
        return report
    }

    private static func verify(
        dataset folder: String, manifest: DatasetManifest, into report: inout VerificationReport,
        progress: (VerificationProgress) -> Void
    ) throws(DataError) {
        report.expectedRecords = manifest.records
        var done = VerificationProgress(bytes: 0, totalBytes: manifest.bytes)
        let decoders = ShardDecoderPool()
        for entry in manifest.shards {
            let path = join(folder, entry.name)
            let before = report.foundRecords
            do throws(DataError) {
                let shard = try ShardedDataset.open(entry, in: folder, decoders: decoders)
                let hash = try sha256(ofFile: path) { bytes in
                    done.bytes += bytes
                    progress(done)
                }
                if hash != entry.sha256 { report.add("the file's SHA-256 is not that of the manifest", file: path) }
                verify(shard, into: &report)
            } catch {
                report.files += 1
                report.add(error)
                report.foundRecords += ShardRemains(path: path).records
            }
            let found = report.foundRecords - before
            if found != entry.records {
                report.add("\(entry.records) records are expected, and \(found) were found", file: path)
            }
        }
        let known = Set(manifest.shards.map(\.name))
        for name in fileNames(in: folder) where ShardedDataset.isShardName(name) && !known.contains(name) {
            report.add("this shard is not in the manifest", file: join(folder, name))
        }
    }

    private static func verify(shardAt path: String, into report: inout VerificationReport) {
        do throws(DataError) {
            let shard = try ShardFile(path: path)
            report.integrity = shard.integrity
            report.expectedRecords = shard.frames.rowCount
            verify(shard, into: &report)
        } catch {
            report.files += 1
            report.add(error)
            report.foundRecords += ShardRemains(path: path).records
        }
    }

    private static func verify(_ shard: ShardFile, into report: inout VerificationReport) {
        report.files += 1
        for index in 0..<shard.frames.count {
            do throws(DataError) {
                report.foundRecords += try shard.frame(index).count
                report.frames += 1
            } catch {
                report.add(error, frame: index + 1)
            }
        }
    }
}
