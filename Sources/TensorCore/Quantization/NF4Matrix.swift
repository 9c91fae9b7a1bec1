package import CKernels

/// A matrix in NF4: blocks of weights along the row-major matrix, a code of four bits for each weight and a scale, its
/// largest magnitude, for each block (Dettmers et al., "QLoRA", 2023). Numbers and bits are those of bitsandbytes.
///
/// With double quantisation a scale is a code of eight bits itself: scale = map[code] · s + offset, where the offset is
/// the mean of all scales, s the largest magnitude of 256 differences from it, and the map `dynamicMap`.
public struct NF4Matrix: QuantizedMatrix {
    /// The scales of the blocks.
    package enum Scales: Sendable {
        /// One for each block, [N].
        case plain(Tensor)
        /// Codes of N bytes; `map` of [256]; `scales` of one for each `blockSize` blocks.
        case quantized(codes: Storage, map: Tensor, scales: Tensor, offset: Float, blockSize: Int)
    }

    public let shape: [Int]
    public let quantization: Quantization
    /// Two in a byte, the first in the high half.
    package let codes: Storage
    package let scales: Scales

    /// Blocks whose scales share a scale.
    package static let scaleBlock = 256

    /// - Precondition: the parts have the sizes that the shape and the block size ask for.
    package init(shape: [Int], codes: Storage, scales: Scales, blockSize: Int, numberType: DType) {
        let count = shape.reduce(1, *)
        let blocks = (count + blockSize - 1) / blockSize
        precondition(shape.count == 2 && codes.byteCount == (count + 1) / 2, "codes do not fill \(shape)")
        var isDouble = false
        switch scales {
        case .plain(let values): precondition(values.count == blocks, "\(values.count) scales for \(blocks) blocks")
        case .quantized(let codes, let map, let values, _, let scaleBlock):
            isDouble = true
            precondition(
                codes.byteCount == blocks && map.count == 256
                    && values.count == (blocks + scaleBlock - 1) / scaleBlock,
                "scales do not fit \(blocks) blocks")
        }
        self.shape = shape
        self.codes = codes
        self.scales = scales
        quantization = Quantization(
            format: .nf4, blockSize: blockSize, quantizesScales: isDouble, numberType: numberType)
    }

    public var byteCount: Int {
        switch scales {
        case .plain(let values): codes.byteCount + 4 * values.count
        case .quantized(let scaleCodes, let map, let values, _, _):
            codes.byteCount + scaleCodes.byteCount + 4 * (map.count + values.count)
        }
    }

    public func unpack(
        rows: Range<Int>, columns: Range<Int>, as type: DType, into output: UnsafeMutableRawPointer, stride: Int
    ) {
        precondition(type == .float32 || type == .bfloat16, "a matrix is not unpacked as \(type)")
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= shape[0] && columns.lowerBound >= 0
                && columns.upperBound <= shape[1], "\(rows) × \(columns) of \(shape)")
        withExtendedLifetime(self) {
            var layout = layout
            Kernels.current.unpack_nf4(
                &layout, Int64(rows.lowerBound), Int64(rows.count), Int64(columns.lowerBound), Int64(columns.count),
                type == .bfloat16 ? 1 : 0, output, Int64(stride))
        }
    }

    /// The same for the kernels; valid as long as the matrix is.
    package var layout: hone_nf4 {
        var layout = hone_nf4()
        layout.codes = UnsafePointer(codes.pointer.assumingMemoryBound(to: UInt8.self))
        layout.block = Int32(quantization.blockSize)
        layout.columns = Int64(shape[1])
        layout.scale_block = 1
        switch quantization.numberType {
        case .bfloat16: layout.rounding = HONE_ROUND_BFLOAT16
        case .float16: layout.rounding = HONE_ROUND_FLOAT16
        default: layout.rounding = HONE_ROUND_NOT
        }
        switch scales {
        case .plain(let values): layout.scales = values.floats
        case .quantized(let codes, let map, let values, let offset, let blockSize):
            layout.scale_codes = UnsafePointer(codes.pointer.assumingMemoryBound(to: UInt8.self))
            layout.scale_map = map.floats
            layout.scales = values.floats
            layout.offset = offset
            layout.scale_block = Int32(blockSize)
        }
        return layout
    }
}

// Quantising.
extension NF4Matrix {
    /// `nil` if a number is infinite or NaN.
    init?(_ matrix: Tensor, _ quantization: Quantization) {
        let blockSize = quantization.blockSize
        precondition(
            Quantization.blockSizes.contains(blockSize) && matrix.shape.count == 2 && matrix.dtype != .quantized,
            "blocks of \(blockSize) of a matrix of \(matrix.shape)")
        let count = matrix.count
        let blocks = (count + blockSize - 1) / blockSize
        let codes = Storage(byteCount: (count + 1) / 2)
        let source = matrix.converted(to: quantization.numberType)
        let scales = Tensor([blocks]) { scales in
            // A piece is whole blocks, and small enough to be converted inside a cache.
            let piece = max(blockSize, 16_384)
            Parallel.forEach((count + piece - 1) / piece) { index in
                let start = index * piece
                source.withFloats(start..<min(count, start + piece)) { floats, length in
                    Kernels.current.quantize_nf4(
                        Int64(length), Int64(blockSize), floats,
                        codes.pointer.assumingMemoryBound(to: UInt8.self) + start / 2, scales + start / blockSize)
                }
            }
        }
        guard scales.isFinite else { return nil }
        self.init(
            shape: matrix.shape, codes: codes,
            scales: quantization.quantizesScales ? Self.quantized(scales) : .plain(scales), blockSize: blockSize,
            numberType: quantization.numberType)
    }

    private static func quantized(_ scales: Tensor) -> Scales {
        let values = scales.scalars
        let offset = Float(values.reduce(0.0) { $0 + Double($1) } / Double(max(1, values.count)))
        let map = dynamicMap.scalars
        let middles = zip(map, map.dropFirst()).map { ($0 + $1) / 2 }
        let codes = Storage(byteCount: values.count)
        let bytes = codes.pointer.assumingMemoryBound(to: UInt8.self)
        var outer: [Float] = []
        for start in stride(from: 0, to: values.count, by: scaleBlock) {
            let differences = values[start..<min(values.count, start + scaleBlock)].map { $0 - offset }
            let largest = differences.reduce(0) { max($0, abs($1)) }
            let reciprocal = 1 / max(largest, 1e-38)
            for (index, difference) in differences.enumerated() {
                // The first entry whose middle to the next is not below: the nearest, of two equally near the lower.
                bytes[start + index] = UInt8(Self.firstNotBelow(min(1, max(-1, difference * reciprocal)), in: middles))
            }
            outer.append(largest)
        }
        return .quantized(
            codes: codes, map: dynamicMap, scales: Tensor(outer, shape: [outer.count]), offset: offset,
            blockSize: scaleBlock)
    }

    private static func firstNotBelow(_ value: Float, in sorted: [Float]) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The levels that codes of four bits stand for, times the scale.
    package static let levels: [Float] = [
        -1, -0.696_192_800_998_687_7, -0.525_073_051_452_636_7, -0.394_917_488_098_144_53, -0.284_441_381_692_886_35,
        -0.184_773_430_228_233_34, -0.091_050_036_251_544_95, 0, 0.079_580_299_556_255_34, 0.160_930_201_411_247_25,
        0.246_112_301_945_686_34, 0.337_915_241_718_292_24, 0.440_709_829_330_444_34, 0.562_617_003_917_694_1,
        0.722_956_836_223_602_3, 1,
    ]

    /// What codes of eight bits stand for (Dettmers, "8-Bit Approximations for Parallelism in Deep Learning", 2016):
    /// with i from 0 to 6, the middles of 2ⁱ equal parts of [0.1, 1] times 10^(i − 6), both signs; 0 and 1. [256],
    /// rising.
    package static let dynamicMap: Tensor = {
        var values: [Float] = [0, 1]
        for exponent in 0..<7 {
            let parts = 1 << exponent
            let bounds = equallySpaced(parts + 1)
            for (low, high) in zip(bounds, bounds.dropFirst()) {
                // The power is rounded to float32 before it multiplies.
                let value = Float(powersOfTen[exponent]) * ((low + high) / 2)
                values += [value, -value]
            }
        }
        return Tensor(values.sorted(), shape: [256])
    }()

    private static let powersOfTen = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]

    /// `count` numbers from 0.1 to 1. The two halves are counted from their own ends with one rounding each, as PyTorch does:
    /// that decides the last bit.
    private static func equallySpaced(_ count: Int) -> [Float] {
        let (start, end): (Float, Float) = (0.1, 1)
        let step = (end - start) / Float(count - 1)
        return (0..<count).map {
            $0 < count / 2 ? start.addingProduct(step, Float($0)) : end.addingProduct(-step, Float(count - 1 - $0))
        }
    }
}

extension Tensor {
    /// Calls `body` with some of the numbers as floats, converted where they are not.
    fileprivate func withFloats(_ range: Range<Int>, _ body: (UnsafePointer<Float>, Int) -> Void) {
        if dtype == .float32 { return body(floats + range.lowerBound, range.count) }
        let scratch = Storage(byteCount: 4 * range.count)
        let output = scratch.pointer.assumingMemoryBound(to: Float.self)
        let source = bytes.assumingMemoryBound(to: UInt16.self) + range.lowerBound
        let convert = dtype == .bfloat16 ? Kernels.current.from_bfloat16! : Kernels.current.from_float16!
        convert(Int64(range.count), source, output)
        body(output, range.count)
    }
}
