/// A rollout that a verifier is asked about.
struct Asked: Sendable {
    var rollout: Rollout
    var verifier: BoundVerifier
    /// What the components before say together.
    var earlier: Score?
}

/// What came of asking.
struct Reply: Sendable {
    var result: Result<Verdict, VerifierFailure>
    var seconds = 0.0
    var attempts = 0
    var fromCache = false
    var messages: [String] = []
    var metrics: [String: Double] = [:]
}

/// Calls of one component's verifier, with deadlines and repetitions.
struct VerifierCalls: Sendable {
    let component: RewardComponent
    let purpose: VerificationContext.Purpose
    let epoch: Int
    let seed: UInt64
    let workers: Int
    let backoff: Duration
    let threads: VerifierThreads

    /// Longest time between two attempts, unless the other side asks for more.
    private static let longestPause: Duration = .seconds(30)
    /// Longest time that the other side may ask for.
    private static let longestRequest: Duration = .seconds(300)

    /// Asks about rollouts of any rows; one reply for each, in order.
    func replies(_ asked: [Asked]) async -> [Reply] {
        if asked.allSatisfy(\.verifier.isImmediate) {
            return await threads.map(asked.count, workers: workers) { immediate(asked[$0]) }
        }
        if case .batch(let size) = component.verifier.scope {
            let starts = Array(stride(from: 0, to: asked.count, by: size))
            let batches = await threads.map(starts.count, concurrency: component.concurrency) { index in
                await together(Array(asked[starts[index]..<min(asked.count, starts[index] + size)]), isWhole: false)
            }
            return batches.flatMap { $0 }
        }
        return await threads.map(asked.count, concurrency: component.concurrency) { index in
            await together([asked[index]], isWhole: true)[0]
        }
    }

    /// Asks about the rollouts of one row together.
    func replies(group asked: [Asked]) async -> [Reply] { await together(asked, isWhole: true) }

    private func immediate(_ asked: Asked) -> Reply {
        let start = ContinuousClock.now
        let result = Result { () throws(VerifierFailure) -> Verdict in try asked.verifier.verify(asked.rollout) }
        return Reply(result: result, seconds: (ContinuousClock.now - start).inSeconds, attempts: 1)
    }

    /// Makes one call about several rollouts, again and again for those whose failure may pass.
    ///
    /// - Parameter isWhole: whether a repetition is about all of them, as for a group.
    private func together(_ asked: [Asked], isWhole: Bool) async -> [Reply] {
        let unasked = VerifierFailure(.crashed, verifier: component.id, "the verifier was never called")
        var replies = [Reply](repeating: Reply(result: .failure(unasked)), count: asked.count)
        var open = Array(asked.indices)
        var attempt = 0
        while !open.isEmpty {
            let members = isWhole ? Array(asked.indices) : open
            let notes = VerificationNotes()
            let start = ContinuousClock.now
            let results = await results(members.map { asked[$0] }, attempt: attempt, notes: notes)
            let seconds = (ContinuousClock.now - start).inSeconds / Double(members.count)
            for (index, result) in zip(members, results) {
                replies[index].seconds += seconds
                replies[index].attempts += 1
                guard open.contains(index) else { continue }
                replies[index].result = result
                replies[index].messages = notes.messages
                replies[index].metrics = notes.metrics
            }
            let failures = open.compactMap { index -> (Int, VerifierFailure)? in
                guard case .failure(let failure) = replies[index].result else { return nil }
                return mayRepeat(failure, after: attempt) ? (index, failure) : nil
            }
            open = failures.map(\.0)
            guard let first = open.first else { break }
            try? await Task.sleep(for: pause(after: attempt, failures.map(\.1), asked[first].rollout))
            attempt += 1
        }
        return replies
    }

    /// One call with its deadline.
    private func results(
        _ asked: [Asked], attempt: Int, notes: VerificationNotes
    ) async -> [Result<Verdict, VerifierFailure>] {
        let scope = component.verifier.scope
        let sample = scope == .group ? "group" : asked.map { String($0.rollout.sample) }.joined(separator: ",")
        let context = VerificationContext(
            purpose: purpose, deadline: ContinuousClock.now + component.timeout, attempt: attempt,
            random: random(asked[0].rollout, sample, attempt),
            earlier: asked.count == 1 ? asked[0].earlier : nil, notes: notes)
        let verifier = component.verifier
        let call = { @Sendable () async -> [Result<Verdict, VerifierFailure>] in
            do throws(VerifierFailure) {
                switch scope {
                case .rollout: return [.success(try await asked[0].verifier.verify(asked[0].rollout, in: context))]
                case .batch:
                    return await verifier.verify(asked.map { ($0.rollout, $0.verifier) }, in: context)
                case .group:
                    let members = asked.map { GroupMember(rollout: $0.rollout, earlier: $0.earlier) }
                    return try await asked[0].verifier.verify(members, in: context)
                }
            } catch {
                return asked.map { _ in .failure(error) }
            }
        }
        // Its clock starts when a process is free; ours would end calls that wait behind one that hangs.
        if verifier.traits.keepsDeadlines { return await call() }
        if let results = await threads.result(within: component.timeout, of: call) { return results }
        let failure = VerifierFailure(.timeout, verifier: component.id, "no verdict within \(component.timeout)")
        return asked.map { _ in .failure(failure) }
    }

    private func random(_ rollout: Rollout, _ sample: String, _ attempt: Int) -> VerifierRandom {
        VerifierRandom(seed: seed, component.id, rollout.item, String(epoch), sample, String(attempt))
    }

    private func mayRepeat(_ failure: VerifierFailure, after attempt: Int) -> Bool {
        switch failure.kind {
        case .infrastructure: return attempt < component.retries
        case .sandbox: return attempt < min(1, component.retries)
        case .timeout, .crashed:
            if case .retry(let count) = component.onError { return attempt < count }
            return false
        case .item, .configuration, .budget, .invalidValue: return false
        }
    }

    /// Twice as long after each attempt, from half to one and a half times that, so that calls that failed together
    /// do not come again together; and no shorter than the other side asks for.
    private func pause(after attempt: Int, _ failures: [VerifierFailure], _ rollout: Rollout) -> Duration {
        guard failures.contains(where: { $0.kind == .infrastructure || $0.kind == .sandbox }) else { return .zero }
        var random = VerifierRandom(seed: seed, component.id, rollout.item, "pause", String(rollout.sample))
        for _ in 0..<attempt { _ = random.next() }
        let jitter = 0.5 + Double(random.next() >> 11) * 0x1p-53
        let doubled = min(Self.longestPause, backoff * (1 << min(attempt, 16)))
        let asked = failures.compactMap(\.retryAfter).max() ?? .zero
        return max(doubled * jitter, min(asked, Self.longestRequest))
    }
}

extension Duration {
    /// As a number of seconds.
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
