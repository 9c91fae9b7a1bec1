/// Memory of a tensor: a buffer of the pool that goes back when the last tensor over it goes, or a part of a file that
/// is mapped.
///
/// Invariant that makes `@unchecked Sendable` true: memory is written only by the code that created the storage,
/// before the first tensor over it is handed out, or through a reference known to be unique. A mapped file is never
/// written.
package final class Storage: @unchecked Sendable {
    package let pointer: UnsafeMutableRawPointer
    package let byteCount: Int
    private let owner: Owner

    private enum Owner {
        case pool(capacity: Int)
        case file(MappedFile)
        case matrix(any QuantizedMatrix)
    }

    /// Memory for `byteCount` bytes with unspecified content, aligned to a cache line.
    package init(byteCount: Int) {
        precondition(byteCount >= 0)
        self.byteCount = byteCount
        let (pointer, capacity) = BufferPool.shared.take(byteCount)
        self.pointer = pointer
        owner = .pool(capacity: capacity)
    }

    /// A copy of bytes.
    package convenience init(_ bytes: [UInt8]) {
        self.init(byteCount: bytes.count)
        bytes.withUnsafeBytes { if let start = $0.baseAddress { pointer.copyMemory(from: start, byteCount: $0.count) } }
    }

    /// A part of a mapped file, aligned as it happens to lie there.
    ///
    /// - Precondition: the range is inside the file.
    package init(_ file: MappedFile, range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= file.size, "bytes \(range) of \(file.size)")
        byteCount = range.count
        pointer = UnsafeMutableRawPointer(mutating: file.bytes + range.lowerBound)
        owner = .file(file)
    }

    /// No memory of its own: what a tensor of type `quantized` holds.
    init(_ matrix: some QuantizedMatrix) {
        byteCount = 0
        pointer = Self.nowhere
        owner = .matrix(matrix)
    }

    // Never read or written: there are no bytes in it.
    private static nonisolated(unsafe) let nowhere = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)

    /// The matrix of a tensor of type `quantized`.
    var quantized: (any QuantizedMatrix)? { if case .matrix(let matrix) = owner { matrix } else { nil } }

    /// Whether the memory may be written by its only owner.
    package var isWritable: Bool { if case .pool = owner { true } else { false } }

    deinit {
        switch owner {
        case .pool(let capacity): BufferPool.shared.give(pointer, capacity: capacity)
        case .file(let file): file.forget(pointer, byteCount: byteCount)
        case .matrix: break
        }
    }
}
