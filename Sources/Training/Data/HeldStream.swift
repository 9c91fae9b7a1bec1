public import ShardIO
public import TextCore

/// Rows that are held in memory, each as the examples it gave.
public struct HeldRows<Example: Sendable>: Sendable {
    /// All examples, in the order in which their rows were added.
    public var examples: [Example] = []
    /// For each source, the number of the first example of each row, and then that of the next.
    private var starts: [[Int]]
    /// For each source the rows' own names, as far as rows have any.
    private var names: [[Int: String]]
    /// For each source the rows that were added without examples.
    private var bare: [Set<Int>]
    /// Rows that have examples.
    public private(set) var rowCount = 0
    /// Rows that were added.
    private(set) var addedCount = 0

    /// No rows of so many sources.
    public init(sources: Int) {
        starts = Array(repeating: [0], count: sources)
        names = Array(repeating: [:], count: sources)
        bare = Array(repeating: [], count: sources)
    }

    /// Adds the next row of a source; rows in between that were not added have no examples.
    ///
    /// - Parameters:
    ///   - examples: what the row gave: none of a row that is left out, which keeps its place in the order.
    ///   - source: the number of the source; sources are added one after the other.
    ///   - ordinal: the row's number in the source.
    ///   - id: the row's own name.
    /// - Precondition: rows are added in rising order.
    public mutating func append(_ new: [Example], source: Int, ordinal: Int, id: String? = nil) {
        precondition(ordinal + 1 >= starts[source].count, "row \(ordinal) of source \(source) comes too late")
        if starts[source].count == 1 { starts[source][0] = examples.count }
        while starts[source].count <= ordinal { starts[source].append(examples.count) }
        examples += new
        starts[source].append(examples.count)
        addedCount += 1
        if let id { names[source][ordinal] = id }
        if new.isEmpty {
            bare[source].insert(ordinal)
        } else {
            rowCount += 1
        }
    }

    /// Where the examples of a row are; `nil` for a row that was not added.
    func range(_ address: SampleAddress) -> Range<Int>? {
        let starts = starts[address.source]
        guard address.ordinal + 1 < starts.count else { return nil }
        let range = starts[address.ordinal]..<starts[address.ordinal + 1]
        return range.isEmpty && !bare[address.source].contains(address.ordinal) ? nil : range
    }

    func name(_ address: SampleAddress) -> String? { names[address.source][address.ordinal] }
}

/// Rows in memory in the order of a run: the order in which the same sources would be streamed.
public struct HeldStream<Example: Sendable>: ExampleStream {
    /// The rows.
    public let rows: HeldRows<Example>
    private let order: SampleOrder
    private var samples: OrderedSamples
    private let acceptsDataChange: Bool

    /// - Parameters:
    ///   - rows: the rows of the order's sources.
    ///   - order: in which order they come.
    ///   - acceptsDataChange: whether a position of other data is gone on from all the same.
    /// - Throws: `DataError` when the order cannot begin.
    public init(_ rows: HeldRows<Example>, order: SampleOrder, acceptsDataChange: Bool = false) throws {
        self.rows = rows
        self.acceptsDataChange = acceptsDataChange
        self.order = order
        samples = try order.samples()
    }

    /// Examples as rows of one source.
    ///
    /// - Parameter shuffleSeed: orders them anew in every pass; `nil` keeps them as they are.
    /// - Precondition: there is at least one.
    public init(_ examples: [Example], shuffleSeed: UInt64?) {
        precondition(!examples.isEmpty, "a stream of no examples")
        var rows = HeldRows<Example>(sources: 1)
        for (index, example) in examples.enumerated() { rows.append([example], source: 0, ordinal: index) }
        // No more frames than are shuffled together, so that the shuffle is uniform.
        let perFrame = (examples.count + 63) / 64
        let counts = stride(from: 0, to: examples.count, by: perFrame).map { min(perFrame, examples.count - $0) }
        let source = SampleOrder.Source(
            path: "memory", identity: "\(examples.count) examples", frames: FrameTable(rowCounts: counts))
        do {
            try self.init(rows, order: SampleOrder(sources: [source], settings: .init(shuffleSeed: shuffleSeed)))
        } catch {
            preconditionFailure("an order of examples in memory cannot fail: \(error)")
        }
    }

    public mutating func next() throws -> [Example]? {
        let rows = rows
        let step = try samples.next { address -> Prepared<Range<Int>> in
            // A row without examples is a row of the stream all the same, as it is where rows are streamed.
            guard let range = rows.range(address) else { return .skip }
            return .take(range, id: rows.name(address))
        }
        guard case .sample(let sample) = step else { return nil }
        return Array(rows.examples[sample.element])
    }

    public var position: JSON { samples.position.json }

    public var passes: Double { Double(samples.position.consumed) / Double(max(1, rows.addedCount)) }

    public mutating func seek(to position: JSON) throws {
        let position = try StreamPosition(json: position)
        samples = try order.samples(from: order.resolve(position, acceptDataChange: acceptsDataChange))
    }
}
