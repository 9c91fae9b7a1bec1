import Synchronization

/// Which rows ended a verifier's process, and how often it ends.
final class CrashRecord: Sendable {
    private struct Offender {
        var crashes = 0
        var version: Int
        var message: String
    }

    private struct State {
        var recent: [ContinuousClock.Instant] = []
        var messages: [String: Int] = [:]
        var offenders: [String: Offender] = [:]
        var isBroken = false
    }

    private let perMinute: Int
    private let state = Mutex(State())

    init(perMinute: Int) { self.perMinute = perMinute }

    /// Counts an end that nobody asked for.
    ///
    /// - Parameter item: the row at fault; empty for none.
    func add(_ message: String, item: String, version: Int) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.recent = state.recent.filter { now - $0 < .seconds(60) } + [now]
            state.messages[message, default: 0] += 1
            if state.recent.count > perMinute { state.isBroken = true }
            guard !item.isEmpty else { return }
            var offender = state.offenders[item] ?? Offender(version: version, message: message)
            offender.crashes += 1
            offender.version = max(offender.version, version)
            state.offenders[item] = offender
        }
    }

    /// Refuses a row that ended two processes, and everything once they end too often.
    ///
    /// The rest of a row's own group is still judged: whether they are must not depend on which was judged first.
    func check(item: String, version: Int) throws(VerifierFailure) {
        let failure = state.withLock { state -> VerifierFailure? in
            if state.isBroken { return broken(state) }
            guard let offender = state.offenders[item], offender.crashes >= 2, version > offender.version else {
                return nil
            }
            return VerifierFailure(
                .crashed,
                "row '\(item)' is in quarantine, for it ended the verifier's process \(offender.crashes) times; the "
                    + "first time \(offender.message)")
        }
        if let failure { throw failure }
    }

    private func broken(_ state: State) -> VerifierFailure {
        let top = state.messages.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(3)
        return VerifierFailure(
            .configuration,
            "it is broken: its process ended more than \(perMinute) times within a minute. Most often:"
                + top.map { "\n  \($0.value) × \($0.key)" }.joined())
    }
}
