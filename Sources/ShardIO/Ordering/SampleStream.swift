/// The samples of an order, read and prepared ahead on other threads and delivered strictly in order.
///
/// What is delivered does not depend on the number of threads. An error comes at its place in the order. In memory are
/// the frames of at most two windows a pool (one pool, or one a source in a weighted mixture) and a few dozen prepared
/// rows a thread. A stream belongs to one consumer; when it goes away its threads end.
public final class SampleStream<Element: Sendable> {
    /// What a row becomes, on some thread: parsing, filters and tokenising belong here.
    public typealias Prepare = @Sendable (DecodedFrame, _ row: Int, SampleAddress) throws -> Prepared<Element>

    /// Damaged rows that were passed over so far.
    public var quarantinedRows: Int { quarantine?.rows ?? 0 }

    private let sources: [any FramedSource]
    private let order: SampleOrder
    private let engine: StreamEngine<Element>
    private var mixture: Mixture
    private var quarantine: Quarantine?
    /// For each pool the chunk that is being delivered, and how many of its rows are.
    private var heads: [(chunk: StreamChunk<Element>, next: Int)?]
    private var failure: (any Error)?

    /// Starts reading.
    ///
    /// - Parameters:
    ///   - sources: the sources that `order` was made for, in that order.
    ///   - order: which rows follow each other.
    ///   - position: where to start; `nil` starts at the first sample.
    ///   - acceptDataChange: whether a position of other data is gone on from all the same.
    ///   - threads: how many threads read and prepare, at least 1.
    ///   - corruption: what to do about damaged frames and rows.
    ///   - prepare: what a row becomes.
    /// - Throws: `DataError` when the position is not one of this order, a source must be read in an order that it
    ///   cannot be read in, or the quarantine's log cannot be read.
    public init(
        sources: [any FramedSource], order: SampleOrder, from position: StreamPosition? = nil,
        acceptDataChange: Bool = false, threads: Int = 2, corruption: CorruptionPolicy = .fail,
        prepare: @escaping Prepare
    ) throws(DataError) {
        precondition(sources.count == order.sources.count, "\(sources.count) sources for \(order.sources.count)")
        let start = try order.resolve(position ?? order.start, acceptDataChange: acceptDataChange)
        try Self.checkAccess(sources, order, start)
        self.sources = sources
        self.order = order
        quarantine = try Quarantine(corruption, rowCount: order.rowCount)
        mixture = Mixture(order: order, position: start)
        heads = order.pools.map { _ in nil }
        engine = StreamEngine(sources: sources, order: order, position: start, threads: threads, prepare: prepare)
    }

    deinit { engine.cancel(waits: false) }

    /// The place behind the last sample, or the last end of an epoch, that was delivered. A stream that starts there
    /// delivers exactly what this one would go on with.
    public var position: StreamPosition { mixture.position }

    /// The next sample, or the end of the epoch; then the next epoch follows.
    ///
    /// - Throws: `DataError` for a damaged frame or row that is not put in quarantine, what `prepare` threw for this
    ///   row, or `CancellationError` after `cancel()`. After an error every call throws it again.
    public func next() throws -> StreamStep<Element> {
        if let failure { throw failure }
        do {
            return try mixture.next(pull: pull, restart: restart)
        } catch {
            failure = error
            engine.cancel(waits: false)
            throw error
        }
    }

    /// Ends the threads, and returns when they have ended.
    public func cancel() { engine.cancel(waits: true) }

    private func restart(lane: Int, at position: StreamPosition.Lane) {
        heads[lane] = nil
        engine.restart(lane: lane, at: position)
    }

    /// What follows in a pool.
    private func pull(lane: Int) throws -> LaneStep<Element> {
        while true {
            let (chunk, next) = try heads[lane] ?? (engine.nextChunk(lane: lane), 0)
            if chunk.endsEpoch || next == chunk.rows.count {
                heads[lane] = nil
                if chunk.endsEpoch { return .endOfEpoch }
                continue
            }
            heads[lane] = (chunk, next + 1)
            let window = chunk.window.window
            let index = chunk.rows.lowerBound + next
            switch chunk.items[next] {
            case .skipped: continue
            case .taken(let sample):
                return .sample(sample, after: order.pools[lane].lane(after: index, in: window))
            case .failed(let error): try isolate(error, at: window.address(index))
            case .frameFailed(let frame, let error): try isolate(error, frame: window.frames[frame])
            }
            return .bad(after: order.pools[lane].lane(after: index, in: window))
        }
    }

    /// Puts a damaged frame in quarantine, unless the policy is to fail.
    private func isolate(_ error: DataError, frame: SampleWindow.Frame) throws {
        guard quarantine != nil else { throw error }
        try quarantine?.add(
            source: order.sources[frame.source].path, frame: frame.frame, ordinals: frame.rows, error: error)
    }

    /// Puts a damaged row of a sound frame in quarantine, unless the policy is to fail.
    private func isolate(_ error: any Error, at address: SampleAddress) throws {
        // A wrong option is wrong for every row, and what is no `DataError` is no damage.
        guard quarantine != nil, let error = error as? DataError, error.kind != .option else { throw error }
        try quarantine?.add(
            source: order.sources[address.source].path, frame: address.frame,
            ordinals: address.ordinal..<address.ordinal + 1, error: error)
    }

    /// A source that can only be read forward can be read in file order, or as far as a window reaches.
    private static func checkAccess(
        _ sources: [any FramedSource], _ order: SampleOrder, _ position: StreamPosition
    ) throws(DataError) {
        for (pool, lane) in zip(order.pools, position.lanes) where pool.windowCount > 1 {
            let isShuffled = pool.shuffleSeed != nil
            let first = lane.window * pool.windowFrames
            for member in pool.members where !sources[member.source].hasRandomAccess {
                let frames = member.firstFrame..<member.firstFrame + member.frameCount
                // A source that is begun anew, or is behind the place, is read from its start.
                guard isShuffled || (frames.contains(first) && first > frames.lowerBound) else { continue }
                let path = sources[member.source].path
                throw DataError(
                    .option, file: path,
                    message: "this file can only be read from the start to the end, so that its rows cannot be "
                        + (isShuffled ? "shuffled" : "returned to after an interruption"),
                    fix: "Build it into shards, which can: hone data build '\(path)' -o FOLDER.")
            }
        }
    }
}
