import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Freed buffers kept for the next tensors: fresh pages cost as much as a kernel.
///
/// What is kept is bounded by need: buffers in use and kept together take no more memory than was in use at once during
/// the last steps, and a small margin. So a run whose lengths all differ stays near what its longest step needs, and a
/// run of equal steps asks the system for nothing after the first.
public struct BufferPool: ~Copyable, Sendable {
    /// The pool that every tensor uses.
    public static let shared = BufferPool()

    /// What a pool has done so far.
    public struct Counters: Sendable, Hashable {
        /// Buffers handed out.
        public var taken = 0
        /// Buffers for which the system had to give pages.
        public var allocated = 0
        /// Bytes in use by tensors.
        public var liveBytes = 0
        /// The most bytes in use at any time since the start or the last `resetPeak()`.
        public var peakLiveBytes = 0
        /// Bytes kept for reuse, pages that are only partly in use included.
        public var freeBytes = 0
        /// Bytes in use and kept, at the most, since the start or the last `resetPeak()`.
        public var peakHeldBytes = 0
    }

    private struct State {
        var small = SmallBuffers()
        var pages = PageRanges()
        var counters = Counters()
        /// The most bytes in use at once in this step, and in each of the steps before it.
        var stepPeak = 0
        var earlierPeaks: [Int] = []

        var heldBytes: Int { pages.residentBytes + small.heldBytes }

        /// What may be held: what was needed at once, and a margin for what does not lie densely.
        var bound: Int {
            let need = max(stepPeak, earlierPeaks.max() ?? 0)
            return BufferPool.heldAtMost(forPeak: need)
        }

        mutating func note() {
            counters.freeBytes = heldBytes - counters.liveBytes
            counters.peakHeldBytes = max(counters.peakHeldBytes, heldBytes)
        }
    }

    // The pointers are owned by the state that the mutex guards.
    private struct Guarded: @unchecked Sendable { var state = State() }
    private let guarded = Mutex(Guarded())

    /// Memory that may always be kept beside what is in use.
    private static let leastMargin = 32 << 20
    /// A sixteenth of what is needed at once may be kept beside it.
    private static let marginDivisor = 16
    /// Steps before this one whose need counts.
    private static let stepsRemembered = 8
    /// Buffers up to this size lie in the heap, larger ones in pages of the pool's own.
    private static let smallLimit = 128 << 10

    /// What a pool holds at the most for tensors that need `peak` bytes at once.
    package static func heldAtMost(forPeak peak: Int) -> Int { peak + max(leastMargin, peak / marginDivisor) }

    package init() {}

    deinit { guarded.withLock { $0.state.pages.unmapAll() } }

    /// What the pool has done so far.
    public var counters: Counters { guarded.withLock { $0.state.counters } }

    /// Starts the peaks of the counters anew from what is in use and held now.
    public func resetPeak() {
        guarded.withLock { guarded in
            guarded.state.counters.peakLiveBytes = guarded.state.counters.liveBytes
            guarded.state.counters.peakHeldBytes = guarded.state.heldBytes
        }
    }

    /// Says that work begins which will need about what the last steps needed, such as an optimiser step. What was needed
    /// more than eight steps ago no longer counts.
    public func beginStep() {
        guarded.withLock { guarded in
            guarded.state.earlierPeaks.append(guarded.state.stepPeak)
            if guarded.state.earlierPeaks.count > Self.stepsRemembered { guarded.state.earlierPeaks.removeFirst() }
            guarded.state.stepPeak = guarded.state.counters.liveBytes
            guarded.state.pages.release(downTo: guarded.state.bound - guarded.state.small.heldBytes)
            guarded.state.note()
        }
    }

    /// What a buffer of so many bytes takes.
    package static func capacity(for byteCount: Int) -> Int {
        byteCount <= smallLimit ? SmallBuffers.capacity(for: byteCount) : PageRanges.capacity(for: byteCount)
    }

    package func take(_ byteCount: Int) -> (UnsafeMutableRawPointer, capacity: Int) {
        guarded.withLock { guarded in
            let isSmall = byteCount <= Self.smallLimit
            let capacity = Self.capacity(for: byteCount)
            guarded.state.counters.taken += 1
            guarded.state.counters.liveBytes += capacity
            let live = guarded.state.counters.liveBytes
            guarded.state.counters.peakLiveBytes = max(guarded.state.counters.peakLiveBytes, live)
            guarded.state.stepPeak = max(guarded.state.stepPeak, live)
            let taken: (pointer: UnsafeMutableRawPointer, isFresh: Bool)
            if isSmall {
                taken = guarded.state.small.take(capacity)
            } else {
                let allowed = guarded.state.bound - guarded.state.small.heldBytes
                taken = guarded.state.pages.take(capacity, keeping: allowed)
            }
            if taken.isFresh { guarded.state.counters.allocated += 1 }
            guarded.state.note()
            return (taken.pointer, capacity)
        }
    }

    package func give(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
        guarded.withLock { guarded in
            guarded.state.counters.liveBytes -= capacity
            if capacity <= Self.smallLimit {
                guarded.state.small.give(pointer, capacity: capacity)
            } else {
                guarded.state.pages.give(pointer, capacity: capacity)
            }
            guarded.state.note()
        }
    }
}

/// Buffers of the heap, kept by size.
private struct SmallBuffers {
    private var free: [Int: [UnsafeMutableRawPointer]] = [:]
    private var freeBytes = 0
    private var peakLiveBytes = 0
    /// Bytes in use and kept.
    private(set) var heldBytes = 0

    /// Bytes kept in any case. Beyond it as much is held as was in use at once; the rest goes back to the heap.
    private static let keptAlways = 16 << 20

    /// Rounds up to one of eight sizes in each power of two, at least a cache line.
    static func capacity(for byteCount: Int) -> Int {
        if byteCount <= 512 { return max(64, (byteCount + 63) & ~63) }
        let step = 1 << (Int.bitWidth - 1 - (byteCount - 1).leadingZeroBitCount - 3)
        return (byteCount + step - 1) & ~(step - 1)
    }

    mutating func take(_ capacity: Int) -> (pointer: UnsafeMutableRawPointer, isFresh: Bool) {
        if let pointer = free[capacity]?.popLast() {
            freeBytes -= capacity
            peakLiveBytes = max(peakLiveBytes, heldBytes - freeBytes)
            return (pointer, false)
        }
        var pointer: UnsafeMutableRawPointer?
        let status = posix_memalign(&pointer, 64, capacity)
        guard status == 0, let pointer else { preconditionFailure("no memory for \(capacity) bytes") }
        heldBytes += capacity
        peakLiveBytes = max(peakLiveBytes, heldBytes - freeBytes)
        return (pointer, true)
    }

    mutating func give(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
        freeBytes += capacity
        free[capacity, default: []].append(pointer)
        while freeBytes > Self.keptAlways, heldBytes > peakLiveBytes + Self.keptAlways {
            // The size of which most is kept: not the one that was in use just now, which will be again.
            let sizes = free.filter { !$0.value.isEmpty && $0.key != capacity }
            let size = sizes.max { ($0.key * $0.value.count, $0.key) < ($1.key * $1.value.count, $1.key) }?.key
            guard let victim = free[size ?? capacity]?.popLast() else { return }
            freeBytes -= size ?? capacity
            heldBytes -= size ?? capacity
            Glibc.free(victim)
        }
    }
}
