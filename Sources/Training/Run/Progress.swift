import Foundation
import OrderedCollections
import TextCore

/// Shows a run on standard error from its events alone: one line redrawn on a terminal, plain lines in a pipe.
///
/// It belongs to the task that trains.
public final class Progress {
    /// How to show.
    public enum Mode: Sendable, Hashable {
        /// One line with a bar, redrawn.
        case bar
        /// A line an event.
        case lines
        /// Nothing.
        case quiet

        /// A bar on a terminal, lines in a pipe, nothing when quiet.
        public static func automatic(quiet: Bool) -> Mode {
            if quiet { return .quiet }
            return isatty(STDERR_FILENO) == 1 ? .bar : .lines
        }
    }

    private let mode: Mode
    private let columns: () -> Int
    private let write: (String) -> Void
    private var totalSteps = 0
    private var step = 0
    private var tokens = 0.0
    /// Smoothed over some ten steps; `nil` before the first.
    private var secondsPerStep: Double?
    private var tokensPerSecond: Double?
    private var barIsShown = false

    /// - Parameters:
    ///   - mode: how to show.
    ///   - columns: the width of the terminal; asked each time, as windows change.
    ///   - write: where the text goes; standard error.
    public init(
        _ mode: Mode, columns: @escaping () -> Int = Progress.terminalColumns,
        write: @escaping (String) -> Void = Progress.standardError
    ) {
        self.mode = mode
        self.columns = columns
        self.write = write
    }

    /// The width of the terminal on standard error; 80 where there is none.
    public static func terminalColumns() -> Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Writes to standard error; a closed pipe is no reason to end a run.
    public static func standardError(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// Shows an event.
    public func show(_ event: RunEvent) {
        if mode == .quiet { return }
        switch event.kind {
        case .start:
            totalSteps = event["total_steps"]?.int ?? 0
            step = event["step"]?.int ?? 0
            tokens = event["num_tokens"]?.double ?? 0
            line(step == 0 ? "training for \(totalSteps) steps" : "resuming after step \(step) of \(totalSteps)")
        case .step: show(step: event)
        case .eval: line(evaluation(event))
        case .sample: line("sample  \(event["text"]?.string ?? event["completion"]?.string ?? "")")
        case .checkpoint: line("saved \(event["path"]?.string ?? "a checkpoint")")
        case .checkpointFailed: line("warning: \(event["message"]?.string ?? "a checkpoint failed")")
        case .warning: line("warning: \(event["message"]?.string ?? "")")
        case .gate: line("gate: \(event["message"]?.string ?? "")")
        case .end: line("ended at step \(event["step"]?.int ?? step): \(event["reason"]?.string ?? "")")
        }
    }

    private func show(step event: RunEvent) {
        let now = event["step"]?.int ?? step
        let metrics = event["metrics"]
        if let seconds = event["seconds"]?.double, now > step, seconds > 0 {
            let total = metrics?["num_tokens"]?.double ?? tokens
            Self.smooth(&secondsPerStep, seconds / Double(now - step))
            Self.smooth(&tokensPerSecond, (total - tokens) / seconds)
            tokens = total
        }
        step = now
        let text = [
            headline(metrics), "rate \(Self.format(metrics?["learning_rate"]?.double))",
            "\(Self.grouped(tokensPerSecond ?? 0)) tokens/s", "\(Self.duration(remaining)) left",
        ].joined(separator: "  ")
        let count = "\(step)/\(totalSteps)"
        if mode == .lines { return line("step \(count)  \(text)") }
        let share = totalSteps > 0 ? min(1, Double(step) / Double(totalSteps)) : 0
        let width = max(0, min(30, columns() - count.count - text.count - 7))
        let filled = Int(exactly: (share * Double(width)).rounded(.down)) ?? 0
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        write("\r\u{1B}[K" + String("\(bar) \(count)  \(text)".prefix(max(20, columns() - 1))))
        barIsShown = true
    }

    /// What tells whether a run gets on. Where answers are rewarded that is the reward: with one step on each answer the
    /// loss is near 0 whatever is learned.
    private func headline(_ metrics: JSON?) -> String {
        guard let reward = metrics?["reward"]?.double else { return "loss \(Self.format(metrics?["loss"]))" }
        var parts = ["reward \(Self.format(reward))", "grad \(Self.format(metrics?["grad_norm"]))"]
        if let share = metrics?["groups/informative"]?.double {
            parts.append("informative \(Int((share * 100).rounded())) %")
        }
        if let length = metrics?["completions/mean_length"]?.double { parts.append("length \(Self.format(length))") }
        return parts.joined(separator: "  ")
    }

    private var remaining: Double? {
        secondsPerStep.map { $0 * Double(max(0, totalSteps - step)) }
    }

    private func evaluation(_ event: RunEvent) -> String {
        let metrics = event["metrics"]?.object?.map { "\($0.key) \(Self.format($0.value.double))" } ?? []
        let name = event["suite"]?.string.map { " \($0)" } ?? ""
        return "eval\(name) at step \(event["step"]?.int ?? step)  \(metrics.joined(separator: "  "))"
    }

    /// A line of its own; a bar that is shown is wiped first and comes back with the next step.
    private func line(_ text: String) {
        write((barIsShown ? "\r\u{1B}[K" : "") + text + "\n")
        barIsShown = false
    }

    private static func smooth(_ mean: inout Double?, _ value: Double) {
        mean = mean.map { $0 + 0.1 * (value - $0) } ?? value
    }

    /// A metric; one that is not finite stands in the log as a word.
    private static func format(_ value: JSON?) -> String { value?.string ?? format(value?.double) }

    private static func format(_ value: Double?) -> String {
        guard let value else { return "–" }
        let small = value != 0 && abs(value) < 0.001
        return String(format: small ? "%.2e" : "%.4f", value)
    }

    static func grouped(_ value: Double) -> String {
        let digits = Array(String(Int(exactly: value.rounded()) ?? 0))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0, digits[index - 1] != "-" { text.append(",") }
            text.append(digit)
        }
        return text
    }

    static func duration(_ seconds: Double?) -> String {
        guard let seconds, let whole = Int(exactly: seconds.rounded()) else { return "–" }
        let text = String(format: "%d:%02d", whole / 60 % 60, whole % 60)
        return whole < 3600 ? text : String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
    }
}
