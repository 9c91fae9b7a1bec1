/// The rows of a frame, or why there are none.
///
/// A class, so that the threads that need it share it by counting one reference.
final class FrameContent {
    let frame: Result<DecodedFrame, DataError>

    init(_ frame: Result<DecodedFrame, DataError>) { self.frame = frame }
}

/// A frame of a window, which becomes rows on some thread. It changes under the engine's lock only.
final class FrameSlot {

    let source: Int
    let frame: Int
    /// Rows that have yet to be prepared.
    var rowsLeft = 0
    /// `nil` before it has been read and once its last row is done.
    var content: FrameContent?
    var isWaiting = true
    /// The frame that must be read before this one, where a source can only be read forward.
    var predecessor: FrameSlot?

    init(source: Int, frame: Int) {
        self.source = source
        self.frame = frame
    }
}

/// A window and its frames on their way. It changes under the engine's lock only.
final class StreamWindow {
    let window: SampleWindow
    let slots: [FrameSlot]
    /// Slots before this one have been handed to a thread.
    var nextSlot = 0
    /// Rows before this one have been handed to a thread.
    var nextRow: Int
    /// Rows that have yet to be prepared.
    var rowsLeft: Int

    /// - Parameter offset: rows before this one are not wanted, nor the frames that hold no others.
    init(_ window: SampleWindow, from offset: Int = 0) {
        self.window = window
        slots = window.frames.map { FrameSlot(source: $0.source, frame: $0.frame) }
        nextRow = min(offset, window.count)
        rowsLeft = window.count - nextRow
        if nextRow == 0 {
            for (slot, frame) in zip(slots, window.frames) { slot.rowsLeft = frame.rows.count }
        } else {
            for index in nextRow..<window.count { slots[window.place(index).frame].rowsLeft += 1 }
        }
    }

    /// The next frame that is wanted, among the first `limit`.
    func takeSlot(limit: Int) -> FrameSlot? {
        while nextSlot < limit {
            nextSlot += 1
            if slots[nextSlot - 1].rowsLeft > 0 { return slots[nextSlot - 1] }
        }
        return nil
    }
}

/// What became of a row on a thread.
enum RowOutcome {
    /// The next of the chunk's elements.
    case taken(name: String?)
    case skipped
    case failed(any Error)
    /// Its frame could not be read.
    case frameFailed(DataError)
}

/// Rows for a thread to prepare, and what becomes of them.
@usableFromInline
struct ChunkRows {
    let addresses: [SampleAddress]
    /// The frame of each row.
    let contents: [FrameContent]
    private(set) var outcomes: [RowOutcome] = []

    init(addresses: [SampleAddress], contents: [FrameContent]) {
        self.addresses = addresses
        self.contents = contents
    }

    @usableFromInline var count: Int { addresses.count }

    /// Calls `prepare` with each row whose frame is there.
    @usableFromInline
    mutating func prepareEach(_ prepare: (DecodedFrame, Int, SampleAddress) throws -> RowChoice) {
        outcomes.reserveCapacity(count)
        for (address, content) in zip(addresses, contents) {
            switch content.frame {
            case .failure(let error): outcomes.append(.frameFailed(error))
            case .success(let frame):
                do {
                    guard case .take(let name) = try prepare(frame, address.row, address) else {
                        outcomes.append(.skipped)
                        continue
                    }
                    outcomes.append(.taken(name: name))
                } catch {
                    outcomes.append(.failed(error))
                }
            }
        }
    }
}

/// The elements that a chunk's rows became, in order.
@usableFromInline
final class ChunkElements<Element> {
    @usableFromInline var values: [Element] = []

    @inlinable
    init(capacity: Int) { values.reserveCapacity(capacity) }
}

/// Neighbouring rows of a window, which one thread prepares, or the mark at the end of an epoch.
///
/// What it holds belongs to the thread that prepares it, and to the consumer once it is ready.
final class StreamChunk {
    let window: StreamWindow
    let rows: Range<Int>
    let endsEpoch: Bool
    var addresses: [SampleAddress] = []
    /// One for each row.
    var outcomes: [RowOutcome] = []
    /// `ChunkElements`.
    var elements: AnyObject?
    var isReady: Bool
    /// The place behind the last row.
    private let end: StreamPosition.Lane

    init(_ window: StreamWindow, rows: Range<Int>, end: StreamPosition.Lane) {
        self.window = window
        self.end = end
        self.rows = rows
        endsEpoch = false
        isReady = false
    }

    init(endOfEpoch window: StreamWindow) {
        self.window = window
        end = StreamPosition.Lane(epoch: window.window.epoch + 1)
        rows = 0..<0
        endsEpoch = true
        isReady = true
    }

    /// The place behind one of the rows, counted from the first.
    func lane(after row: Int) -> StreamPosition.Lane {
        guard row + 1 < rows.count else { return end }
        let window = window.window
        return StreamPosition.Lane(epoch: window.epoch, window: window.number, offset: rows.lowerBound + row + 1)
    }
}

/// What a thread can do next.
enum StreamTask {
    case decode(FrameSlot)
    case prepare(StreamChunk)
}

/// The work on one pool in the order in which it is needed. It changes under the engine's lock only.
///
/// The frames of the next window are decoded little by little while the rows of this one are prepared, so that nobody
/// waits at its start; no more than two windows are in memory.
struct StreamLane {
    /// Rows of a chunk.
    private static let chunkRows = 64

    let pool: FramePool
    /// Chunks that the consumer has not taken yet, in order.
    var pending: [StreamChunk] = []
    private let pendingLimit: Int
    private var previous: StreamWindow?
    private var current: StreamWindow?
    private var upcoming: StreamWindow?
    /// The window after the last one that was made.
    private var planned: StreamPosition.Lane

    init(pool: FramePool, at position: StreamPosition.Lane, pendingLimit: Int) {
        self.pool = pool
        self.pendingLimit = pendingLimit
        planned = position
    }

    /// The most urgent piece of work; `nil` when there is enough ahead of the consumer.
    mutating func nextTask() -> StreamTask? {
        while true {
            guard let window = current else {
                if planned.window >= pool.windowCount {
                    // The position lies between the last sample of an epoch and the epoch's end.
                    let last = StreamWindow(SampleWindow(atEndOf: planned.epoch, number: planned.window))
                    pending.append(StreamChunk(endOfEpoch: last))
                    planned = StreamPosition.Lane(epoch: planned.epoch + 1)
                }
                current = plan()
                continue
            }
            if let slot = window.takeSlot(limit: window.slots.count) { return .decode(slot) }
            if let slot = slotAhead(of: window) { return .decode(slot) }
            guard pending.count < pendingLimit else { return nil }
            if window.nextRow < window.window.count {
                let rows = window.nextRow..<min(window.nextRow + Self.chunkRows, window.window.count)
                window.nextRow = rows.upperBound
                let chunk = StreamChunk(
                    window, rows: rows, end: pool.lane(after: rows.upperBound - 1, in: window.window))
                pending.append(chunk)
                return .prepare(chunk)
            }
            guard previous?.rowsLeft ?? 0 == 0 else { return nil }
            if window.window.number == pool.windowCount - 1 { pending.append(StreamChunk(endOfEpoch: window)) }
            previous = window
            current = upcoming ?? plan()
            upcoming = nil
        }
    }

    /// A frame of the next window, in step with the rows of this one and once the last one is done with.
    private mutating func slotAhead(of window: StreamWindow) -> FrameSlot? {
        guard previous?.rowsLeft ?? 0 == 0 else { return nil }
        previous = nil
        let next = upcoming ?? plan()
        upcoming = next
        let done = Double(window.nextRow) / Double(max(1, window.window.count))
        return next.takeSlot(limit: Int(Double(next.slots.count) * done))
    }

    private mutating func plan() -> StreamWindow {
        let window = StreamWindow(pool.window(planned.window, epoch: planned.epoch), from: planned.offset)
        planned =
            planned.window + 1 < pool.windowCount
            ? StreamPosition.Lane(epoch: planned.epoch, window: planned.window + 1)
            : StreamPosition.Lane(epoch: planned.epoch + 1)
        return window
    }
}

extension SampleWindow {
    /// A window without rows behind the last one of an epoch.
    fileprivate init(atEndOf epoch: Int, number: Int) {
        self.init(epoch: epoch, number: number, frames: [], shuffleKey: nil)
    }
}
