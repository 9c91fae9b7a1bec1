import TextCore

/// What the columns of a log are called.
public struct ReleaseColumns: Sendable, Hashable {
    /// The names, by what they are to the comparison.
    private var names: [String: String] = [:]

    /// What a column may be to the comparison.
    public static let known = [
        "id", "arm", "score", "passed", "label", "expected", "error", "latency_ms", "cost", "tokens", "time",
    ]

    /// Every column under its own name.
    public init() {}

    /// Gives a column another name.
    ///
    /// - Parameter assignment: `score=quality` for a log that calls the score `quality`.
    /// - Throws: `ReleaseLogError` if it is no assignment to a known column.
    public mutating func rename(_ assignment: String) throws(ReleaseLogError) {
        let parts = assignment.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, Self.known.contains(parts[0]) else {
            let near = parts.first.flatMap { nearestName(to: $0, among: Self.known) }
            throw ReleaseLogError(
                kind: .malformed,
                message:
                    "'\(assignment)' names no column: write one of \(Self.known.joined(separator: ", ")), then = and "
                    + "its name in the log" + (near.map { "; did you mean '\($0)=…'?" } ?? ""))
        }
        names[parts[0]] = parts[1]
    }

    func value(_ name: String, in row: JSON) -> JSON? {
        guard let value = row[names[name] ?? name], !value.isNull else { return nil }
        return value
    }

    func name(_ name: String) -> String { names[name] ?? name }
}

/// What was logged of one request.
public struct ReleaseRow: Sendable, Hashable {
    /// The request's name.
    public var id: String?
    /// Which model answered, as the log calls it.
    public var arm: String?
    /// How good the answer was, in the range of scores; `nil` where nobody judged it.
    public var quality: Double?
    /// The start of the answer's label, where the log has one.
    public private(set) var label: String?
    /// What tells labels apart whose starts are alike.
    private(set) var labelKey: UInt64?
    /// Whether there was no answer.
    public var isError = false
    /// Milliseconds until the answer was complete.
    public var latency: Double?
    /// What it cost, in the log's currency.
    public var cost: Double?
    /// Tokens of it.
    public var tokens: Double?
    /// When it came, as the log writes it: a number or a text that sorts by time.
    var time: TimeKey?

    enum TimeKey: Sendable, Hashable, Comparable {
        case number(Double)
        case text(String)
    }

    /// A row.
    public init(
        id: String? = nil, arm: String? = nil, quality: Double? = nil, label: String? = nil, isError: Bool = false,
        latency: Double? = nil, cost: Double? = nil, tokens: Double? = nil
    ) {
        self.id = id
        self.arm = arm
        self.quality = quality
        self.isError = isError
        self.latency = latency
        self.cost = cost
        self.tokens = tokens
        set(label: label)
    }

    private mutating func set(label text: String?) {
        label = text?.clipped(to: 80)
        labelKey = text?.stableHash
    }

    /// Why a line is no row.
    struct Problem: Error {
        let message: String
    }

    /// Reads a line.
    init(_ line: UnsafeRawBufferPointer?, _ columns: ReleaseColumns, _ range: ClosedRange<Double>) throws(Problem) {
        guard let line else { throw Problem(message: "longer than \(LogLines.longest >> 20) MiB") }
        let json: JSON
        do { json = try JSON(parsing: line) } catch {
            throw Problem(message: "no JSON, at column \(error.column): \(error.message)")
        }
        guard json.object != nil else { throw Problem(message: "\(json.kind) instead of an object") }
        id = try Self.text("id", columns, json)
        arm = try Self.text("arm", columns, json)
        isError = Self.isError(columns.value("error", in: json))
        latency = try Self.amount("latency_ms", columns, json)
        cost = try Self.amount("cost", columns, json)
        tokens = try Self.amount("tokens", columns, json)
        if let id, id.utf8.count > 1_000 { throw Problem(message: "\(columns.name("id")) is longer than 1,000 bytes") }
        let label = try Self.text("label", columns, json)
        if let value = columns.value("time", in: json) {
            guard let key = value.double.map(TimeKey.number) ?? value.string.map(TimeKey.text) else {
                throw Problem(message: "\(columns.name("time")) is \(value.kind); a number or a text is expected")
            }
            time = key
        }
        // A request without an answer has no quality: it counts as an error, not as a bad answer.
        quality = isError ? nil : try Self.quality(columns, json, range, label)
        set(label: label)
    }

    private static func quality(
        _ columns: ReleaseColumns, _ json: JSON, _ range: ClosedRange<Double>, _ label: String?
    ) throws(Problem) -> Double? {
        if let value = columns.value("score", in: json) {
            guard let score = value.double ?? value.bool.map({ $0 ? range.upperBound : range.lowerBound }) else {
                throw Problem(message: "\(columns.name("score")) is \(value.kind); a number is expected")
            }
            guard range.contains(score) else {
                throw Problem(
                    message:
                        "\(columns.name("score")) is \(score), outside \(range.lowerBound) ... \(range.upperBound); "
                        + "say with --score-range what scores there are")
            }
            return score
        }
        if let value = columns.value("passed", in: json) {
            guard let passed = value.bool ?? value.int.flatMap({ 0...1 ~= $0 ? $0 == 1 : nil }) else {
                throw Problem(message: "\(columns.name("passed")) is neither true nor false")
            }
            return passed ? range.upperBound : range.lowerBound
        }
        guard let label, let expected = try text("expected", columns, json) else { return nil }
        return label == expected ? range.upperBound : range.lowerBound
    }

    private static func text(_ name: String, _ columns: ReleaseColumns, _ json: JSON) throws(Problem) -> String? {
        guard let value = columns.value(name, in: json) else { return nil }
        switch value {
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .bool(let truth): return truth ? "true" : "false"
        case .number(let number): return "\(number)"
        default: throw Problem(message: "\(columns.name(name)) is \(value.kind); a text is expected")
        }
    }

    private static func amount(_ name: String, _ columns: ReleaseColumns, _ json: JSON) throws(Problem) -> Double? {
        guard let value = columns.value(name, in: json) else { return nil }
        guard let number = value.double, number.isFinite, number >= 0 else {
            throw Problem(
                message:
                    "\(columns.name(name)) is \(value.double.map { "\($0)" } ?? value.kind); a number of 0 or more is expected"
            )
        }
        return number
    }

    /// Anything but nothing: `true`, a text, a code other than 0, an object.
    private static func isError(_ value: JSON?) -> Bool {
        switch value {
        case nil: false
        case .bool(let truth): truth
        case .string(let text): !text.isEmpty
        case .array(let items): !items.isEmpty
        case .some(let other): other.double != 0
        }
    }
}

extension String {
    /// Sixty-four bits that depend on the text alone (FNV-1a, mixed): the same in every process.
    var stableHash: UInt64 {
        var bits = utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        return bits ^ (bits >> 31)
    }
}
