import CKernels

/// The threads of the kernels. How work is cut never depends on how many there are, so neither do results.
public enum Parallel {
    /// Threads in use: the number of processors unless set.
    public static var threads: Int { Int(hone_threads()) }

    /// Sets the number of threads, 1 to 64; 0 for the number of processors.
    public static func setThreads(_ count: Int) { hone_set_threads(Int32(clamping: max(0, count))) }

    /// Calls `body` once for every index below `count`, on all threads.
    package static func forEach(_ count: Int, _ body: (Int) -> Void) {
        if count == 1 { return body(0) }
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body) { pointer in
                hone_parallel(
                    Int64(count),
                    { context, index in
                        context!.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int(index))
                    }, UnsafeMutableRawPointer(mutating: UnsafeRawPointer(pointer)))
            }
        }
    }

    /// Numbers one piece of elementwise work covers, some microseconds of it; a multiple of the vector width.
    private static let block = 32_768

    /// Calls `body` for consecutive ranges that cover `0 ..< count`.
    package static func overBlocks(of count: Int, _ body: (Range<Int>) -> Void) {
        forEach((count + block - 1) / block) { index in
            body(index * block..<min(count, (index + 1) * block))
        }
    }

    /// Calls `body` for consecutive ranges of rows that cover `0 ..< rows`, each of about `block` numbers.
    package static func overRows(_ rows: Int, columns: Int, _ body: (Range<Int>) -> Void) {
        let step = max(1, block / max(1, columns))
        forEach((rows + step - 1) / step) { index in
            body(index * step..<min(rows, (index + 1) * step))
        }
    }
}
