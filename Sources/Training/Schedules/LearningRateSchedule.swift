import Foundation

/// The learning rate of every optimiser step: a warm-up, then a curve.
///
/// With W warm-up steps of N, step s (from 0) has the base rate times s / W while s < W, then times the curve at s − W
/// of N − W steps. So the first step of a run with warm-up has rate 0, as in transformers.
public struct LearningRateSchedule: Sendable {
    /// How long the rate rises from 0.
    public enum WarmUp: Sendable, Hashable {
        /// A number of steps.
        case steps(Int)
        /// A share of all steps in [0, 1]; rounded up to whole steps.
        case ratio(Double)

        /// Warm-up steps of a run of `total` steps.
        public func steps(of total: Int) -> Int {
            switch self {
            case .steps(let count): max(0, count)
            case .ratio(let ratio): Int(exactly: (min(1, max(0, ratio)) * Double(total)).rounded(.up)) ?? 0
            }
        }
    }

    /// The rate that the curve's factor multiplies.
    public let baseRate: Double
    /// What follows the warm-up.
    public let curve: ScheduleCurve
    /// The curve's settings.
    public let options: ScheduleOptions
    /// Steps of the warm-up.
    public let warmUpSteps: Int
    /// Steps of the whole run.
    public let totalSteps: Int

    /// - Parameters:
    ///   - baseRate: what the factor multiplies.
    ///   - curve: what follows the warm-up, from a `ScheduleRegistry`.
    ///   - options: the curve's settings.
    ///   - warmUp: how long the rate rises from 0.
    ///   - totalSteps: of the whole run.
    public init(
        baseRate: Double, curve: ScheduleCurve = .constant, options: ScheduleOptions = ScheduleOptions(),
        warmUp: WarmUp = .steps(0), totalSteps: Int
    ) {
        self.baseRate = baseRate
        self.curve = curve
        self.options = options
        self.warmUpSteps = warmUp.steps(of: totalSteps)
        self.totalSteps = totalSteps
    }

    /// The rate that step `step` (from 0) uses.
    public func rate(at step: Int) -> Double { baseRate * factor(at: step) }

    /// What multiplies the base rate at step `step` (from 0).
    public func factor(at step: Int) -> Double {
        if step < warmUpSteps { return Double(step) / Double(max(1, warmUpSteps)) }
        return curve.factor(step - warmUpSteps, totalSteps - warmUpSteps, options)
    }
}

/// Settings of a schedule's curve; a curve's `settings` says which of them it reads.
public struct ScheduleOptions: Sendable, Hashable {
    /// The lowest factor, in [0, 1].
    public var minRatio: Double
    /// Waves of a cosine; a half goes from 1 to 0 once.
    public var cycles: Double

    /// - Parameters:
    ///   - minRatio: the lowest factor, in [0, 1].
    ///   - cycles: waves of a cosine.
    public init(minRatio: Double = 0, cycles: Double = 0.5) {
        self.minRatio = minRatio
        self.cycles = cycles
    }
}

/// What the learning rate does after the warm-up.
public struct ScheduleCurve: Sendable {
    /// Its name in a recipe.
    public let name: String
    /// One line of help.
    public let summary: String
    /// The names in a recipe of the options it reads.
    public let settings: Set<String>
    /// From the step after the warm-up (from 0) and how many there are, the factor in [0, 1].
    public let factor: @Sendable (_ step: Int, _ count: Int, _ options: ScheduleOptions) -> Double

    /// A curve of a user's own.
    public init(
        name: String, summary: String, settings: Set<String> = [],
        factor: @escaping @Sendable (_ step: Int, _ count: Int, _ options: ScheduleOptions) -> Double
    ) {
        self.name = name
        self.summary = summary
        self.settings = settings
        self.factor = factor
    }

    /// The base rate throughout.
    public static let constant = ScheduleCurve(name: "constant", summary: "the same rate throughout") { _, _, _ in 1 }

    /// A straight line from 1 to 0, which the step after the last would have.
    public static let linear = ScheduleCurve(name: "linear", summary: "a straight line down to 0") { step, count, _ in
        max(0, Double(count - step) / Double(max(1, count)))
    }

    /// m + (1 − m) · ½ (1 + cos(2π · cycles · p)), where p runs from 0 to 1 and m is the least ratio.
    public static let cosine = ScheduleCurve(
        name: "cosine", summary: "half a cosine wave down to min_ratio", settings: ["min_ratio", "cycles"]
    ) { step, count, options in
        let progress = Double(step) / Double(max(1, count))
        let wave = max(0, 0.5 * (1 + cos(Double.pi * options.cycles * 2 * progress)))
        return wave * (1 - options.minRatio) + options.minRatio
    }
}

/// The curves that a recipe may name.
public struct ScheduleRegistry: Sendable {
    /// In the order in which help lists them.
    public private(set) var curves: [ScheduleCurve]

    /// A registry of `curves`.
    public init(_ curves: [ScheduleCurve]) { self.curves = curves }

    /// The curves that Hone has.
    public static let builtIn = ScheduleRegistry([.constant, .linear, .cosine])

    /// Adds a curve, in place of one of the same name.
    public mutating func register(_ curve: ScheduleCurve) {
        curves.removeAll { $0.name == curve.name }
        curves.append(curve)
    }

    /// The curve of a name, or `nil`.
    public func curve(named name: String) -> ScheduleCurve? { curves.first { $0.name == name } }

    /// All names, for messages.
    public var names: [String] { curves.map(\.name) }
}
