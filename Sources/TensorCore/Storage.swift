import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Memory of a tensor, aligned to a cache line, returned to a pool when the last tensor over it goes.
///
/// Invariant that makes `@unchecked Sendable` true: memory is written only by the code that created the storage,
/// before the first tensor over it is handed out, or through a reference known to be unique.
package final class Storage: @unchecked Sendable {
    package let pointer: UnsafeMutableRawPointer
    package let byteCount: Int
    private let capacity: Int

    /// Memory for `byteCount` bytes with unspecified content.
    package init(byteCount: Int) {
        precondition(byteCount >= 0)
        self.byteCount = byteCount
        (pointer, capacity) = BufferPool.shared.take(byteCount)
    }

    deinit { BufferPool.shared.give(pointer, capacity: capacity) }
}

/// Freed buffers kept for the next tensor of about the same size: fresh pages cost as much as a kernel.
public struct BufferPool: ~Copyable, Sendable {
    /// The pool that every tensor uses.
    public static let shared = BufferPool()

    /// What the pool has done so far.
    public struct Counters: Sendable {
        /// Buffers handed out.
        public var taken = 0
        /// Buffers that had to come from the system.
        public var allocated = 0
        /// Bytes in use by tensors.
        public var liveBytes = 0
        /// The most bytes in use at any time since the start or the last `resetPeak()`.
        public var peakLiveBytes = 0
        /// Bytes kept for reuse.
        public var freeBytes = 0
    }

    private struct State {
        var free: [Int: [UnsafeMutableRawPointer]] = [:]
        var counters = Counters()
    }

    // The pointers are owned by the state that the mutex guards.
    private struct Guarded: @unchecked Sendable { var state = State() }
    private let guarded = Mutex(Guarded())

    /// Bytes kept for reuse at most; beyond it buffers go back to the system.
    private static let keptAtMost = 2 << 30

    /// What the pool has done so far.
    public var counters: Counters { guarded.withLock { $0.state.counters } }

    /// Starts the peak anew from the bytes in use now.
    public func resetPeak() {
        guarded.withLock { $0.state.counters.peakLiveBytes = $0.state.counters.liveBytes }
    }

    /// Rounds up to one of eight sizes in each power of two, at least a cache line.
    static func capacity(for byteCount: Int) -> Int {
        if byteCount <= 512 { return max(64, (byteCount + 63) & ~63) }
        let step = 1 << (Int.bitWidth - 1 - (byteCount - 1).leadingZeroBitCount - 3)
        return (byteCount + step - 1) & ~(step - 1)
    }

    func take(_ byteCount: Int) -> (UnsafeMutableRawPointer, Int) {
        let capacity = Self.capacity(for: byteCount)
        let reused: UnsafeMutableRawPointer? = guarded.withLock { guarded in
            guarded.state.counters.taken += 1
            guarded.state.counters.liveBytes += capacity
            guarded.state.counters.peakLiveBytes = max(
                guarded.state.counters.peakLiveBytes, guarded.state.counters.liveBytes)
            guard let pointer = guarded.state.free[capacity]?.popLast() else {
                guarded.state.counters.allocated += 1
                return nil
            }
            guarded.state.counters.freeBytes -= capacity
            return pointer
        }
        return (reused ?? Self.allocate(capacity), capacity)
    }

    func give(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
        let kept = guarded.withLock { guarded in
            guarded.state.counters.liveBytes -= capacity
            guard guarded.state.counters.freeBytes + capacity <= Self.keptAtMost else { return false }
            guarded.state.counters.freeBytes += capacity
            guarded.state.free[capacity, default: []].append(pointer)
            return true
        }
        if !kept { free(pointer) }
    }

    private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
        let large = capacity >= 4 << 20
        var pointer: UnsafeMutableRawPointer?
        let status = posix_memalign(&pointer, large ? 2 << 20 : 64, capacity)
        guard status == 0, let pointer else { preconditionFailure("no memory for \(capacity) bytes") }
        if large { madvise(pointer, capacity, MADV_HUGEPAGE) }
        return pointer
    }
}
