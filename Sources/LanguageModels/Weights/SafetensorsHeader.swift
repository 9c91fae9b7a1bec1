import OrderedCollections
import TextCore

/// Reads the JSON in front of the numbers tensor by tensor: what a header of 16 MiB costs is its tensors, not a tree of
/// everything that it says.
struct SafetensorsHeader {
    private let location: String
    private(set) var entries: [SafetensorsFile.Entry] = []
    private(set) var metadata: [String: String] = [:]
    /// The places of the tensors in `entries`.
    private(set) var index: [String: Int] = [:]

    /// Of a shape; more than any model has, and few enough for every message.
    private static let largestRank = 64
    /// Arrays and objects inside each other.
    private static let depth = 8
    /// Values of one tensor's entry, and of the metadata.
    private static let (largestEntry, largestMetadata) = (1024, 1 << 16)

    private static let metadataName = "__metadata__"

    private var hasMetadata = false

    init(location: String) { self.location = location }

    /// - Throws: `ModelError` if the text is no object of tensors, or one of them contradicts itself.
    mutating func read(_ text: [UInt8]) throws(ModelError) {
        var failure: ModelError?
        text.withUnsafeBytes { bytes in
            do throws(ModelError) { try read(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func problem(_ text: String) -> ModelError { ModelError(text, location: location) }

    private mutating func read(_ bytes: UnsafeRawBufferPointer) throws(ModelError) {
        var reader = JSONReader(bytes, limits: JSONLimits(depth: Self.depth, bytes: bytes.count))
        // The format has nothing before the brace, not even white space.
        guard bytes.first == UInt8(ascii: "{"), reader.take(UInt8(ascii: "{")) else {
            throw problem(
                bytes.first == UInt8(ascii: "[")
                    ? "its header is an array, not an object" : "its header does not begin with `{`; is it safetensors?"
            )
        }
        while let (name, value) = try member(&reader) {
            if name == Self.metadataName { try addMetadata(value) } else { try add(name, value) }
        }
    }

    /// The next member; `nil` where the header ends.
    private mutating func member(_ reader: inout JSONReader) throws(ModelError) -> (String, JSON)? {
        do throws(JSONError) {
            guard let (start, name) = try reader.nextKey(isFirst: entries.isEmpty && !hasMetadata) else {
                try reader.finish()
                return nil
            }
            let isMetadata = name == Self.metadataName
            if index[name] != nil || isMetadata && hasMetadata { throw reader.repetition(of: name, at: start) }
            hasMetadata = hasMetadata || isMetadata
            reader.allow(values: isMetadata ? Self.largestMetadata : Self.largestEntry)
            return (name, try reader.value(depth: 1))
        } catch {
            throw problem("its header is not JSON: \(error)")
        }
    }

    private mutating func addMetadata(_ value: JSON) throws(ModelError) {
        guard let members = value.object else { throw problem("`__metadata__` is \(value.kind), not an object") }
        for (key, text) in members {
            guard let text = text.string else {
                throw problem("`__metadata__.\(key.clipped(to: 80))` is \(text.kind), not a string")
            }
            metadata[key] = text
        }
    }

    private mutating func add(_ name: String, _ value: JSON) throws(ModelError) {
        let entry = try entry(name, value)
        index[name] = entries.count
        entries.append(entry)
    }

    private func entry(_ name: String, _ value: JSON) throws(ModelError) -> SafetensorsFile.Entry {
        func problem(_ text: String) -> ModelError {
            ModelError("tensor \(name.clipped(to: 200)): \(text)", location: location)
        }
        guard let type = value["dtype"]?.string else { throw problem("`dtype` is missing or no string") }
        guard let size = SafetensorsFile.sizes[type] else {
            throw problem(
                "type \(type.clipped(to: 40)) is unknown; known are \(SafetensorsFile.sizes.keys.sorted().joined(separator: ", "))"
            )
        }
        guard let shape = value["shape"]?.array?.map(\.int), shape.allSatisfy({ $0 ?? -1 >= 0 }) else {
            throw problem("`shape` must be a list of whole numbers, none below 0")
        }
        guard shape.count <= Self.largestRank else {
            throw problem("`shape` has \(shape.count) dimensions, and at most \(Self.largestRank) are read")
        }
        guard let offsets = value["data_offsets"]?.array?.map(\.int), offsets.count == 2, let start = offsets[0],
            let end = offsets[1], start >= 0, end >= start
        else { throw problem("`data_offsets` must be two whole numbers, the second not below the first") }
        for key in value.object?.keys ?? [] where !["dtype", "shape", "data_offsets"].contains(key) {
            throw problem("`\(key.clipped(to: 80))` is not a key of the format")
        }
        var bytes = size
        for dimension in shape.compactMap({ $0 }) {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: dimension)
            if overflow { throw problem("shape \(shape.compactMap { $0 }) has more numbers than can be counted") }
            bytes = product
        }
        guard bytes == end - start else {
            throw problem("shape \(shape.compactMap { $0 }) of \(type) takes \(bytes) bytes, and it has \(end - start)")
        }
        return SafetensorsFile.Entry(name: name, type: type, shape: shape.compactMap { $0 }, range: start..<end)
    }
}
