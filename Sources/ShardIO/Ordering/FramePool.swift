/// Where a sample lies, and in which pass over its source.
public struct SampleAddress: Sendable, Hashable {
    /// The number of the source, in the order in which the sources were given.
    public var source: Int
    /// Passes over the source before this one.
    public var epoch: Int
    /// The number of the frame within the source.
    public var frame: Int
    /// The number of the row within the frame.
    public var row: Int
    /// The number of the row within the source.
    public var ordinal: Int

    public init(source: Int, epoch: Int, frame: Int, row: Int, ordinal: Int) {
        self.source = source
        self.epoch = epoch
        self.frame = frame
        self.row = row
        self.ordinal = ordinal
    }
}

/// The frames of one or more sources that are ordered as if they were one source, and how they are ordered.
///
/// The frames are permuted and the permuted frames taken in groups, the windows; within a window the rows are shuffled.
/// Both are drawn from counters, so that any window of any epoch is made without those before it.
struct FramePool: Sendable {
    /// The share of one source.
    struct Member: Sendable {
        /// The number of the source.
        let source: Int
        let table: FrameTable
        /// Rows that are used, from the source's start.
        let rowCount: Int
        /// Frames in which those rows lie.
        let frameCount: Int
        /// Frames of the members before this one.
        let firstFrame: Int
    }

    let members: [Member]
    /// Frames of a window.
    let windowFrames: Int
    /// What the order is drawn from; `nil` keeps the order of the sources.
    let shuffleSeed: UInt64?
    /// Tells the pools of one order apart.
    let number: Int
    let frameCount: Int
    let rowCount: Int

    /// - Precondition: every source has a row, and every limit is at least 1.
    init(
        sources: [(number: Int, table: FrameTable, limit: Int?)], number: Int, windowFrames: Int, shuffleSeed: UInt64?
    ) {
        var members: [Member] = []
        var frameCount = 0
        for source in sources {
            let rowCount = min(source.table.rowCount, source.limit ?? .max)
            let member = Member(
                source: source.number, table: source.table, rowCount: rowCount,
                frameCount: source.table.frame(ofRow: rowCount - 1) + 1, firstFrame: frameCount)
            members.append(member)
            frameCount += member.frameCount
        }
        self.members = members
        self.frameCount = frameCount
        self.number = number
        self.windowFrames = windowFrames
        self.shuffleSeed = shuffleSeed
        rowCount = members.reduce(0) { $0 + $1.rowCount }
    }

    /// Windows of an epoch.
    var windowCount: Int { (frameCount + windowFrames - 1) / windowFrames }

    /// A window of an epoch.
    ///
    /// - Precondition: `number` is in `0 ..< windowCount`.
    func window(_ number: Int, epoch: Int) -> SampleWindow {
        let group = number * windowFrames..<min(frameCount, (number + 1) * windowFrames)
        guard let shuffleSeed else {
            return SampleWindow(epoch: epoch, number: number, frames: group.map(frame), shuffleKey: nil)
        }
        let key = FeistelPermutation.key(seed: shuffleSeed, epoch: epoch, source: UInt64(self.number))
        let permutation = FeistelPermutation(count: frameCount, key: key)
        // The rows are shuffled anyway, and frames in rising order are read forward.
        let frames = group.map { permutation[$0] }.sorted().map(frame)
        return SampleWindow(
            epoch: epoch, number: number, frames: frames, shuffleKey: mix64(mix64(~key) ^ UInt64(number)))
    }

    private func frame(_ index: Int) -> SampleWindow.Frame {
        let member = members[members.partitioningIndex { $0.firstFrame > index } - 1]
        let frame = index - member.firstFrame
        let rows = member.table.rows(of: frame)
        return SampleWindow.Frame(
            source: member.source, frame: frame, rows: rows.lowerBound..<min(rows.upperBound, member.rowCount))
    }

    /// The place behind the sample with this number in a window.
    func lane(after index: Int, in window: SampleWindow) -> StreamPosition.Lane {
        index + 1 < window.count
            ? StreamPosition.Lane(epoch: window.epoch, window: window.number, offset: index + 1)
            : StreamPosition.Lane(epoch: window.epoch, window: window.number + 1)
    }
}

/// The samples of a window in their order.
struct SampleWindow: Sendable {
    /// A frame of the window.
    struct Frame: Sendable {
        let source: Int
        let frame: Int
        /// The rows that are used, by their numbers within the source.
        let rows: Range<Int>
    }

    let epoch: Int
    /// Windows of the epoch before this one.
    let number: Int
    /// The frames in the order of the sources.
    let frames: [Frame]
    /// Rows before each frame, and after them the number of all rows.
    private let firstRows: [Int]
    /// The rows in their order; `nil` for the order of the frames.
    private let shuffled: [UInt32]?

    init(epoch: Int, number: Int, frames: [Frame], shuffleKey: UInt64?) {
        self.epoch = epoch
        self.number = number
        self.frames = frames
        firstRows = frames.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.rows.count) }
        let count = firstRows[frames.count]
        shuffled = shuffleKey.map { Self.shuffle(count, key: $0) }
    }

    /// The shuffle of Fisher and Yates in Durstenfeld's form (1964), drawn from a counter: 64 random bits scaled to
    /// the range, which for n numbers is off by less than n / 2^64 from uniform.
    private static func shuffle(_ count: Int, key: UInt64) -> [UInt32] {
        var order = (0..<count).map { UInt32($0) }
        for last in stride(from: count - 1, to: 0, by: -1) {
            let random = mix64(key &+ UInt64(last) &* 0x9E37_79B9_7F4A_7C15)
            order.swapAt(last, Int(random.multipliedFullWidth(by: UInt64(last + 1)).high))
        }
        return order
    }

    /// Samples in the window.
    var count: Int { firstRows[frames.count] }

    /// The frame of a sample, as an index of `frames`, and its row there.
    ///
    /// - Precondition: `index` is in `0 ..< count`.
    func place(_ index: Int) -> (frame: Int, row: Int) {
        let row = shuffled.map { Int($0[index]) } ?? index
        let frame = firstRows.partitioningIndex { $0 > row } - 1
        return (frame, row - firstRows[frame])
    }

    /// Where a sample lies.
    ///
    /// - Precondition: `index` is in `0 ..< count`.
    func address(_ index: Int) -> SampleAddress { address(of: place(index)) }

    /// Where the sample with this place lies.
    func address(of place: (frame: Int, row: Int)) -> SampleAddress {
        let frame = frames[place.frame]
        return SampleAddress(
            source: frame.source, epoch: epoch, frame: frame.frame, row: place.row,
            ordinal: frame.rows.lowerBound + place.row)
    }
}
