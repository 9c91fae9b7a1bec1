public import TextCore

/// The layout of a shard, version 1. This comment is its specification; all numbers are little-endian.
///
/// A shard is a file `<name>-<five digits or more>.jsonl.zst` which any zstd decoder turns into JSONL: skippable frames
/// mean nothing to it. In order and without gaps:
///
/// 1. **Header**, a skippable frame:
///    `u32` 0x184D2A50, `u32` size of what follows, then the content: 8 bytes `HONESHRD`; `u16` major and `u16` minor
///    version; `u32` required and `u32` optional features, one bit each; 16 bytes UUID; `u16` size of the schema id,
///    the schema id in UTF-8; `u32` size of the metadata (at most 65,536), the metadata as one JSON object that may end
///    in spaces; `u64` XXH64 of the content before it.
/// 2. **Frames** of records, at least one: zstd frames with content size and checksum, without dictionary, with a
///    window of at most 8 MiB and at most 64 MiB of text. The text of a frame is whole lines, one JSON object each,
///    every one ended by a line feed; there are no blank lines. A record and its line feed are at most 64 MiB. A frame
///    is closed before the record that would take it over 256 KiB (the writer may choose another size), so that only a
///    frame of one record is larger.
/// 3. **Index**, a skippable frame:
///    `u32` 0x184D2A51, `u32` size of what follows, then 32 bytes a frame: `u64` place in the file, `u32` compressed
///    size, `u32` size of the text, `u64` records of the shard before the frame, `u64` XXH64 of the text; then `u64`
///    records of the shard, and `u64` XXH64 of everything before it behind the size.
/// 4. **Seek table** of the zstd seekable format, version 0.1.0, with checksums: a skippable frame 0x184D2A5E, which
///    ends the file. It has 12 bytes for every frame before it, header and index among them: `u32` size in the file,
///    `u32` size of the text, which is 0 for those two, and the lower 32 bits of the text's XXH64. Its last nine bytes
///    are `u32` number of entries, `u8` 0x80, `u32` 0x8F92EAB1.
///
/// A reader refuses an unknown major version and an unknown required feature, and ignores unknown optional ones and
/// unknown metadata. The metadata hold at least `records` and `raw_bytes` (bytes of text), which tell what a file that
/// was cut should have held. The UUID (version 8 of RFC 9562) is made of the SHA-256 of schema id, number of the shard
/// and index, so that equal input gives equal bytes.
enum ShardFormat {
    static let frameMagic: UInt32 = 0xFD2F_B528
    /// The first of sixteen.
    static let skippableMagic: UInt32 = 0x184D_2A50
    static let headerMagic: UInt32 = 0x184D_2A50
    static let indexMagic: UInt32 = 0x184D_2A51
    static let seekTableMagic: UInt32 = 0x184D_2A5E
    static let seekableMagic: UInt32 = 0x8F92_EAB1
    static let mark = Array("HONESHRD".utf8)

    static let major = 1
    static let minor = 0
    /// The required features that this version knows: none.
    static let knownFeatures: UInt32 = 0

    static let largestMetadata = 64 << 10
    static let largestRecord = 64 << 20
    static let largestFrame = 64 << 20
    /// Frames of a shard: 2 TiB of text where they have their usual size, and 256 MiB of index.
    static let largestFrameCount = 1 << 23
    static let largestWindow = 8 << 20
    static let entryBytes = 32
    static let seekFooterBytes = 9
    /// Where the mark lies in the file.
    static let markOffset = 8
}

/// What the header of a shard says.
public struct ShardHeader: Sendable, Hashable {
    /// Version of the layout; readers of one major version read all its minor ones.
    public var major = ShardFormat.major
    public var minor = ShardFormat.minor
    /// Features without which the shard cannot be read, one bit each.
    public var requiredFeatures: UInt32 = 0
    /// Features that a reader may ignore, one bit each.
    public var optionalFeatures: UInt32 = 0
    /// Made from what the shard holds, such as `6f1c8f3a-…`: equal shards have equal ones.
    public var uuid: ShardUUID
    /// What a record is, such as `pref/1`.
    public var schema: String
    /// Whatever else the writer noted, as an object.
    public var metadata: JSON

    /// - Parameters:
    ///   - schema: what a record is, such as `pref/1`.
    ///   - metadata: whatever else is to be noted, as an object.
    public init(uuid: ShardUUID, schema: String, metadata: JSON = [:]) {
        self.uuid = uuid
        self.schema = schema
        self.metadata = metadata
    }
}

/// The 16 bytes that name a shard.
public struct ShardUUID: Sendable, Hashable, CustomStringConvertible {
    /// The bytes in the order of the text.
    public let bytes: [UInt8]

    /// - Precondition: `bytes` are 16.
    init(bytes: [UInt8]) {
        precondition(bytes.count == 16, "a UUID of \(bytes.count) bytes")
        self.bytes = bytes
    }

    /// Made from a digest: version 8, variant of RFC 9562.
    init(_ digest: SHA256.Digest) {
        var bytes = Array(digest.bytes.prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        self.init(bytes: bytes)
    }

    static let zero = ShardUUID(bytes: [UInt8](repeating: 0, count: 16))

    /// Hexadecimal digits in groups of 8, 4, 4, 4 and 12.
    public var description: String {
        let digits = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        return [digits[..<4], digits[4..<6], digits[6..<8], digits[8..<10], digits[10...]]
            .map { $0.joined() }.joined(separator: "-")
    }
}
