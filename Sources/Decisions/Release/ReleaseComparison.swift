import Statistics
import TextCore

/// What came of comparing a candidate with a control by their logs.
public struct ReleaseComparison: Sendable {
    /// A line that is no row.
    public struct BadLine: Sendable, Hashable {
        /// The file.
        public let path: String
        /// Its line, from 1.
        public let line: Int
        /// What is wrong with it.
        public let message: String
    }

    /// What was followed, and the decision.
    public internal(set) var monitor: ReleaseMonitor
    /// The files.
    public let paths: [String]
    /// Lines that were read, blank ones aside.
    public internal(set) var lines = 0
    /// Lines that are no rows.
    public internal(set) var badLines = 0
    /// The first of them.
    public internal(set) var firstBadLines: [BadLine] = []
    /// Rows of other arms than the two, by arm.
    public internal(set) var otherArms: [String: Int] = [:]
    /// Requests that only the control's log has, and only the candidate's, for paired logs.
    public internal(set) var onlyControl = 0, onlyCandidate = 0

    /// Lines that are told one by one.
    private static let told = 20

    /// Compares two logs of the same requests, paired by their names.
    ///
    /// - Parameters:
    ///   - control: the log of the model in use.
    ///   - candidate: the log of the model in its shadow.
    ///   - rules: what must hold.
    ///   - columns: what the columns are called.
    ///   - progress: told the lines so far, now and then.
    /// - Throws: `ReleaseLogError` if a log cannot be read, too many of its lines are malformed, or the rows lack what a
    ///   rule needs.
    public static func shadow(
        control: String, candidate: String, rules: ReleaseRules, columns: ReleaseColumns = ReleaseColumns(),
        progress: (Int) -> Void = { _ in }
    ) throws(ReleaseLogError) -> ReleaseComparison {
        var comparison = try ReleaseComparison([control, candidate], rules, isPaired: true)
        let logs = (try LogLines(control), try LogLines(candidate))
        var pairing = RequestPairing()
        var (controlEnds, candidateEnds) = (false, false)
        while !controlEnds || !candidateEnds {
            if !controlEnds { controlEnds = try !comparison.take(from: logs.0, &pairing, isCandidate: false, columns) }
            if !candidateEnds {
                candidateEnds = try !comparison.take(from: logs.1, &pairing, isCandidate: true, columns)
            }
            if comparison.lines % 10_000 < 2 { progress(comparison.lines) }
        }
        (comparison.onlyControl, comparison.onlyCandidate) = pairing.alone
        try comparison.finish(columns)
        return comparison
    }

    /// Compares the requests of split traffic in one log, told apart by their arm.
    ///
    /// - Parameters:
    ///   - log: the log.
    ///   - control: the arm of the model in use.
    ///   - candidate: the arm of the model on trial.
    /// - Throws: `ReleaseLogError` as `shadow` does, and if an arm has no rows.
    public static func canary(
        log: String, control: String = "control", candidate: String = "candidate", rules: ReleaseRules,
        columns: ReleaseColumns = ReleaseColumns(), progress: (Int) -> Void = { _ in }
    ) throws(ReleaseLogError) -> ReleaseComparison {
        var comparison = try ReleaseComparison([log], rules, isPaired: false)
        let lines = try LogLines(log)
        while true {
            let (isLine, row) = try comparison.row(of: lines, columns)
            guard isLine else { break }
            if comparison.lines % 10_000 == 0 { progress(comparison.lines) }
            guard let row else { continue }
            switch row.arm {
            case control: comparison.monitor.add(row, isCandidate: false)
            case candidate: comparison.monitor.add(row, isCandidate: true)
            case nil: comparison.report(lines, "no \(columns.name("arm")), so nobody knows which model answered")
            case let other?:
                let name = other.clipped(to: 40)
                if comparison.otherArms[name] != nil || comparison.otherArms.count < 100 {
                    comparison.otherArms[name, default: 0] += 1
                }
            }
        }
        try comparison.finish(columns)
        try comparison.checkArms(control, candidate)
        return comparison
    }

    /// Compares the requests of split traffic in two logs.
    ///
    /// Rows are taken by their time where both logs have one, which is the order in which a canary is watched; otherwise
    /// `ratio` rows of the control for each of the candidate.
    public static func canary(
        control: String, candidate: String, ratio: Int = 1, rules: ReleaseRules,
        columns: ReleaseColumns = ReleaseColumns(), progress: (Int) -> Void = { _ in }
    ) throws(ReleaseLogError) -> ReleaseComparison {
        var comparison = try ReleaseComparison([control, candidate], rules, isPaired: false)
        let logs = [try LogLines(control), try LogLines(candidate)]
        var heads = [try comparison.goodRow(of: logs[0], columns), try comparison.goodRow(of: logs[1], columns)]
        var turn = 0
        while heads[0] != nil || heads[1] != nil {
            let side: Int
            switch (heads[0], heads[1]) {
            case (nil, _): side = 1
            case (_, nil): side = 0
            case (let first?, let second?):
                if let before = first.time, let after = second.time {
                    side = after < before ? 1 : 0
                } else {
                    side = turn < max(1, ratio) ? 0 : 1
                    turn = (turn + 1) % (max(1, ratio) + 1)
                }
            }
            if let row = heads[side] { comparison.monitor.add(row, isCandidate: side == 1) }
            heads[side] = try comparison.goodRow(of: logs[side], columns)
            if comparison.lines % 10_000 == 0 { progress(comparison.lines) }
        }
        try comparison.finish(columns)
        try comparison.checkArms(control, candidate)
        return comparison
    }

    private init(_ paths: [String], _ rules: ReleaseRules, isPaired: Bool) throws(ReleaseLogError) {
        if let problem = rules.problem { throw ReleaseLogError(kind: .malformed, message: problem) }
        self.paths = paths
        monitor = ReleaseMonitor(rules: rules, isPaired: isPaired)
        guard !monitor.tests.isEmpty else {
            throw ReleaseLogError(
                kind: .malformed, message: "there is nothing to decide by: compare scores, or set a limit")
        }
    }

    /// Reads a line; the row is `nil` where it is none, which has been reported then.
    private mutating func row(
        of log: LogLines, _ columns: ReleaseColumns
    ) throws(ReleaseLogError) -> (isLine: Bool, ReleaseRow?) {
        var result: Result<ReleaseRow, ReleaseRow.Problem>?
        let range = monitor.rules.scoreRange
        let isLine = try log.next { line in
            result = Result { () throws(ReleaseRow.Problem) in try ReleaseRow(line, columns, range) }
        }
        guard isLine, let result else { return (false, nil) }
        lines += 1
        switch result {
        case .success(let row): return (true, row)
        case .failure(let problem):
            report(log, problem.message)
            return (true, nil)
        }
    }

    private mutating func goodRow(
        of log: LogLines, _ columns: ReleaseColumns
    ) throws(ReleaseLogError) -> ReleaseRow? {
        while true {
            let (isLine, row) = try row(of: log, columns)
            if row != nil || !isLine { return row }
        }
    }

    private mutating func report(_ log: LogLines, _ message: String) {
        badLines += 1
        guard firstBadLines.count < Self.told else { return }
        firstBadLines.append(BadLine(path: log.path, line: log.number, message: message))
    }

    /// Reads a row of a paired log.
    private mutating func take(
        from log: LogLines, _ pairing: inout RequestPairing, isCandidate: Bool, _ columns: ReleaseColumns
    ) throws(ReleaseLogError) -> Bool {
        let (isLine, row) = try row(of: log, columns)
        guard let row else { return isLine }
        guard let id = row.id else {
            report(log, "no \(columns.name("id")), so its partner cannot be found")
            return true
        }
        switch pairing.add(id, row, isCandidate: isCandidate) {
        case .waits: break
        case .repeated: report(log, "\(columns.name("id")) \(id.clipped(to: 40)) is there for the second time")
        case .met(let other):
            monitor.add(candidate: isCandidate ? row : other, control: isCandidate ? other : row)
        case .tooMany:
            throw ReleaseLogError(
                kind: .malformed,
                message:
                    "\(RequestPairing.limit) requests of one log wait for their partner in the other: sort both logs by "
                    + "\(columns.name("id")) or by time")
        }
        return true
    }

    private func checkArms(_ control: String, _ candidate: String) throws(ReleaseLogError) {
        for (summary, name, option) in [
            (monitor.control, control, "--control"), (monitor.candidate, candidate, "--candidate"),
        ] where summary.requests == 0 {
            let seen = otherArms.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(10).map(\.key)
            throw ReleaseLogError(
                kind: .malformed,
                message: "no row is of arm \(name); "
                    + (seen.isEmpty
                        ? "the log is empty" : "the arms are \(seen.joined(separator: ", ")): name it with \(option)"))
        }
    }

    /// Whether there is enough to decide on.
    private func finish(_ columns: ReleaseColumns) throws(ReleaseLogError) {
        if Double(badLines) > monitor.rules.maxBadLines * Double(lines), let first = firstBadLines.first {
            throw ReleaseLogError(
                kind: .malformed,
                message:
                    "\(badLines) of \(lines) lines are no rows, and \((monitor.rules.maxBadLines * 100).figure) % may be: "
                    + firstBadLines.prefix(5).map { "\($0.path):\($0.line): \($0.message)" }.joined(separator: "; ")
                    + (badLines > 5 ? "; …" : "") + ". Mend \(first.path), or allow more with --max-bad-lines")
        }
        if monitor.isPaired, monitor.candidate.requests == 0 {
            throw ReleaseLogError(
                kind: .malformed,
                message: "no request is in both logs (\(onlyControl) only in \(paths[0]), \(onlyCandidate) only in "
                    + "\(paths.last ?? "")); they are paired by \(columns.name("id")), which --column id=NAME changes")
        }
        for test in monitor.tests where test.sequence.count == 0 && lines > badLines {
            let needed: String? =
                switch test.subject {
                case .quality:
                    "\(columns.name("score")), \(columns.name("passed")), or \(columns.name("label")) with \(columns.name("expected")); "
                        + "name them with --column score=NAME, or compare no scores with --limits-only"
                case .latency: "\(columns.name("latency_ms")); name it with --column latency_ms=NAME"
                case .cost: "\(columns.name("cost")); name it with --column cost=NAME"
                case .agreement: "\(columns.name("label")) in both logs; name it with --column label=NAME"
                case .errorRate, .errorRise: nil
                }
            guard let needed, monitor.candidate.requests > 0, monitor.control.requests > 0 else { continue }
            throw ReleaseLogError(kind: .malformed, message: "for the \(test.title) no rows have \(needed)")
        }
    }
}

extension ReleaseRow.TimeKey {
    /// Numbers before texts; texts by their bytes, as ISO 8601 sorts.
    static func < (first: Self, second: Self) -> Bool {
        switch (first, second) {
        case (.number(let a), .number(let b)): a < b
        case (.text(let a), .text(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.number, .text): true
        case (.text, .number): false
        }
    }
}

/// Finds the two rows of a request in two logs.
struct RequestPairing {
    /// Rows of one log that wait at most.
    static let limit = 2 << 20

    enum Outcome {
        case waits
        case met(ReleaseRow)
        case repeated
        case tooMany
    }

    private var waiting: [[String: ReleaseRow]] = [[:], [:]]
    /// Hashes of the requests that met: at a thousand million requests two may share one, and one row is reported wrongly.
    private var met: Set<UInt64> = []

    /// Rows without a partner: of the control, of the candidate.
    var alone: (Int, Int) { (waiting[0].count, waiting[1].count) }

    mutating func add(_ id: String, _ row: ReleaseRow, isCandidate: Bool) -> Outcome {
        let (own, other) = isCandidate ? (1, 0) : (0, 1)
        if let partner = waiting[other].removeValue(forKey: id) {
            met.insert(id.stableHash)
            return .met(partner)
        }
        guard waiting[own][id] == nil, met.isEmpty || !met.contains(id.stableHash) else { return .repeated }
        guard waiting[own].count < Self.limit else { return .tooMany }
        waiting[own][id] = row
        return .waits
    }
}
