import CStacks
public import Foundation
import OrderedCollections
import Synchronization
import TextCore

/// Notices when a run comes to no end: no step is done and nothing asks whether it should stop, for much longer than a
/// step takes. It then writes down what every thread is doing.
///
/// Time is counted while the process runs: one that was stopped by a debugger, or a machine that slept, is not hung.
public final class Watchdog: Sendable {
    /// When a run is hung, and what is done about it.
    public struct Settings: Sendable, Hashable {
        /// Seconds without a sign of life that are a hang, at the least.
        public var patience: Double
        /// Times the median of the last steps that are a hang, where that is longer.
        public var factor: Double
        /// Whether the process is ended, with status 75, for whoever started it to start it again.
        public var aborts: Bool
        /// Seconds between two looks.
        public var interval: Double

        /// Five minutes, or ten times the median of the steps where that is longer; nothing is ended.
        public init(patience: Double = 300, factor: Double = 10, aborts: Bool = false, interval: Double = 1) {
            self.patience = max(0.05, patience)
            self.factor = max(1, factor)
            self.aborts = aborts
            self.interval = min(max(0.01, interval), self.patience)
        }
    }

    /// Status of a process that was ended because it hung; `EX_TEMPFAIL` of `sysexits.h`: to try again may help.
    public static let exitStatus: Int32 = 75

    private struct State {
        var phase = "starting"
        var steps: [Double] = []
        var isWatching = false
        var beats = 0
    }

    /// When a run is hung.
    public let settings: Settings
    private let stop: StopSignal
    private let folder: URL?
    private let report: @Sendable (RunEvent) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - settings: when a run is hung.
    ///   - stop: what the run asks while it is alive.
    ///   - folder: where `hang-N.txt` with the stacks goes, made when there is something to write; `nil` for nowhere.
    ///   - report: told of a hang and of its end, on a thread of the watchdog's own: the one that trains may be stuck.
    public init(
        _ settings: Settings = Settings(), stop: StopSignal, folder: URL? = nil,
        report: @escaping @Sendable (RunEvent) -> Void
    ) {
        self.settings = settings
        self.stop = stop
        self.folder = folder
        self.report = report
    }

    /// Begins to watch.
    public func start() {
        hone_stacks_prepare()
        let begins = state.withLock { state in
            defer { state.isWatching = true }
            return !state.isWatching
        }
        guard begins else { return }
        let thread = Thread { [weak self] in
            var watch = Watch()
            while let interval = self?.settings.interval {
                Thread.sleep(forTimeInterval: interval)
                guard let self, self.look(&watch) else { return }
            }
        }
        thread.name = "watchdog"
        thread.start()
    }

    /// Ends to watch.
    public func end() { state.withLock { $0.isWatching = false } }

    /// Says what the run does now, in words.
    public func enter(_ phase: String) {
        state.withLock {
            $0.phase = phase
            $0.beats += 1
        }
    }

    /// Says that a step is done.
    public func stepped(seconds: Double) {
        state.withLock { state in
            state.steps.append(seconds)
            if state.steps.count > 63 { state.steps.removeFirst() }
        }
    }

    // MARK: The watch

    /// What the thread that watches remembers from one look to the next.
    private struct Watch {
        var life = -1
        var idle = 0.0
        /// Hangs so far.
        var count = 0
        var isHung = false
    }

    /// - Returns: whether to look again.
    private func look(_ watch: inout Watch) -> Bool {
        let now = state.withLock { $0 }
        guard now.isWatching else { return false }
        let life = stop.signsOfLife &+ now.beats
        guard life == watch.life else {
            if watch.isHung {
                tell("the run goes on again, after \(Int(watch.idle)) s without a sign of life", watch, now)
            }
            (watch.life, watch.idle, watch.isHung) = (life, 0, false)
            return true
        }
        watch.idle += settings.interval
        let median = now.steps.sorted().dropFirst(now.steps.count / 2).first ?? 0
        guard !watch.isHung, watch.idle >= max(settings.patience, settings.factor * median) else { return true }
        watch.isHung = true
        watch.count += 1
        let file = writeStacks(watch, now)
        tell(
            "no sign of life for \(Int(watch.idle)) s in: \(now.phase)"
                + (settings.aborts ? "; the process is ended, go on with --resume" : ""), watch, now, file)
        if settings.aborts { _exit(Self.exitStatus) }
        return true
    }

    private func writeStacks(_ watch: Watch, _ now: State) -> URL? {
        guard let folder else { return nil }
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let url = folder.appendingPathComponent("hang-\(watch.count).txt")
        let file = open(url.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let head = "no sign of life for \(Int(watch.idle)) s in: \(now.phase)\nprocess \(getpid())\n\n"
        try? DurableFiles.writeAll(Array(head.utf8), to: file, path: url.path)
        hone_stacks_dump(file)
        return url
    }

    private func tell(_ message: String, _ watch: Watch, _ now: State, _ file: URL? = nil) {
        var event = RunEvent.warning(message)
        event.fields["fault"] = "hang"
        event.fields["phase"] = .string(now.phase)
        event.fields["seconds"] = .number(watch.idle)
        if let file { event.fields["path"] = .string(file.path) }
        report(event)
    }
}
