/// The samples of an order, read and prepared ahead on other threads and delivered strictly in order.
///
/// What is delivered does not depend on the number of threads. An error comes at its place in the order. In memory are,
/// for each pool (all sources are one pool, or each source is one in a weighted mixture), the frames of at most two
/// windows and at most 2n + 3 chunks of 64 prepared rows, with n threads. A stream belongs to one consumer; when it
/// goes away its threads end.
public final class SampleStream<Element: Sendable> {
    /// What a row becomes, on some thread: parsing, filters and tokenising belong here.
    public typealias Prepare = @Sendable (DecodedFrame, _ row: Int, SampleAddress) throws -> Prepared<Element>

    @usableFromInline let core: StreamCore

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
    @inlinable
    public init(
        sources: [any FramedSource], order: SampleOrder, from position: StreamPosition? = nil,
        acceptDataChange: Bool = false, threads: Int = 2, corruption: CorruptionPolicy = .fail,
        prepare: @escaping Prepare
    ) throws(DataError) {
        core = try StreamCore(
            sources: sources, order: order, position: position, acceptDataChange: acceptDataChange, threads: threads,
            corruption: corruption
        ) { rows in
            let elements = ChunkElements<Element>(capacity: rows.count)
            rows.prepareEach { frame, row, address in
                guard case .take(let element, let id) = try prepare(frame, row, address) else { return .skip }
                elements.values.append(element)
                return .take(name: id)
            }
            return elements
        }
    }

    /// Damaged rows that were passed over so far.
    public var quarantinedRows: Int { core.quarantinedRows }

    /// The place behind the last sample, or the last end of an epoch, that was delivered. A stream that starts there
    /// delivers exactly what this one would go on with.
    public var position: StreamPosition { core.mixture.position }

    /// The next sample, or the end of the epoch; then the next epoch follows.
    ///
    /// - Throws: `DataError` for a damaged frame or row that is not put in quarantine, what `prepare` threw for this
    ///   row, or `CancellationError` after `cancel()`. After an error every call throws it again.
    @inlinable
    public func next() throws -> StreamStep<Element> {
        switch try core.next() {
        case .endOfEpoch(let epoch): return .endOfEpoch(epoch)
        case .sample(let row):
            guard let elements = row.elements else { preconditionFailure("a sample without an element") }
            // What `prepare` returned in `init`.
            let values = unsafeDowncast(elements, to: ChunkElements<Element>.self).values
            return .sample(StreamSample(element: values[row.index], row: row))
        }
    }

    /// Ends the threads, and returns when they have ended.
    public func cancel() { core.engine.cancel(waits: true) }
}
