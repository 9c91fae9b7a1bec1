import OrderedCollections
public import TextCore
public import Training

/// What was measured on held-out rows, altogether and row by row.
public struct HeldResult: Sendable {
    /// The step after which it was measured.
    public var step = 0
    /// The figures, `loss` first; empty where nothing could be measured.
    public var metrics: [(name: String, value: Double)] = []
    /// The rows in their order, with the figures that are told apart.
    public var rows: [MeasuredRow] = []

    /// Nothing measured.
    public init() {}

    /// A measurement.
    ///
    /// - Parameters:
    ///   - measurement: the figures, with one part for each row.
    ///   - rows: where each row is from, and everything that it holds.
    /// - Precondition: the measurement tells as many rows apart.
    public init(_ measurement: Measurement, rows sources: [(source: String, content: String)]) {
        metrics = measurement.metrics
        rows = zip(sources, RowIdentity.names(sources)).map { row, id in
            MeasuredRow(id: id, source: row.source, values: [:])
        }
        for figures in measurement.rows {
            precondition(figures.sums.count == rows.count, "\(figures.sums.count) parts of \(rows.count) rows")
            for (index, (sum, weight)) in zip(figures.sums, figures.weights).enumerated() where weight != 0 {
                rows[index].values[figures.name] = .init(sum / weight, weight: weight)
            }
        }
    }

    /// The rows' values of a metric, such as `loss` or `preference_accuracy`; `nil` where it is not told apart.
    public func observations(of metric: String) -> [RowObservation]? { rows.observations(of: metric) }

    /// Everything, for files.
    public var json: JSON {
        [
            "held_out": true, "step": .integer(step), "count": .integer(rows.count), "metrics": JSON(metrics: metrics),
            "rows": .array(rows.map(\.json)),
        ]
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `EvaluationError` when it is something else.
    public init(json: JSON) throws(EvaluationError) {
        guard json["held_out"] == true, let figures = json["metrics"]?.object else {
            throw EvaluationError("this is no measurement of held-out rows: it has no `held_out` and `metrics`")
        }
        step = json["step"]?.int ?? 0
        for (name, value) in figures {
            guard let value = value.metric else {
                throw EvaluationError("metric `\(name)` of the held-out rows is \(value.kind), not a number")
            }
            metrics.append((name, value))
        }
        for (index, row) in (json["rows"]?.array ?? []).enumerated() {
            rows.append(try MeasuredRow(json: row, place: "row \(index + 1) of the held-out rows"))
        }
    }
}
