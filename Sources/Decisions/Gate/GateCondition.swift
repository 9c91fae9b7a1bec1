/// One thing that must hold before a model is shipped.
public struct GateCondition: Sendable, Hashable {
    /// What must hold.
    public enum Kind: Sendable, Hashable {
        /// The metric is at least this.
        case min(Double)
        /// The metric is at most this.
        case max(Double)
        /// The metric is better than the baseline's by this, in the direction in which it gets better.
        case minGain(Double)
        /// The metric is below the baseline's by this at most.
        case maxDrop(Double)
        /// The metric is above the baseline's by this at most.
        case maxRise(Double)
        /// A check of this name holds.
        case check(String)
    }

    /// The metric it is about; empty for a check.
    public var metric: String
    /// What must hold.
    public var kind: Kind
    /// As it is written, for reports.
    public var text: String

    /// A condition; `text` is made from the rest where it is absent.
    public init(metric: String = "", kind: Kind, text: String? = nil) {
        self.metric = metric
        self.kind = kind
        self.text = text ?? (kind.threshold.map { "\(metric) \(kind.key) \($0.plainText)" } ?? "check \(kind.key)")
    }
}

extension GateCondition.Kind {
    /// Its key in a recipe, or the name of the check.
    var key: String {
        switch self {
        case .min: "min"
        case .max: "max"
        case .minGain: "min_gain"
        case .maxDrop: "max_drop"
        case .maxRise: "max_rise"
        case .check(let name): name
        }
    }

    /// The number it is written with.
    var threshold: Double? {
        switch self {
        case .min(let value), .max(let value), .minGain(let value), .maxDrop(let value), .maxRise(let value): value
        case .check: nil
        }
    }

    /// Whether it is about a difference to the baseline.
    var isRelative: Bool {
        switch self {
        case .minGain, .maxDrop, .maxRise: true
        case .min, .max, .check: false
        }
    }

    /// A kind from its key in a recipe.
    init?(key: String, threshold: Double) {
        switch key {
        case "min": self = .min(threshold)
        case "max": self = .max(threshold)
        case "min_gain": self = .minGain(threshold)
        case "max_drop": self = .maxDrop(threshold)
        case "max_rise": self = .maxRise(threshold)
        default: return nil
        }
    }

    /// What is claimed of the metric's value or difference when the condition is to pass; `nil` for a check.
    func claim(_ direction: GateMetric.Direction) -> GateClaim? {
        switch self {
        case .min(let value): GateClaim(isAbove: true, threshold: value)
        case .max(let value): GateClaim(isAbove: false, threshold: value)
        case .minGain(let value):
            direction == .higherIsBetter
                ? GateClaim(isAbove: true, threshold: value) : GateClaim(isAbove: false, threshold: -value)
        case .maxDrop(let value): GateClaim(isAbove: true, threshold: -value)
        case .maxRise(let value): GateClaim(isAbove: false, threshold: value)
        case .check: nil
        }
    }
}

/// That a number lies above or below a threshold.
struct GateClaim: Sendable, Hashable {
    var isAbove: Bool
    var threshold: Double
}

extension Double {
    /// The number as people write it: `0.05`, `12`, `-3`.
    var plainText: String { Int(exactly: self).map { "\($0)" } ?? "\(self)" }
}
