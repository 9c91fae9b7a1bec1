import CKernels

/// A matrix in eight bits: whole numbers from −127 to 127, and for each row a scale, its largest magnitude. A weight is
/// code · scale · (1 / 127) (Dettmers et al., "LLM.int8()", 2022, whose outliers concern inputs, which Hone does not
/// quantise). Numbers and bits are those of bitsandbytes.
public struct Int8Matrix: QuantizedMatrix {
    public let shape: [Int]
    public let quantization: Quantization
    /// One signed byte for each weight, row by row.
    package let codes: Storage
    /// One for each row, [out], `float32`.
    package let scales: Tensor

    /// One 127th, as `float32` has it.
    package static let step: Float = 1 / 127

    /// - Precondition: the parts have the sizes that the shape asks for.
    package init(shape: [Int], codes: Storage, scales: Tensor, numberType: DType) {
        precondition(
            shape.count == 2 && codes.byteCount == shape[0] * shape[1] && scales.count == shape[0],
            "codes and scales do not fill \(shape)")
        (self.shape, self.codes, self.scales) = (shape, codes, scales)
        quantization = Quantization(format: .int8, numberType: numberType)
    }

    public var byteCount: Int { codes.byteCount + 4 * scales.count }

    public func unpack(
        rows: Range<Int>, columns: Range<Int>, as type: DType, into output: UnsafeMutableRawPointer, stride: Int
    ) {
        precondition(type == .float32 || type == .bfloat16, "a matrix is not unpacked as \(type)")
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= shape[0] && columns.lowerBound >= 0
                && columns.upperBound <= shape[1], "\(rows) × \(columns) of \(shape)")
        withExtendedLifetime(self) {
            for row in rows {
                let target = output + (row - rows.lowerBound) * stride * type.size
                unpack(row: row, columns: columns, as: type, into: target)
            }
        }
    }

    /// A part of a row, some numbers at a time.
    private func unpack(row: Int, columns: Range<Int>, as type: DType, into output: UnsafeMutableRawPointer) {
        let source = codes.pointer.assumingMemoryBound(to: Int8.self) + row * shape[1]
        let (scale, step) = (scales.floats[row], Self.step)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.piece) { numbers in
            guard let floats = numbers.baseAddress else { return }
            for start in Swift.stride(from: columns.lowerBound, to: columns.upperBound, by: Self.piece) {
                let count = min(Self.piece, columns.upperBound - start)
                let target = output + (start - columns.lowerBound) * type.size
                for index in 0..<count { floats[index] = Float(source[start + index]) * scale * step }
                if type == .float32 {
                    target.copyMemory(from: floats, byteCount: 4 * count)
                } else {
                    Kernels.current.to_bfloat16(Int64(count), floats, target.assumingMemoryBound(to: UInt16.self))
                }
            }
        }
    }

    /// Numbers that are unpacked at once: few enough for the nearest cache.
    private static let piece = 512
}

// Quantising.
extension Int8Matrix {
    /// Codes are rounded to nearest, ties to even; a row of zeros has the scale 0. `nil` if a number is infinite or NaN.
    init?(_ matrix: Tensor, _ quantization: Quantization) {
        precondition(matrix.shape.count == 2 && matrix.dtype != .quantized, "a matrix of \(matrix.shape)")
        let source = matrix.converted(to: .float32)
        guard source.isFinite else { return nil }
        let (rows, columns) = (matrix.shape[0], matrix.shape[1])
        let codes = Storage(byteCount: rows * columns)
        let scales = Tensor([rows]) { scales in
            Parallel.forEach(rows) { row in
                let numbers = source.floats + row * columns
                let target = codes.pointer.assumingMemoryBound(to: Int8.self) + row * columns
                var largest: Float = 0
                for index in 0..<columns { largest = max(largest, abs(numbers[index])) }
                scales[row] = largest
                // Of numbers so small that 127 divided by them is infinite nothing is left.
                let factor = largest > 0 ? 127 / largest : 0
                for index in 0..<columns {
                    let code = (numbers[index] * (factor.isFinite ? factor : 0)).rounded(.toNearestOrEven)
                    target[index] = Int8(max(-127, min(127, code)))
                }
            }
        }
        self.init(shape: matrix.shape, codes: codes, scales: scales, numberType: quantization.numberType)
    }
}
