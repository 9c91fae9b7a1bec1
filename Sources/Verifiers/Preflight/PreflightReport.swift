import OrderedCollections
public import TextCore

/// Something that trying the rewards before a run brought to light.
public struct PreflightFinding: Sendable, Hashable {
    /// How bad it is.
    public enum Severity: String, Sendable, Hashable, CaseIterable, Comparable {
        /// Good to know.
        case note
        /// The run will be worse for it.
        case warning
        /// The run would learn the wrong thing, or nothing.
        case error

        public static func < (first: Severity, second: Severity) -> Bool { first.rank < second.rank }
        private var rank: Int { self == .note ? 0 : self == .warning ? 1 : 2 }
    }

    public var severity: Severity
    /// The check that found it.
    public var check: PreflightCheck.Name
    /// What is the matter, and why it matters.
    public var message: String
    /// Places of the first rows concerned.
    public var rows: [String]
    /// Rows concerned.
    public var rowCount: Int
    /// The edit that mends it; empty where there is none.
    public var fix: String

    /// Rows that are named in a report at most.
    static let shownRows = 8

    init(_ severity: Severity, _ check: PreflightCheck.Name, _ message: String, rows: [String] = [], fix: String = "") {
        self.severity = severity
        self.check = check
        self.message = message
        self.rows = Array(rows.prefix(Self.shownRows))
        rowCount = rows.count
        self.fix = fix
    }
}

/// One thing that was tried, and how it went.
public struct PreflightCheck: Sendable, Hashable {
    /// What was tried.
    public enum Name: String, Sendable, Hashable, CaseIterable {
        case references
        case rightAnswers = "right answers"
        case cheats
        case otherRows = "other rows' answers"
        case repetition = "scoring twice"
        case time
        case policy
    }

    public var name: Name
    /// How it went, in a line.
    public var result: String
}

/// What trying the rewards before a run brought to light.
public struct PreflightReport: Sendable, Hashable {
    /// Rows that were tried.
    public internal(set) var rows = 0
    /// What was tried, in order.
    public internal(set) var checks: [PreflightCheck] = []
    /// What is the matter, the worst first.
    public internal(set) var findings: [PreflightFinding] = []
    /// What the policy may be expected to do; `nil` where it was not asked.
    public internal(set) var forecast: PolicyForecast?

    /// Whether nothing was found that spoils a run.
    public var isSound: Bool { !findings.contains { $0.severity == .error } }

    mutating func add(_ check: PreflightCheck.Name, _ result: String) {
        checks.append(PreflightCheck(name: check, result: result))
    }

    mutating func find(
        _ severity: PreflightFinding.Severity, _ check: PreflightCheck.Name, _ message: String, rows: [String] = [],
        fix: String = ""
    ) {
        findings.append(PreflightFinding(severity, check, message, rows: rows, fix: fix))
    }

    /// Brings the findings into the order of their weight; equal ones stay as they are.
    mutating func sortFindings() {
        findings = findings.enumerated().sorted {
            $0.element.severity != $1.element.severity
                ? $0.element.severity > $1.element.severity : $0.offset < $1.offset
        }.map(\.element)
    }

    /// The report for people.
    public var text: String {
        let width = PreflightCheck.Name.allCases.map(\.rawValue.count).max() ?? 0
        var lines = checks.map { check in
            let worst = findings.filter { $0.check == check.name }.map(\.severity).max() ?? .note
            let mark = worst == .error ? "FAIL" : worst == .warning ? "warn" : "ok  "
            let name = check.name.rawValue
            return "\(mark)  \(name)\(String(repeating: " ", count: width - name.count))  \(check.result)"
        }
        for finding in findings {
            lines.append("")
            lines.append("\(finding.severity.rawValue): \(finding.message)")
            if !finding.rows.isEmpty {
                let more = finding.rowCount - finding.rows.count
                lines.append("  rows: \(finding.rows.joined(separator: ", "))" + (more > 0 ? " and \(more) more" : ""))
            }
            if !finding.fix.isEmpty { lines.append("  \(finding.fix)") }
        }
        if let forecast { lines += ["", forecast.text] }
        lines.append("")
        lines.append(
            isSound ? "The rewards are sound as far as this can tell." : "The rewards are not ready for a run.")
        return lines.joined(separator: "\n")
    }

    /// The report for programs.
    public var json: JSON {
        var members: OrderedDictionary<String, JSON> = ["sound": .bool(isSound), "rows": .integer(rows)]
        members["checks"] = .array(
            checks.map { ["name": .string($0.name.rawValue), "result": .string($0.result)] })
        members["findings"] = .array(
            findings.map { finding in
                [
                    "severity": .string(finding.severity.rawValue), "check": .string(finding.check.rawValue),
                    "message": .string(finding.message), "row_count": .integer(finding.rowCount),
                    "rows": .array(finding.rows.map(JSON.string)), "fix": .string(finding.fix),
                ]
            })
        if let forecast { members["policy"] = forecast.json }
        return .object(members)
    }
}

/// A share in words: `12 %`, and never 0 or 100 for what is not.
func percent(_ share: Double) -> String {
    guard share.isFinite else { return "?" }
    let value = share * 100
    if value > 0, value < 1 { return "<1 %" }
    if value > 99, value < 100 { return ">99 %" }
    return "\(Int(value.rounded())) %"
}

/// A time in words: `0.2 ms`, `3.4 s`.
func duration(_ seconds: Double) -> String {
    func short(_ value: Double) -> String {
        value >= 10 ? "\(Int(min(value, 1e15).rounded()))" : "\((value * 10).rounded() / 10)"
    }
    if seconds < 1e-3 { return "\(short(seconds * 1e6)) µs" }
    return seconds < 1 ? "\(short(seconds * 1e3)) ms" : "\(short(seconds)) s"
}
