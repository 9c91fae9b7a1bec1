public import OrderedCollections
public import TextCore

/// What the checks found in a data set.
public struct DataCheckReport: Sendable, Hashable {
    /// What was found, the worst first.
    public var findings: [Finding]
    /// Rows by where they belong: `train`, and each suite by its name.
    public var rowCounts: OrderedDictionary<String, Int>
    /// The checks that were run.
    public var checks: [String]
    /// The checks that were not, and why.
    public var leftOut: OrderedDictionary<String, String>
    /// Seconds that it took.
    public var seconds: Double
    /// Seconds that each check took, which run beside each other.
    public var checkSeconds: OrderedDictionary<String, Double> = [:]
    /// Most bytes that the process had in memory at once; 0 where it is not known.
    public var peak: Int

    /// A report; findings are put in order.
    public init(
        findings: [Finding] = [], rowCounts: OrderedDictionary<String, Int> = [:], checks: [String] = [],
        leftOut: OrderedDictionary<String, String> = [:], seconds: Double = 0, peak: Int = 0
    ) {
        // A stable order: by severity, and else as the catalogue has the checks.
        self.findings = Finding.Severity.allCases.reversed().flatMap { severity in
            findings.filter { $0.severity == severity }
        }
        self.rowCounts = rowCounts
        self.checks = checks
        self.leftOut = leftOut
        self.seconds = seconds
        self.peak = peak
    }

    /// How many findings are as bad as this.
    public func count(_ severity: Finding.Severity) -> Int { findings.count { $0.severity == severity } }

    /// The severity of the worst finding; `nil` where there is none.
    public var worst: Finding.Severity? { findings.map(\.severity).max() }

    /// One line: how many findings of which severity in how many rows.
    public var summary: String {
        let rows = rowCounts.map { "\(grouped($0.value)) of \($0.key)" }.joined(separator: ", ")
        let counts = Finding.Severity.allCases.reversed().compactMap { severity -> String? in
            let count = count(severity)
            return count == 0 ? nil : "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
        }
        return (counts.isEmpty ? "nothing found" : counts.joined(separator: ", "))
            + " in \(rows.isEmpty ? "0" : rows) rows"
    }
}

extension DataCheckReport {
    /// The report for scripts; `init(json:)` reads it back.
    public var json: JSON {
        [
            "summary": .string(summary),
            "findings": .array(findings.map(\.json)),
            "rows": .object(rowCounts.mapValues { .integer($0) }),
            "checks": .array(checks.map { .string($0) }),
            "left_out": .object(leftOut.mapValues { .string($0) }),
            "seconds": .number((seconds * 1000).rounded() / 1000), "peak_bytes": .integer(peak),
            "check_seconds": .object(checkSeconds.mapValues { .number(($0 * 1000).rounded() / 1000) }),
        ]
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `DataCheckError` that names the member that is missing or of another type.
    public init(json: JSON) throws(DataCheckError) {
        let reader = MemberReader(json, at: "the report of a data check")
        var findings: [Finding] = []
        for (index, value) in try reader.array("findings").enumerated() {
            findings.append(try Finding(json: value, at: "findings[\(index)]"))
        }
        var rowCounts: OrderedDictionary<String, Int> = [:]
        for (name, value) in try reader.object("rows") {
            guard let count = value.int, count >= 0 else { throw reader.wrong("rows.\(name)", "a count", value) }
            rowCounts[name] = count
        }
        var leftOut: OrderedDictionary<String, String> = [:]
        for (name, value) in try reader.object("left_out") {
            guard let reason = value.string else { throw reader.wrong("left_out.\(name)", "a string", value) }
            leftOut[name] = reason
        }
        let checks = try reader.array("checks").compactMap(\.string)
        self.init(
            findings: findings, rowCounts: rowCounts, checks: checks, leftOut: leftOut,
            seconds: try reader.number("seconds"), peak: try reader.integer("peak_bytes"))
        for (name, value) in json["check_seconds"]?.object ?? [:] { checkSeconds[name] = value.double }
    }
}

extension Finding {
    /// The finding for scripts; `init(json:)` reads it back.
    public var json: JSON {
        [
            "check": .string(check), "severity": .string(severity.rawValue), "message": .string(message),
            "why": .string(why), "edit": .string(edit), "count": .integer(count), "figures": .object(figures),
            "rows": .array(rows.map(\.json)),
        ]
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `DataCheckError` that names the member that is missing or of another type.
    public init(json: JSON) throws(DataCheckError) { try self.init(json: json, at: "a finding") }

    fileprivate init(json: JSON, at place: String) throws(DataCheckError) {
        let reader = MemberReader(json, at: place)
        let word = try reader.string("severity")
        guard let severity = Severity(rawValue: word) else {
            throw reader.wrong("severity", "note, warning or error", .string(word))
        }
        var rows: [Row] = []
        for value in try reader.array("rows") { rows.append(try Row(json: value, at: place)) }
        self.init(
            try reader.string("check"), severity, try reader.string("message"), why: try reader.string("why"),
            edit: try reader.string("edit"), count: try reader.integer("count"), rows: rows,
            figures: try reader.object("figures"))
    }
}

extension Finding.Row {
    fileprivate var json: JSON {
        var members: OrderedDictionary<String, JSON> = ["source": .string(source), "excerpt": .string(excerpt)]
        if let other { members["other"] = .string(other) }
        if let score { members["score"] = .number((score * 10_000).rounded() / 10_000) }
        return .object(members)
    }

    fileprivate init(json: JSON, at place: String) throws(DataCheckError) {
        let reader = MemberReader(json, at: place + ".rows")
        self.init(
            try reader.string("source"), excerpt: try reader.string("excerpt"), other: json["other"]?.string,
            score: json["score"]?.double)
    }
}

/// Takes the members of an object out, or says what is wrong with them.
private struct MemberReader {
    let json: JSON
    let place: String

    init(_ json: JSON, at place: String) {
        self.json = json
        self.place = place
    }

    func wrong(_ name: String, _ expected: String, _ value: JSON?) -> DataCheckError {
        DataCheckError(
            "\(place): '\(name)' is \(value.map(\.kind) ?? "missing") where \(expected) belongs. The file was not "
                + "written by `hone data check`, or has been changed; write it again.")
    }

    func string(_ name: String) throws(DataCheckError) -> String {
        guard let value = json[name]?.string else { throw wrong(name, "a string", json[name]) }
        return value
    }

    func integer(_ name: String) throws(DataCheckError) -> Int {
        guard let value = json[name]?.int, value >= 0 else { throw wrong(name, "a count", json[name]) }
        return value
    }

    func number(_ name: String) throws(DataCheckError) -> Double {
        guard let value = json[name]?.double, value.isFinite else { throw wrong(name, "a number", json[name]) }
        return value
    }

    func array(_ name: String) throws(DataCheckError) -> [JSON] {
        guard let value = json[name]?.array else { throw wrong(name, "a list", json[name]) }
        return value
    }

    func object(_ name: String) throws(DataCheckError) -> OrderedDictionary<String, JSON> {
        guard let value = json[name]?.object else { throw wrong(name, "an object", json[name]) }
        return value
    }
}
