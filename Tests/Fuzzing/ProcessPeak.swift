import Foundation
import Synchronization
import TextCore

/// Memory and time of this process.
enum ProcessPeak {
    /// Lets the system measure the peak of memory anew.
    static func forget() {
        let file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, "5", 1)
        close(file)
    }

    /// The most memory that was resident, in bytes, since `forget`.
    static var bytes: Int { status("VmHWM:") }

    /// The most memory that was ever resident, in bytes; quickly.
    static var largest: Int {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss << 10
    }

    /// The memory that is resident, in bytes.
    static var resident: Int { status("VmRSS:") }

    private static func status(_ name: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
        return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }

    /// Seconds of all processors that this process has used: a machine that is busy with others takes none of them.
    static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// Ends the process when one input takes too long, in computing or in waiting.
final class Watchdog: Sendable {
    /// Seconds of the processor for one input.
    static let limit = 1.0
    /// Ticks without a change of the processor's time, which only a process that waits lets pass.
    private static let quietTicks = 300
    private static let tick = 0.1

    private struct State {
        var input = 0
        var start = 0.0
        var isReading = false
    }

    private let state = Mutex(State())

    /// Watches until the process ends.
    init(_ expired: @escaping @Sendable (String) -> Never) {
        let thread = Thread { [self] in
            var quiet = (input: -1, ticks: 0, seconds: 0.0)
            while true {
                Thread.sleep(forTimeInterval: Self.tick)
                let (now, state) = (ProcessPeak.seconds, state.withLock { $0 })
                guard state.isReading else { continue }
                if now - state.start > Self.limit { expired("takes more than \(Self.limit) s") }
                // A tick itself takes some time of the processor.
                let isQuiet = quiet.input == state.input && now - quiet.seconds < 0.01 * Double(quiet.ticks + 1)
                quiet = isQuiet ? (state.input, quiet.ticks + 1, quiet.seconds) : (state.input, 0, now)
                if quiet.ticks > Self.quietTicks { expired("waits for something that does not come") }
            }
        }
        thread.start()
    }

    func begin() {
        let now = ProcessPeak.seconds
        state.withLock { $0 = State(input: $0.input + 1, start: now, isReading: true) }
    }

    func end() { state.withLock { $0.isReading = false } }
}
