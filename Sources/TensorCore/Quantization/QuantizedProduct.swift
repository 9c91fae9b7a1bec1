import CKernels

extension MatrixProduct.Factor {
    /// A quantised matrix, of which products unpack a part at a time.
    ///
    /// - Precondition: the storage holds one, and outlives the factor.
    init(unpacking storage: Storage, columns: Int, turned: Bool) {
        kernel = hone_factor(
            data: Unmanaged.passUnretained(storage).toOpaque(), stride: Int64(columns), format: HONE_FLOAT32,
            turned: turned ? 1 : 0,
            unpack: { data, row, rowEnd, column, columnEnd, format, output, stride in
                guard let data, let output,
                    let matrix = Unmanaged<Storage>.fromOpaque(data).takeUnretainedValue().quantized
                else { preconditionFailure("a factor without its matrix") }
                matrix.unpack(
                    rows: Int(row)..<Int(rowEnd), columns: Int(column)..<Int(columnEnd),
                    as: format == HONE_FLOAT32 ? .float32 : .bfloat16, into: output, stride: Int(stride))
            })
    }
}

extension OperationSample {
    static let quantizedProducts: [OperationSample] = [
        quantized("linear, quantised", rows: 5, outputs: 7, depth: 64, Quantization()),
        quantized(
            "linear, quantised, blocks across rows", rows: 40, outputs: 9, depth: 33,
            Quantization(blockSize: 32, quantizesScales: false, numberType: .bfloat16)),
        quantized(
            "linear, quantised to eight bits", rows: 40, outputs: 9, depth: 530,
            Quantization(format: .int8, numberType: .bfloat16)),
    ]

    /// The reference multiplies with the numbers that the codes stand for, found code by code.
    private static func quantized(
        _ name: String, rows: Int, outputs: Int, depth: Int, _ quantization: Quantization
    ) -> OperationSample {
        let weight = Tensor.uniform(
            [outputs, depth], from: -1, to: 1, stream: RandomStream(seed: 3, purpose: "weight of " + name))
        let packed = quantization.quantized(weight) ?? weight
        let numbers: [Float] =
            (packed.quantized as? NF4Matrix)?.numbers ?? (packed.quantized as? Int8Matrix)?.numbers ?? []
        return OperationSample(
            name, inputs: [.random([rows, depth])], apply: { [TensorCore.linear($0[0], packed)] },
            reference: { [Self.linear($0[0], numbers.map { Double($0) }, depth: depth, bias: nil)] })
    }
}

extension Int8Matrix {
    /// Every number, in the way the format is defined: slow, to compare with.
    package var numbers: [Float] {
        let codes = codes.pointer.assumingMemoryBound(to: Int8.self)
        return (0..<shape[0] * shape[1]).map { place in
            Float(codes[place]) * scales.scalars[place / shape[1]] * Self.step
        }
    }
}

extension NF4Matrix {
    /// Every number, in the way the format is defined: slow, to compare with.
    package var numbers: [Float] {
        let codes = codes.pointer.assumingMemoryBound(to: UInt8.self)
        return (0..<shape[0] * shape[1]).map { place in
            let block = place / quantization.blockSize
            let scale: Float
            switch scales {
            case .plain(let values): scale = values.scalars[block]
            case .quantized(let codes, let map, let values, let offset, let blockSize):
                let code = Int(codes.pointer.assumingMemoryBound(to: UInt8.self)[block])
                scale = map.scalars[code] * values.scalars[block / blockSize] + offset
            }
            let code = place % 2 == 0 ? codes[place / 2] >> 4 : codes[place / 2] & 15
            let number = Self.levels[Int(code)] * scale
            return quantization.numberType == .float32
                ? number : Tensor(number).converted(to: quantization.numberType).scalar
        }
    }
}
