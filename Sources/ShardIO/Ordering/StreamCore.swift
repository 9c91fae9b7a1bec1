/// What a stream does whatever its elements are: merges the pools, keeps the position, and isolates damage.
@usableFromInline
final class StreamCore {
    let engine: StreamEngine
    private(set) var mixture: Mixture
    private(set) var quarantine: Quarantine?
    private let order: SampleOrder
    /// For each pool the chunk that is being delivered.
    private var heads: [Head?]
    private var failure: (any Error)?

    /// A chunk that is being delivered.
    private struct Head {
        let chunk: StreamChunk
        /// Rows that are delivered.
        var rows = 0
        /// Those of them that became samples.
        var samples = 0
    }

    @usableFromInline
    init(
        sources: [any FramedSource], order: SampleOrder, position: StreamPosition?, acceptDataChange: Bool,
        threads: Int, corruption: CorruptionPolicy, prepare: @escaping PrepareChunk
    ) throws(DataError) {
        precondition(sources.count == order.sources.count, "\(sources.count) sources for \(order.sources.count)")
        let start = try order.resolve(position ?? order.start, acceptDataChange: acceptDataChange)
        try Self.checkAccess(sources, order, start)
        self.order = order
        quarantine = try Quarantine(corruption, rowCount: order.rowCount)
        mixture = Mixture(order: order, position: start)
        heads = order.pools.map { _ in nil }
        engine = StreamEngine(sources: sources, order: order, position: start, threads: threads, prepare: prepare)
    }

    deinit { engine.cancel(waits: false) }

    @usableFromInline
    func next() throws -> StreamRowStep {
        if let failure { throw failure }
        do {
            return try mixture.next(pull: pull, restart: restart)
        } catch {
            failure = error
            engine.cancel(waits: false)
            throw error
        }
    }

    private func restart(lane: Int, at position: StreamPosition.Lane) {
        heads[lane] = nil
        engine.restart(lane: lane, at: position)
    }

    /// What follows in a pool.
    private func pull(lane: Int) throws -> LaneStep {
        while true {
            guard let head = heads[lane] else {
                let chunk = try engine.nextChunk(lane: lane)
                if chunk.endsEpoch { return .endOfEpoch }
                heads[lane] = Head(chunk: chunk)
                continue
            }
            let chunk = head.chunk
            guard head.rows < chunk.rows.count else {
                heads[lane] = nil
                continue
            }
            heads[lane]?.rows += 1
            let address = chunk.addresses[head.rows]
            let index = chunk.rows.lowerBound + head.rows
            switch chunk.outcomes[head.rows] {
            case .skipped: continue
            case .taken(let name):
                heads[lane]?.samples += 1
                let row = StreamRow(
                    address: address, name: name, tag: order.tags[address.source], elements: chunk.elements,
                    index: head.samples)
                return .sample(row, after: order.pools[lane].lane(after: index, in: chunk.window.window))
            case .failed(let error): try isolate(error, at: address)
            case .frameFailed(let error):
                let window = chunk.window.window
                try isolate(error, frame: window.frames[window.place(index).frame])
            }
            return .bad(after: order.pools[lane].lane(after: index, in: chunk.window.window))
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
