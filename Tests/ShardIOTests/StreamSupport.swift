import Foundation
import ShardIO
import Synchronization
import TextCore

/// Rows that name themselves: `{"id": "a-0", "n": 0}`.
func namedRows(_ count: Int, prefix: String = "row") -> [JSON] {
    (0..<count).map { ["id": .string("\(prefix)-\($0)"), "n": .integer($0)] }
}

/// A source of named rows.
func namedSource(
    _ count: Int, perFrame: Int, path: String = "row", hasRandomAccess: Bool = true
) -> InMemorySource {
    InMemorySource(
        path: path, rows: namedRows(count, prefix: path), rowsPerFrame: perFrame, hasRandomAccess: hasRandomAccess)
}

/// An order of `sources`, by weights or laid end to end.
func order(
    _ sources: [any FramedSource], seed: UInt64? = 7, window: Int = 64, mix: SampleOrder.Mix = .concat,
    weights: [Double]? = nil, maxSamples: [Int?]? = nil
) throws -> SampleOrder {
    let described = sources.enumerated().map { index, source in
        SampleOrder.Source(
            source, weight: weights?[index] ?? 1, maxSamples: maxSamples.flatMap { $0[index] })
    }
    return try SampleOrder(
        sources: described, settings: SampleOrder.Settings(shuffleSeed: seed, windowFrames: window, mix: mix))
}

/// What a stream or an order gave, in a form that can be compared.
enum Given: Hashable {
    case sample(SampleAddress, id: String)
    case endOfEpoch(Int)

    init<Element>(_ step: StreamStep<Element>) {
        self =
            switch step {
            case .sample(let sample): .sample(sample.address, id: sample.id)
            case .endOfEpoch(let epoch): .endOfEpoch(epoch)
            }
    }

    var address: SampleAddress? { if case .sample(let address, _) = self { address } else { nil } }
}

extension SampleOrder {
    /// The samples of the first `epochs` epochs, named as `namedRows` names them, with the position behind each step.
    func walk(
        from position: StreamPosition? = nil, epochs: Int = .max, steps: Int = .max
    ) throws -> (steps: [Given], positions: [StreamPosition]) {
        var samples = try samples(from: position)
        var given: [Given] = []
        var positions = [samples.position]
        var ended = 0
        while ended < epochs, given.count < steps {
            let step = try samples.next { .take((), id: "\(sources[$0.source].path)-\($0.ordinal)") }
            if case .endOfEpoch = step { ended += 1 }
            given.append(Given(step))
            positions.append(samples.position)
        }
        return (given, positions)
    }
}

/// A row's `id` as the sample's name, after checking that the row is the one at the address.
@Sendable func takeNamed(_ frame: DecodedFrame, _ row: Int, _ address: SampleAddress) throws -> Prepared<Int> {
    let fields = try frame.row(row).fields
    guard let number = fields["n"]?.int, number == address.ordinal else {
        throw DataError(.field, file: "test", message: "row \(address) is \(fields.text())", fix: "")
    }
    return .take(number, id: fields["id"]?.string)
}

extension SampleStream {
    /// The next `count` steps, or those until `epochs` epochs have ended.
    func steps(_ count: Int = .max, epochs: Int = .max) throws -> [Given] {
        var given: [Given] = []
        var ended = 0
        while given.count < count, ended < epochs {
            given.append(Given(try next()))
            if given[given.count - 1].address == nil { ended += 1 }
        }
        return given
    }
}

extension StreamPosition {
    /// Through the text of a checkpoint.
    func reread() throws -> StreamPosition { try StreamPosition(json: try JSON(parsing: json.text(.pretty))) }
}

/// A source of which some frames are damaged, and which notes what it is asked for.
final class WatchedSource: FramedSource {
    private let base: any FramedSource
    private let damaged: Set<Int>
    private let asked = Mutex<[Int]>([])

    init(_ base: any FramedSource, damaged: Set<Int> = []) {
        self.base = base
        self.damaged = damaged
    }

    /// The frames in the order in which they were asked for.
    var frameNumbers: [Int] { asked.withLock { $0 } }

    var path: String { base.path }
    var integrity: String { base.integrity }
    var identity: String { base.identity }
    var frames: FrameTable { base.frames }
    var hasRandomAccess: Bool { base.hasRandomAccess }

    func rows(from position: RowPosition) throws(DataError) -> any RowStream { try base.rows(from: position) }

    func frame(_ index: Int) throws(DataError) -> DecodedFrame {
        asked.withLock { $0.append(index) }
        if damaged.contains(index) {
            throw DataError(
                .damaged, file: "\(path)-00000", byteOffset: index * 1000, message: "frame \(index) fails its checksum",
                fix: "Restore it.")
        }
        return try base.frame(index)
    }
}
