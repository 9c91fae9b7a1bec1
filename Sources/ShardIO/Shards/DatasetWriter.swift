public import TextCore

/// Writes records into a folder of shards with a manifest.
///
/// The manifest is written last: a folder without one is incomplete, whatever stopped the writer.
public final class DatasetWriter {
    /// How a data set is written.
    public struct Options: Sendable, Hashable {
        /// How its shards are written.
        public var shards: ShardOptions
        /// What the names of the shards start with.
        public var name: String
        /// The seed of the order in which records are written; `nil` keeps the order in which they come.
        public var shuffleSeed: UInt64?
        /// Bytes of records that a shuffle keeps in memory before it uses the disk; the order does not depend on it.
        public var shuffleMemoryBytes: Int
        /// Whether a data set that is in the folder is replaced.
        public var overwrite: Bool
        /// The version of hone, for the manifest.
        public var honeVersion: String

        /// - Precondition: `name` is not empty and has no slash, and `shuffleMemoryBytes` is positive.
        public init(
            shards: ShardOptions = ShardOptions(), name: String = "data", shuffleSeed: UInt64? = nil,
            shuffleMemoryBytes: Int = 64 << 20, overwrite: Bool = false, honeVersion: String = "unknown"
        ) {
            precondition(!name.isEmpty && !name.contains("/"), "shards named '\(name)'")
            precondition(shuffleMemoryBytes > 0, "a shuffle in \(shuffleMemoryBytes) bytes")
            self.shards = shards
            self.name = name
            self.shuffleSeed = shuffleSeed
            self.shuffleMemoryBytes = shuffleMemoryBytes
            self.overwrite = overwrite
            self.honeVersion = honeVersion
        }
    }

    /// The folder that is written into.
    public let folder: String
    /// Records so far.
    public private(set) var records = 0
    private let schema: String
    private let options: Options
    private var shuffle: DiskShuffle?
    private var writer: ShardWriter?
    private var shards: [DatasetManifest.Shard] = []

    /// Starts a data set; the folder is made if it is missing.
    ///
    /// - Parameter schema: what a record is, such as `pref/1`.
    /// - Throws: `DataError` when the folder holds a data set, or a part of one, and `overwrite` is off, or when it
    ///   cannot be written.
    public init(folder: String, schema: String, options: Options = Options()) throws(DataError) {
        self.folder = folder
        self.schema = schema
        self.options = options
        try OutputFile.makeFolder(folder)
        try Self.clear(folder, options: options)
        if options.shuffleSeed != nil {
            shuffle = DiskShuffle(folder: folder, memoryBytes: options.shuffleMemoryBytes)
        }
    }

    /// Deletes the data set that is to be replaced, and what a writer that was killed has left.
    private static func clear(_ folder: String, options: Options) throws(DataError) {
        let names = fileNames(in: folder)
        let shards = names.filter(ShardedDataset.isShardName)
        let hasManifest = names.contains(DatasetManifest.fileName)
        guard (shards.isEmpty && !hasManifest) || options.overwrite else {
            throw DataError(
                .unwritable, file: folder,
                message: hasManifest
                    ? "the folder holds a data set already" : "the folder holds shards of a data set without manifest",
                fix: "Name another folder, or say that it may be overwritten.")
        }
        let listed = Set(((try? DatasetManifest(folder: folder))?.shards ?? []).map(\.name))
        if let foreign = shards.first(where: { !listed.contains($0) && !$0.hasPrefix("\(options.name)-") }) {
            throw DataError(
                .unwritable, file: folder, message: "the folder holds '\(foreign)', a shard of something else",
                fix: "Name another folder, or move the shard away.")
        }
        // The manifest goes first, so that a folder that is half old and half new does not look complete.
        try remove(join(folder, DatasetManifest.fileName))
        try OutputFile.flushFolder(folder)
        let ours = [options.name, "shuffle", DatasetManifest.fileName].map { ".\($0)" }
        for name in names
        where ShardedDataset.isShardName(name)
            || (name.contains(".tmp-") && ours.contains(where: { name.hasPrefix($0) }))
        {
            try remove(join(folder, name))
        }
    }

    /// Appends a record.
    ///
    /// - Throws: `DataError` when it is larger than 64 MiB, or the disk is full.
    public func append(_ record: JSON) throws(DataError) {
        precondition(record.object != nil, "a record is \(record.kind)")
        try record.utf8().withRawBytes { bytes throws(DataError) in try append(line: bytes) }
    }

    /// Appends a record from its text.
    ///
    /// - Parameter line: a JSON object on one line, without a line feed.
    /// - Throws: `DataError` when it does not start with `{`, holds a line feed, is larger than 64 MiB, or the disk is
    ///   full; with a shuffle, `finish` may be the first to notice.
    public func append(line: UnsafeRawBufferPointer) throws(DataError) {
        if let shuffle, let seed = options.shuffleSeed {
            try shuffle.append(key: DiskShuffle.key(ofRecord: records, seed: seed), line)
        } else {
            try write(line)
        }
        records += 1
    }

    private func write(_ line: UnsafeRawBufferPointer) throws(DataError) {
        if let writer, writer.textBytes + line.count >= options.shards.shardBytes { try closeShard() }
        if writer == nil {
            let number = String(shards.count)
            let digits = String(repeating: "0", count: max(0, 5 - number.count)) + number
            writer = try ShardWriter(
                path: join(folder, "\(options.name)-\(digits).jsonl.zst"), schema: schema, options: options.shards,
                sequence: shards.count)
        }
        try writer?.append(line: line)
    }

    private func closeShard() throws(DataError) {
        if let writer { shards.append(try writer.finish()) }
        writer = nil
    }

    /// Writes what is left, and then the manifest. Nothing can be appended afterwards.
    ///
    /// - Parameter sources: the files that the records were read from.
    /// - Throws: `DataError` when there is no record, or the disk is full.
    public func finish(sources: [DatasetManifest.Source] = []) throws(DataError) -> DatasetManifest {
        if let shuffle { try shuffle.drain { line throws(DataError) in try write(line) } }
        shuffle = nil
        try closeShard()
        guard !shards.isEmpty else { throw emptyError(file: folder) }
        let manifest = DatasetManifest(
            schema: schema, shards: shards, honeVersion: options.honeVersion, sources: sources,
            shuffleSeed: options.shuffleSeed)
        try manifest.write(into: folder)
        return manifest
    }
}
