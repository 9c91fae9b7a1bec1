import Foundation
import OrderedCollections
public import TextCore

/// What is done about a step whose loss or gradient is far above those before it.
public struct SpikePolicy: Sendable, Hashable {
    /// What is done.
    public enum Action: String, Sendable, CaseIterable {
        /// It is said, and the run goes on.
        case warn
        /// The run goes back to a checkpoint from before, and leaves out the steps around the spike.
        case rollback
    }

    /// What is done.
    public var action: Action
    /// How far above the median a number is a spike, in robust standard deviations of its logarithm.
    public var threshold: Double
    /// Steps that are left out after a rollback: the one that spiked and those just before it.
    public var skippedSteps: Int
    /// Rollbacks of a run; spikes after the last are only said.
    public var maximumRollbacks: Int

    /// A policy that only says so.
    public init(
        action: Action = .warn, threshold: Double = 8, skippedSteps: Int = 8, maximumRollbacks: Int = 2
    ) {
        self.action = action
        self.threshold = max(1, threshold)
        self.skippedSteps = max(1, skippedSteps)
        self.maximumRollbacks = max(0, maximumRollbacks)
    }
}

/// A number of a step that is far above those of the steps before it.
public struct Spike: Sendable, Hashable {
    /// `loss` or `grad_norm`.
    public var metric: String
    /// The number.
    public var value: Double
    /// The median of the steps before.
    public var median: Double
    /// How far above it, in robust standard deviations of the logarithm.
    public var score: Double

    /// The spike in words.
    public var words: String {
        "\(metric) \(Self.short(value)) is \(Self.short(value / median)) times the median of the steps before, "
            + "\(Self.short(median)) (\(Self.short(score)) robust standard deviations)"
    }

    private static func short(_ value: Double) -> String { String(format: "%.4g", value) }
}

/// Tells a spike from noise: how far the logarithm of a number lies above the median of the last few steps, in units of
/// their noise. The noise is the median size of the change from one step to the next, times 1.4826 / √2, which is the
/// standard deviation where it is normal; a loss that falls steadily does not widen it.
///
/// What was seen is part of a run's state, so that a run that goes on judges as the one that was not stopped.
public struct SpikeDetector: Sendable, Hashable {
    /// Steps that are remembered.
    static let window = 64
    /// The last of them that say where the curve is.
    static let recent = 16
    /// Steps that must be remembered before anything is judged.
    static let minimum = 16

    /// A loss of so many nats, or a norm of the gradient as small, is no spike whatever came before: where everything
    /// is learned, one hard row is a hundred times the median and harms nothing.
    static let harmless = 0.1

    /// Logarithms of the last losses and norms, the oldest first.
    private var losses: [Double] = []
    private var norms: [Double] = []
    /// Whether the last step spiked: a spike that lasts is told of once.
    private var isSpiking = false

    /// Nothing seen.
    public init() {}

    /// Takes note of a step, and says whether it spikes.
    ///
    /// - Parameters:
    ///   - loss: of the step; one that is not positive has no logarithm, and is not judged.
    ///   - gradientNorm: of the step, before clipping.
    ///   - isWarmingUp: whether the learning rate still rises: steps are then remembered and not judged.
    ///   - threshold: from how far above the median on a number is a spike.
    mutating func observe(loss: Double, gradientNorm: Double, isWarmingUp: Bool, threshold: Double) -> Spike? {
        var spike: Spike?
        // Small noise on a flat curve is no spike: a deviation of at least 5 % of a loss, and 12 % of a norm, is usual.
        let judged = [("loss", loss, losses, 0.05), ("grad_norm", gradientNorm, norms, 0.12)]
        for (metric, value, seen, floor) in judged where spike == nil && !isWarmingUp && value > Self.harmless {
            guard seen.count >= Self.minimum else { continue }
            let middle = Self.median(seen.suffix(Self.recent))
            let changes = zip(seen, seen.dropFirst()).map { abs($1 - $0) }
            let deviation = 1.4826 / 2.0.squareRoot() * Self.median(changes)
            let score = (log(value) - middle) / max(deviation, floor)
            if score > threshold {
                spike = Spike(metric: metric, value: value, median: exp(middle), score: score)
            }
        }
        Self.remember(loss, in: &losses)
        // A step that teaches nothing has a gradient of zero, which says nothing of the others.
        if gradientNorm > 0 { Self.remember(gradientNorm, in: &norms) }
        defer { isSpiking = spike != nil }
        return isSpiking ? nil : spike
    }

    private static func remember(_ value: Double, in seen: inout [Double]) {
        // A loss that crosses zero, as one of policies does, has no scale of its own: nothing is judged until it has.
        guard value > 0, value.isFinite else { return seen.removeAll() }
        seen.append(log(value))
        if seen.count > window { seen.removeFirst() }
    }

    private static func median(_ values: some Sequence<Double>) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// What a checkpoint holds.
    public var json: JSON {
        [
            "losses": .array(losses.map { .number($0) }), "norms": .array(norms.map { .number($0) }),
            "spiking": .bool(isSpiking),
        ]
    }

    /// What `json` gave; anything else is nothing seen.
    public init(json: JSON) {
        losses = (json["losses"]?.array ?? []).compactMap(\.double).suffix(Self.window).map { $0 }
        norms = (json["norms"]?.array ?? []).compactMap(\.double).suffix(Self.window).map { $0 }
        isSpiking = json["spiking"]?.bool ?? false
    }
}

/// Steps that a run left out when it went back from a spike.
public struct SkippedSteps: Sendable, Hashable {
    /// The first of them, from 1.
    public var first: Int
    /// The last of them: the one that spiked.
    public var last: Int
    /// The step of the checkpoint that the run went back to.
    public var checkpoint: Int
    /// Why.
    public var reason: String
    /// Where the rows that were left out came from, as far as the run has passed them.
    public var rows: [String] = []

    /// Rows that are listed, at the most.
    static let rowLimit = 4096

    /// The steps as an object.
    public var json: JSON {
        [
            "first": .integer(first), "last": .integer(last), "checkpoint": .integer(checkpoint),
            "reason": .string(reason), "rows": .array(rows.map { .string($0) }),
        ]
    }

    /// Steps that were left out.
    public init(first: Int, last: Int, checkpoint: Int, reason: String) {
        (self.first, self.last, self.checkpoint, self.reason) = (first, last, checkpoint, reason)
    }

    /// The steps from what `json` gave; `nil` for anything else.
    public init?(json: JSON) {
        guard let first = json["first"]?.int, let last = json["last"]?.int, first >= 1, first <= last,
            let checkpoint = json["checkpoint"]?.int
        else { return nil }
        self.init(first: first, last: last, checkpoint: checkpoint, reason: json["reason"]?.string ?? "")
        rows = (json["rows"]?.array ?? []).compactMap(\.string)
    }
}
