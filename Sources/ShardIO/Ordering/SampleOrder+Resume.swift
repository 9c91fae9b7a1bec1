import TextCore

extension SampleOrder {
    /// For each source what decides which of its rows are used.
    var contents: [String] {
        zip(tags, sources).map { tag, source in tag.hexadecimal + (source.maxSamples.map { ":\($0)" } ?? "") }
    }

    /// What else decides the order, in sixteen digits.
    var fingerprint: String {
        let weights = (schedule?.weights ?? []).map(String.init).joined(separator: ",")
        let mix =
            switch settings.mix {
            case .concat: "concat"
            case .weighted(let exhausted): "weighted:\(exhausted.rawValue)"
            }
        let text =
            "seed=\(settings.shuffleSeed.map(String.init) ?? "none") window=\(settings.windowFrames) mix=\(mix) "
            + "weights=\(weights)"
        return XXH64.hash(Array(text.utf8)).hexadecimal
    }

    /// The position, once it has been found to be one of this order.
    ///
    /// - Parameter acceptDataChange: go on at the same place of other data, and count that in the position.
    /// - Throws: `DataError` when the position was made with other settings or, unless that is accepted, with other
    ///   data; the source that differs is named.
    public func resolve(
        _ position: StreamPosition, acceptDataChange: Bool = false
    ) throws(DataError) -> StreamPosition {
        var resolved = position
        if position.sources != contents {
            let change = dataChange(position)
            guard acceptDataChange else { throw change }
            resolved.sources = contents
            resolved.acceptedDataChanges += 1
            for index in resolved.lanes.indices where index < pools.count {
                resolved.lanes[index] = nearest(to: resolved.lanes[index], in: pools[index])
            }
        }
        guard resolved.settings == fingerprint else {
            throw DataError(
                .option, file: sources[0].path, message: "the order's settings are not those of the checkpoint",
                fix: "Resume with the seed, shuffle, mix and weights that the run began with, or begin a new run.")
        }
        guard isPlace(resolved) else {
            throw DataError(
                .damaged, file: "the data position", message: "it lies outside of the data",
                fix: "The checkpoint that holds it is damaged; resume from an earlier one.")
        }
        return resolved
    }

    private func dataChange(_ position: StreamPosition) -> DataError {
        let fix =
            "The run would repeat some rows and miss others. Restore the data, start a new run, or go on "
            + "regardless with --accept-data-change, which is recorded."
        guard position.sources.count == contents.count else {
            return DataError(
                .option, file: sources[0].path,
                message: "the run began with \(position.sources.count) data sources and now has \(contents.count)",
                fix: fix)
        }
        let changed = contents.indices.filter { contents[$0] != position.sources[$0] }
        let others = changed.dropFirst().map { "'\(sources[$0].path)'" }.joined(separator: ", ")
        return DataError(
            .option, file: changed.first.map { sources[$0].path } ?? "",
            message: "the data have changed since the checkpoint was written"
                + (others.isEmpty ? "" : ", and so have those of \(others)"),
            fix: fix)
    }

    /// The same place in other data, or the end of the epoch when they are shorter.
    private func nearest(to lane: StreamPosition.Lane, in pool: FramePool) -> StreamPosition.Lane {
        var lane = lane
        if lane.window >= pool.windowCount {
            (lane.window, lane.offset) = (pool.windowCount, 0)
        } else if lane.offset >= pool.window(lane.window, epoch: lane.epoch).count {
            (lane.window, lane.offset) = (lane.window + 1, 0)
        }
        return lane
    }

    private func isPlace(_ position: StreamPosition) -> Bool {
        guard position.lanes.count == pools.count else { return false }
        for (lane, pool) in zip(position.lanes, pools) {
            guard lane.window <= pool.windowCount else { return false }
            guard lane.offset > 0 else { continue }
            guard lane.window < pool.windowCount, lane.offset < pool.window(lane.window, epoch: lane.epoch).count
            else { return false }
        }
        let active = position.lanes.indices.filter { !position.lanes[$0].isDone }
        guard !active.isEmpty, active.count == pools.count || settings.mix == .weighted(.drop) else { return false }
        guard let schedule else { return position.deficits.isEmpty }
        let total = schedule.weights.reduce(0, +)
        return position.deficits.count == pools.count && position.deficits.allSatisfy { abs($0) < total }
            && position.deficits.reduce(0, +) == 0 && active.reduce(0) { $0 + position.deficits[$1] } == 0
    }
}
