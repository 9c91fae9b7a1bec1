#if canImport(Glibc)
    import Glibc
#endif

/// Address space of the pool's own in which buffers of any size lie side by side.
///
/// Ranges that are given back join their neighbours, so what one step had as many short buffers the next may have as a
/// few long ones. Pages are taken from the system when they are first written, and go back in pieces of a huge page,
/// those of the range that has been free the longest first; the addresses stay.
struct PageRanges {
    private struct FreeRange {
        var start: UInt
        var size: Int
        /// When it last grew.
        var time: UInt64

        var end: UInt { start + UInt(size) }
    }

    /// By address; no two touch.
    private var free: [FreeRange] = []
    /// Pieces with pages, by number.
    private var resident: Set<UInt> = []
    private var mappings: [(start: UInt, size: Int)] = []
    private var time: UInt64 = 0

    /// Bytes of all pieces that have pages.
    var residentBytes: Int { resident.count * Self.piece }

    /// A huge page: what pages are taken and returned in.
    private static let piece = 2 << 20
    private static let pieceBits: UInt = 21
    /// Address space that is asked for at once.
    private static let mappingSize = 64 << 20

    /// Rounds up to whole pages.
    static func capacity(for byteCount: Int) -> Int { (byteCount + 4095) & ~4095 }

    /// A range of exactly `capacity` bytes: the smallest free one that has room, of those whose pages are there if the
    /// smallest of all lacks some, and of equal ones the lowest.
    ///
    /// - Parameter allowed: bytes of pages that may be held afterwards; others are returned first as far as there are any.
    mutating func take(_ capacity: Int, keeping allowed: Int) -> (pointer: UnsafeMutableRawPointer, isFresh: Bool) {
        var index = smallest(capacity) { _ in true } ?? map(atLeast: capacity)
        if missingPieces(free[index].start, capacity) > 0,
            let other = smallest(capacity, where: { missingPieces($0.start, capacity) == 0 })
        {
            index = other
        }
        let start = free[index].start
        if free[index].size == capacity {
            free.remove(at: index)
        } else {
            free[index].start += UInt(capacity)
            free[index].size -= capacity
        }
        let missing = missingPieces(start, capacity)
        if missing > 0 {
            release(downTo: allowed - missing * Self.piece)
            resident.formUnion(Self.pieces(start, capacity))
        }
        guard let pointer = UnsafeMutableRawPointer(bitPattern: start) else { preconditionFailure("a range at 0") }
        return (pointer, missing > 0)
    }

    private func smallest(_ capacity: Int, where isRight: (FreeRange) -> Bool) -> Int? {
        var best: Int?
        for index in free.indices where free[index].size >= capacity {
            if let other = best, free[other].size <= free[index].size { continue }
            if isRight(free[index]) { best = index }
        }
        return best
    }

    private static func pieces(_ start: UInt, _ size: Int) -> ClosedRange<UInt> {
        start >> pieceBits...(start + UInt(size) - 1) >> pieceBits
    }

    private func missingPieces(_ start: UInt, _ size: Int) -> Int {
        Self.pieces(start, size).reduce(0) { $0 + (resident.contains($1) ? 0 : 1) }
    }

    mutating func give(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
        time += 1
        insert(UInt(bitPattern: pointer), capacity)
    }

    private mutating func insert(_ start: UInt, _ size: Int) {
        var (low, high) = (0, free.count)
        while low < high {
            let middle = (low + high) / 2
            if free[middle].start < start { low = middle + 1 } else { high = middle }
        }
        let end = start + UInt(size)
        let joinsNext = low < free.count && free[low].start == end
        if low > 0, free[low - 1].end == start {
            free[low - 1].size += size
            free[low - 1].time = time
            if joinsNext {
                free[low - 1].size += free[low].size
                free.remove(at: low)
            }
        } else if joinsNext {
            free[low] = FreeRange(start: start, size: size + free[low].size, time: time)
        } else {
            free.insert(FreeRange(start: start, size: size, time: time), at: low)
        }
    }

    // MARK: The system

    /// Gives pages of free ranges back until no more than `target` bytes of pages are left, if so many are free.
    mutating func release(downTo target: Int) {
        guard residentBytes > target else { return }
        for range in free.sorted(by: { $0.time < $1.time }) {
            let first = (range.start + UInt(Self.piece) - 1) >> Self.pieceBits
            let last = range.end >> Self.pieceBits
            // The next buffer in this range begins at its start, so that its end goes first.
            var piece = last
            while piece > first {
                piece -= 1
                guard resident.remove(piece) != nil else { continue }
                madvise(UnsafeMutableRawPointer(bitPattern: piece << Self.pieceBits), Self.piece, MADV_DONTNEED)
                if residentBytes <= target { return }
            }
        }
    }

    /// More address space as a free range.
    ///
    /// - Returns: the index of a range with room for `size` bytes.
    private mutating func map(atLeast size: Int) -> Int {
        let whole = (size + Self.piece - 1) / Self.piece * Self.piece
        guard
            let (start, mapped) = Self.mapped(max(whole, Self.mappingSize), below: mappings.last?.start)
                // Under a limit on address space there may be room for just what is needed.
                ?? Self.mapped(whole, below: nil)
        else { preconditionFailure("no memory for \(size) bytes: \(String(cString: strerror(errno)))") }
        mappings.append((start, mapped))
        madvise(UnsafeMutableRawPointer(bitPattern: start), mapped, MADV_HUGEPAGE)
        time += 1
        insert(start, mapped)
        guard let index = free.firstIndex(where: { $0.start <= start && start < $0.end }) else {
            preconditionFailure("a mapped range is free")
        }
        return index
    }

    /// Address space from a multiple of a piece on, next to what is there already if the system agrees.
    private static func mapped(_ size: Int, below: UInt?) -> (start: UInt, size: Int)? {
        func map(_ hint: UInt?, _ size: Int) -> UInt? {
            let pointer = mmap(
                hint.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            return pointer == MAP_FAILED ? nil : UInt(bitPattern: pointer)
        }
        func unmap(_ start: UInt, _ end: UInt) {
            if end > start { munmap(UnsafeMutableRawPointer(bitPattern: start), Int(end - start)) }
        }
        if let below, below > UInt(size), let start = map(below - UInt(size), size) {
            if start & UInt(piece - 1) == 0 { return (start, size) }
            unmap(start, start + UInt(size))
        }
        guard let whole = map(nil, size + piece) else { return nil }
        let start = (whole + UInt(piece) - 1) & ~UInt(piece - 1)
        unmap(whole, start)
        unmap(start + UInt(size), whole + UInt(size + piece))
        return (start, size)
    }

    /// Ends all use of the ranges.
    mutating func unmapAll() {
        for (start, size) in mappings { munmap(UnsafeMutableRawPointer(bitPattern: start), size) }
        (mappings, free, resident) = ([], [], [])
    }
}
