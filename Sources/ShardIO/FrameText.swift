import Synchronization

/// The bytes of a frame.
enum FrameText: Sendable {
    case array([UInt8])
    case lent(LentMemory)

    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        switch self {
        case .array(let bytes):
            return try bytes.withUnsafeBufferPointer { all throws(Failure) -> Result in
                try body(UnsafeRawBufferPointer(all))
            }
        case .lent(let memory): return try memory.withBytes(body)
        }
    }
}

/// Memory of frames, which is used for another frame when one is gone.
///
/// A stream reads thousands of frames a second. Given back to the system each time, their pages would have to be
/// cleared and mapped anew for every frame, a third of the cost of decoding it; given back to the heap they would lie
/// between small blocks that live longer, and the heap would grow for as long as the stream runs.
final class FrameMemory: Sendable {
    /// Memory of this size is kept; a frame is larger only when it is one long record.
    private static let largestKept = 1 << 20
    /// As much as two windows of a stream hold, and some.
    private static let mostKept = 160

    private let idle = Mutex<[Block]>([])

    /// Memory for a frame; its content is undefined.
    func lend(_ count: Int) -> LentMemory {
        let block = idle.withLock { $0.popLast() }
        if let block, block.bytes.count >= count { return LentMemory(block, count: count, owner: self) }
        // Rounded up, so that it will do for the next frame too.
        return LentMemory(Block(capacity: (count + 65535) & ~65535), count: count, owner: self)
    }

    fileprivate func takeBack(_ block: Block) {
        guard block.bytes.count <= Self.largestKept else { return }
        idle.withLock { if $0.count < Self.mostKept { $0.append(block) } }
    }

    /// `@unchecked Sendable`: whoever holds it alone writes to it, and nobody does once it is shared.
    fileprivate final class Block: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer

        init(capacity: Int) { bytes = .allocate(byteCount: max(1, capacity), alignment: 64) }

        deinit { bytes.deallocate() }
    }
}

/// Memory that goes back to its `FrameMemory` with the last reference.
final class LentMemory: Sendable {
    let count: Int
    private let block: FrameMemory.Block
    private let owner: FrameMemory

    fileprivate init(_ block: FrameMemory.Block, count: Int, owner: FrameMemory) {
        self.block = block
        self.count = count
        self.owner = owner
    }

    deinit { owner.takeBack(block) }

    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(rebasing: block.bytes[..<count]))
    }

    /// Fills the memory; only before anybody else has a reference.
    func fill<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
        defer { withExtendedLifetime(self) {} }
        return body(UnsafeMutableRawBufferPointer(rebasing: block.bytes[..<count]))
    }
}
