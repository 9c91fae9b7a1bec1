import CKernels

#if canImport(Glibc)
    import Glibc
#endif

/// An array of numbers with a shape: a value, shared until written.
///
/// Letters in the shapes of this package: B rows of a batch, T tokens, D model width, H query heads, K key heads,
/// E head size, F feed-forward width, V vocabulary, G group, L layers, N rows of anything. Data are row-major and
/// contiguous. While a gradient is being taken a tensor also knows the node that made it; at no other time.
public struct Tensor: Sendable {
    package var storage: Storage
    /// Numbers between the start of the storage and the first of this tensor.
    package let offset: Int
    /// The size of each dimension; empty for a scalar.
    public let shape: [Int]
    /// How the numbers are stored.
    public let dtype: DType
    package var edge: Edge?

    /// Numbers in the tensor: the product of its shape.
    public var count: Int { shape.reduce(1, *) }
    /// The size of the last dimension; 1 for a scalar.
    public var columns: Int { shape.last ?? 1 }
    /// The product of all dimensions but the last; 1 for a scalar.
    public var rows: Int { shape.dropLast().reduce(1, *) }

    init(storage: Storage, offset: Int, shape: [Int], dtype: DType, edge: Edge? = nil) {
        self.storage = storage
        self.offset = offset
        self.shape = shape
        self.dtype = dtype
        self.edge = edge
    }

    /// A tensor whose numbers `fill` must write, all of them.
    package init(_ shape: [Int], dtype: DType = .float32, uninitialized fill: (UnsafeMutableRawPointer) -> Void) {
        self.init(
            storage: Storage(byteCount: shape.reduce(1, *) * dtype.size), offset: 0, shape: shape, dtype: dtype)
        fill(storage.pointer)
    }

    package init(_ shape: [Int], writing fill: (UnsafeMutablePointer<Float>) -> Void) {
        self.init(shape, uninitialized: { fill($0.assumingMemoryBound(to: Float.self)) })
    }

    /// A `float32` tensor of `values` in row-major order.
    ///
    /// - Precondition: `values.count` is the product of `shape`.
    public init(_ values: [Float], shape: [Int]) {
        precondition(
            values.count == shape.reduce(1, *), "\(values.count) values do not fill a tensor of shape \(shape)")
        self.init(shape) { pointer in
            values.withUnsafeBufferPointer {
                pointer.update(from: $0.baseAddress!, count: values.isEmpty ? 0 : $0.count)
            }
        }
    }

    /// A `float32` tensor of one number repeated.
    public init(repeating value: Float, shape: [Int]) {
        let count = shape.reduce(1, *)
        self.init(shape) { output in
            Parallel.overBlocks(of: count) { range in
                (output + range.lowerBound).update(repeating: value, count: range.count)
            }
        }
    }

    /// A scalar, shape [].
    public init(_ value: Float) { self.init(repeating: value, shape: []) }

    /// A `float32` tensor of zeros.
    public static func zeros(_ shape: [Int]) -> Tensor { Tensor(repeating: 0, shape: shape) }

    /// The numbers, converted to `Float`, in row-major order.
    public var scalars: [Float] {
        let source = self.converted(to: .float32)
        return Array(UnsafeBufferPointer(start: source.floats, count: source.count))
    }

    /// The only number of a tensor that has one.
    public var scalar: Float {
        precondition(count == 1, "a tensor of shape \(shape) is no scalar")
        return scalars[0]
    }

    /// The same numbers without the node that made them: nothing flows back through the result.
    public var detached: Tensor { Tensor(storage: storage, offset: offset, shape: shape, dtype: dtype) }

    /// Whether a gradient is being taken through this tensor.
    public var isTracked: Bool { edge != nil }

    /// Whether both have the same shape, type and bits.
    package func isEqual(to other: Tensor) -> Bool {
        guard shape == other.shape, dtype == other.dtype else { return false }
        return withExtendedLifetime(self) {
            withExtendedLifetime(other) { memcmp(bytes, other.bytes, count * dtype.size) == 0 }
        }
    }

    package var bytes: UnsafeRawPointer { UnsafeRawPointer(storage.pointer) + offset * dtype.size }

    package var floats: UnsafePointer<Float> {
        precondition(dtype == .float32, "an operation on float32 was given \(dtype) of shape \(shape)")
        return bytes.assumingMemoryBound(to: Float.self)
    }

    /// Memory to write in place; copies first when the storage is shared, or a file.
    package mutating func mutableFloats() -> UnsafeMutablePointer<Float> {
        precondition(dtype == .float32, "an operation on float32 was given \(dtype) of shape \(shape)")
        return mutableBytes().assumingMemoryBound(to: Float.self)
    }

    /// The same for any format.
    package mutating func mutableBytes() -> UnsafeMutableRawPointer {
        precondition(edge == nil, "only what is not tracked is written in place")
        if !isKnownUniquelyReferenced(&storage) || !storage.isWritable {
            let (source, byteCount) = (bytes, count * dtype.size)
            self = Tensor(shape, dtype: dtype, uninitialized: { $0.copyMemory(from: source, byteCount: byteCount) })
        }
        return storage.pointer + offset * dtype.size
    }

    /// The numbers in another format: `bfloat16` and `float16` are rounded to nearest, ties to even. Not tracked.
    public func converted(to target: DType) -> Tensor {
        if target == dtype { return detached }
        precondition(target != .quantized, "Quantization makes quantised matrices")
        if let quantized {
            let exact = target == .bfloat16 ? target : .float32
            return Tensor(unpacking: quantized, as: exact).converted(to: target)
        }
        let count = count
        let kernels = Kernels.current
        switch (dtype, target) {
        case (.bfloat16, .float32):
            return Tensor(
                shape,
                uninitialized: { output in
                    Parallel.overBlocks(of: count) { range in
                        kernels.from_bfloat16(
                            Int64(range.count), bytes.assumingMemoryBound(to: UInt16.self) + range.lowerBound,
                            output.assumingMemoryBound(to: Float.self) + range.lowerBound)
                    }
                })
        case (.float16, .float32):
            return Tensor(
                shape,
                uninitialized: { output in
                    Parallel.overBlocks(of: count) { range in
                        kernels.from_float16(
                            Int64(range.count), bytes.assumingMemoryBound(to: UInt16.self) + range.lowerBound,
                            output.assumingMemoryBound(to: Float.self) + range.lowerBound)
                    }
                })
        case (.float32, _):
            let convert = target == .bfloat16 ? kernels.to_bfloat16! : kernels.to_float16!
            return Tensor(
                shape, dtype: target,
                uninitialized: { output in
                    Parallel.overBlocks(of: count) { range in
                        convert(
                            Int64(range.count), floats + range.lowerBound,
                            output.assumingMemoryBound(to: UInt16.self) + range.lowerBound)
                    }
                })
        default:
            return converted(to: .float32).converted(to: target)
        }
    }
}

extension Tensor: CustomStringConvertible {
    /// Type, shape and the first numbers.
    public var description: String {
        let shown = scalars.prefix(8).map { "\($0)" }.joined(separator: ", ")
        return "Tensor(\(dtype) \(shape): \(shown)\(count > 8 ? ", …" : ""))"
    }
}
