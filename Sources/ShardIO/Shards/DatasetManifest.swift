import OrderedCollections
public import TextCore

/// What a folder of shards holds: it is written last, so a folder that has it is complete.
public struct DatasetManifest: Sendable, Hashable {
    /// One shard of a data set.
    public struct Shard: Sendable, Hashable {
        /// Name of the file in the folder.
        public var name: String
        /// Bytes of the file.
        public var bytes: Int
        /// SHA-256 of the file, as hexadecimal digits.
        public var sha256: String
        /// Records in the shard.
        public var records: Int
        /// Frames in the shard.
        public var frames: Int
        /// Bytes of text in all frames.
        public var textBytes: Int
        /// The hash that the shard's index ends with, as hexadecimal digits: it covers the hashes of all frames, so
        /// that opening a shard shows whether it is the one that was written.
        public var indexHash: String
    }

    /// A file that the records were read from.
    public struct Source: Sendable, Hashable {
        /// The path as the user wrote it.
        public var path: String
        /// SHA-256 of the file, as hexadecimal digits.
        public var sha256: String
        /// Rows that were read.
        public var rows: Int

        public init(path: String, sha256: String, rows: Int) {
            self.path = path
            self.sha256 = sha256
            self.rows = rows
        }

        /// A file with its hash computed; of a data set's folder the manifest is hashed.
        ///
        /// - Throws: `DataError` when the file cannot be read.
        public init(path: String, rows: Int) throws(DataError) {
            let file = isFolder(path) ? join(path, DatasetManifest.fileName) : path
            self.init(path: path, sha256: try ShardIO.sha256(ofFile: file), rows: rows)
        }
    }

    /// Name of the file in a data set's folder.
    public static let fileName = "manifest.json"
    static let format = "hone dataset"
    static let major = 1
    static let minor = 0

    /// What a record is, such as `pref/1`.
    public var schema: String
    /// The shards in their order.
    public var shards: [Shard]
    /// The version of hone that wrote the data set.
    public var honeVersion: String
    /// The files that the records were read from.
    public var sources: [Source]
    /// The seed by which the records were shuffled, if they were.
    public var shuffleSeed: UInt64?

    /// Records in all shards.
    public var records: Int { shards.reduce(0) { $0 + $1.records } }
    /// Frames in all shards.
    public var frames: Int { shards.reduce(0) { $0 + $1.frames } }
    /// Bytes of all shards' files.
    public var bytes: Int { shards.reduce(0) { $0 + $1.bytes } }
    /// Bytes of text in all shards.
    public var textBytes: Int { shards.reduce(0) { $0 + $1.textBytes } }

    /// The SHA-256 of the manifest's object without the member `sha256`, as JSON without spaces, in hexadecimal digits:
    /// the data set's identity.
    public var sha256: String { SHA256.digest(of: unsigned.text()).hexadecimal }

    /// The manifest as it is written.
    public var json: JSON {
        var members = unsigned.object ?? [:]
        members["sha256"] = .string(sha256)
        return .object(members)
    }

    private var unsigned: JSON {
        [
            "format": .string(Self.format), "version": .string("\(Self.major).\(Self.minor)"),
            "schema": .string(schema), "hone": .string(honeVersion),
            "shuffle_seed": shuffleSeed.map { seed in
                // JSON's integers end where those of `Int` do.
                Int(exactly: seed).map { .integer($0) } ?? .string(String(seed))
            } ?? .null,
            "totals": [
                "shards": .integer(shards.count), "bytes": .integer(bytes), "records": .integer(records),
                "frames": .integer(frames), "raw_bytes": .integer(textBytes),
            ],
            "shards": .array(
                shards.map { shard in
                    [
                        "name": .string(shard.name), "bytes": .integer(shard.bytes), "sha256": .string(shard.sha256),
                        "records": .integer(shard.records), "frames": .integer(shard.frames),
                        "raw_bytes": .integer(shard.textBytes), "index_xxh64": .string(shard.indexHash),
                    ]
                }),
            "sources": .array(
                sources.map { source in
                    ["path": .string(source.path), "sha256": .string(source.sha256), "rows": .integer(source.rows)]
                }),
        ]
    }

    /// Writes the manifest into a folder, and puts it on the disk.
    func write(into folder: String) throws(DataError) {
        // What the shards' names point to is on the disk before the manifest says that they are complete.
        try OutputFile.flushFolder(folder)
        let output = try OutputFile(path: join(folder, Self.fileName))
        try output.write(Array((json.text(.pretty) + "\n").utf8))
        try output.commit()
        try OutputFile.flushFolder(folder)
    }

    /// Reads the manifest of a folder.
    ///
    /// - Throws: `DataError` when it is missing, damaged, changed by hand, or of an unknown version.
    public init(folder: String) throws(DataError) {
        let path = join(folder, Self.fileName)
        let file = try InputFile(path: path)
        func fails(_ kind: DataError.Kind, _ message: String) -> DataError {
            DataError(kind, file: path, message: message, fix: "Build the data set again, or fetch it again.")
        }
        guard file.size <= 256 << 20 else { throw fails(.limit, "the manifest is larger than 256 MiB") }
        let text = try file.bytes(count: file.size, at: 0)
        let value: JSON
        do throws(JSONError) {
            value = try JSON(parsing: text)
        } catch {
            throw fails(.damaged, "broken JSON at line \(error.line): \(error.message)")
        }
        guard value["format"]?.string == Self.format, let version = value["version"]?.string else {
            throw fails(.damaged, "this is no manifest of a data set")
        }
        guard version.split(separator: ".").first.flatMap({ Int($0) }) == Self.major else {
            throw DataError(
                .unsupported, file: path,
                message: "this data set has version \(version), and this program reads version \(Self.major).x",
                fix:
                    "Install the version of hone that wrote it; `zstd -dc` gives the records of its shards in any case."
            )
        }
        guard let members = value.object, let manifest = Self(members) else {
            throw fails(.damaged, "a field of the manifest is missing or of a wrong type")
        }
        var unsigned = members
        unsigned["sha256"] = nil
        // Later minor versions may have more fields, so the hash is that of the text as it stands.
        guard members["sha256"]?.string == SHA256.digest(of: JSON.object(unsigned).text()).hexadecimal else {
            throw fails(.damaged, "the manifest does not fit its own hash: it was changed after it was written")
        }
        self = manifest
    }

    private init?(_ members: OrderedDictionary<String, JSON>) {
        guard let schema = members["schema"]?.string, let hone = members["hone"]?.string,
            let shards = members["shards"]?.array, let sources = members["sources"]?.array
        else { return nil }
        self.schema = schema
        honeVersion = hone
        switch members["shuffle_seed"] {
        case .integer(let seed)?: shuffleSeed = UInt64(exactly: seed)
        case .string(let seed)?: shuffleSeed = UInt64(seed)
        default: shuffleSeed = nil
        }
        self.shards = []
        for shard in shards {
            guard let name = shard["name"]?.string, !name.isEmpty, !name.contains("/"), name != "..", name != ".",
                let bytes = shard["bytes"]?.int, let sha256 = shard["sha256"]?.string,
                let records = shard["records"]?.int, let frames = shard["frames"]?.int,
                let text = shard["raw_bytes"]?.int, let hash = shard["index_xxh64"]?.string,
                // Sums over up to a million shards are taken; a shard with a trillion of anything is damage.
                [bytes, records, frames, text].allSatisfy({ $0 > 0 && $0 < 1 << 40 })
            else { return nil }
            self.shards.append(
                Shard(
                    name: name, bytes: bytes, sha256: sha256, records: records, frames: frames, textBytes: text,
                    indexHash: hash))
        }
        self.sources = []
        for source in sources {
            guard let path = source["path"]?.string, let sha256 = source["sha256"]?.string,
                let rows = source["rows"]?.int
            else { return nil }
            self.sources.append(Source(path: path, sha256: sha256, rows: rows))
        }
        guard !self.shards.isEmpty, self.shards.count < 1 << 20 else { return nil }
    }

    init(
        schema: String, shards: [Shard], honeVersion: String, sources: [Source], shuffleSeed: UInt64?
    ) {
        self.schema = schema
        self.shards = shards
        self.honeVersion = honeVersion
        self.sources = sources
        self.shuffleSeed = shuffleSeed
    }
}
