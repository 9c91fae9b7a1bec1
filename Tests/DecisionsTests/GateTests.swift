import Decisions
import Foundation
import Reports
import Statistics
import Testing
import TextCore

/// Rows of values with names of their own.
func observations(_ values: [Double], weights: [Double]? = nil) -> [Observation] {
    values.enumerated().map { Observation(id: "row-\($0)", value: $1, weight: weights?[$0] ?? 1) }
}

/// Every verdict a gate gives, and why.
@Suite struct GateTests {
    /// Pass and fail of both models: so many rows of each of the four outcomes.
    private func shares(
        both: Int, gains: Int, losses: Int, neither: Int, name: String = "accuracy"
    ) -> GateMetric {
        func column(_ values: (Double, Double, Double, Double)) -> [Double] {
            [Double](repeating: values.0, count: both) + [Double](repeating: values.1, count: gains)
                + [Double](repeating: values.2, count: losses) + [Double](repeating: values.3, count: neither)
        }
        return GateMetric(
            name: name, isBinary: true, candidate: observations(column((1, 1, 0, 0))),
            baseline: observations(column((1, 0, 1, 0))))
    }

    private func verdict(
        _ kind: GateCondition.Kind, _ metric: GateMetric, correction: GateVerdict.Correction = .holm
    ) -> GateVerdict {
        Gate(conditions: [GateCondition(metric: metric.name, kind: kind)], correction: correction, resamples: 2_000)
            .verdict(metrics: [metric])
    }

    @Test func aClearGainShipsAClearLossDoesNotAndALittleIsUndecided() {
        let gain = verdict(.minGain(0.05), shares(both: 140, gains: 40, losses: 5, neither: 15))
        #expect(gain.outcome == .ship && gain.conditions[0].status == .passed)
        #expect((gain.conditions[0].lower ?? 0) > 0.05 && abs((gain.conditions[0].difference ?? 0) - 0.175) < 1e-12)
        let loss = verdict(.minGain(0.05), shares(both: 140, gains: 5, losses: 20, neither: 35))
        #expect(loss.outcome == .dontShip && (loss.conditions[0].upper ?? 1) < 0.05)
        let little = verdict(.minGain(0), shares(both: 160, gains: 12, losses: 8, neither: 20))
        guard case .notEnoughData(let more?) = little.outcome else {
            Issue.record("\(little.outcome)")
            return
        }
        #expect((100...5000).contains(more) && (little.conditions[0].lower ?? 1) <= 0)
        // So many more rows of the same do decide.
        let factor = Double(200 + more) / 200
        let enough = verdict(
            .minGain(0),
            shares(
                both: Int(160 * factor) + 1, gains: Int((12 * factor).rounded(.up)), losses: Int(8 * factor),
                neither: Int(20 * factor)))
        #expect(enough.outcome == .ship, "\(enough.summary)")
    }

    @Test func equalOutcomesOfTwentyRowsProveNothing() {
        let same = shares(both: 15, gains: 0, losses: 0, neither: 5)
        let gain = verdict(.minGain(0), same)
        #expect(gain.outcome == .notEnoughData(moreExamples: nil))
        let drop = verdict(.maxDrop(0.01), same)
        guard case .notEnoughData(let more?) = drop.outcome else {
            Issue.record("\(drop.outcome)")
            return
        }
        // z² / (n + z²) < 0.01 from 268 rows on.
        #expect((240...256).contains(more), "\(more)")
        #expect(verdict(.maxDrop(0.01), shares(both: 250, gains: 0, losses: 0, neither: 20)).outcome == .ship)
        // The same of scores that are not all 0 or 1.
        let scores = observations([0.5] + [Double](repeating: 1, count: 19))
        let metric = GateMetric(name: "f1", candidate: scores, baseline: scores)
        #expect(verdict(.maxDrop(0.01), metric).outcome != .ship)
        let many = observations([0.5] + [Double](repeating: 1, count: 699))
        #expect(verdict(.maxDrop(0.01), GateMetric(name: "f1", candidate: many, baseline: many)).outcome == .ship)
    }

    @Test func directionAndScaleAreMinded() {
        var random = CounterRandom(4)
        func spread() -> Double { Double(random.below(1000)) / 1000 - 0.5 }
        let before = (0..<300).map { _ in 2 + spread() }
        let after = before.map { $0 - 0.1 + spread() / 5 }
        let loss = GateMetric(
            name: "loss", direction: .lowerIsBetter, candidate: observations(after), baseline: observations(before))
        #expect(verdict(.minGain(0.05), loss).outcome == .ship)
        #expect(verdict(.minGain(0.15), loss).outcome == .dontShip)
        #expect(verdict(.maxDrop(0.05), loss).outcome == .dontShip, "a drop is a drop, whichever way is better")
        #expect(verdict(.maxRise(0), loss).outcome == .ship)
        #expect(verdict(.max(1.95), loss).outcome == .ship && verdict(.min(1.95), loss).outcome == .dontShip)
        var relative = loss
        relative.scale = .relative
        #expect(
            verdict(.minGain(0.04), relative).outcome == .ship && verdict(.minGain(0.06), relative).outcome == .dontShip
        )
        var perplexity = loss
        perplexity.summary = .exponentialOfMean
        let judged = verdict(.minGain(0.08), perplexity).conditions[0]
        #expect(judged.status == .passed && judged.isShare)
        #expect(abs((judged.difference ?? 0) - expm1(-0.1)) < 0.01 && abs((judged.baseline ?? 0) - exp(2)) < 0.2)
        #expect(verdict(.max(8), perplexity).outcome == .ship && verdict(.max(5), perplexity).outcome == .dontShip)
    }

    @Test func weightsMakeAMeanOverTokens() {
        // The few rows that count most are worse.
        let values = (0..<200).map { (row: Int) -> Double in
            let base: Double = row % 10 == 0 ? 1.5 : 0.8
            return base + Double(row) / 1000
        }
        let weights = (0..<200).map { (row: Int) -> Double in row % 10 == 0 ? 90 : 1 }
        let metric = GateMetric(
            name: "loss", direction: .lowerIsBetter, candidate: observations(values, weights: weights),
            baseline: observations([Double](repeating: 1, count: 200), weights: weights))
        let judged = verdict(.minGain(0), metric).conditions[0]
        #expect(judged.status == .failed && (judged.candidate ?? 0) > 1.3)
    }

    @Test func quantilesAreJudgedByRanks() {
        let latencies = (0..<40).map { 10 + Double($0) }
        let few = GateMetric(
            name: "p95", direction: .lowerIsBetter, scale: .relative, summary: .quantile(0.95),
            candidate: observations(latencies), baseline: observations(latencies))
        guard case .notEnoughData(let more?) = verdict(.max(60), few).outcome else {
            Issue.record("forty rows below a limit do not show a p95 below it")
            return
        }
        // 0.95^n < 0.05 from 59 rows on.
        #expect((19...21).contains(more), "\(more)")
        #expect(verdict(.max(30), few).outcome == .dontShip)
        #expect(verdict(.maxRise(0.1), few).conditions[0].note.contains("needs 100 rows"))
        let many = (0..<400).map { 10 + Double($0 % 40) }
        let more400 = GateMetric(
            name: "p95", direction: .lowerIsBetter, scale: .relative, summary: .quantile(0.95),
            candidate: observations(many.map { $0 * 0.8 }), baseline: observations(many))
        #expect(verdict(.max(41), more400).outcome == .ship)
        #expect(
            verdict(.minGain(0.1), more400).outcome == .ship && verdict(.maxRise(-0.3), more400).outcome == .dontShip)
    }

    @Test func severalConditionsShareTheLevel() {
        // Alone each p-value is just within 0.05.
        let metrics = (0..<3).map { shares(both: 150, gains: 19, losses: 9, neither: 22, name: "m\($0)") }
        let conditions = metrics.map { GateCondition(metric: $0.name, kind: .minGain(0)) }
        let alone = Gate(conditions: conditions, correction: .none).verdict(metrics: metrics)
        #expect(alone.outcome == .ship, "\(alone.lines)")
        let together = Gate(conditions: conditions).verdict(metrics: metrics)
        guard case .notEnoughData = together.outcome else {
            Issue.record("\(together.lines)")
            return
        }
        #expect(together.conditions.compactMap(\.level).sorted().map { Int($0 * 10_000) } == [166, 166, 166])
    }

    @Test func whatCannotBeJudgedFailsByName() {
        let rows = observations([1, 0, 1, 1])
        let cases: [(GateMetric, GateCondition.Kind, String)] = [
            (GateMetric(name: "a", candidate: rows), .minGain(0), "there is no baseline for a"),
            (GateMetric(name: "a", candidate: []), .min(0), "the candidate has no rows of a"),
            (GateMetric(name: "a", candidate: rows, baseline: []), .maxDrop(0), "the baseline has no rows of a"),
            (GateMetric(name: "a", candidate: observations([1, .nan])), .min(0), "row-1 of the candidate is nan"),
            (
                GateMetric(name: "a", candidate: rows, baseline: observations([1, 0, 1])), .minGain(0),
                "1 rows of a are the candidate's only and 0 the baseline's only, such as row-3"
            ),
            (GateMetric(name: "a", candidate: rows + rows), .min(0), "has row row-0 of a twice"),
            (GateMetric(name: "b", candidate: rows), .min(0), "there is no metric a; there are b"),
            (GateMetric(name: "a", candidate: rows), .min(.nan), "no finite number"),
            (GateMetric(name: "a", candidate: observations([1], weights: [0])), .min(0), "has a weight above 0"),
            (
                GateMetric(
                    name: "a", scale: .relative, candidate: observations([1, 2]), baseline: observations([0, 0])),
                .maxRise(0.1), "is not above 0"
            ),
        ]
        for (metric, kind, message) in cases {
            let verdict = Gate(conditions: [GateCondition(metric: "a", kind: kind)]).verdict(metrics: [metric])
            #expect(verdict.outcome == .dontShip && verdict.conditions[0].note.contains(message), "\(verdict.lines)")
        }
        #expect(Gate(conditions: []).verdict(metrics: []).outcome == .notEnoughData(moreExamples: nil))
    }

    @Test func checksCountWhetherAskedForOrNot() {
        let asked = Gate(conditions: [GateCondition(kind: .check("no_nan"))])
        #expect(asked.verdict(metrics: []).outcome == .dontShip, "a check that was not made does not hold")
        let good = GateCheckResult(name: "no_nan", passed: true, detail: "")
        let bad = GateCheckResult(name: "export_parity", passed: false, detail: "KL 0.4")
        #expect(asked.verdict(metrics: [], checks: [good]).outcome == .ship)
        let verdict = asked.verdict(metrics: [], checks: [good, bad])
        #expect(verdict.outcome == .dontShip && verdict.conditions.map(\.condition.text).last == "check export_parity")
        #expect(verdict.summary.contains("KL 0.4"))
    }

    @Test func theOrderOfRowsAndOfConditionsMakesNoDifference() {
        var random = CounterRandom(8)
        let before = observations((0..<151).map { _ in Double(random.below(1000)) / 500 })
        let after = before.map { Observation(id: $0.id, value: $0.value - Double(random.below(300)) / 1000) }
        func judge(_ first: [Observation], _ second: [Observation], reversed: Bool) -> [GateConditionResult] {
            let metric = GateMetric(name: "loss", direction: .lowerIsBetter, candidate: first, baseline: second)
            let other = shares(both: 30, gains: 5, losses: 1, neither: 9)
            let conditions = [
                GateCondition(metric: "loss", kind: .minGain(0.1)),
                GateCondition(metric: "accuracy", kind: .minGain(0)),
                GateCondition(metric: "loss", kind: .max(1)),
            ]
            let verdict = Gate(conditions: reversed ? conditions.reversed() : conditions, seed: 5, resamples: 1_000)
                .verdict(metrics: reversed ? [other, metric] : [metric, other])
            return reversed ? verdict.conditions.reversed() : verdict.conditions
        }
        let shuffled = random.permutation(151)
        #expect(
            judge(after, before, reversed: false)
                == judge(shuffled.map { after[$0] }, Array(before.reversed()), reversed: true))
    }

    @Test func aVerdictIsReadBackFromItsJSON() throws {
        let metrics = [
            shares(both: 150, gains: 19, losses: 9, neither: 22),
            GateMetric(
                name: "perplexity", direction: .lowerIsBetter, scale: .relative, candidate: observations([1, 2, 3]),
                baseline: observations([1, 2, 2.5])),
        ]
        let verdict = Gate(
            conditions: [
                GateCondition(metric: "accuracy", kind: .minGain(0)),
                GateCondition(metric: "accuracy", kind: .min(0.5)),
                GateCondition(metric: "perplexity", kind: .maxRise(0.02), text: "perplexity: max_rise 2 %"),
                GateCondition(metric: "none", kind: .maxDrop(0)), GateCondition(kind: .check("no_nan")),
            ], correction: .holm
        ).verdict(metrics: metrics, checks: [GateCheckResult(name: "no_nan", passed: true, detail: "3 files")])
        #expect(try GateVerdict(json: JSON(parsing: verdict.json.text(.pretty))) == verdict)
        for (change, message) in [
            (#""outcome": "dont_ship""#, #""outcome": "maybe""#), (#""gate": 1"#, #""gate": 7"#),
            (#""correction": "holm""#, #""correction": 3"#), (#""status": "failed""#, #""status": "f""#),
            (#""p": 0"#, #""p": "x"#), (#""rows": 200"#, #""rows": -1"#), (#""conditions": ["#, #""c": ["#),
        ] {
            let text = verdict.json.text(.pretty)
            #expect(text.contains(change))
            let damaged = text.replacingOccurrences(of: change, with: message)
            #expect(throws: (any Error).self) { try GateVerdict(json: JSON(parsing: damaged)) }
        }
    }

    @Test func damagedVerdictsAreRefusedAndNeverEndTheProcess() throws {
        let verdict = verdict(.minGain(0.05), shares(both: 14, gains: 4, losses: 5, neither: 15))
        let whole = Array(verdict.json.text(.pretty).utf8)
        var (read, refused) = (0, 0)
        for run in 0..<3_000 {
            var random = CounterRandom(42, UInt64(run))
            var bytes = whole
            for _ in 0..<1 + random.below(3) { bytes[random.below(bytes.count)] = UInt8(32 + random.below(95)) }
            do {
                let again = try GateVerdict(json: JSON(parsing: bytes))
                #expect(!again.lines.isEmpty && !again.blocks.isEmpty)
                read += 1
            } catch { refused += 1 }
        }
        #expect(read > 100 && refused > 100)
    }

    @Test func theReportShowsEveryConditionWithItsFigures() throws {
        let verdict = verdict(.minGain(0.05), shares(both: 140, gains: 40, losses: 5, neither: 15))
        #expect(verdict.summary == "ship: the condition holds at 95 % confidence")
        #expect(
            verdict.lines.count == 2
                && verdict.lines[1].hasPrefix("  pass  accuracy min_gain 0.05: 0.725 -> 0.9, difference +0.175, +0."))
        guard case .verdict(.good, let title, _) = verdict.blocks[0], case .table(let table) = verdict.blocks[1] else {
            Issue.record("\(verdict.blocks)")
            return
        }
        #expect(
            title == "Ship"
                && table.rows[0].starts(with: ["accuracy min_gain 0.05", "passed", "0.725", "0.9", "+0.175"]))
        let open = self.verdict(.minGain(0), shares(both: 160, gains: 12, losses: 8, neither: 20))
        #expect(open.summary.contains("more examples would decide if what was seen held"))
        guard case .verdict(.unsure, _, _) = open.blocks[0] else {
            Issue.record("\(open.blocks[0])")
            return
        }
    }

    @Test func sixConditionsOnThreeThousandRowsTakeAboutASecond() {
        var random = CounterRandom(2)
        let rows = (0..<3000).map { _ in Double(random.below(1000)) / 500 }
        let metrics = (0..<6).map { number in
            let after = rows.map { $0 - 0.01 * Double(random.below(10)) }
            let weights = number % 2 == 0 ? nil : rows.map { _ in Double(1 + random.below(30)) }
            return GateMetric(
                name: "m\(number)", direction: .lowerIsBetter, candidate: observations(after, weights: weights),
                baseline: observations(rows, weights: weights))
        }
        let gate = Gate(conditions: metrics.map { GateCondition(metric: $0.name, kind: .minGain(0)) })
        let clock = ContinuousClock()
        var verdict: GateVerdict?
        let time = clock.measure { verdict = gate.verdict(metrics: metrics) }
        print("gate, 3,000 rows, 6 conditions, 10,000 resamples: \(time)")
        #expect(verdict?.outcome == .ship && time < .seconds(20))
    }
}
