package import CKernels

/// What matrix products are computed in. Sums are `float32` in either.
public enum Precision: String, Sendable, CaseIterable {
    /// Factors as they are.
    case float32
    /// Factors rounded to `bfloat16`, to nearest, ties to even. Numbers below 2⁻¹²⁶ count as zero.
    case bfloat16

    var format: hone_format { self == .float32 ? HONE_FLOAT32 : HONE_BFLOAT16 }
}

/// Matrix products of any shape.
///
/// A number of the result depends, to the bit, on its row of the first factor, its row of the second, and the depth: not
/// on how many rows and columns there are, on threads, on the instruction set, or on whether a factor was packed.
package enum MatrixProduct {
    /// A factor, seen as rows whose numbers run along the depth.
    package struct Factor {
        var kernel: hone_factor

        /// - Parameters:
        ///   - stride: numbers from one row in memory to the next.
        ///   - turned: whether the rows in memory are the depth: [depth, rows].
        package init(_ numbers: UnsafeRawPointer, _ dtype: DType, stride: Int, turned: Bool = false) {
            precondition(dtype != .float16, "a factor in float16 is converted first")
            kernel = hone_factor(
                data: numbers, stride: Int64(stride), format: dtype == .float32 ? HONE_FLOAT32 : HONE_BFLOAT16,
                turned: turned ? 1 : 0, unpack: nil)
        }

        /// A matrix of two dimensions.
        init(_ matrix: Tensor, turned: Bool = false) {
            if matrix.quantized != nil {
                self.init(unpacking: matrix.storage, columns: matrix.columns, turned: turned)
                return
            }
            self.init(matrix.bytes, matrix.dtype, stride: matrix.columns, turned: turned)
        }
    }

    /// c[r, i] (= or +=) Σ a[r, k] · b[i, k], + bias[i].
    ///
    /// - Parameters:
    ///   - a: [rows, depth].
    ///   - b: [columns, depth]; not read where `packed` is given.
    ///   - packed: the second factor, packed in the same precision.
    ///   - bias: [columns].
    ///   - c: [rows, columns].
    ///   - stride: numbers from one row of `c` to the next; `columns` unless given.
    ///   - kernels: the table to compute with, for tests.
    package static func multiply(
        _ a: Factor, _ b: Factor, packed: PackedMatrix? = nil, rows: Int, columns: Int, depth: Int,
        precision: Precision = .float32, bias: UnsafePointer<Float>? = nil, into c: UnsafeMutablePointer<Float>,
        stride: Int? = nil, adding: Bool = false, kernels: hone_kernel_table = Kernels.current
    ) {
        precondition(
            packed.map { $0.columns == columns && $0.depth == depth && $0.precision == precision } ?? true,
            "a factor that was packed for another product")
        let product = hone_product(
            rows: Int64(rows), columns: Int64(columns), depth: Int64(depth), a: a.kernel, b: b.kernel,
            packed: packed?.words, precision: precision.format, bias: bias, c: c, c_stride: Int64(stride ?? columns),
            adding: adding ? 1 : 0)
        withUnsafePointer(to: product) { product in
            let scratch = Storage(byteCount: 4 * Int(hone_product_scratch(product)))
            withUnsafePointer(to: kernels) {
                hone_multiply($0, product, scratch.pointer.assumingMemoryBound(to: Float.self))
            }
        }
        withExtendedLifetime(packed) {}
    }

    /// One of several products with packed factors. What it reads and writes must live until it is computed.
    struct ThinProduct {
        fileprivate let kernel: hone_product
        private let packed: PackedMatrix

        /// c[r, i] (= or +=) Σ a[r, k] · b[i, k], + bias[i].
        ///
        /// - Parameters:
        ///   - a: [rows, depth]; rows at most `thinRows`.
        ///   - b: [columns, depth].
        ///   - bias: [columns].
        ///   - c: [rows, columns].
        init(
            _ a: Factor, _ b: PackedMatrix, rows: Int, bias: UnsafePointer<Float>? = nil,
            into c: UnsafeMutablePointer<Float>, adding: Bool = false
        ) {
            precondition(rows <= thinRows, "\(rows) rows of a thin product")
            packed = b
            kernel = hone_product(
                rows: Int64(rows), columns: Int64(b.columns), depth: Int64(b.depth), a: a.kernel, b: hone_factor(),
                packed: b.words, precision: b.precision.format, bias: bias, c: c, c_stride: Int64(b.columns),
                adding: adding ? 1 : 0)
        }
    }

    /// Rows of a product, at most, of which several are computed together.
    static let thinRows = Int(HONE_THIN_ROWS)

    /// Products none of which reads what another writes: the same bits as one after the other, without the time that it
    /// takes to begin each.
    static func multiply(together products: [ThinProduct], kernels: hone_kernel_table = Kernels.current) {
        withUnsafePointer(to: kernels) { kernels in
            for first in stride(from: 0, to: products.count, by: Int(HONE_MOST_TOGETHER)) {
                let some = products[first..<min(products.count, first + Int(HONE_MOST_TOGETHER))].map(\.kernel)
                hone_multiply_thin(kernels, Int64(some.count), some)
            }
        }
        withExtendedLifetime(products) {}
    }
}

/// A copy of a weight in the order in which products read it, which saves thin products most of their time.
package final class PackedMatrix: Sendable {
    let columns: Int
    let depth: Int
    let precision: Precision
    private let storage: Storage

    var words: UnsafePointer<Float> { UnsafePointer(storage.pointer.assumingMemoryBound(to: Float.self)) }

    /// - Parameters:
    ///   - weight: [out, in], of any type.
    ///   - precision: of the products it will serve.
    package init(_ weight: Tensor, _ precision: Precision, kernels: hone_kernel_table = Kernels.current) {
        (columns, depth, self.precision) = (weight.shape[0], weight.shape[1], precision)
        let weight = weight.dtype == .float16 ? weight.converted(to: .float32) : weight
        storage = Storage(byteCount: 4 * Int(hone_packed_words(precision.format, Int64(columns), Int64(depth))))
        let words = storage.pointer.assumingMemoryBound(to: Float.self)
        let factor = MatrixProduct.Factor(weight)
        withUnsafePointer(to: kernels) { kernels in
            withUnsafePointer(to: factor.kernel) {
                hone_pack(kernels, $0, precision.format, Int64(columns), Int64(depth), words)
            }
        }
        withExtendedLifetime(weight) {}
    }
}
