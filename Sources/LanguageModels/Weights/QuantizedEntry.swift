import Foundation
package import TensorCore

/// A matrix that a checkpoint has quantised, with everything that stands beside its codes.
///
/// A format is a type of this and a line in `Checkpoint.quantized`.
protocol QuantizedEntry {
    /// The matrix; its codes stay in the file.
    ///
    /// - Throws: `ModelError` if a part of it is not what the format says, or the file cannot be read.
    func packed() throws(ModelError) -> Tensor
}

extension NF4Entry: QuantizedEntry {
    func packed() throws(ModelError) -> Tensor { Tensor(try matrix()) }
}

/// A matrix in eight bits as `transformers` writes it with bitsandbytes: codes under the weight's own name, and beside them
/// the scales of its rows.
package struct Int8Entry: QuantizedEntry {
    private let name: String
    private let shape: [Int]
    private let file: (String) -> SafetensorsFile?

    /// The scales of a weight's rows.
    package static func scaleKey(_ name: String) -> String { stem(name) + "SCB" }

    /// Says in what order the codes lie: 0 for row by row.
    package static func orderKey(_ name: String) -> String { stem(name) + "weight_format" }

    /// Everything that may stand beside the codes of a weight.
    static func companions(of name: String) -> [String] { [scaleKey(name), orderKey(name)] }

    private static func stem(_ name: String) -> String {
        name.hasSuffix("weight") ? String(name.dropLast("weight".count)) : name + "."
    }

    /// - Parameter file: the file that holds a tensor; `nil` where there is none of the name.
    /// - Throws: `ModelError` if scales are missing, sizes do not match, or codes lie in another order.
    package init(
        _ name: String, shape: [Int], in file: @escaping (String) -> SafetensorsFile?
    ) throws(ModelError) {
        (self.name, self.shape, self.file) = (name, shape, file)
        var problems: [String] = []
        func expect(_ key: String, _ type: String, _ shape: [Int]) {
            guard let entry = file(key)?.entry(named: key) else {
                return problems.append("tensor \(key) \(type) \(shape) is missing")
            }
            if entry.type != type || entry.shape != shape {
                problems.append("tensor \(key) is \(entry.type) \(entry.shape); it must be \(type) \(shape)")
            }
        }
        expect(name, "I8", shape)
        expect(Self.scaleKey(name), "F32", Array(shape.prefix(1)))
        let order = Self.orderKey(name)
        if let holder = file(order), let entry = holder.entry(named: order) {
            let bytes = entry.range.count == 1 ? try holder.bytes(named: order) : []
            if bytes != [0] {
                problems.append("tensor \(order) says that codes do not lie row by row, which Hone does not read")
            }
        }
        if !problems.isEmpty { throw ModelError(problems.joined(separator: "; ")) }
    }

    package func matrix() throws(ModelError) -> Int8Matrix {
        let key = Self.scaleKey(name)
        guard let codes = file(name), let holder = file(key) else { throw ModelError("has no tensor \(key)") }
        let scales = try holder.tensor(named: key)
        guard scales.isFinite else {
            throw ModelError(
                "tensor \(key): has infinite or NaN numbers; the file is damaged", location: holder.url.path)
        }
        return Int8Matrix(
            shape: shape, codes: try codes.storage(named: name), scales: scales, numberType: .float32)
    }

    func packed() throws(ModelError) -> Tensor { Tensor(try matrix()) }
}

// Writing.
extension Int8Matrix {
    /// What bitsandbytes reads: codes, scales, and the order in which the codes lie.
    package func items(_ name: String) -> [SafetensorsWriter.Item] {
        [
            .init(name, bytes: codes, shape: shape, type: "I8"), .init(Int8Entry.scaleKey(name), scales),
            .init(Int8Entry.orderKey(name), bytes: Storage([0]), shape: []),
        ]
    }
}

extension QuantizedMatrix {
    /// What bitsandbytes reads.
    func items(of name: String) -> [SafetensorsWriter.Item] {
        switch self {
        case let matrix as NF4Matrix: matrix.items(name)
        case let matrix as Int8Matrix: matrix.items(name)
        default: preconditionFailure("a quantisation that nothing reads")
        }
    }
}
