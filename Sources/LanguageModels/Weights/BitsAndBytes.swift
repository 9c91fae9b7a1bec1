import Foundation
import OrderedCollections
package import TensorCore
import TextCore

/// A matrix in NF4 as `transformers` writes it with bitsandbytes: codes under the weight's own name, and beside them
/// scales, maps, and a JSON text of what they mean.
package struct NF4Entry {
    private let name: String
    private let shape: [Int]
    private let blockSize: Int
    private let numberType: DType
    /// Of double quantisation; `nil` where scales are numbers.
    private let nested: (blockSize: Int, offset: Float)?
    /// The file that holds a tensor: a checkpoint may cut between codes and scales.
    private let file: (String) -> SafetensorsFile?

    /// The tensor that says what the others mean, by the format's name.
    package static func stateKey(_ name: String, format: String = "nf4") -> String {
        "\(name).quant_state.bitsandbytes__\(format)"
    }

    /// Everything that may stand beside the codes of a weight.
    static func companions(of name: String) -> [String] {
        ["absmax", "quant_map", "nested_absmax", "nested_quant_map", "quant_state.bitsandbytes__nf4"]
            .map { "\(name).\($0)" }
    }

    /// - Parameter file: the file that holds a tensor; `nil` where there is none of the name.
    /// - Throws: `ModelError` with everything that is wrong: keys that are missing, sizes that do not match, values that
    ///   the format does not have.
    package init(
        _ name: String, shape: [Int], in file: @escaping (String) -> SafetensorsFile?
    ) throws(ModelError) {
        (self.name, self.shape, self.file) = (name, shape, file)
        let key = Self.stateKey(name)
        guard let stateFile = file(key) else { throw ModelError("has no tensor \(key)") }
        var reader = ConfigurationReader(
            try Self.state(key, in: stateFile), location: "\(stateFile.url.path): tensor \(key)")
        reader.refuse("quant_type", unless: { $0 == "nf4" }, because: "Hone reads nf4")
        blockSize = reader.blockSize("blocksize", among: Quantization.blockSizes)
        numberType = reader.numberType()
        let written = reader["shape"]?.array?.map(\.int)
        if written != shape {
            reader.problem(
                "`shape` is \(reader["shape"]?.text() ?? "missing"), and the configuration asks for \(shape)")
        }
        let count = shape.reduce(1, *)
        let blocks = (count + blockSize - 1) / blockSize
        reader.expect(name, bytes: (count + 1) / 2, in: file)
        reader.expect(name + ".quant_map", type: "F32", [16], in: file)
        if file(name + ".nested_absmax") != nil || reader["nested_blocksize"] != nil {
            let size = reader.blockSize("nested_blocksize", among: Quantization.blockSizes)
            let offset = reader.optionalNumber("nested_offset")
            if offset.map({ abs($0) > Double(Float.greatestFiniteMagnitude) }) ?? true {
                reader.problem("`nested_offset` is missing or no number")
            }
            nested = (size, Float(offset ?? 0))
            reader.refuse(
                "nested_dtype", unless: { $0 == "float32" }, because: "Hone reads scales of scales in float32")
            reader.expect(name + ".absmax", type: "U8", [blocks], in: file)
            reader.expect(name + ".nested_absmax", type: "F32", [(blocks + size - 1) / size], in: file)
            reader.expect(name + ".nested_quant_map", type: "F32", [256], in: file)
        } else {
            nested = nil
            reader.expect(name + ".absmax", type: "F32", [blocks], in: file)
        }
        try reader.finish()
    }

    private static func state(_ key: String, in file: SafetensorsFile) throws(ModelError) -> JSON {
        guard let entry = file.entry(named: key), entry.type == "U8", entry.range.count <= 1 << 16 else {
            throw ModelError("tensor \(key): must be U8, the bytes of a JSON text", location: file.url.path)
        }
        do {
            return try JSON(parsing: try file.bytes(named: key), limits: JSONLimits(depth: 8, bytes: 1 << 16))
        } catch let error as ModelError {
            throw error
        } catch {
            throw ModelError("tensor \(key): is not JSON: \(error)", location: file.url.path)
        }
    }

    private func holder(_ key: String) throws(ModelError) -> SafetensorsFile {
        guard let file = file(key) else { throw ModelError("has no tensor \(key)") }
        return file
    }

    /// The matrix; its codes stay in the file.
    ///
    /// - Throws: `ModelError` if a scale or a map is not what the format says, or the file cannot be read.
    package func matrix() throws(ModelError) -> NF4Matrix {
        func problem(_ key: String, _ text: String) -> ModelError {
            ModelError("tensor \(name).\(key): \(text)", location: file("\(name).\(key)")?.url.path)
        }
        func numbers(_ key: String) throws(ModelError) -> Tensor {
            let tensor = try holder("\(name).\(key)").tensor(named: "\(name).\(key)")
            if !tensor.isFinite { throw problem(key, "has infinite or NaN numbers; the file is damaged") }
            return tensor
        }
        guard try numbers("quant_map").scalars == NF4Matrix.levels else {
            throw problem("quant_map", "is not the sixteen levels of nf4, so the codes mean something else")
        }
        let scales: NF4Matrix.Scales
        if let nested {
            scales = .quantized(
                codes: try holder(name + ".absmax").storage(named: name + ".absmax"),
                map: try numbers("nested_quant_map"),
                scales: try numbers("nested_absmax"), offset: nested.offset, blockSize: nested.blockSize)
        } else {
            scales = .plain(try numbers("absmax"))
        }
        return NF4Matrix(
            shape: shape, codes: try holder(name).storage(named: name), scales: scales, blockSize: blockSize,
            numberType: numberType)
    }
}

extension ConfigurationReader {
    fileprivate mutating func blockSize(_ key: String, among sizes: [Int]) -> Int {
        guard let size = self[key]?.int, sizes.contains(size) else {
            problem("`\(key)` is \(self[key]?.text() ?? "missing"); it must be one of \(sizes)")
            return sizes[0]
        }
        return size
    }

    fileprivate mutating func numberType() -> DType {
        guard let type = DType.numbers.first(where: { self["dtype"] == .string($0.rawValue) }) else {
            problem("`dtype` is \(self["dtype"]?.text() ?? "missing"); Hone has float32, bfloat16 and float16")
            return .float32
        }
        return type
    }

    fileprivate mutating func expect(
        _ name: String, type: String, _ shape: [Int], in file: (String) -> SafetensorsFile?
    ) {
        guard let entry = file(name)?.entry(named: name) else {
            return problem("tensor \(name) \(type) \(shape) is missing")
        }
        if entry.type != type || entry.shape != shape {
            problem("tensor \(name) is \(entry.type) \(entry.shape), and its state asks for \(type) \(shape)")
        }
    }

    /// Codes may be stored under any type of number (`bnb_4bit_quant_storage`); their bytes are the same.
    fileprivate mutating func expect(_ name: String, bytes: Int, in file: (String) -> SafetensorsFile?) {
        guard let entry = file(name)?.entry(named: name) else { return problem("tensor \(name) is missing") }
        if entry.range.count != bytes {
            problem("tensor \(name) is \(entry.range.count) bytes of codes, and its state asks for \(bytes)")
        }
    }
}

// Writing.
extension NF4Matrix {
    /// What bitsandbytes reads: codes, scales, maps and state.
    package func items(_ name: String) -> [SafetensorsWriter.Item] {
        var state: [(String, JSON)] = [
            ("quant_type", "nf4"), ("blocksize", .integer(quantization.blockSize)),
            ("dtype", .string(quantization.numberType.rawValue)), ("shape", .array(shape.map { .integer($0) })),
        ]
        var items = [SafetensorsWriter.Item(name, bytes: codes, shape: [codes.byteCount, 1])]
        let levels = SafetensorsWriter.Item(name + ".quant_map", Tensor(Self.levels, shape: [16]))
        switch scales {
        case .plain(let values):
            items += [.init(name + ".absmax", values), levels]
        case .quantized(let codes, let map, let values, let offset, let blockSize):
            items += [
                .init(name + ".absmax", bytes: codes, shape: [codes.byteCount]), .init(name + ".nested_absmax", values),
                .init(name + ".nested_quant_map", map), levels,
            ]
            state += [
                ("nested_blocksize", .integer(blockSize)), ("nested_dtype", "float32"),
                ("nested_offset", .number(Double(offset))),
            ]
        }
        let text = JSON.object(OrderedDictionary(state, uniquingKeysWith: { $1 })).text()
        return items + [.init(NF4Entry.stateKey(name), bytes: Storage(Array(text.utf8)), shape: [text.utf8.count])]
    }
}

extension Quantization {
    /// `quantization_config` of a `config.json` whose weights are in this.
    var configuration: JSON {
        if format == .int8 { return ["quant_method": "bitsandbytes", "load_in_4bit": false, "load_in_8bit": true] }
        return [
            "quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false, "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": .bool(quantizesScales), "bnb_4bit_quant_storage": "uint8",
            "bnb_4bit_compute_dtype": .string(numberType.rawValue),
        ]
    }
}

extension ConfigurationReader {
    /// Reports weights that are quantised in a way that Hone does not read.
    mutating func checkQuantization() {
        guard let settings = self["quantization_config"] else { return }
        let method =
            settings["quant_method"]?.string
            ?? (settings["load_in_4bit"] == true || settings["load_in_8bit"] == true ? "bitsandbytes" : "unknown")
        let otherwise = "take the model that is not quantised; `adapter: qlora` quantises it when it is read"
        guard method == "bitsandbytes" else {
            return problem(
                "`quantization_config` says that the weights are quantised with \(method); Hone reads those of "
                    + "bitsandbytes in 4 bits (nf4) and 8. Else \(otherwise)")
        }
        if settings["load_in_8bit"] == true { return }
        if let type = settings["bnb_4bit_quant_type"]?.string ?? Optional("fp4"), type != "nf4" {
            problem("`quantization_config.bnb_4bit_quant_type` is \(type); Hone reads nf4. Else \(otherwise)")
        }
    }
}
