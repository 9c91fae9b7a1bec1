import TextCore

extension ShardHeader {
    /// The whole header frame.
    ///
    /// - Parameter metadataBytes: the size to which the metadata are filled up with spaces.
    /// - Precondition: the metadata fit into `metadataBytes`, and both sizes are within the format's.
    func encoded(metadataBytes: Int) -> [UInt8] {
        let text = Array(metadata.text().utf8)
        precondition(text.count <= metadataBytes && metadataBytes <= ShardFormat.largestMetadata, "large metadata")
        var content = ShardFormat.mark
        content.append(littleEndian: UInt16(clamping: major))
        content.append(littleEndian: UInt16(clamping: minor))
        content.append(littleEndian: requiredFeatures)
        content.append(littleEndian: optionalFeatures)
        content += uuid.bytes
        content.append(littleEndian: UInt16(clamping: schema.utf8.count))
        content += Array(schema.utf8)
        content.append(littleEndian: UInt32(clamping: metadataBytes))
        content += text + [UInt8](repeating: UInt8(ascii: " "), count: metadataBytes - text.count)
        content.append(littleEndian: XXH64.hash(content))
        var frame: [UInt8] = []
        frame.append(littleEndian: ShardFormat.headerMagic)
        frame.append(littleEndian: UInt32(clamping: content.count))
        return frame + content
    }

    /// Whether a file starts as shards of any version do.
    static func isHeader(_ start: [UInt8]) -> Bool {
        var reader = LittleEndianReader(start)
        guard reader.take(UInt32.self) == ShardFormat.headerMagic, reader.take(UInt32.self) != nil else { return false }
        return reader.take(bytes: ShardFormat.mark.count) == ShardFormat.mark
    }

    /// Reads the header of a file, and says how many bytes it takes.
    ///
    /// - Throws: `DataError` when there is none, it is damaged, or its version or features are not known.
    static func read(from file: InputFile) throws(DataError) -> (header: ShardHeader, bytes: Int) {
        let start = try file.bytes(count: ShardFormat.markOffset + ShardFormat.mark.count, at: 0)
        guard isHeader(start) else {
            throw damaged(file, "this is no shard: it does not start with a shard's header")
        }
        var size = LittleEndianReader(Array(start[4..<8]))
        let contentBytes = Int(size.take(UInt32.self) ?? 0)
        // The fixed fields, the longest schema id and the largest metadata.
        guard contentBytes <= ShardFormat.largestMetadata + (64 << 10) + 64 else {
            throw damaged(file, "the header says that it has \(contentBytes) bytes")
        }
        let content = try file.bytes(count: contentBytes, at: ShardFormat.markOffset)
        guard content.count == contentBytes else { throw damaged(file, "the file is cut off inside its header") }
        return (try decode(content, file: file), ShardFormat.markOffset + contentBytes)
    }

    private static func decode(_ content: [UInt8], file: InputFile) throws(DataError) -> ShardHeader {
        var reader = LittleEndianReader(content)
        _ = reader.take(bytes: ShardFormat.mark.count)
        guard let major = reader.take(UInt16.self), let minor = reader.take(UInt16.self) else {
            throw damaged(file, "the header is too short")
        }
        // A later version may lay out everything behind its number in another way, so the number comes first.
        guard major == ShardFormat.major else {
            throw unsupported(
                file, "this shard has version \(major).\(minor), and this program reads version \(ShardFormat.major).x")
        }
        guard let required = reader.take(UInt32.self), let optional = reader.take(UInt32.self),
            let uuid = reader.take(bytes: 16), let schemaBytes = reader.take(UInt16.self),
            let schema = reader.take(bytes: Int(schemaBytes)), let metadataBytes = reader.take(UInt32.self),
            metadataBytes <= ShardFormat.largestMetadata, let metadata = reader.take(bytes: Int(metadataBytes))
        else { throw damaged(file, "the header's fields do not fit into it") }
        let hashed = Array(content[..<reader.position])
        guard reader.take(UInt64.self) == XXH64.hash(hashed), reader.position == content.count else {
            throw damaged(file, "the header does not fit its checksum")
        }
        guard required & ~ShardFormat.knownFeatures == 0 else {
            throw unsupported(
                file,
                "this shard of version \(major).\(minor) needs features 0x\(String(required, radix: 16)), and version "
                    + "\(ShardFormat.major).\(ShardFormat.minor) of this program knows "
                    + "0x\(String(ShardFormat.knownFeatures, radix: 16))")
        }
        guard let schema = String(validating: schema, as: UTF8.self),
            let metadata = try? JSON(parsing: metadata), metadata.object != nil
        else { throw damaged(file, "the header's schema or metadata are no text") }
        var header = ShardHeader(uuid: ShardUUID(bytes: uuid), schema: schema, metadata: metadata)
        (header.major, header.minor) = (Int(major), Int(minor))
        (header.requiredFeatures, header.optionalFeatures) = (required, optional)
        return header
    }

    private static func damaged(_ file: InputFile, _ message: String) -> DataError {
        DataError(
            .damaged, file: file.path, byteOffset: 0, message: message,
            fix: "Build the data set again, or fetch the file again; `zstd -dc` still gives the records.")
    }

    private static func unsupported(_ file: InputFile, _ message: String) -> DataError {
        DataError(
            .unsupported, file: file.path, byteOffset: 0, message: message,
            fix: "Install the version of hone that wrote it; `zstd -dc` gives its records as JSONL in any case.")
    }
}
