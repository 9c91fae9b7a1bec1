import CKernels
import COpenBLAS

/// x · weightᵀ with a quantised weight, of which a block is unpacked at a time. Differentiable in x.
///
/// - Parameters:
///   - x: [N, in]; more leading dimensions count as rows.
///   - weight: [out, in].
///   - rowwise: as for weights that are not quantised.
/// - Returns: [N, out].
func linear(_ x: Tensor, _ weight: any QuantizedMatrix, rowwise: Bool) -> Tensor {
    let (outputs, depth) = (weight.shape[0], weight.shape[1])
    precondition(x.columns == depth, "a weight of shape \(weight.shape) for \(x.shape)")
    let rows = x.rows
    let (shape, input) = (x.shape, x.detached)
    let result = Tensor(shape.dropLast() + [outputs]) { output in
        QuantizedProduct.forward(input.floats, rows: rows, weight, into: output, rowwise: rowwise)
    }
    return recorded(result, from: [x]) { upstream in
        let gradient = upstream.gradient
        return [
            Tensor(shape) { QuantizedProduct.backward(gradient.floats, rows: rows, weight, into: $0) }
        ]
    }
}

/// Products with a quantised matrix. How they are cut depends on shapes alone, so the bits do not depend on threads.
private enum QuantizedProduct {
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// y [rows, out] = x [rows, in] · wᵀ, some outputs at a time.
    static func forward(
        _ x: UnsafePointer<Float>, rows: Int, _ weight: any QuantizedMatrix, into y: UnsafeMutablePointer<Float>,
        rowwise: Bool
    ) {
        let (outputs, depth) = (weight.shape[0], weight.shape[1])
        if rows == 0 { return }
        _ = singleThreaded
        let isThin = rowwise || rows <= Int(HONE_THIN_ROWS)
        let turned = isThin ? Storage(byteCount: 4 * (rows + 15) / 16 * 16 * depth) : nil
        let turnedFloats = turned?.pointer.assumingMemoryBound(to: Float.self)
        if let turnedFloats { Kernels.current.turn_rows(Int64(rows), Int64(depth), x, turnedFloats) }
        // Half a megabyte of unpacked numbers: they are in the cache when they are multiplied.
        let step = max(16, (1 << 17) / max(1, depth) / 16 * 16)
        Parallel.forEach((outputs + step - 1) / step) { index in
            let start = index * step
            let count = min(step, outputs - start)
            let part = Storage(byteCount: 4 * count * depth)
            weight.unpack(
                rows: start..<start + count, columns: 0..<depth, as: .float32, into: part.pointer, stride: depth)
            if let turnedFloats {
                Kernels.current.row_product(
                    Int64(rows), Int64(depth), 0, Int64(count), turnedFloats, part.pointer, 0, y + start,
                    Int64(outputs))
            } else {
                cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(count), blasint(depth), 1, x,
                    blasint(depth), part.pointer.assumingMemoryBound(to: Float.self), blasint(depth), 0, y + start,
                    blasint(outputs))
            }
        }
        withExtendedLifetime(turned) {}
    }

    /// dx [rows, in] = dy [rows, out] · w, some columns at a time, over all outputs in order.
    static func backward(
        _ dy: UnsafePointer<Float>, rows: Int, _ weight: any QuantizedMatrix, into dx: UnsafeMutablePointer<Float>
    ) {
        let (outputs, depth) = (weight.shape[0], weight.shape[1])
        if rows == 0 { return }
        _ = singleThreaded
        let (width, height) = (128, 1024)
        Parallel.forEach((depth + width - 1) / width) { index in
            let columns = index * width..<min(depth, (index + 1) * width)
            let part = Storage(byteCount: 4 * columns.count * min(height, outputs))
            for start in stride(from: 0, to: outputs, by: height) {
                let count = min(height, outputs - start)
                weight.unpack(
                    rows: start..<start + count, columns: columns, as: .float32, into: part.pointer,
                    stride: columns.count)
                cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(columns.count), blasint(count), 1,
                    dy + start, blasint(outputs), part.pointer.assumingMemoryBound(to: Float.self),
                    blasint(columns.count), start == 0 ? 0 : 1, dx + columns.lowerBound, blasint(depth))
            }
        }
    }
}

extension OperationSample {
    static let quantizedProducts: [OperationSample] = [
        quantized("linear, quantised", rows: 5, outputs: 7, depth: 64, Quantization()),
        quantized(
            "linear, quantised, blocks across rows", rows: 40, outputs: 9, depth: 33,
            Quantization(blockSize: 32, quantizesScales: false, numberType: .bfloat16)),
    ]

    /// The reference multiplies with the numbers that the codes stand for, found code by code.
    private static func quantized(
        _ name: String, rows: Int, outputs: Int, depth: Int, _ quantization: Quantization
    ) -> OperationSample {
        let weight = Tensor.uniform(
            [outputs, depth], from: -1, to: 1, stream: RandomStream(seed: 3, purpose: "weight of " + name))
        let packed = quantization.quantized(weight) ?? weight
        let numbers = (packed.quantized as? NF4Matrix)?.numbers.map(Double.init) ?? []
        return OperationSample(
            name, inputs: [.random([rows, depth])], apply: { [TensorCore.linear($0[0], packed)] },
            reference: { [Self.linear($0[0], numbers, depth: depth, bias: nil)] })
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
