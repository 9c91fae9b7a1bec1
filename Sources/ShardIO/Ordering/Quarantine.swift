import Foundation
import TextCore

/// What to do about damaged data.
public enum CorruptionPolicy: Sendable, Hashable {
    /// Stop at the first damaged frame or row.
    case fail
    /// Pass over damaged frames, and damaged rows of sound frames, and write each once to the file `log`, a JSON object
    /// a line. All other samples keep their order.
    ///
    /// Stop when more than `maxBadFraction` of all rows, in [0, 1], are damaged. Lines that the log has already count,
    /// since a resumed run goes on with the log it began.
    case quarantine(log: String, maxBadFraction: Double = 0.001)
}

/// The rows that were passed over, and the log of them.
struct Quarantine {
    /// Damaged rows, each counted once.
    private(set) var rows = 0
    private let log: String
    private let maxBadFraction: Double
    private let rowCount: Int
    private var lines: Set<String> = []

    /// - Throws: `DataError` when there is a log that cannot be read.
    init?(_ policy: CorruptionPolicy, rowCount: Int) throws(DataError) {
        guard case .quarantine(let log, let maxBadFraction) = policy else { return nil }
        self.log = log
        self.maxBadFraction = maxBadFraction
        self.rowCount = rowCount
        guard FileManager.default.fileExists(atPath: log) else { return }
        guard let data = FileManager.default.contents(atPath: log),
            let text = String(validating: data, as: UTF8.self)
        else {
            throw DataError(
                .unreadable, file: log, message: "the quarantine's log cannot be read",
                fix: "Move it away or choose another place for it.")
        }
        for line in text.split(separator: "\n") {
            let ordinals = (try? JSON(parsing: String(line)))?["ordinals"]?.array?.compactMap(\.int) ?? []
            guard ordinals.count == 2, 0 <= ordinals[0], ordinals[0] <= ordinals[1], ordinals[1] < 1 << 50 else {
                throw DataError(
                    .syntax, file: log, message: "this is not the log of a quarantine",
                    fix: "Move it away or choose another place for the log.")
            }
            if lines.insert(String(line)).inserted { rows += ordinals[1] - ordinals[0] + 1 }
        }
    }

    /// Notes damaged rows, unless they are known.
    ///
    /// - Throws: `DataError` when there are now too many, or the log cannot be written.
    mutating func add(source: String, frame: Int, ordinals: Range<Int>, error: DataError) throws(DataError) {
        let reason = error.jsonPath.map { "\(error.message) at \($0)" } ?? error.message
        let entry: JSON = [
            "file": .string(error.file.isEmpty ? source : error.file), "frame": .integer(frame),
            "offset": error.byteOffset.map { .integer($0) } ?? .null,
            "ordinals": [.integer(ordinals.lowerBound), .integer(ordinals.upperBound - 1)],
            "reason": .string(reason),
        ]
        let line = entry.text()
        guard lines.insert(line).inserted else { return }
        rows += ordinals.count
        try append(line + "\n")
        guard Double(rows) <= maxBadFraction * Double(rowCount) else {
            throw DataError(
                .limit, file: source,
                message: "\(rows) of \(rowCount) rows are damaged, more than the share of \(maxBadFraction) "
                    + "that is allowed; the last: \(reason)",
                fix: "'\(log)' lists them. Repair the data, or allow a larger share.")
        }
    }

    private func append(_ line: String) throws(DataError) {
        do {
            if !FileManager.default.fileExists(atPath: log) {
                try Data().write(to: URL(fileURLWithPath: log), options: .withoutOverwriting)
            }
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
            defer { try? handle.close() }
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(line.utf8))
        } catch {
            throw DataError(
                .unwritable, file: log, message: "the quarantine's log cannot be written: \(error)",
                fix: "Choose a place for it that can be written to.")
        }
    }
}
