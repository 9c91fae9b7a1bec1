/// What a stream does whatever its elements are: merges the pools, keeps the position, and isolates damage.
@usableFromInline
final class StreamCore {
    let engine: StreamEngine
    private(set) var mixture: Mixture
    private var reader: ChunkReader
    private var failure: (any Error)?

    @usableFromInline
    init(
        sources: [any FramedSource], order: SampleOrder, position: StreamPosition?, acceptDataChange: Bool,
        threads: Int, corruption: CorruptionPolicy, prepare: @escaping PrepareChunk
    ) throws(DataError) {
        precondition(sources.count == order.sources.count, "\(sources.count) sources for \(order.sources.count)")
        let start = try order.resolve(position ?? order.start, acceptDataChange: acceptDataChange)
        try Self.checkAccess(sources, order, start)
        let quarantine = try Quarantine(corruption, rowCount: order.rowCount)
        mixture = Mixture(order: order, position: start)
        engine = StreamEngine(sources: sources, order: order, position: start, threads: threads, prepare: prepare)
        reader = ChunkReader(engine: engine, order: order, quarantine: quarantine)
    }

    deinit { engine.cancel(waits: false) }

    /// Damaged rows that were passed over.
    var quarantinedRows: Int { reader.quarantine?.rows ?? 0 }

    @usableFromInline
    func next() throws -> StreamRowStep {
        if let failure { throw failure }
        do {
            return try mixture.next(&reader)
        } catch {
            failure = error
            engine.cancel(waits: false)
            throw error
        }
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

/// Takes the rows of the pools from the chunks that the engine's threads have prepared.
private struct ChunkReader: LaneReader {
    /// A chunk that is being delivered.
    private struct Head {
        var chunk: StreamChunk?
        /// Rows that are delivered.
        var rows = 0
        /// Those of them that became samples.
        var samples = 0
    }

    private let engine: StreamEngine
    private let order: SampleOrder
    private(set) var quarantine: Quarantine?
    /// One for each pool.
    private var heads: [Head]

    init(engine: StreamEngine, order: SampleOrder, quarantine: Quarantine?) {
        self.engine = engine
        self.order = order
        self.quarantine = quarantine
        heads = order.pools.map { _ in Head() }
    }

    mutating func restart(lane: Int, at position: StreamPosition.Lane) {
        heads[lane] = Head()
        engine.restart(lane: lane, at: position)
    }

    mutating func next(lane: Int) throws -> LaneStep {
        while true {
            guard let chunk = heads[lane].chunk, heads[lane].rows < chunk.rows.count else {
                heads[lane] = Head()
                let chunk = try engine.nextChunk(lane: lane)
                if chunk.endsEpoch { return .endOfEpoch }
                heads[lane].chunk = chunk
                continue
            }
            let number = heads[lane].rows
            heads[lane].rows = number + 1
            switch chunk.outcomes[number] {
            case .skipped: continue
            case .taken(let name):
                let address = chunk.addresses[number]
                let row = StreamRow(
                    address: address, name: name, tag: order.tags[address.source], elements: chunk.elements,
                    index: heads[lane].samples)
                heads[lane].samples += 1
                return .sample(row, after: chunk.lane(after: number))
            case .failed(let error): try isolate(error, at: chunk.addresses[number])
            case .frameFailed(let error):
                let window = chunk.window.window
                try isolate(error, frame: window.frames[window.place(chunk.rows.lowerBound + number).frame])
            }
            return .bad(after: chunk.lane(after: number))
        }
    }

    /// Puts a damaged frame in quarantine, unless the policy is to fail.
    private mutating func isolate(_ error: DataError, frame: SampleWindow.Frame) throws {
        guard quarantine != nil else { throw error }
        try quarantine?.add(
            source: order.sources[frame.source].path, frame: frame.frame, ordinals: frame.rows, error: error)
    }

    /// Puts a damaged row of a sound frame in quarantine, unless the policy is to fail.
    private mutating func isolate(_ error: any Error, at address: SampleAddress) throws {
        // A wrong option is wrong for every row, and what is no `DataError` is no damage.
        guard quarantine != nil, let error = error as? DataError, error.kind != .option else { throw error }
        try quarantine?.add(
            source: order.sources[address.source].path, frame: address.frame,
            ordinals: address.ordinal..<address.ordinal + 1, error: error)
    }
}
