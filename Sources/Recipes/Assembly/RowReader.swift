import Foundation
import ShardIO
import TextCore
import Training

/// A row of the training data as tokens, and on which side of the split it lies.
struct PreparedRow<Encoded: Sendable>: Sendable {
    var encoded: Encoded
    /// The row's own name.
    var id: String?
    var isHeld: Bool
}

/// The sources of a recipe and what happens to each of their rows before it is trained on: filter, split, record,
/// tokens. All of it happens on reading threads.
struct RowReader<Trained: Method>: Sendable {
    let recipe: Recipe
    let method: Trained
    let sources: [any FramedSource]
    /// The run's order of the rows.
    let order: SampleOrder
    /// Which rows are held out.
    let rule: HoldoutRule
    /// How the format of each source was decided.
    let decisions: [String]
    private let decoders: [RecordDecoder]
    private let filters: [RowFilter?]
    /// What happens at damaged rows.
    private let corruption: CorruptionPolicy
    /// Rows that are left out as duplicates or because they give suites away; `nil` where none are looked for.
    let leftOut: LeftOutRows?

    /// - Parameters:
    ///   - sources: what `open` gave.
    ///   - leftOut: rows of these sources that are passed over.
    init(
        _ recipe: Recipe, method: Trained, sources: [any FramedSource], leftOut: LeftOutRows?, quarantineLog: URL
    ) throws {
        self.recipe = recipe
        self.leftOut = leftOut
        let corruption = recipe.corruption(log: quarantineLog)
        self.corruption = corruption
        self.method = method
        let data = recipe.data
        self.sources = sources
        decoders = try zip(data.train, sources).map {
            try RecordDecoder(
                source: corruption == .fail ? $1 : SoundRows(source: $1), format: $0.format,
                columns: $0.columns.mappings)
        }
        decisions = decoders.map(\.decision.sentence)
        filters = try data.train.map { try $0.rowFilter }
        rule = HoldoutRule(
            fraction: data.eval.isEmpty ? data.valFraction : 0, groupBy: data.groupBy, seed: UInt64(recipe.seed))
        order = try Self.order(sources, recipe, shuffled: data.shuffle, mix: data.order)
    }

    /// The sources of a recipe; what their rows are like is not looked at yet.
    static func open(_ recipe: Recipe) throws -> [any FramedSource] {
        try recipe.data.train.map { try DataSourceOpener.open(path: $0.path.absolute) }
    }

    /// What can be promised of each source's bytes.
    var integrity: [String] { sources.map { "\($0.path): \($0.integrity)" } }

    private static func order(
        _ sources: [any FramedSource], _ recipe: Recipe, shuffled: Bool, mix: SampleOrder.Mix
    ) throws -> SampleOrder {
        try SampleOrder(
            sources: zip(sources, recipe.data.train).map {
                SampleOrder.Source($0, weight: $1.weight ?? 1, maxSamples: $1.maxSamples)
            }, settings: .init(shuffleSeed: shuffled ? UInt64(recipe.seed) : nil, mix: mix))
    }

    /// What a row becomes; `nil` for one that is filtered out.
    private func prepared(
        _ frame: DecodedFrame, _ row: Int, _ address: SampleAddress, takes: (_ isHeld: Bool) -> Bool
    ) throws -> Prepared<PreparedRow<Trained.Encoded>> {
        if let leftOut, leftOut.contains(source: address.source, address.ordinal) { return .skip }
        var isHeld = false
        if filters[address.source] != nil || rule.fraction > 0 {
            let raw = try frame.row(row)
            if let filter = filters[address.source], !filter.matches(raw) { return .skip }
            isHeld = try rule.fraction > 0 && rule.holdsOut(raw)
        }
        guard takes(isHeld) else { return .skip }
        let record = try decoders[address.source].record(frame, row)
        let encoded = try method.encode(record)
        return .take(PreparedRow(encoded: encoded, id: record.info.id, isHeld: isHeld), id: record.info.id)
    }

    /// Calls `body` with every row that is not filtered out, in the order of the files.
    ///
    /// - Parameters:
    ///   - heldOnly: gives only the rows that are held out.
    ///   - limit: the most rows to give.
    /// - Returns: How many rows were damaged and passed over.
    @discardableResult
    func forEachRow(
        heldOnly: Bool = false, limit: Int = .max,
        _ body: (PreparedRow<Trained.Encoded>, SampleAddress) throws -> Void
    ) throws -> Int {
        let order = try Self.order(sources, recipe, shuffled: false, mix: .concat)
        let stream = try SampleStream(sources: sources, order: order, corruption: corruption) {
            try prepared($0, $1, $2) { !heldOnly || $0 }
        }
        var count = 0
        while count < limit, case .sample(let sample) = try stream.next() {
            try body(sample.element, sample.address)
            count += 1
        }
        stream.cancel()
        return stream.quarantinedRows
    }

    /// The rows to train on in the run's order, from a place on.
    func stream(
        from position: StreamPosition? = nil, acceptsDataChange: Bool = false
    ) throws -> SampleStream<PreparedRow<Trained.Encoded>> {
        try SampleStream(
            sources: sources, order: order, from: position, acceptDataChange: acceptsDataChange, threads: 1,
            corruption: corruption
        ) {
            try prepared($0, $1, $2) { !$0 }
        }
    }

    /// The rows of `data.eval`.
    func evaluationRows(_ report: inout DataReport, stop: StopSignal) throws -> [Trained.Example] {
        var held: [Trained.Example] = []
        for settings in recipe.data.eval {
            let rows = try SourceRows(settings)
            report.formats.append(rows.decoder.decision.sentence)
            try rows.forEach { _, record in
                if stop.isRequested { throw CancellationError() }
                held += try method.examples(try method.encode(record), &report)
            }
        }
        return held
    }
}

/// Rows that are read while training.
final class StreamedRows<Trained: Method>: ExampleStream {
    private let reader: RowReader<Trained>
    private var rows: SampleStream<PreparedRow<Trained.Encoded>>
    private let acceptsDataChange: Bool
    private let stop: StopSignal
    /// What was found since the start, to be said at the end.
    private var report: DataReport

    init(_ reader: RowReader<Trained>, report: DataReport, acceptsDataChange: Bool, stop: StopSignal) throws {
        self.reader = reader
        self.stop = stop
        self.acceptsDataChange = acceptsDataChange
        self.report = report.emptied
        rows = try reader.stream()
    }

    func next() throws -> [Trained.Example]? {
        if stop.isRequested { throw CancellationError() }
        guard case .sample(let sample) = try rows.next() else { return nil }
        let before = report.overlong.count
        let examples = try reader.method.examples(sample.element.encoded, &report)
        if report.overlong.count > before, reader.recipe.sequence.onOverflow == .error {
            throw EncodingError(
                source: report.lastSource,
                message:
                    "this row has more than \(reader.recipe.sequence.maxLength) tokens, and sequence.on_overflow is "
                    + "error. Rows are streamed, so it was not seen before; choose sequence.on_overflow, or a larger "
                    + "max_length.")
        }
        return examples
    }

    /// What was found in the rows that were read while training.
    var remarks: [String] {
        var all = report
        all.damaged = rows.quarantinedRows
        return all.remarks(reader.recipe.sequence)
    }

    var position: JSON { rows.position.json }

    var passes: Double { Double(rows.position.consumed) / Double(max(1, reader.order.rowCount)) }

    func seek(to position: JSON) throws {
        rows.cancel()
        rows = try reader.stream(from: StreamPosition(json: position), acceptsDataChange: acceptsDataChange)
    }
}

extension Recipe {
    /// What happens at damaged rows.
    fileprivate func corruption(log: URL) -> CorruptionPolicy {
        switch data.onCorrupt {
        case .fail: .fail
        case .quarantine:
            .quarantine(
                log: log.path, maxBadFraction: data.maxBad ?? 0.001)
        }
    }
}

extension Recipe {
    /// Where damaged rows are listed.
    var quarantineLog: URL { outputFolder.url.appendingPathComponent("quarantine.jsonl") }
}

extension DataSettings {
    /// How the sources are put together.
    fileprivate var order: SampleOrder.Mix {
        switch mix {
        case .concat: .concat
        case .weighted:
            switch exhausted ?? .repeat {
            case .repeat: .weighted(.repeat)
            case .stop: .weighted(.stop)
            case .drop: .weighted(.drop)
            }
        }
    }
}
