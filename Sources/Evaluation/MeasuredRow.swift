public import OrderedCollections
import TextCore
import Training

/// What was measured on one row: the part that it has in the figures of all rows.
public struct MeasuredRow: Sendable, Hashable {
    /// A figure of one row.
    public struct Value: Sendable, Hashable {
        /// The row's own figure.
        public var value: Double
        /// How much it counts in the mean over rows: the tokens of a loss, otherwise 1.
        public var weight: Double

        /// A figure that counts `weight`.
        public init(_ value: Double, weight: Double = 1) {
            self.value = value
            self.weight = weight
        }
    }

    /// Names the row in every run that has it: file, line, and a hash of what it holds.
    public var id: String
    /// Where it is from, `file:line`.
    public var source: String
    /// Its figures by the name of the metric.
    public var values: OrderedDictionary<String, Value>

    /// A row with its figures.
    public init(id: String, source: String, values: OrderedDictionary<String, Value>) {
        self.id = id
        self.source = source
        self.values = values
    }

    /// The row for files.
    var json: JSON {
        var members: OrderedDictionary<String, JSON> = ["id": .string(id), "source": .string(source)]
        for (name, value) in values { members[name] = [JSON(metric: value.value), JSON(metric: value.weight)] }
        return .object(members)
    }

    /// Reads what `json` wrote.
    init(json: JSON, place: String) throws(EvaluationError) {
        guard let members = json.object, let id = members["id"]?.string, let source = members["source"]?.string else {
            throw EvaluationError(
                "\(place) has no `id` and `source`, so it cannot be paired with the row of another run")
        }
        var values: OrderedDictionary<String, Value> = [:]
        for (name, member) in members where name != "id" && name != "source" {
            guard let parts = member.array, parts.count == 2, let value = parts[0].metric, let weight = parts[1].metric
            else { throw EvaluationError("\(place): `\(name)` is \(member.kind), not a value and its weight") }
            values[name] = Value(value, weight: weight)
        }
        self.init(id: id, source: source, values: values)
    }
}

/// One value of a metric, paired by `id` with that of another model.
public typealias RowObservation = (id: String, value: Double, weight: Double)

extension [MeasuredRow] {
    /// The rows' values of a metric; `nil` when none has any.
    func observations(of metric: String) -> [RowObservation]? {
        let found = compactMap { row in row.values[metric].map { (row.id, $0.value, $0.weight) } }
        return found.isEmpty ? nil : found
    }

    /// Σ value · weight / Σ weight; `nil` where nothing has a weight.
    func mean(of metric: String) -> Double? {
        var (sum, weight) = (0.0, 0.0)
        for row in self {
            guard let value = row.values[metric] else { continue }
            sum += value.value * value.weight
            weight += value.weight
        }
        return weight > 0 ? sum / weight : nil
    }
}

/// Names of rows that stay the same from run to run and from model to model.
public enum RowIdentity {
    /// The names of some rows, no two alike: `file.jsonl:12#` and twelve digits of a hash.
    ///
    /// The folder is left out, so that a run on another machine names its rows the same; the hash is of the row itself,
    /// so that a file with other rows under the same name is told apart.
    ///
    /// - Parameter rows: for each where it is from, and everything that it holds.
    public static func names(_ rows: [(source: String, content: String)]) -> [String] {
        var seen: [String: Int] = [:]
        return rows.map { source, content in
            let place = source.split(separator: "/").last.map(String.init) ?? source
            let name = "\(place)#\(SHA256.digest(of: content).hexadecimal.prefix(12))"
            let count = (seen[name] ?? 0) + 1
            seen[name] = count
            return count == 1 ? name : "\(name)~\(count)"
        }
    }
}

/// Why results cannot be read or compared; the message says where, and what to do.
public struct EvaluationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened.
    public var message: String

    /// An error with a message.
    public init(_ message: String) { self.message = message.clipped(to: 4000) }

    public var description: String { message }
}

extension JSON {
    /// A metric as `init(metric:)` writes it.
    var metric: Double? {
        if let double { return double }
        switch string {
        case "NaN": return .nan
        case "Infinity": return .infinity
        case "-Infinity": return -.infinity
        default: return nil
        }
    }
}
