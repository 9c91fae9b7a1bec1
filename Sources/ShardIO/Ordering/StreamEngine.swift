import Foundation

/// Prepares the rows of a chunk, and returns their elements.
@usableFromInline
typealias PrepareChunk = @Sendable (inout ChunkRows) -> AnyObject

/// Threads that read frames and prepare rows ahead of one consumer.
///
/// `@unchecked Sendable`: the lanes, their windows, slots and chunks, `isCancelled` and `liveThreads` are only touched
/// while `condition` is held, but for what became of a chunk's rows: a thread makes it in variables of its own, and it
/// belongs to the consumer once the chunk is ready. Elements are `Sendable`, which `SampleStream` sees to.
final class StreamEngine: @unchecked Sendable {
    private let sources: [any FramedSource]
    private let prepare: PrepareChunk
    private let pendingLimit: Int
    private let condition = NSCondition()
    private var lanes: [StreamLane]
    /// The lane that the consumer waits for, or waited for last.
    private var urgentLane = 0
    /// Of a source that can only be read forward, the frame last handed to a thread.
    private var lastSlots: [Int: FrameSlot] = [:]
    private var isCancelled = false
    private var liveThreads = 0

    /// - Precondition: `threads` is positive.
    init(
        sources: [any FramedSource], order: SampleOrder, position: StreamPosition, threads: Int,
        prepare: @escaping PrepareChunk
    ) {
        precondition(threads > 0, "\(threads) threads")
        self.sources = sources
        self.prepare = prepare
        let limit = 2 * threads + 2
        pendingLimit = limit
        lanes = zip(order.pools, position.lanes).map { StreamLane(pool: $0, at: $1, pendingLimit: limit) }
        liveThreads = threads
        for number in 0..<threads {
            let thread = Thread { [self] in work() }
            thread.name = "hone-data-\(number)"
            // Rows are parsed here, and a JSON document may be deep.
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    // MARK: The consumer's side

    /// The next chunk of a pool; waits until it is ready.
    ///
    /// - Throws: `CancellationError` after `cancel`.
    func nextChunk(lane: Int) throws(CancellationError) -> StreamChunk {
        condition.lock()
        defer { condition.unlock() }
        urgentLane = lane
        while true {
            if isCancelled { throw CancellationError() }
            if let first = lanes[lane].pending.first, first.isReady { break }
            condition.wait()
        }
        let chunk = lanes[lane].pending.removeFirst()
        condition.broadcast()
        return chunk
    }

    /// Lets a pool go on elsewhere.
    func restart(lane: Int, at position: StreamPosition.Lane) {
        condition.lock()
        lanes[lane] = StreamLane(pool: lanes[lane].pool, at: position, pendingLimit: pendingLimit)
        condition.broadcast()
        condition.unlock()
    }

    /// Lets the threads end.
    ///
    /// - Parameter waits: whether to return only when they have ended, and nothing is read or prepared any more.
    func cancel(waits: Bool) {
        condition.lock()
        isCancelled = true
        condition.broadcast()
        while waits && liveThreads > 0 { condition.wait() }
        condition.unlock()
    }

    // MARK: The threads' side; the lock is held whenever a function is entered or left

    private func work() {
        condition.lock()
        while !isCancelled {
            switch nextTask() {
            case .decode(let slot): decode(slot)
            case .prepare(let chunk): prepareRows(of: chunk)
            case nil: condition.wait()
            }
        }
        liveThreads -= 1
        condition.broadcast()
        condition.unlock()
    }

    private func nextTask() -> StreamTask? {
        for turn in lanes.indices {
            guard let task = lanes[(urgentLane + turn) % lanes.count].nextTask() else {
                continue
            }
            if case .decode(let slot) = task, !sources[slot.source].hasRandomAccess {
                slot.predecessor = lastSlots[slot.source]
                lastSlots[slot.source] = slot
            }
            return task
        }
        return nil
    }

    /// Waits until a frame has been read; `false` when the stream was cancelled instead.
    private func wait(for slot: FrameSlot) -> Bool {
        // Whoever has taken a frame before this thread took its task will finish it without waiting for this one.
        while slot.isWaiting {
            if isCancelled { return false }
            condition.wait()
        }
        return true
    }

    private func decode(_ slot: FrameSlot) {
        if let predecessor = slot.predecessor {
            guard wait(for: predecessor) else { return }
            slot.predecessor = nil
        }
        condition.unlock()
        let content = Self.read(slot.frame, of: sources[slot.source])
        condition.lock()
        slot.content = content
        slot.isWaiting = false
        condition.broadcast()
    }

    private static func read(_ index: Int, of source: any FramedSource) -> FrameContent {
        do throws(DataError) {
            let frame = try source.frame(index)
            let rows = source.frames.rows(of: index)
            guard frame.count == rows.count else {
                throw DataError(
                    .unreadable, file: source.path,
                    message: "frame \(index) has \(frame.count) rows and should have \(rows.count)",
                    fix: "The data have changed since they were opened; start again once they are complete.")
            }
            return FrameContent(.success(frame))
        } catch {
            return FrameContent(.failure(error))
        }
    }

    private func prepareRows(of chunk: StreamChunk) {
        let (window, slots) = (chunk.window.window, chunk.window.slots)
        condition.unlock()
        let places = chunk.rows.map { window.place($0) }
        let addresses = places.map { window.address(of: $0) }
        condition.lock()
        var contents: [FrameContent] = []
        contents.reserveCapacity(places.count)
        for place in places {
            guard wait(for: slots[place.frame]) else { return }
            guard let content = slots[place.frame].content else {
                preconditionFailure("a frame was let go before its last row was prepared")
            }
            contents.append(content)
        }
        condition.unlock()
        var rows = ChunkRows(addresses: addresses, contents: contents)
        let elements = prepare(&rows)
        condition.lock()
        for place in places {
            let slot = slots[place.frame]
            slot.rowsLeft -= 1
            if slot.rowsLeft == 0 { slot.content = nil }
        }
        chunk.window.rowsLeft -= places.count
        chunk.addresses = addresses
        chunk.outcomes = rows.outcomes
        chunk.elements = elements
        chunk.isReady = true
        condition.broadcast()
    }
}
