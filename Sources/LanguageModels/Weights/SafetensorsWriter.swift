public import Foundation
import OrderedCollections
public import TensorCore
import TextCore

/// Writes named tensors in the safetensors format, as `transformers` and `peft` read it.
public enum SafetensorsWriter {
    /// A tensor to write; its numbers are made only when it is its turn.
    public struct Item: Sendable {
        /// The name in the file.
        public let name: String
        let shape: [Int]
        let type: String
        let byteCount: Int
        private let content: Content

        private enum Content: Sendable {
            /// Numbers, and the type they are written in.
            case numbers(Tensor, DType)
            case bytes(Storage)
        }

        /// - Parameters:
        ///   - tensor: the numbers.
        ///   - dtype: the type to write; `nil` for the tensor's own.
        public init(_ name: String, _ tensor: Tensor, dtype: DType? = nil) {
            self.name = name
            let dtype = dtype ?? tensor.dtype
            precondition(dtype != .quantized, "\(name): a quantised matrix is written as its parts, or as numbers")
            shape = tensor.shape
            type = SafetensorsWriter.name(of: dtype)
            byteCount = tensor.count * dtype.size
            content = .numbers(tensor, dtype)
        }

        /// Bytes, of type `U8` unless said otherwise.
        init(_ name: String, bytes: Storage, shape: [Int], type: String = "U8") {
            self.name = name
            self.shape = shape
            self.type = type
            byteCount = bytes.byteCount
            content = .bytes(bytes)
        }

        /// Hands the bytes over.
        func write(to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
            switch content {
            case .numbers(let tensor, let dtype):
                let numbers = tensor.converted(to: dtype)
                try withExtendedLifetime(numbers) {
                    try sink(UnsafeRawBufferPointer(start: numbers.bytes, count: byteCount))
                }
            case .bytes(let bytes):
                try withExtendedLifetime(bytes) {
                    try sink(UnsafeRawBufferPointer(start: bytes.pointer, count: byteCount))
                }
            }
        }
    }

    /// Writes one file, whole or not at all.
    ///
    /// - Throws: `ModelError` if the file cannot be written.
    public static func write(
        _ items: [Item], to url: URL, metadata: [String: String] = ["format": "pt"]
    ) throws(ModelError) {
        try file(url.lastPathComponent, items, metadata: metadata).write(into: url.deletingLastPathComponent())
    }

    /// One file with these tensors.
    public static func file(
        _ name: String, _ items: [Item], metadata: [String: String] = ["format": "pt"]
    ) -> SavedFile {
        var members: [(String, JSON)] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }.map { ($0.key, JSON.string($0.value)) }
            members.append(("__metadata__", object(texts)))
        }
        var offset = 0
        for item in items {
            let end = offset + item.byteCount
            members.append(
                (
                    item.name,
                    [
                        "dtype": .string(item.type), "shape": .array(item.shape.map { .integer($0) }),
                        "data_offsets": [.integer(offset), .integer(end)],
                    ]
                ))
            offset = end
        }
        var header = Array(object(members).text().utf8)
        // Spaces after the JSON let the numbers start at a cache line, for readers that map the file.
        header += repeatElement(UInt8(ascii: " "), count: (64 - (header.count + 8) % 64) % 64)
        let length = UInt64(header.count)
        let lengthBytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) }
        return SavedFile(name, header: lengthBytes + header, items)
    }

    /// `model.safetensors`, or several files and `model.safetensors.index.json` where one would pass the limit.
    ///
    /// - Parameter shardLimit: bytes of numbers in one file; a larger tensor has a file of its own.
    public static func modelFiles(_ items: [Item], shardLimit: Int = 5_000_000_000) -> [SavedFile] {
        var shards: [[Item]] = [[]]
        var size = 0
        for item in items {
            if size > 0, size + item.byteCount > shardLimit {
                shards.append([])
                size = 0
            }
            shards[shards.count - 1].append(item)
            size += item.byteCount
        }
        if shards.count == 1 { return [file("model.safetensors", items)] }
        var files: [SavedFile] = []
        var map: [(String, JSON)] = []
        for (number, shard) in shards.enumerated() {
            let name = "model-\(padded(number + 1))-of-\(padded(shards.count)).safetensors"
            files.append(file(name, shard))
            map += shard.map { ($0.name, .string(name)) }
        }
        let total = items.reduce(0) { $0 + $1.byteCount }
        let index: JSON = ["metadata": ["total_size": .integer(total)], "weight_map": object(map)]
        return files + [jsonFile("model.safetensors.index.json", index)]
    }

    /// Writes `modelFiles`. Weights of an earlier save in the same folder are removed, so that no reader finds both.
    ///
    /// - Throws: `ModelError` if a file cannot be written.
    public static func writeModel(_ items: [Item], to folder: URL, shardLimit: Int = 5_000_000_000) throws(ModelError) {
        try removeWeights(in: folder)
        for file in modelFiles(items, shardLimit: shardLimit) { try file.write(into: folder) }
    }

    /// JSON for people to read.
    static func jsonFile(_ name: String, _ json: JSON, sortedKeys: Bool = false) -> SavedFile {
        SavedFile(
            name, bytes: Array((json.text(JSONStyle(indent: 2, sortedKeys: sortedKeys, spaced: true)) + "\n").utf8))
    }

    /// Removes the weights of an earlier save, so that no reader finds both.
    static func removeWeights(in folder: URL) throws(ModelError) {
        do {
            for url in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
                let name = url.lastPathComponent
                let isWeights =
                    name == "model.safetensors" || name.wholeMatch(of: /model-\d{5}-of-\d{5}\.safetensors/) != nil
                if isWeights || name == "model.safetensors.index.json" { try FileManager.default.removeItem(at: url) }
            }
        } catch {
            throw ModelError("old weights cannot be removed: \(error.localizedDescription)", location: folder.path)
        }
    }

    private static func padded(_ number: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }

    private static func object(_ members: [(String, JSON)]) -> JSON {
        .object(OrderedDictionary(members, uniquingKeysWith: { $1 }))
    }

    /// The type's name in the format.
    ///
    /// - Precondition: numbers have a place of their own in it.
    private static func name(of dtype: DType) -> String {
        switch dtype {
        case .float32: "F32"
        case .bfloat16: "BF16"
        case .float16: "F16"
        case .quantized: preconditionFailure("a quantised matrix has no type of numbers")
        }
    }
}
