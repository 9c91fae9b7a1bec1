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
    }

    /// Memory for `byteCount` bytes with unspecified content, aligned to a cache line.
    package init(byteCount: Int) {
        precondition(byteCount >= 0)
        self.byteCount = byteCount
        let (pointer, capacity) = BufferPool.shared.take(byteCount)
        self.pointer = pointer
        owner = .pool(capacity: capacity)
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

    /// Whether the memory may be written by its only owner.
    package var isWritable: Bool { if case .pool = owner { true } else { false } }

    deinit {
        switch owner {
        case .pool(let capacity): BufferPool.shared.give(pointer, capacity: capacity)
        case .file(let file): file.forget(pointer, byteCount: byteCount)
        }
    }
}
