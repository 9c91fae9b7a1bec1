import Foundation

/// Calls back after a time, from a thread of its own, so that no other work delays it.
final class AlarmClock: @unchecked Sendable {
    /// The process's clock.
    static let shared = AlarmClock()

    private struct Alarm {
        var time: ContinuousClock.Instant
        var number: Int
        var ring: @Sendable () -> Void
    }

    // Held while what follows is touched, and waited on by the thread.
    private let condition = NSCondition()
    /// Sorted, the next one last.
    private var alarms: [Alarm] = []
    private var last = 0
    private var hasThread = false

    /// Rings after a time unless it is cancelled; what rings must be quick.
    ///
    /// - Returns: what `cancel` takes.
    func ring(after time: Duration, _ ring: @escaping @Sendable () -> Void) -> Int {
        let alarm = Alarm(time: .now + time, number: 0, ring: ring)
        condition.lock()
        defer { condition.unlock() }
        last += 1
        let place = alarms.firstIndex { $0.time <= alarm.time } ?? alarms.count
        alarms.insert(Alarm(time: alarm.time, number: last, ring: ring), at: place)
        if !hasThread {
            hasThread = true
            let thread = Thread { self.run() }
            thread.name = "alarm clock"
            thread.start()
        }
        condition.signal()
        return last
    }

    /// Forgets an alarm that has not rung.
    func cancel(_ number: Int) {
        condition.lock()
        alarms.removeAll { $0.number == number }
        condition.unlock()
    }

    private func run() {
        while true {
            condition.lock()
            while alarms.last.map({ $0.time > .now }) ?? true {
                guard let next = alarms.last else {
                    condition.wait()
                    continue
                }
                let seconds = min((next.time - .now) / .seconds(1), 3600)
                _ = condition.wait(until: Date(timeIntervalSinceNow: max(0, seconds)))
            }
            let alarm = alarms.removeLast()
            condition.unlock()
            alarm.ring()
        }
    }
}
