/// What a reader of rows makes of one of them.
public enum Prepared<Element> {
    /// The row becomes a sample. Its name is the row's own if it has one; without it the sample is named by the source
    /// and the row's number there.
    case take(Element, id: String? = nil)
    /// The row is passed over, as if the source had no such row.
    case skip
}

extension Prepared: Sendable where Element: Sendable {}

/// A sample of an order.
public struct StreamSample<Element> {
    /// What was made of the row.
    public var element: Element
    /// Where the row lies.
    public var address: SampleAddress
    @usableFromInline let name: String?
    @usableFromInline let tag: UInt64

    @inlinable
    init(element: Element, row: StreamRow) {
        self.element = element
        address = row.address
        name = row.name
        tag = row.tag
    }

    /// The sample's name, which the stream digest is made of.
    public var id: String { name ?? "\(tag.hexadecimal):\(address.ordinal)" }
}

extension StreamSample: Sendable where Element: Sendable {}

/// What follows at a place of an order.
public enum StreamStep<Element> {
    /// A sample.
    case sample(StreamSample<Element>)
    /// No sample: the epoch with this number, from 0, is over. What follows belongs to the next.
    case endOfEpoch(Int)
}

extension StreamStep: Sendable where Element: Sendable {}

/// A sample before its element is put in. Whatever does not depend on the element's type is done with these, because
/// code for a type that is not known costs several times as much.
@usableFromInline
struct StreamRow {
    @usableFromInline var address: SampleAddress
    /// The row's own name.
    @usableFromInline var name: String?
    /// The tag of the row's source.
    @usableFromInline var tag: UInt64
    /// Where the element is, of a row that was prepared ahead.
    @usableFromInline var elements: AnyObject?
    @usableFromInline var index = 0
}

/// What follows at a place of an order.
@usableFromInline
enum StreamRowStep {
    case sample(StreamRow)
    case endOfEpoch(Int)
}

/// Whether a row becomes a sample.
@usableFromInline
enum RowChoice {
    case take(name: String?)
    case skip
}

/// What follows at a place of a pool.
enum LaneStep {
    case sample(StreamRow, after: StreamPosition.Lane)
    /// A damaged row, which takes the place of a sample but gives none.
    case bad(after: StreamPosition.Lane)
    case endOfEpoch
}

/// What the samples of the pools are taken from.
protocol LaneReader {
    /// What follows in a pool. After the end of an epoch its next one follows.
    mutating func next(lane: Int) throws -> LaneStep
    /// Lets a pool go on at the start of an epoch, wherever it is.
    mutating func restart(lane: Int, at position: StreamPosition.Lane)
}

/// Merges the samples of the pools and keeps the position.
struct Mixture: Sendable {
    private let order: SampleOrder
    /// The place behind the last step that was given.
    private(set) var position: StreamPosition
    /// Pools whose present epoch was seen from its start and has given nothing so far.
    private var isBarren: [Bool]

    init(order: SampleOrder, position: StreamPosition) {
        self.order = order
        self.position = position
        isBarren = order.pools.map { _ in false }
    }

    /// The next sample, or the end of the epoch.
    ///
    /// - Throws: what `reader` throws, and `DataError` when a source that repeats gives no sample in a whole epoch.
    mutating func next(_ reader: inout some LaneReader) throws -> StreamRowStep {
        while true {
            var deficits = position.deficits
            let lane = nextLane(&deficits)
            switch try reader.next(lane: lane) {
            case .sample(let row, let after):
                position.lanes[lane] = after
                position.deficits = deficits
                position.consumed += 1
                if let name = row.name {
                    position.digest.append(name)
                } else {
                    position.digest.append(tag: row.tag, ordinal: row.address.ordinal)
                }
                isBarren[lane] = false
                return .sample(row)
            case .bad(let after):
                position.lanes[lane] = after
                position.deficits = deficits
            case .endOfEpoch:
                if let ended = try endEpoch(of: lane, &reader) { return .endOfEpoch(ended) }
            }
        }
    }

    private func nextLane(_ deficits: inout [Int]) -> Int {
        guard let schedule = order.schedule else { return 0 }
        guard let lane = schedule.next(&deficits, isActive: { !position.lanes[$0].isDone }) else {
            preconditionFailure("a mixture of which no source is active")
        }
        return lane
    }

    /// A pool has come to the end of its epoch.
    ///
    /// - Returns: The number of the epoch of the whole order, when that is over too.
    private mutating func endEpoch(of lane: Int, _ reader: inout some LaneReader) throws(DataError) -> Int? {
        let next = StreamPosition.Lane(epoch: position.lanes[lane].epoch + 1)
        position.lanes[lane] = next
        switch order.settings.mix {
        case .weighted(.repeat):
            if isBarren[lane] {
                throw DataError(
                    .option, file: order.sources[lane].path,
                    message: "not one of its \(order.pools[lane].rowCount) rows can be used",
                    fix: "A mixture that repeats its sources would search it for ever; check `filter` and the rows' "
                        + "format, or leave the source out.")
            }
            isBarren[lane] = true
            return nil
        case .weighted(.drop):
            position.lanes[lane].isDone = true
            position.deficits = position.deficits.map { _ in 0 }
            guard position.lanes.allSatisfy(\.isDone) else { return nil }
            for index in position.lanes.indices { position.lanes[index].isDone = false }
        case .weighted(.stop):
            position.deficits = position.deficits.map { _ in 0 }
            for index in position.lanes.indices where index != lane {
                position.lanes[index] = StreamPosition.Lane(epoch: position.lanes[index].epoch + 1)
                reader.restart(lane: index, at: position.lanes[index])
            }
        case .concat: break
        }
        position.epoch += 1
        return position.epoch - 1
    }
}

/// The samples of an order one after the other, for rows that are in memory already.
///
/// It gives exactly what a `SampleStream` gives whose `prepare` takes and names the same rows.
public struct OrderedSamples: Sendable {
    private let order: SampleOrder
    private var mixture: Mixture
    private var walks: [LaneWalk]

    init(order: SampleOrder, position: StreamPosition) {
        self.order = order
        mixture = Mixture(order: order, position: position)
        walks = zip(order.pools, position.lanes).map { LaneWalk(pool: $0, position: $1) }
    }

    /// The place behind the last sample, or the last end of an epoch, that was given.
    public var position: StreamPosition { mixture.position }

    /// The next sample, or the end of the epoch; then the next epoch follows.
    ///
    /// - Parameter prepare: what the row at an address becomes.
    /// - Throws: what `prepare` throws, and `DataError` when a source that repeats gives no sample in a whole epoch.
    @inlinable
    public mutating func next<Element>(
        _ prepare: (SampleAddress) throws -> Prepared<Element>
    ) throws -> StreamStep<Element> {
        var taken: Element?
        let step = try advance { address in
            guard case .take(let element, let id) = try prepare(address) else { return .skip }
            taken = element
            return .take(name: id)
        }
        switch step {
        case .endOfEpoch(let epoch): return .endOfEpoch(epoch)
        case .sample(let row):
            guard let taken else { preconditionFailure("a sample that was not taken") }
            return .sample(StreamSample(element: taken, row: row))
        }
    }

    @usableFromInline
    mutating func advance(_ choose: (SampleAddress) throws -> RowChoice) throws -> StreamRowStep {
        try withoutActuallyEscaping(choose) { choose in
            var reader = WalkReader(walks: walks, tags: order.tags, choose: choose)
            walks = []
            defer { walks = reader.walks }
            return try mixture.next(&reader)
        }
    }
}

/// Takes the rows of the pools as they come.
private struct WalkReader: LaneReader {
    var walks: [LaneWalk]
    let tags: [UInt64]
    let choose: (SampleAddress) throws -> RowChoice

    mutating func next(lane: Int) throws -> LaneStep {
        while let (address, after) = walks[lane].next() {
            guard case .take(let name) = try choose(address) else { continue }
            return .sample(StreamRow(address: address, name: name, tag: tags[address.source]), after: after)
        }
        return .endOfEpoch
    }

    mutating func restart(lane: Int, at position: StreamPosition.Lane) { walks[lane].position = position }
}

/// The addresses of a pool one after the other.
private struct LaneWalk: Sendable {
    let pool: FramePool
    var position: StreamPosition.Lane
    private var window: SampleWindow?

    init(pool: FramePool, position: StreamPosition.Lane) {
        self.pool = pool
        self.position = position
    }

    /// The next address and the place behind it; `nil` at the end of an epoch, then the next follows.
    mutating func next() -> (SampleAddress, after: StreamPosition.Lane)? {
        while position.window < pool.windowCount {
            let window = window(position.window, epoch: position.epoch)
            guard position.offset < window.count else {
                position = StreamPosition.Lane(epoch: position.epoch, window: position.window + 1)
                continue
            }
            let address = window.address(position.offset)
            position = pool.lane(after: position.offset, in: window)
            return (address, position)
        }
        position = StreamPosition.Lane(epoch: position.epoch + 1)
        return nil
    }

    private mutating func window(_ number: Int, epoch: Int) -> SampleWindow {
        if let window, window.number == number, window.epoch == epoch { return window }
        let made = pool.window(number, epoch: epoch)
        window = made
        return made
    }
}
