import Dispatch
import OrderedCollections
import Synchronization
import TextCore

/// Gives every row of a data set to checks, and collects what they find.
///
/// Checks look at a batch of rows at the same time, each on a thread of its own and row by row in order, so that what is
/// found does not depend on the number of threads.
public struct DataChecker {
    /// A check, used by one thread at a time.
    private final class Lane: Sendable {
        let name: String
        private let check: Mutex<any DataCheck>
        private let used = Mutex<Duration>(.zero)

        init?(_ entry: DataCheckCatalog.Entry, _ settings: DataCheckSettings) {
            guard let check = entry.make(settings) else { return nil }
            name = entry.name
            self.check = Mutex(check)
        }

        func add(_ rows: [CheckedRow]) {
            timed { check.withLock { check in for row in rows { check.add(row) } } }
        }

        func findings() throws -> [Finding] { try timed { try check.withLock { try $0.findings() } } }

        /// Seconds so far.
        var seconds: Double { used.withLock { $0 / .seconds(1) } }

        private func timed<Result>(_ body: () throws -> Result) rethrows -> Result {
            let start = ContinuousClock.now
            defer { used.withLock { $0 += ContinuousClock.now - start } }
            return try body()
        }
    }

    private let lanes: [Lane]
    private let settings: DataCheckSettings
    private let leftOut: OrderedDictionary<String, String>
    private var rowCounts: OrderedDictionary<String, Int> = [:]
    private var malformed: (count: Int, rows: [Finding.Row]) = (0, [])
    private let start = ContinuousClock.now

    /// - Parameters:
    ///   - checks: the checks to run.
    ///   - leftOut: those that are not, and why, for the report.
    public init(
        _ checks: [DataCheckCatalog.Entry], _ settings: DataCheckSettings,
        leftOut: [(name: String, reason: String)] = []
    ) {
        self.settings = settings
        self.leftOut = OrderedDictionary(leftOut.map { ($0.name, $0.reason) }, uniquingKeysWith: { $1 })
        lanes = checks.compactMap { Lane($0, settings) }
    }

    /// Rows looked at so far.
    public var rows: Int { rowCounts.values.reduce(0, +) }

    /// Looks at rows: those of suites first, then those to train on, in the order of their files.
    ///
    /// - Throws: `CancellationError` when the work is to end.
    public mutating func add(_ rows: [CheckedRow]) throws {
        try settings.checkStop()
        for row in rows { rowCounts[row.side.name, default: 0] += 1 }
        let lanes = lanes
        DispatchQueue.concurrentPerform(iterations: lanes.count) { lanes[$0].add(rows) }
    }

    /// Notes a row that cannot be read.
    ///
    /// - Parameter source: `file:line`.
    public mutating func addMalformed(_ source: String, _ message: String) {
        malformed.count += 1
        if malformed.rows.count < Finding.rowLimit {
            malformed.rows.append(Finding.Row(source, excerpt: message.clipped(to: 300)))
        }
    }

    /// What was found.
    ///
    /// - Throws: `CancellationError` when the work is to end.
    public mutating func report() throws -> DataCheckReport {
        var findings: [Finding] = []
        if malformed.count > 0 {
            findings.append(
                Finding(
                    "rows.malformed", .error,
                    "\(grouped(malformed.count)) rows cannot be read (\(percent(malformed.count, of: malformed.count + rows)) of all)",
                    why: "A run ends at the first of them",
                    edit: "Mend or delete these lines, or write `data.on_corrupt: quarantine`", count: malformed.count,
                    rows: malformed.rows))
        }
        for lane in lanes {
            try settings.checkStop()
            findings += try lane.findings()
        }
        var report = DataCheckReport(
            findings: findings, rowCounts: rowCounts, checks: lanes.map(\.name), leftOut: leftOut,
            seconds: (ContinuousClock.now - start) / .seconds(1), peak: ProcessPeak.bytes)
        for lane in lanes { report.checkSeconds[lane.name] = lane.seconds }
        return report
    }
}
