import OrderedCollections
import Statistics
import TextCore
public import Training
import Verifiers

/// Scores answers to the questions of a suite, whoever gave them.
public struct AnswerJudge {
    private let suite: Suite
    private let baseline: [String: String]
    private let stop: StopSignal

    /// - Parameters:
    ///   - suite: the questions, each with its verifier.
    ///   - baseline: the baseline's answers by the questions' ids, for suites that compare with it.
    ///   - stop: read between verdicts.
    public init(suite: Suite, baseline: [String: String] = [:], stop: StopSignal = StopSignal()) {
        self.suite = suite
        self.baseline = baseline
        self.stop = stop
    }

    /// A verdict and what the verifier noted beside it.
    private struct Judged: Sendable {
        var verdict: Result<Verdict, VerifierFailure>?
        var notes: [String: Double] = [:]
    }

    /// A call of a verifier.
    private struct Call: Sendable {
        var verifier: BoundVerifier
        var rollout: Rollout
        /// The baseline's answer, where the two are compared.
        var other: Rollout?
    }

    /// What the suite says of the answers.
    ///
    /// - Parameter answers: one for each question, in order.
    /// - Throws: `CancellationError` when stopped.
    public func result(_ answers: [SuiteAnswer]) throws -> SuiteResult {
        precondition(answers.count == suite.items.count, "\(answers.count) answers to \(suite.items.count) questions")
        let judged = try verdicts(answers)
        var result = SuiteResult(name: suite.name, kind: .answers, count: answers.count)
        result.isRegression = suite.isRegression
        var fields: [[FieldTable.Row]] = []
        for (index, item) in suite.items.enumerated() {
            var outcome = Self.outcome(item, answers[index], judged[index].verdict)
            if let count = item.countFields {
                let counts = count(rollout(item, answers[index]))
                fields.append(counts.fields)
                outcome.add(counts)
            } else if suite.extracts {
                outcome.values["valid"] = .init(outcome.extracted == nil ? 0 : 1)
            }
            outcome.addCosts(answers[index])
            result.outcomes.append(outcome)
        }
        guard !answers.isEmpty else { return result }
        result.addShares(isOfWins: suite.comparesWithBaseline)
        result.figures["stopped"] = Double(answers.count { $0.stopped }) / Double(answers.count)
        if suite.items.allSatisfy({ $0.label != nil }) {
            let classes = ClassTable(result.outcomes.map { ($0.label ?? "", $0.extracted) })
            result.classes = classes
            result.figures["macro_f1"] = classes.macroF1
            result.figures["base_rate"] = classes.baseRate
        } else if let rate = Self.baseRate(suite.items.map(\.expected)) {
            result.figures["base_rate"] = rate
        }
        result.addMeans()
        if !fields.isEmpty {
            let table = FieldTable(fields)
            result.fields = table
            result.figures["field_macro_f1"] = table.macroF1
        }
        result.addLatency(answers)
        addNotes(judged.map(\.notes), to: &result)
        return result
    }

    /// Share of the most frequent right answer; `nil` where no question has one.
    private static func baseRate(_ expected: [String]) -> Double? {
        guard expected.contains(where: { !$0.isEmpty }) else { return nil }
        let counts = expected.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
        return Double(counts.values.max() ?? 0) / Double(expected.count)
    }

    private func addNotes(_ notes: [[String: Double]], to result: inout SuiteResult) {
        let first = notes.compactMap { $0["judge_first_place"] }
        guard !first.isEmpty else { return }
        let share = first.reduce(0, +) / Double(first.count)
        result.figures["judge_first_place"] = share
        result.remarks.append(
            "each pair was judged in both orders; the answer shown first won \((share * 1000).rounded() / 10) % of the "
                + "comparisons, and 50 % is a judge that does not care")
    }

    /// A verifier that fails has not scored 0: the outcome has no score, and says why.
    private static func outcome(
        _ item: SuiteItem, _ answer: SuiteAnswer, _ verdict: Result<Verdict, VerifierFailure>?
    ) -> SuiteResult.Outcome {
        var outcome = SuiteResult.Outcome(
            id: item.id, source: item.source, question: item.shownQuestion, expected: item.expected, label: item.label,
            answer: answer.text,
            passed: false, stopped: answer.stopped)
        switch verdict {
        case .success(.score(let score)):
            outcome.score = score.value
            outcome.passed = score.passed ?? (score.value >= (item.verifier?.range.upperBound ?? 1))
            outcome.extracted = score.extracted
            outcome.note = score.note
        case .success(.abstain(let reason)): outcome.note = "no verdict: \(reason)"
        case .failure(let failure): outcome.note = "the verifier failed: \(failure)"
        case nil: outcome.note = answer.failure.map { "no answer: \($0)" }
        }
        return outcome
    }

    // MARK: Verdicts

    private func rollout(_ item: SuiteItem, _ answer: SuiteAnswer) -> Rollout {
        var rollout = item.question
        rollout.fullText = answer.text
        rollout.stopReason = answer.stopped ? .stop : .length
        rollout.tokenCount = answer.tokenCount
        return rollout
    }

    /// Verifiers that wait do so together, a few at a time; the order of the answers is kept.
    private func verdicts(_ answers: [SuiteAnswer]) throws -> [Judged] {
        let calls = zip(suite.items, answers).map { item, answer -> Call? in
            guard let verifier = item.verifier, answer.failure == nil else { return nil }
            var call = Call(verifier: verifier, rollout: rollout(item, answer))
            if suite.comparesWithBaseline, verifier.isOfGroups {
                var other = call.rollout
                if let text = baseline[item.id] { other.fullText = text }
                call.other = other
            }
            return call
        }
        guard calls.contains(where: { $0.map { !$0.verifier.isImmediate } ?? false }) else {
            return try calls.map { call in
                if stop.isRequested { throw CancellationError() }
                return Judged(
                    verdict: call.map { call in
                        Result { () throws(VerifierFailure) in try call.verifier.verify(call.rollout) }
                    })
            }
        }
        return try waiting(unless: { stop.wasRequested }) {
            await withTaskGroup(of: (Int, Judged).self) { group in
                var verdicts = [Judged](repeating: Judged(), count: calls.count)
                for index in calls.indices {
                    // As many at once as an endpoint is likely to bear.
                    if index >= 16, let (done, verdict) = await group.next() { verdicts[done] = verdict }
                    group.addTask { (index, await Self.verdict(on: calls[index])) }
                }
                for await (done, verdict) in group { verdicts[done] = verdict }
                return verdicts
            }
        }
    }

    private static func verdict(on call: Call?) async -> Judged {
        guard let call else { return Judged() }
        let context = VerificationContext(deadline: .now + .seconds(120))
        do throws(VerifierFailure) {
            guard let other = call.other else {
                let verdict = try await call.verifier.verify(call.rollout, in: context)
                return Judged(verdict: .success(verdict), notes: context.notes.metrics)
            }
            let members = [GroupMember(rollout: call.rollout), GroupMember(rollout: other)]
            let verdicts = try await call.verifier.verify(members, in: context)
            return Judged(verdict: verdicts.first, notes: context.notes.metrics)
        } catch {
            return Judged(verdict: .failure(error))
        }
    }
}

extension SuiteResult.Outcome {
    /// What was found of the fields of JSON, as parts of the F1 of all answers.
    fileprivate mutating func add(_ counts: (isValid: Bool, fields: [FieldTable.Row])) {
        values["valid"] = .init(counts.isValid ? 1 : 0)
        let whole = FieldTable([counts.fields]).total
        // The mean weighted so is the F1 of all leaves of all answers together.
        values["field_f1"] = .init(whole.f1, weight: whole.answered + whole.expected)
        let isExact = counts.isValid && whole.matched == whole.answered && whole.matched == whole.expected
        values["exact"] = .init(isExact ? 1 : 0)
    }

    fileprivate mutating func addCosts(_ answer: SuiteAnswer) {
        if let seconds = answer.seconds { values["latency_ms"] = .init(1000 * seconds) }
        if let cost = answer.cost { values["cost"] = .init(cost) }
    }
}

extension SuiteResult {
    /// The share of questions that are solved with its bounds, and the mean score.
    mutating func addShares(isOfWins: Bool = false) {
        let judged = outcomes.compactMap(\.score)
        let passed = Double(outcomes.count { $0.passed })
        unjudged = outcomes.count - judged.count
        figures["accuracy"] = passed / Double(outcomes.count)
        if !judged.isEmpty {
            let score = judged.reduce(0, +) / Double(judged.count)
            figures["score"] = score
            if isOfWins {
                figures["win_rate"] = score
                let interval = Interval.wilson(
                    successes: min(max(0, score), 1) * Double(judged.count), trials: judged.count)
                figures["win_rate_low"] = interval.lower
                figures["win_rate_high"] = interval.upper
            }
        }
        let interval = Interval.wilson(successes: passed, trials: outcomes.count)
        figures["accuracy_low"] = interval.lower
        figures["accuracy_high"] = interval.upper
    }

    /// The means of what single answers have besides.
    fileprivate mutating func addMeans() {
        for name in ["valid", "exact", "field_f1", "cost"] {
            var (sum, weight) = (0.0, 0.0)
            for value in outcomes.compactMap({ $0.values[name] }) {
                sum += value.value * value.weight
                weight += value.weight
            }
            if weight > 0 { figures[name] = sum / weight }
        }
    }

    /// How long requests take that were timed alone, and how many tokens a second came.
    mutating func addLatency(_ answers: [SuiteAnswer]) {
        let timed = answers.filter { $0.seconds != nil }
        let seconds = timed.compactMap(\.seconds).sorted()
        guard let longest = seconds.last, longest > 0 else { return }
        let total = seconds.reduce(0, +)
        figures["latency_ms"] = 1000 * total / Double(seconds.count)
        figures["latency_p50"] = 1000 * Self.quantile(seconds, 50)
        figures["latency_p95"] = 1000 * Self.quantile(seconds, 95)
        let tokens = timed.reduce(0) { $0 + $1.tokenCount }
        if tokens > 0 { figures["tokens_per_second"] = Double(tokens) / total }
    }

    /// The least value that so many percent do not surpass, from values that rise.
    static func quantile(_ rising: [Double], _ percent: Int) -> Double {
        rising[max(0, (rising.count * percent + 99) / 100 - 1)]
    }
}
