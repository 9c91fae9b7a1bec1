import TextCore

extension PreflightTrial {
    // MARK: Right answers

    /// Tries each verifier's own probes, and what is known to be right on all verifiers together.
    mutating func tryRightAnswers() async throws(VerifierFailure) {
        for index in set.components.indices { try await tryProbes(of: index) }
        let candidates = subjects.map(candidates)
        let pairs = subjects.indices.flatMap { index in candidates[index].map { (subject: subjects[index], text: $0) } }
        let scores = try await scores(pairs)
        var next = 0
        for index in subjects.indices {
            for text in candidates[index] {
                take(text, scores[next], index)
                next += 1
            }
        }
        reportRightAnswers(candidates)
        try await tryOwnAnswers()
    }

    /// Texts that should earn the reward: the row's own answer, and right answers that verifiers bring.
    private func candidates(_ subject: PreflightSubject) -> [String] {
        var texts = subject.row.completion.map { [$0] } ?? []
        for (component, verifier) in zip(set.components, subject.rewards.verifiers)
        where component.role == .reward || component.role == .gate {
            texts += verifier.probes.filter(\.passes).map(\.answer).filter { !texts.contains($0) }
        }
        return texts
    }

    /// Keeps the answer that is worth the most, one that passes first.
    private mutating func take(_ text: String, _ score: RolloutScore, _ index: Int) {
        guard score.status == .scored, let total = score.total else { return }
        let isSolved = score.failedGate == nil && score.passed != false
        let best = subjects[index].goldScore?.total
        let isBetter = best.map { isSolved == subjects[index].isSolved ? total > $0 : isSolved } ?? true
        guard isBetter else { return }
        subjects[index].gold = text
        subjects[index].goldScore = score
        subjects[index].isSolved = isSolved
    }

    private mutating func reportRightAnswers(_ candidates: [[String]]) {
        let known = subjects.indices.filter { !candidates[$0].isEmpty }
        let unsolved = known.filter { !subjects[$0].isSolved }
        guard !known.isEmpty else {
            report.add(.rightAnswers, "none are known")
            report.find(
                .note, .rightAnswers, "no right answer is known, so it cannot be tried whether one passes",
                fix: "Add a column with an answer that should pass.")
            return
        }
        report.add(.rightAnswers, "\(known.count - unsolved.count) of \(known.count) rows have one that passes")
        guard !unsolved.isEmpty else { return }
        let reason = unsolved.compactMap { subjects[$0].goldScore }.first.flatMap(reasonOfFailure)
        let already = report.findings.contains { $0.check == .rightAnswers && $0.severity == .error }
        report.find(
            already || unsolved.count < known.count ? .warning : .error, .rightAnswers,
            "no known right answer passes all verifiers together on \(unsolved.count) of \(known.count) rows"
                + (reason.map { ": \($0)" } ?? ""),
            rows: unsolved.map { subjects[$0].row.place },
            fix: "If a good answer looks different, give some rows one that should pass; or mend the verifiers.")
    }

    private func reasonOfFailure(_ score: RolloutScore) -> String? {
        if let gate = score.failedGate { return "gate '\(gate)' is not met" }
        let part = score.parts.first { $0.role == .reward && $0.passed == false }
        return part.map { part in "'\(part.id)' says " + (part.note ?? "that it is wrong") }
    }

    /// Tries what a verifier itself brings as right answers and as cheats.
    private mutating func tryProbes(of index: Int) async throws(VerifierFailure) {
        let component = set.components[index]
        let rows = subjects.filter { !$0.rewards.verifiers[index].probes.isEmpty }
        guard !rows.isEmpty else { return }
        var alone = component
        alone.role = .reward
        alone.onError = .exclude
        let single = try RewardSet([alone], seed: set.seed, workers: set.workers, backoff: set.backoff)
        var groups: [RewardGroup] = []
        var probes: [(row: PreflightRow, probe: VerifierProbe)] = []
        for subject in Preflight.spread(rows, settings.cheatRows) {
            let verifier = subject.rewards.verifiers[index]
            let rewards = BoundRewards(
                item: subject.rewards.item, verifiers: [verifier], identity: subject.rewards.identity,
                expectation: subject.rewards.expectation)
            for probe in verifier.probes {
                groups.append(RewardGroup([subject.row.rollout(probe.answer)], rewards: rewards))
                probes.append((subject.row, probe))
            }
        }
        let scores = try await scores(groups, with: single)
        var wrong: [VerifierProbe: [String]] = [:]
        var notes: [VerifierProbe: String] = [:]
        var names: [(name: String, passes: Bool)] = []
        for (index, (row, probe)) in probes.enumerated() {
            guard let outcome = scores[index][0].parts.first, component.isPassed(outcome) != probe.passes else {
                continue
            }
            let key = VerifierProbe(probe.name, answer: "", passes: probe.passes)
            if wrong[key] == nil { names.append((probe.name, probe.passes)) }
            if wrong[key]?.last != row.place { wrong[key, default: []].append(row.place) }
            notes[key] = notes[key] ?? outcome.note
        }
        for (name, passes) in names {
            let key = VerifierProbe(name, answer: "", passes: passes)
            let note = notes[key].map { ": \($0)" } ?? ""
            report.find(
                .error, passes ? .rightAnswers : .cheats,
                passes
                    ? "'\(component.id)' does not pass its own right answer '\(name)'\(note)"
                    : "'\(component.id)' passes a way to cheat, '\(name)'\(note)",
                rows: wrong[key] ?? [],
                fix: passes
                    ? "Mend the reference of these rows, or choose options and `extract` that read it."
                    : "Choose stricter options: a comparison of the whole answer, `pick: only` in `extract`.")
        }
    }

    /// Tries the rows' own answers on each verifier by itself.
    private mutating func tryOwnAnswers() async throws(VerifierFailure) {
        let rows = subjects.filter { $0.row.completion != nil }
        guard !rows.isEmpty else { return }
        let scores = try await scores(rows.map { ($0, $0.row.completion ?? "") })
        for component in set.components where component.role == .reward || component.role == .gate {
            let outcomes = scores.map { $0[component.id] }
            let failing = rows.indices.filter { outcomes[$0]?.status == .scored && outcomes[$0]?.passed == false }
            guard !failing.isEmpty else { continue }
            let isAll = failing.count == rows.count
            let note = outcomes[failing[0]]?.note.map { ": \($0)" } ?? ""
            report.find(
                isAll ? .note : .warning, .rightAnswers,
                "the rows' own answers do not pass '\(component.id)' on \(failing.count) of \(rows.count) rows\(note)",
                rows: failing.map { rows[$0].row.place },
                fix: isAll
                    ? "That is well if they only hold what is expected, and not how it is to be written."
                    : "Mend these rows or leave them out: what they expect cannot be earned as it stands there.")
        }
    }

    // MARK: Cheats

    /// Tries ways to earn the reward without solving the row.
    mutating func tryCheats(on count: Int) async throws(VerifierFailure) {
        let chosen = Preflight.spread(subjects, count)
        guard !chosen.isEmpty else { return }
        let answers = distinctAnswers()
        var tried: [(subject: PreflightSubject, cheat: Cheat)] = []
        for subject in chosen {
            let gold = subject.isSolved ? subject.gold : nil
            let others = answers.filter { !expectsTheSame($0, subject) }.compactMap(\.gold)
            tried += Cheat.all(for: subject.row, gold: gold, others: Array(others.prefix(20))).map { (subject, $0) }
        }
        let texts = tried.flatMap { item in item.cheat.texts.map { (subject: item.subject, text: $0) } }
        let scores = try await scores(texts)
        var next = 0
        var hits: [String: [String]] = [:]
        var cheats: [Cheat] = []
        for (subject, cheat) in tried {
            let range = next..<(next + cheat.texts.count)
            next = range.upperBound
            let gold = subject.isSolved ? subject.goldScore?.total : nil
            guard scores[range].allSatisfy({ isSolved($0, gold: gold) }) else { continue }
            // What a right answer looks like cannot be called a cheat: an empty text where nothing is expected.
            if subject.isSolved, cheat.texts == [subject.gold ?? ""] { continue }
            if hits[cheat.name] == nil { cheats.append(cheat) }
            hits[cheat.name, default: []].append(subject.row.place)
        }
        report(cheats, hits, on: chosen.count)
    }

    private mutating func report(_ cheats: [Cheat], _ hits: [String: [String]], on count: Int) {
        let bad = cheats.filter { !$0.isTolerable }
        report.add(
            .cheats,
            bad.isEmpty
                ? "none passes on \(count) rows"
                : bad.map { "\($0.name) passes on \(hits[$0.name]?.count ?? 0)" }.joined(separator: ", ")
                    + " of \(count) rows")
        for cheat in cheats {
            let rows = hits[cheat.name] ?? []
            // What passes on a row here and there is luck; what passes more often will be found by the policy.
            let isRare = rows.count * 10 <= count
            report.find(
                cheat.isTolerable ? .note : isRare ? .warning : .error, .cheats,
                "\(cheat.name) earns the reward on \(rows.count) of \(count) rows", rows: rows, fix: cheat.fix)
        }
    }

    /// Rows with different right answers, short ones only: together they make the answer of somebody who guesses.
    private func distinctAnswers() -> [PreflightSubject] {
        var seen: Set<String> = []
        let short = subjects.filter { subject in
            guard subject.isSolved, let gold = subject.gold, gold.utf8.count <= 200 else { return false }
            return seen.insert(gold).inserted
        }
        return Array(short.prefix(200))
    }

    // MARK: Answers of other rows

    /// Tries each right answer on another row: it may pass there only where both rows expect the same.
    mutating func tryOtherRows() async throws(VerifierFailure) {
        let solved = subjects.filter(\.isSolved)
        guard solved.count > 1, usesReferences(solved[0]) else {
            if !solved.isEmpty { report.add(.otherRows, "not tried: no verifier looks at what a row expects") }
            return
        }
        // The farthest first: data are often sorted by what they expect.
        var shifts: [Int] = []
        for shift in [solved.count / 2, solved.count / 3 + 1, 1] where shift < solved.count && !shifts.contains(shift) {
            shifts.append(shift)
        }
        var pairs: [(own: PreflightSubject, other: PreflightSubject)] = []
        for shift in shifts.prefix(solved.count > 500 ? 1 : 3) {
            for index in solved.indices { pairs.append((solved[index], solved[(index + shift) % solved.count])) }
        }
        let scores = try await scores(pairs.map { (subject: $0.other, text: $0.own.gold ?? "") })
        var (passing, alike, wrong) = (0, 0, [String]())
        for (pair, score) in zip(pairs, scores) {
            let isAlike = expectsTheSame(pair.own, pair.other)
            if isAlike { alike += 1 }
            guard isSolved(score, gold: pair.other.goldScore?.total) else { continue }
            passing += 1
            if !isAlike, wrong.last != pair.other.row.place { wrong.append(pair.other.row.place) }
        }
        let different = pairs.count - alike
        let rate = Double(passing) / Double(pairs.count)
        let chance = Double(alike) / Double(pairs.count)
        report.add(
            .otherRows,
            "\(percent(rate)) pass; by chance \(percent(chance)) would, for so many pairs of rows expect the same")
        let share = different == 0 ? 0 : Double(wrong.count) / Double(different)
        guard share > 0.02 else { return }
        report.find(
            share > 0.1 ? .error : .warning, .otherRows,
            "right answers of other rows pass on \(percent(share)) of the rows that expect something else",
            rows: wrong,
            fix:
                "The reference hardly matters: compare the whole answer, or look whether `target` names the right column."
        )
    }

    private func expectsTheSame(_ first: PreflightSubject, _ second: PreflightSubject) -> Bool {
        if first.rewards.expectation == second.rewards.expectation || first.gold == second.gold { return true }
        func extracted(_ subject: PreflightSubject) -> [String] {
            subject.goldScore?.parts.filter { $0.role == .reward }.compactMap(\.extracted) ?? []
        }
        let answers = extracted(first)
        return !answers.isEmpty && answers == extracted(second)
    }

    /// Whether some verifier looks at the reference: one that takes anything for it does not.
    private func usesReferences(_ subject: PreflightSubject) -> Bool {
        zip(set.components, subject.rewards.verifiers).contains { component, bound in
            guard component.role == .reward || component.role == .gate else { return false }
            if case .constant = component.reference { return false }
            if !(bound.reference is NoReference) { return true }
            let odd: [JSON] = [.null, true, [[]], ["\u{0}": [:]]]
            return odd.contains { (try? component.verifier.bound(to: $0)) == nil }
        }
    }
}
