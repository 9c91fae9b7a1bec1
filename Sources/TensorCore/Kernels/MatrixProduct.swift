import CKernels
import COpenBLAS

/// Matrix products in float32.
///
/// OpenBLAS computes on one thread; Hone cuts the result into pieces that depend on the shape alone and shares them
/// among its own threads, so the bits do not depend on the number of threads and no two pools fight.
package enum MatrixProduct {
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// OpenBLAS's own description of its build and of the processor type it has chosen.
    package static var library: (configuration: String, core: String) {
        (String(cString: openblas_get_config()), String(cString: openblas_get_corename()))
    }

    /// Which factor of a product is stored with its rows and columns exchanged.
    package enum Transposed { case neither, first, second }

    /// c = a · b (or added to c), where a is [m, k], or [k, m] when transposed, and b [k, n], or [n, k].
    package static func multiply(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, transposed: Transposed = .neither,
        into c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int, adding: Bool = false
    ) {
        let (transposeA, transposeB) = (transposed == .first, transposed == .second)
        if m == 0 || n == 0 { return }
        if k == 0 {
            if !adding { c.update(repeating: 0, count: m * n) }
            return
        }
        _ = singleThreaded
        let pieces = pieces(m: m, n: n, k: k)
        let alongRows = m >= n
        let length = alongRows ? m : n
        let step = ((length + pieces - 1) / pieces + 15) / 16 * 16
        Parallel.forEach((length + step - 1) / step) { index in
            let start = index * step
            let size = min(step, length - start)
            let rowStart = alongRows ? start : 0
            let columnStart = alongRows ? 0 : start
            cblas_sgemm(
                CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
                blasint(alongRows ? size : m), blasint(alongRows ? n : size), blasint(k), 1,
                a + (transposeA ? rowStart : rowStart * k), blasint(transposeA ? m : k),
                b + (transposeB ? columnStart * k : columnStart), blasint(transposeB ? k : n), adding ? 1 : 0,
                c + rowStart * n + columnStart, blasint(n))
        }
    }

    private static func pieces(m: Int, n: Int, k: Int) -> Int {
        let operations = 2 * m * n * k
        if operations < 1 << 20 { return 1 }
        if operations < 1 << 24 { return 2 }
        return operations < 1 << 32 ? 4 : 8
    }

    /// y [rows, outputs] = x [rows, depth] · w [outputs, depth]ᵀ for any format of w.
    ///
    /// Few rows take a kernel in which a row's sums do not depend on how many rows there are; with `rowwise` all do.
    package static func multiplyByWeight(
        _ x: UnsafePointer<Float>, rows: Int, _ weight: Tensor, into y: UnsafeMutablePointer<Float>, rowwise: Bool
    ) {
        let (outputs, depth) = (weight.shape[0], weight.shape[1])
        guard rowwise || rows <= Int(HONE_THIN_ROWS) else {
            let wide = weight.converted(to: .float32)
            return multiply(x, wide.floats, transposed: .second, into: y, m: rows, n: outputs, k: depth)
        }
        let weight = weight.dtype == .float16 ? weight.converted(to: .float32) : weight
        let kernels = Kernels.current
        let padded = (rows + 15) / 16 * 16
        let turned = Storage(byteCount: 4 * padded * depth)
        let turnedFloats = turned.pointer.assumingMemoryBound(to: Float.self)
        kernels.turn_rows(Int64(rows), Int64(depth), x, turnedFloats)
        // About half a million multiplications a piece: more than handing it over costs, and enough pieces to share.
        let step = max(16, ((1 << 19) / max(1, depth * padded) + 15) / 16 * 16)
        Parallel.forEach((outputs + step - 1) / step) { index in
            let first = index * step
            kernels.row_product(
                Int64(rows), Int64(depth), Int64(first), Int64(min(step, outputs - first)), turnedFloats, weight.bytes,
                weight.dtype == .bfloat16 ? 1 : 0, y, Int64(outputs))
        }
        withExtendedLifetime(turned) {}
    }
}
