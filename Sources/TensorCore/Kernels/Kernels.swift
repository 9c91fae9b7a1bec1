package import CKernels

#if canImport(Glibc)
    import Glibc
#endif

/// The table of kernels, one entry for each instruction set this processor has.
///
/// Operations call `current`; another backend would be another table.
package enum Kernels {
    /// All tables this processor runs, the fastest first, the plain one last.
    // Tables of constants, made before main and never written.
    package nonisolated(unsafe) static let available: [hone_kernel_table] = {
        var pointers: [UnsafePointer<hone_kernel_table>?] = Array(repeating: nil, count: Int(HONE_MOST_TABLES))
        let count = hone_kernel_tables(&pointers)
        return pointers.prefix(Int(count)).compactMap { $0?.pointee }
    }()

    /// The fastest table, or the one named by the environment's `HONE_KERNELS` (`avx512_bf16`, `avx512`, `avx2`,
    /// `plain`).
    package nonisolated(unsafe) static let current: hone_kernel_table = {
        let wanted = getenv("HONE_KERNELS").map { String(cString: $0) }
        return available.first { String(cString: $0.name) == wanted } ?? available[0]
    }()
}

/// The instruction sets Hone has kernels for on this processor, the one in use first among them.
public enum InstructionSets {
    /// Names of all tables this processor runs, the fastest first.
    public static var available: [String] { Kernels.available.map { String(cString: $0.name) } }
    /// The name of the table in use.
    public static var current: String { String(cString: Kernels.current.name) }
    /// Whether products in bf16 have an instruction of their own; without it they are slower than in float32.
    public static var multipliesBF16: Bool { current == "avx512_bf16" }
}
