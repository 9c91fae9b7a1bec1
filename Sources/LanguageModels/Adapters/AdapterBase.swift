public import Foundation
public import TensorCore
import TextCore

// What an adapter's file says of the base that the adapter was trained on. PEFT has no place for it, and without it an
// adapter that was trained beside quantised weights would be used, and merged, beside others without a word.
extension Quantization {
    /// The key under `__metadata__`.
    private static let key = "base_quantization"

    /// How the base of an adapter was quantised while the adapter was trained; `nil` if it was not, or if another program
    /// wrote the adapter.
    ///
    /// - Parameter folder: the adapter's.
    /// - Throws: `ModelError` if its file cannot be read, or names a quantisation that Hone does not have.
    public init?(ofAdapter folder: URL) throws(ModelError) {
        let url = folder.appendingPathComponent("adapter_model.safetensors")
        guard let text = try SafetensorsFile(reading: url).metadata[Self.key] else { return nil }
        let json = try? JSON(parsing: Array(text.utf8), limits: JSONLimits(depth: 2, bytes: 1 << 12))
        guard let json, let format = json["format"]?.string.flatMap(Format.init), let size = json["block_size"]?.int,
            format == .nf4 ? Self.blockSizes.contains(size) : size == 0, let isDouble = json["quantizes_scales"]?.bool,
            let type = json["number_type"]?.string.flatMap(DType.init), DType.numbers.contains(type)
        else {
            throw ModelError(
                "`__metadata__.\(Self.key)` is \(text), which is no quantisation that Hone has; the adapter is damaged, "
                    + "or a later version wrote it", location: url.path)
        }
        self.init(format: format, blockSize: size, quantizesScales: isDouble, numberType: type)
    }

    /// What an adapter's file says of its base.
    static func metadata(_ quantization: Quantization?) -> [String: String] {
        guard let quantization else { return [:] }
        let json: JSON = [
            "format": .string(quantization.format.rawValue), "block_size": .integer(quantization.blockSize),
            "quantizes_scales": .bool(quantization.quantizesScales),
            "number_type": .string(quantization.numberType.rawValue),
        ]
        return [key: json.text()]
    }
}
