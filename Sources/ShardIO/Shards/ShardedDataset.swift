/// A folder of shards with its manifest.
public struct ShardedDataset: FramedSource {
    /// The folder as the user named it.
    public let path: String
    /// The manifest; `nil` for a folder that has none and is read in part.
    public let manifest: DatasetManifest?
    /// The shards in their order.
    public let shards: [ShardFile]
    public let frames: FrameTable
    public let identity: String
    /// The number of the first frame of each shard, and of its first record.
    private let starts: [(frame: Int, record: Int)]

    /// Opens a data set: the shards must be those of the manifest by their sizes, numbers and index hashes.
    ///
    /// - Parameter partial: whether a folder without manifest is read as far as it goes.
    /// - Throws: `DataError` when there is no manifest, or a shard is missing, damaged or another one.
    public init(path: String, partial: Bool = false) throws(DataError) {
        self.path = path
        let decoders = ShardDecoderPool()
        let names = fileNames(in: path)
        if names.contains(DatasetManifest.fileName) {
            let manifest = try DatasetManifest(folder: path)
            var shards: [ShardFile] = []
            for entry in manifest.shards { shards.append(try Self.open(entry, in: path, decoders: decoders)) }
            self.manifest = manifest
            self.shards = shards
            identity = manifest.sha256
        } else {
            guard partial else { throw Self.incomplete(path, names: names) }
            var shards: [ShardFile] = []
            for name in names where Self.isShardName(name) {
                shards.append(try ShardFile(path: join(path, name), decoders: decoders))
            }
            guard !shards.isEmpty else { throw Self.incomplete(path, names: names) }
            manifest = nil
            self.shards = shards
            var hash = XXH64()
            for shard in shards { hash.update(shard.index.hash) }
            identity = "partial:\(hash.digest().hexadecimal)"
        }
        frames = FrameTable(rowCounts: shards.flatMap(\.index.counts))
        var starts: [(frame: Int, record: Int)] = []
        var (frame, record) = (0, 0)
        for shard in shards {
            starts.append((frame, record))
            frame += shard.frames.count
            record += shard.frames.rowCount
        }
        self.starts = starts
    }

    public var hasRandomAccess: Bool { true }

    public var integrity: String {
        manifest != nil
            ? "verified"
            : "\(shards.count) shards with \(frames.rowCount) records, verified frame by frame; there may be more, "
                + "because the folder has no manifest"
    }

    public func rows(from position: RowPosition) throws(DataError) -> any RowStream {
        FramedRowStream(source: self, position: position)
    }

    public func frame(_ index: Int) throws(DataError) -> DecodedFrame {
        let shard = starts.partitioningIndex { $0.frame > index } - 1
        return try shards[shard].frame(index - starts[shard].frame)
    }

    /// Opens a shard and compares it with what the manifest says of it.
    static func open(
        _ entry: DatasetManifest.Shard, in folder: String, decoders: ShardDecoderPool
    ) throws(DataError) -> ShardFile {
        let path = join(folder, entry.name)
        func differs(_ message: String) -> DataError {
            DataError(
                .damaged, file: path, message: message,
                fix: "Fetch the shard again, or build the data set again; `hone data verify` tells all that is wrong.")
        }
        let size: Int
        do throws(DataError) {
            size = try InputFile(path: path).size
        } catch {
            switch error.kind {
            case .missing: throw differs("this shard is missing: the manifest has \(entry.records) records in it")
            case .empty: throw differs("the file is empty: \(entry.records) records are expected, and 0 are there")
            default: throw error
            }
        }
        guard size == entry.bytes else {
            let found = ShardRemains(path: path)
            throw differs(
                "the file has \(size) bytes, and the manifest says \(entry.bytes): \(entry.records) records are "
                    + "expected, and \(found) can be read")
        }
        let shard = try ShardFile(path: path, decoders: decoders)
        guard shard.index.hash.hexadecimal == entry.indexHash, shard.frames.rowCount == entry.records,
            shard.frames.count == entry.frames, shard.textBytes == entry.textBytes
        else { throw differs("this is another shard than the one in the manifest") }
        return shard
    }

    /// Whether a name is that of a shard: `<name>-<five digits or more>.jsonl.zst`.
    static func isShardName(_ name: String) -> Bool {
        guard name.hasSuffix(".jsonl.zst"), !name.hasPrefix(".") else { return false }
        let digits = name.dropLast(".jsonl.zst".count).split(separator: "-", omittingEmptySubsequences: false).last
        guard let digits, digits.count >= 5, digits.count < name.count - ".jsonl.zst".count else { return false }
        return digits.allSatisfy { $0.isASCII && $0.isNumber }
    }

    private static func incomplete(_ path: String, names: [String]) -> DataError {
        let shards = names.filter(isShardName)
        guard !shards.isEmpty else {
            return DataError(
                .unreadable, file: path, message: "this is a folder without manifest.json, so it is no data set",
                fix: "Name the data files inside it, one entry of `data.train` each.")
        }
        let opened = shards.compactMap { try? ShardFile(path: join(path, $0)) }
        let records = opened.reduce(0) { $0 + $1.frames.rowCount }
        return DataError(
            .damaged, file: path,
            message:
                "the folder has \(shards.count) shards and no manifest.json, which is written last: it is incomplete",
            fix:
                "Build it again, or read the \(opened.count) whole shards with \(records) records as a partial data set."
        )
    }
}
