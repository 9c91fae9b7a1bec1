import TextCore
import Training

/// What is done when numbers or the run itself go wrong.
public struct FaultSettings: Sendable, Hashable {
    public var onNonfinite = NonfiniteRule.skip
    public var onSpike = SpikeRule.warn
    /// How far above the median a loss or norm is a spike, in robust standard deviations of its logarithm.
    public var spikeThreshold = 8.0
    /// Steps that are left out after a rollback; `nil` unless `onSpike` is rollback.
    public var skipSteps: Int?
    public var onHang = HangRule.warn
    /// Seconds without a sign of life that are a hang, at the least; `nil` exactly when `onHang` is ignore.
    public var hangSeconds: Double?

    public init() {}
}

/// What is done about a step with a loss or a gradient that is not finite.
public enum NonfiniteRule: String, Sendable, Hashable, CaseIterable {
    /// The step is left out; three in a row end the run.
    case skip
    /// The first ends the run.
    case stop
}

/// What is done about a step whose loss or gradient is far above those before it.
public enum SpikeRule: String, Sendable, Hashable, CaseIterable {
    case ignore
    case warn
    /// The run goes back to a checkpoint and leaves the steps around the spike out; at most twice.
    case rollback
}

/// What is done when a run shows no sign of life.
public enum HangRule: String, Sendable, Hashable, CaseIterable {
    case ignore
    case warn
    /// The process is ended with status 75.
    case abort
}

extension FaultSettings {
    /// Refused steps in a row that end the run.
    var refusedStepLimit: Int { onNonfinite == .stop ? 1 : 3 }

    /// The same in the words of `Training`.
    var spikes: SpikePolicy? {
        switch onSpike {
        case .ignore: nil
        case .warn: SpikePolicy(action: .warn, threshold: spikeThreshold)
        case .rollback: SpikePolicy(action: .rollback, threshold: spikeThreshold, skippedSteps: skipSteps ?? 8)
        }
    }

    /// When the run is hung; `nil` where nobody looks.
    var watchdog: Watchdog.Settings? {
        guard onHang != .ignore else { return nil }
        let patience = hangSeconds ?? 300
        return Watchdog.Settings(patience: patience, aborts: onHang == .abort, interval: min(1, patience / 4))
    }
}

extension FaultSettings: RecipeSection {
    package static let table = SectionTable<FaultSettings>(
        "What is done when numbers or the run itself go wrong.",
        fields: [
            Field(
                "on_nonfinite", \.onNonfinite,
                "`skip` leaves out a step whose loss or gradient is not finite, and ends the run after three in a row; "
                    + "`stop` ends it at the first."),
            Field(
                "on_spike", \.onSpike,
                "What is done about a step whose loss or gradient is far above those before it: `warn`, `ignore`, or "
                    + "`rollback` to a checkpoint, at most twice, with the steps around the spike left out."),
            Field(
                "spike_threshold", \.spikeThreshold,
                "How far above the median of the last steps is a spike, in robust standard deviations of the logarithm.",
                in: .within(1...1000)),
            Field(
                "skip_steps", \.skipSteps, "Steps that a rollback leaves out: the one that spiked and those before it.",
                in: .within(1...1_000_000), derivation: "8, with on_spike rollback"),
            Field(
                "on_hang", \.onHang,
                "What is done when the run shows no sign of life: `warn`, with the stacks of its threads in the run "
                    + "folder, `abort`, which also ends the process with status 75, or `ignore`.",
                changesResults: false),
            Field(
                "hang_seconds", \.hangSeconds,
                "Seconds without a sign of life that are a hang, at the least; ten times the median step where that is "
                    + "longer.",
                in: .within(0.2...1_000_000), derivation: "300, unless on_hang is ignore", changesResults: false),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        check(
            "skip_steps", isRead: onSpike == .rollback, "on_spike is \(onSpike.rawValue)", "on_spike: rollback", decoder
        )
        check(
            "spike_threshold", isRead: onSpike != .ignore, "on_spike is ignore", "on_spike: warn", decoder)
        check("hang_seconds", isRead: onHang != .ignore, "on_hang is ignore", "on_hang: warn", decoder)
        if onSpike == .rollback { skipSteps = skipSteps ?? 8 }
        if onHang != .ignore { hangSeconds = hangSeconds ?? 300 }
    }

    private func check(_ name: String, isRead: Bool, _ state: String, _ fix: String, _ decoder: RecipeDecoder) {
        guard !isRead, decoder.isWritten(name) else { return }
        decoder.report(
            name, "\(decoder.key(name)) is written, but \(state)", why: "Nothing reads it there",
            fix: "Remove it, or write `\(fix)`")
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        // A threshold that nothing reads would make the written recipe one that is refused.
        resolved(purpose, without: onSpike == .ignore ? ["spike_threshold"] : [])
    }
}

extension NonfiniteRule: RecipeWord {
    package static var spellings: [String: NonfiniteRule] { ["ignore": .skip, "abort": .stop, "raise": .stop] }
}

extension SpikeRule: RecipeWord {
    package static var spellings: [String: SpikeRule] { ["off": .ignore, "none": .ignore, "skip": .rollback] }
}

extension HangRule: RecipeWord {
    package static var spellings: [String: HangRule] { ["off": .ignore, "none": .ignore, "stop": .abort] }
}
