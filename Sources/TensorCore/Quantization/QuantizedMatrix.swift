/// A frozen matrix in fewer bits than a number has. Products with it unpack a part at a time; it is never whole as numbers.
///
/// A new format is a type of this, and a case of `Quantization.Format`. In a model such a matrix is a tensor of type
/// `DType.quantized`, which `linear` and `converted(to:)` take and other operations refuse.
public protocol QuantizedMatrix: Sendable {
    /// [out, in].
    var shape: [Int] { get }
    /// Bytes in memory, scales included.
    var byteCount: Int { get }
    /// What made it, or would have made it.
    var quantization: Quantization { get }
    /// Writes a part of the matrix row by row.
    ///
    /// - Parameters:
    ///   - type: `float32` or `bfloat16`, to which numbers are rounded to nearest.
    ///   - stride: numbers from one row of the output to the next.
    func unpack(
        rows: Range<Int>, columns: Range<Int>, as type: DType, into output: UnsafeMutableRawPointer, stride: Int)
}

/// How matrices are quantised.
public struct Quantization: Sendable, Hashable {
    /// The known formats.
    public enum Format: String, Sendable, CaseIterable {
        /// Four bits: sixteen levels that fit a normal distribution (Dettmers et al., "QLoRA", 2023).
        case nf4
        /// Eight bits: whole numbers times the scale of their row (Dettmers et al., "LLM.int8()", 2022).
        case int8

        /// Bits of a code.
        public var bits: Int { self == .nf4 ? 4 : 8 }
    }

    /// What the codes mean.
    public var format: Format
    /// Weights that share a scale, of NF4: a power of two from 32 to 4096. 0 for a scale for each row.
    public var blockSize: Int
    /// Whether scales are quantised too, to 8 bits, which those of int8 are not.
    public var quantizesScales: Bool
    /// To what type the numbers that the codes of NF4 stand for are rounded, as those of the matrix were before. Those of int8
    /// are not rounded; it is then the type of matrices that are not quantised.
    public var numberType: DType

    /// Block sizes that bitsandbytes has.
    public static let blockSizes = [32, 64, 128, 256, 512, 1024, 2048, 4096]

    /// NF4 with double quantisation unless said otherwise.
    public init(
        format: Format = .nf4, blockSize: Int = 64, quantizesScales: Bool = true, numberType: DType = .float32
    ) {
        self.format = format
        self.blockSize = format == .nf4 ? blockSize : 0
        self.quantizesScales = format == .nf4 && quantizesScales
        self.numberType = numberType
    }

    /// A matrix in the format; `nil` if a number of it is infinite or NaN.
    ///
    /// - Parameter matrix: [out, in], of any type; for NF4 it is rounded to `numberType` first.
    /// - Precondition: the block size of NF4 is one of `blockSizes`, and the number type is not `quantized`.
    public func quantized(_ matrix: Tensor) -> Tensor? {
        switch format {
        case .nf4: NF4Matrix(matrix, self).map { Tensor($0) }
        case .int8: Int8Matrix(matrix, self).map { Tensor($0) }
        }
    }
}

extension Tensor {
    /// A matrix that is quantised, as the weight of a layer.
    public init(_ matrix: some QuantizedMatrix) {
        self.init(storage: Storage(matrix), offset: 0, shape: matrix.shape, dtype: .quantized)
    }

    /// The matrix behind a tensor of type `quantized`; `nil` for other types.
    public var quantized: (any QuantizedMatrix)? { dtype == .quantized ? storage.quantized : nil }

    /// Bytes that the numbers take where they are kept.
    public var storedByteCount: Int { quantized?.byteCount ?? count * dtype.size }

    /// The numbers of a quantised matrix, all of them.
    init(unpacking matrix: any QuantizedMatrix, as type: DType) {
        let (rows, columns) = (matrix.shape[0], matrix.shape[1])
        self.init(
            matrix.shape, dtype: type,
            uninitialized: { output in
                Parallel.overRows(rows, columns: columns) { range in
                    matrix.unpack(
                        rows: range, columns: 0..<columns, as: type,
                        into: output + range.lowerBound * columns * type.size, stride: columns)
                }
            })
    }
}
