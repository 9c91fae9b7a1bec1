import ShardIO
import TextCore

/// A file of rows read for drift: what was asked, and the class of each row where there is one.
public struct DriftFile: Sendable {
    /// Which columns hold what.
    public struct Columns: Sendable, Hashable {
        /// The column of the text; `nil` to find it by the file's format.
        public var text: String?
        /// The column of the class; `nil` for the answer, where it is short.
        public var label: String?

        /// Columns by name; a member of an object is `request.prompt`.
        public init(text: String? = nil, label: String? = nil) {
            self.text = text
            self.label = label
        }
    }

    /// The rows that were kept.
    public let sample: DriftSample
    /// Rows that cannot be read.
    public let malformed: Int
    /// The first of them, with what is wrong.
    public let malformedRows: [Finding.Row]

    /// Bytes of the longest answer that may be a class.
    private static let labelLimit = 200
    /// Share of the rows from which on a file with malformed ones is refused.
    public static let malformedLimit = 0.05

    private enum Outcome: Sendable {
        case row(DriftSample.Row)
        case malformed(Finding.Row)
    }

    /// Reads a file once, in bounded memory.
    ///
    /// - Parameters:
    ///   - path: a data file or folder of shards.
    ///   - columns: which columns hold what.
    ///   - seed: what the choice of rows is keyed by.
    ///   - progress: told how many rows were read, and how many there are.
    /// - Throws: `DataError` for a file that cannot be read, `DataCheckError` when the columns are not found or too many
    ///   rows are malformed, `CancellationError` when `progress` throws it.
    public init(
        path: String, columns: Columns = Columns(), seed: UInt64 = 42,
        progress: (_ done: Int, _ all: Int) throws -> Void = { _, _ in }
    ) throws {
        let source = try DataSourceOpener.open(path: path)
        let reader = try RowText(source, columns)
        var sample = DriftSample(seed: seed)
        var malformed = RowCollector(limit: 100)
        let order = try SampleOrder(sources: [SampleOrder.Source(source)])
        let stream = try SampleStream(sources: [source], order: order, threads: 2, corruption: .fail) { frame, row, _ in
            do { return .take(Outcome.row(try reader.row(try frame.row(row)))) } catch {
                let place = frame.provenance(of: row)
                let message = (error as? DataError).map { "\($0.message). \($0.fix)" } ?? "\(error)"
                return .take(.malformed(Finding.Row("\(place.file):\(place.line)", excerpt: message.clipped(to: 300))))
            }
        }
        defer { stream.cancel() }
        var done = 0
        while case .sample(let next) = try stream.next() {
            switch next.element {
            case .row(let row): sample.add(row)
            case .malformed(let row): malformed.add(row)
            }
            done += 1
            if done & 4095 == 0 { try progress(done, source.frames.rowCount) }
        }
        if malformed.count > 0, Double(malformed.count) > Self.malformedLimit * Double(done) {
            let first = malformed.rows[0]
            throw DataCheckError(
                "\(path): \(grouped(malformed.count)) of \(grouped(done)) rows cannot be read, so the others would not stand "
                    + "for the file. The first: \(first.source): \(first.excerpt)")
        }
        self.sample = sample
        self.malformed = malformed.count
        malformedRows = malformed.rows
    }

    /// Takes text and class out of rows.
    private struct RowText: Sendable {
        private let text: ColumnPath?
        private let label: ColumnPath?
        private let decoder: RecordDecoder?

        init(_ source: any FramedSource, _ columns: Columns) throws {
            text = columns.text.map(ColumnPath.init)
            label = columns.label.map(ColumnPath.init)
            guard text == nil else {
                decoder = nil
                return
            }
            do throws(DataError) { decoder = try RecordDecoder(source: source) } catch {
                guard error.kind == .field || error.kind == .option else { throw error }
                throw DataCheckError(
                    "\(source.path): where the text stands is not clear (\(error.message)). Name its column: --text question"
                )
            }
        }

        func row(_ raw: RawRow) throws -> DriftSample.Row {
            let source = "\(raw.provenance.file):\(raw.provenance.line)"
            let written = try label.map { try value($0, raw, "--label") }
            if let text {
                return DriftSample.Row(
                    source: source, text: Self.text(try value(text, raw, "--text")), label: written.map(Self.label))
            }
            guard let decoder else { preconditionFailure("a row has neither a column nor a format") }
            let row = CheckedRow(.train, raw, try decoder.record(raw))
            let answer = row.rejected == nil ? row.answer : nil
            return DriftSample.Row(
                source: source, text: row.prompt,
                label: written.map(Self.label) ?? answer.flatMap { $0.utf8.count <= labelLimit ? $0 : nil })
        }

        private func value(_ column: ColumnPath, _ raw: RawRow, _ option: String) throws(DataCheckError) -> JSON {
            if let value = column.value(in: raw.fields), !value.isNull { return value }
            throw DataCheckError(
                "the row has no column '\(column.name)'"
                    + (column.nearest(in: raw.fields).map { ". Did you mean `\(option) \($0)`?" } ?? ""))
        }

        private static func label(_ value: JSON) -> String { value.string ?? value.text() }

        /// A text, or what the user says in a list of messages.
        private static func text(_ value: JSON) -> String {
            if let text = value.string { return text }
            guard let messages = value.array else { return value.text() }
            let asked = messages.filter { ($0["role"]?.string ?? "user") == "user" }
            let texts = asked.compactMap { $0["content"]?.string ?? $0.string }
            return texts.isEmpty ? value.text() : texts.joined(separator: "\n")
        }
    }
}
