/// The order in which the rows of one or more sources are trained on: a pure function of the sources' frames, the
/// settings and a position. It reads no data.
///
/// - Shuffled, the frames of an epoch are permuted and taken in groups of `windowFrames`, and the rows of each group
///   are shuffled. A source of no more frames than that is shuffled uniformly; of a larger one, two rows of a frame
///   always lie within one group.
/// - `concat` gives every row once an epoch: the sources one after the other, or shuffled as one.
/// - `weighted` gives the sources by their weights; see `Exhausted` for what happens at their ends.
public struct SampleOrder: Sendable {
    /// What the order has to know of a source.
    public struct Source: Sendable {
        /// The path as the user wrote it, for messages.
        public var path: String
        /// A hash of everything that decides which rows there are.
        public var identity: String
        /// How the rows fall into frames.
        public var frames: FrameTable
        /// The source's share of a weighted mixture, relative to the others: positive.
        public var weight: Double
        /// How many rows are used, from the source's start; `nil` uses all.
        public var maxSamples: Int?

        public init(
            path: String, identity: String, frames: FrameTable, weight: Double = 1, maxSamples: Int? = nil
        ) {
            self.path = path
            self.identity = identity
            self.frames = frames
            self.weight = weight
            self.maxSamples = maxSamples
        }

        /// What an order has to know of `source`.
        public init(_ source: any FramedSource, weight: Double = 1, maxSamples: Int? = nil) {
            self.init(
                path: source.path, identity: source.identity, frames: source.frames, weight: weight,
                maxSamples: maxSamples)
        }

        /// The identity in 64 bits: the start of the names of rows that have none of their own.
        var tag: UInt64 { XXH64.hash(Array(identity.utf8)) }
    }

    /// What happens when a source of a weighted mixture has given its last row.
    public enum Exhausted: String, Sendable, Hashable, CaseIterable {
        /// It starts again, in its next epoch's order; the mixture never ends.
        case `repeat`
        /// The epoch of the mixture ends when it is asked for one row more; in the next all sources start again.
        case stop
        /// It leaves, and the others share its part in proportion to their weights, counted anew from there. The
        /// epoch ends with the last of them; in the next all sources start again.
        case drop
    }

    /// How sources are put together.
    public enum Mix: Sendable, Hashable {
        /// Every row of every source once an epoch.
        case concat
        /// After any number of samples each source has given its share by weight to within one.
        case weighted(Exhausted)
    }

    /// What decides the order beside the sources.
    public struct Settings: Sendable, Hashable {
        /// What the shuffle is drawn from; `nil` keeps the order of the files.
        public var shuffleSeed: UInt64?
        /// Frames whose rows are shuffled together: at least 1.
        public var windowFrames: Int
        /// How sources are put together.
        public var mix: Mix

        public init(shuffleSeed: UInt64? = nil, windowFrames: Int = 64, mix: Mix = .concat) {
            self.shuffleSeed = shuffleSeed
            self.windowFrames = windowFrames
            self.mix = mix
        }
    }

    /// The sources, in the order of their numbers.
    public let sources: [Source]
    /// What else decides the order.
    public let settings: Settings
    /// One pool of all sources, or one of each.
    let pools: [FramePool]
    let schedule: StrideSchedule?
    /// The sources' tags.
    let tags: [UInt64]

    /// - Precondition: `settings.windowFrames` is positive.
    /// - Throws: `DataError` when there is no source, a source has no row or too large a frame, a weight is not
    ///   positive, or `maxSamples` is below 1.
    public init(sources: [Source], settings: Settings = Settings()) throws(DataError) {
        precondition(settings.windowFrames > 0, "a window of \(settings.windowFrames) frames")
        guard !sources.isEmpty else {
            throw DataError(
                .option, file: "data.train", message: "there is no source", fix: "Name at least one data file.")
        }
        for source in sources { try source.check(settings) }
        self.sources = sources
        self.settings = settings
        let numbered = sources.enumerated().map { (number: $0, table: $1.frames, limit: $1.maxSamples) }
        let groups = if case .concat = settings.mix { [numbered] } else { numbered.map { [$0] } }
        pools = groups.enumerated().map {
            FramePool(
                sources: $1, number: $0, windowFrames: settings.windowFrames, shuffleSeed: settings.shuffleSeed)
        }
        schedule = if case .concat = settings.mix { nil } else { StrideSchedule(weights: sources.map(\.weight)) }
        tags = sources.map(\.tag)
    }

    /// Rows of all sources, each counted once.
    public var rowCount: Int { pools.reduce(0) { $0 + $1.rowCount } }

    /// Whether an epoch ends: not in a mixture whose sources repeat.
    public var hasEpochs: Bool { settings.mix != .weighted(.repeat) }

    /// Before the first sample.
    public var start: StreamPosition {
        StreamPosition(
            lanes: pools.map { _ in StreamPosition.Lane() }, deficits: schedule.map { $0.weights.map { _ in 0 } } ?? [],
            sources: contents, settings: fingerprint)
    }

    /// The samples from a position on, without reading any data.
    ///
    /// - Throws: `DataError` when the position is not one of this order.
    public func samples(from position: StreamPosition? = nil) throws(DataError) -> OrderedSamples {
        OrderedSamples(order: self, position: try resolve(position ?? start))
    }

    /// The samples of a global batch that one of several processes takes; the processes' parts laid end to end are the
    /// batch, so the batch does not depend on how many there are.
    ///
    /// - Parameters:
    ///   - step: optimiser steps before.
    ///   - globalBatchSize: samples of a step, over all processes.
    ///   - rank: the number of the process.
    ///   - worldSize: how many processes there are; divides `globalBatchSize`.
    /// - Returns: Numbers of samples, counted from the start of the order.
    public static func slice(step: Int, globalBatchSize: Int, rank: Int, worldSize: Int) -> Range<Int> {
        precondition(
            worldSize > 0 && globalBatchSize % worldSize == 0,
            "a batch of \(globalBatchSize) does not divide among \(worldSize) processes")
        precondition(step >= 0 && (0..<worldSize).contains(rank), "step \(step), rank \(rank) of \(worldSize)")
        let share = globalBatchSize / worldSize
        let first = step * globalBatchSize + rank * share
        return first..<first + share
    }
}

extension SampleOrder.Source {
    /// Rows of a frame beyond this are damage: a frame has at most 64 MiB, and a row and its end two bytes.
    private static let largestFrame = 1 << 25

    fileprivate func check(_ settings: SampleOrder.Settings) throws(DataError) {
        guard frames.rowCount > 0 else {
            throw DataError(.empty, file: path, message: "there is no row in it", fix: "Name another file.")
        }
        if let maxSamples, maxSamples < 1 {
            throw DataError(
                .option, file: path, message: "max_samples is \(maxSamples)",
                fix: "Write at least 1, or leave it out to use every row.")
        }
        if case .weighted = settings.mix, !(weight > 0 && weight.isFinite) {
            throw DataError(
                .option, file: path, message: "the weight \(weight) is not positive",
                fix: "Write how much of the mixture comes from this source, or leave the source out.")
        }
        var rowsOfWindow = 0
        for frame in 0..<frames.count {
            let count = frames.rows(of: frame).count
            rowsOfWindow = max(rowsOfWindow, count.multipliedReportingOverflow(by: settings.windowFrames).partialValue)
            guard count <= Self.largestFrame, rowsOfWindow <= UInt32.max else {
                throw DataError(
                    .limit, file: path, message: "frame \(frame) has \(count) rows",
                    fix: "More than a frame can hold, or than are shuffled together; build the data into shards again.")
            }
        }
    }
}
