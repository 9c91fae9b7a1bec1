import OrderedCollections
package import TextCore

/// Metrics of part of a step as sums and weights, never as means, so that parts of any size add up to the whole.
///
/// ```swift
/// var metrics = MetricSums()
/// metrics.add("entropy", sum: 42.5, weight: 31)    // divided once, when the step is over
/// metrics.raise("completions/max_length", to: 96)  // the largest of all parts
/// ```
public struct MetricSums: Sendable, Equatable {
    private enum Entry: Sendable, Equatable {
        case ratio(sum: Double, weight: Double)
        case total(Double)
        case maximum(Double)
        case minimum(Double)

        mutating func merge(_ other: Entry, name: String) {
            switch (self, other) {
            case (.ratio(let sum, let weight), .ratio(let moreSum, let moreWeight)):
                self = .ratio(sum: sum + moreSum, weight: weight + moreWeight)
            case (.total(let value), .total(let more)): self = .total(value + more)
            case (.maximum(let value), .maximum(let other)): self = .maximum(max(value, other))
            case (.minimum(let value), .minimum(let other)): self = .minimum(min(value, other))
            default: preconditionFailure("metric `\(name)` is given in two different ways")
            }
        }
    }

    private var entries: OrderedDictionary<String, Entry> = [:]

    /// No metric yet.
    public init() {}

    /// Adds to a mean: `sum` over things of total `weight` (tokens, rows, pairs). A mean of weight 0 is not reported.
    public mutating func add(_ name: String, sum: Double, weight: Double) {
        merge(name, .ratio(sum: sum, weight: weight))
    }

    /// Adds to a total, which is never divided.
    public mutating func addTotal(_ name: String, _ value: Double) { merge(name, .total(value)) }

    /// Keeps the larger of `value` and what was given before.
    public mutating func raise(_ name: String, to value: Double) { merge(name, .maximum(value)) }

    /// Keeps the smaller of `value` and what was given before.
    public mutating func lower(_ name: String, to value: Double) { merge(name, .minimum(value)) }

    /// Adds the metrics of another part.
    public mutating func merge(_ other: MetricSums) {
        for (name, entry) in other.entries { merge(name, entry) }
    }

    private mutating func merge(_ name: String, _ entry: Entry) {
        guard entries[name] != nil else {
            entries[name] = entry
            return
        }
        entries[name]?.merge(entry, name: name)
    }

    /// The same metrics with every mean given the weight 1: merging these averages the means of parts, whatever the
    /// parts' sizes, as TRL logs them.
    public var countedOnce: MetricSums {
        var result = self
        for (name, entry) in entries {
            guard case .ratio(let sum, let weight) = entry, weight != 0 else { continue }
            result.entries[name] = .ratio(sum: sum / weight, weight: 1)
        }
        return result
    }

    /// What a checkpoint holds of metrics that later steps report again.
    package var json: JSON {
        .array(
            entries.map { name, entry in
                switch entry {
                case .ratio(let sum, let weight): [.string(name), "ratio", .number(sum), .number(weight)]
                case .total(let value): [.string(name), "total", .number(value)]
                case .maximum(let value): [.string(name), "maximum", .number(value)]
                case .minimum(let value): [.string(name), "minimum", .number(value)]
                }
            })
    }

    /// Metrics from what `json` gave; entries that are none are left out.
    package init(json: JSON) {
        for entry in json.array ?? [] {
            guard let parts = entry.array, parts.count >= 3, let name = parts[0].string, let value = parts[2].double
            else { continue }
            switch parts[1].string {
            case "ratio": entries[name] = parts.last?.double.map { .ratio(sum: value, weight: $0) }
            case "total": entries[name] = .total(value)
            case "maximum": entries[name] = .maximum(value)
            case "minimum": entries[name] = .minimum(value)
            default: continue
            }
        }
    }

    /// The finished metrics in the order in which they were first given; means of weight 0 are left out.
    public var values: [(name: String, value: Double)] {
        entries.compactMap { name, entry in
            switch entry {
            case .ratio(_, weight: 0): nil
            case .ratio(let sum, let weight): (name, sum / weight)
            case .total(let value), .maximum(let value), .minimum(let value): (name, value)
            }
        }
    }

    /// One finished metric, or `nil` if there is none of that name.
    public subscript(name: String) -> Double? { values.first { $0.name == name }?.value }
}

/// How the metrics of the micro-batches of a step become the metrics of the step.
public enum MetricAveraging: String, Sendable, CaseIterable {
    /// Sums are added and divided once: the same numbers however the batch is cut.
    case pooled
    /// The means of the micro-batches are averaged: what TRL logs. The loss is pooled here too, as it is there.
    case microBatches
}

extension JSON {
    /// A metric as it is: JSON has no word for what is not finite, so that becomes `"NaN"`, `"Infinity"` or `"-Infinity"`.
    package init(metric value: Double) {
        self = value.isFinite ? .number(value) : .string(value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity")
    }

    /// Metrics as an object.
    package init(metrics: [(name: String, value: Double)]) {
        self = .object(OrderedDictionary(metrics.map { ($0.name, JSON(metric: $0.value)) }, uniquingKeysWith: { $1 }))
    }
}
