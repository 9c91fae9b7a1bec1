import OrderedCollections
import Statistics
public import TextCore
import Training

/// Two models on the same rows: by how much one is better, how sure that is, and where each wins.
public struct SuiteComparison: Sendable {
    /// One metric of both.
    public struct Metric: Sendable, Hashable {
        /// Its name.
        public var name: String
        /// The metric's value for the first and the second model.
        public var first, second: Double
        /// By how much the second is higher; a share of the first's value where `traits.isRelative`.
        public var difference: Double
        /// Where the true difference lies with 95 % confidence, by the paired bootstrap and, for what is right or wrong, the
        /// score interval of paired shares, whichever is wider; `nil` where the rows cannot tell.
        public var lower, upper: Double?
        /// How often as large a difference comes by chance, to either side: McNemar's exact test for what is right or
        /// wrong, the paired bootstrap otherwise; `nil` where rows are not told apart.
        public var pValue: Double?
        /// Rows that both models have.
        public var pairs: Int
        /// What it means.
        public var traits: MetricTraits

        /// Whether the second model is better by more than chance explains, worse, or neither.
        public var verdict: Verdict {
            guard let lower, let upper, lower > 0 || upper < 0 else { return .undecided }
            return (lower > 0) == traits.higherIsBetter ? .better : .worse
        }
    }

    /// What a difference says of the second model.
    public enum Verdict: String, Sendable, Hashable {
        case better, worse, undecided
    }

    /// A row on which the models differ.
    public struct Difference: Sendable, Hashable {
        /// Its name and place.
        public var id, source: String
        /// What is asked; empty where it is not known.
        public var question = ""
        /// What is right; empty for a loss.
        public var expected: String
        /// What each model answered; empty for a loss.
        public var first, second: String
        /// Each model's score, or the row's loss.
        public var firstValue, secondValue: Double
    }

    /// The suite's name.
    public var name: String
    /// The metric it is known by.
    public var leadingMetric: String
    /// Figures of rows, and the others that both have.
    public var metrics: [Metric] = []
    /// Rows on which the second model is right and the first is not, or has the lesser loss; the largest difference first.
    public var wins: [Difference] = []
    /// Rows on which it is the other way round.
    public var losses: [Difference] = []
    /// Rows that only the first, and only the second has.
    public var unpaired = (first: 0, second: 0)

    /// Figures that say of a result what its leading figure cannot be compared without.
    private static let unpairedFigures: Set<String> = [
        "latency_p50", "latency_p95", "tokens_per_second", "judge_first_place", "field_macro_f1",
    ]
    /// Figures that are bounds of others, or the same for every model.
    private static let skipped: Set<String> = [
        "accuracy_low", "accuracy_high", "win_rate_low", "win_rate_high", "base_rate",
    ]

    /// Compares results of one suite.
    ///
    /// - Parameters:
    ///   - first: the model that is compared with.
    ///   - second: the other.
    ///   - seed: of the resampling.
    /// - Throws: `EvaluationError` when the results are of different kinds, or no row is in both.
    public init(_ first: SuiteResult, _ second: SuiteResult, seed: UInt64 = 0) throws(EvaluationError) {
        guard first.kind == second.kind else {
            throw EvaluationError(
                "suite \(first.name) is of kind \(first.kind.rawValue) in one result and \(second.kind.rawValue) in the "
                    + "other; judge both by the same recipe")
        }
        name = first.name
        leadingMetric = first.kind.leadingMetric
        let (ids, others) = (Set(first.rowIDs), Set(second.rowIDs))
        unpaired = (ids.subtracting(others).count, others.subtracting(ids).count)
        guard ids.isEmpty || others.isEmpty || !ids.isDisjoint(with: others) else {
            throw EvaluationError(
                "the two results of suite \(name) have no row in common (\(ids.count) and \(others.count) rows), so they "
                    + "are of different files; judge both by the same file")
        }
        for metric in first.figures.keys where second.figures[metric] != nil && !Self.skipped.contains(metric) {
            if let value = Self.metric(metric, first, second, seed: seed) { metrics.append(value) }
        }
        (wins, losses) = Self.differences(first, second)
    }

    // MARK: Metrics

    private static func metric(
        _ name: String, _ first: SuiteResult, _ second: SuiteResult, seed: UInt64
    ) -> Metric? {
        guard let one = first.figures[name], let two = second.figures[name] else { return nil }
        let traits = MetricTraits(name)
        let change = traits.isRelative ? (one > 0 ? two / one - 1 : .nan) : two - one
        var metric = Metric(name: name, first: one, second: two, difference: change, pairs: 0, traits: traits)
        guard !unpairedFigures.contains(name), let left = first.observations(of: name),
            let right = second.observations(of: name)
        else { return metric }
        let known = Dictionary(left.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        let pairs = right.compactMap { row in known[row.id].map { ($0, row) } }
        metric.pairs = pairs.count
        func isUsable(_ row: RowObservation) -> Bool {
            row.value.isFinite && row.weight.isFinite && row.weight >= 0
        }
        guard pairs.count > 1, pairs.allSatisfy({ isUsable($0) && isUsable($1) }) else { return metric }
        // Rows that count alike need no weights, which is quicker.
        let isWeighted = pairs.contains { $0.weight != 1 || $1.weight != 1 }
        let isBinary = pairs.allSatisfy { [0, 1].contains($0.value) && [0, 1].contains($1.value) }
        let isShare = isBinary && !isWeighted && !traits.isRelative
        let bootstrap = PairedBootstrap(
            candidate: pairs.map(\.1.value), baseline: pairs.map(\.0.value),
            weights: isWeighted ? pairs.map(\.1.weight) : nil,
            baselineWeights: isWeighted ? pairs.map(\.0.weight) : nil,
            contrast: traits.isRelative ? .relativeChange : .difference, isStudentized: !isShare, seed: seed)
        // Of the rows that both have; the values of all stand beside it.
        metric.difference = bootstrap.estimate
        // Rows that all differ by the same say nothing of how rows vary.
        if bootstrap.standardError > 0 {
            metric.lower = bootstrap.lowerBound(level: 0.025).finite
            metric.upper = bootstrap.upperBound(level: 0.025).finite
        }
        if isShare {
            let (gains, losses) = (pairs.count { $0.value < $1.value }, pairs.count { $0.value > $1.value })
            // Few pairs that differ, or none, leave the bootstrap without width; the wider of the two bounds stands.
            let shares = PairedShares(pairs: pairs.count, gains: gains, losses: losses)
            // Where one row in thousands differs, most draws have none, and the bootstrap no bound at all.
            let (lower, upper) = (shares.lowerBound(level: 0.025), shares.upperBound(level: 0.025))
            metric.lower = min(metric.lower ?? lower, lower)
            metric.upper = max(metric.upper ?? upper, upper)
            metric.pValue = McNemar(gains: gains, losses: losses).twoSidedExact
        } else {
            metric.pValue = min(1, 2 * min(bootstrap.pValue(above: 0), bootstrap.pValue(below: 0)))
        }
        return metric
    }

    // MARK: Rows

    private static func differences(
        _ first: SuiteResult, _ second: SuiteResult
    ) -> (wins: [Difference], losses: [Difference]) {
        let all = first.kind.hasAnswers ? answers(first, second) : measured(first, second)
        let higherIsBetter = MetricTraits(first.kind.leadingMetric).higherIsBetter
        // Equal differences stay in the order of the file, so that the lists are the same each time.
        func sorted(_ rows: [Difference]) -> [Difference] {
            rows.enumerated().sorted { one, other in
                let sizes = [one, other].map { abs($0.element.secondValue - $0.element.firstValue) }
                return sizes[0] != sizes[1] ? sizes[0] > sizes[1] : one.offset < other.offset
            }.map(\.element)
        }
        return (
            sorted(
                all.filter { ($0.secondValue > $0.firstValue) == higherIsBetter && $0.secondValue != $0.firstValue }),
            sorted(all.filter { ($0.secondValue < $0.firstValue) == higherIsBetter && $0.secondValue != $0.firstValue })
        )
    }

    private static func answers(_ first: SuiteResult, _ second: SuiteResult) -> [Difference] {
        let known = Dictionary(first.outcomes.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        func value(_ outcome: SuiteResult.Outcome) -> Double {
            outcome.values["accuracy"]?.value ?? (outcome.passed ? 1 : 0)
        }
        return second.outcomes.compactMap { outcome in
            guard let other = known[outcome.id] else { return nil }
            return Difference(
                id: outcome.id, source: outcome.source, question: outcome.question, expected: outcome.expected,
                first: other.answer,
                second: outcome.answer, firstValue: value(other), secondValue: value(outcome))
        }
    }

    private static func measured(_ first: SuiteResult, _ second: SuiteResult) -> [Difference] {
        let metric = first.kind == .divergence ? "kl" : "loss"
        let known = Dictionary(first.rows.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        return second.rows.compactMap { row in
            guard let value = row.values[metric]?.value, let other = known[row.id]?.values[metric]?.value,
                value.isFinite, other.isFinite
            else { return nil }
            return Difference(
                id: row.id, source: row.source, expected: "", first: "", second: "", firstValue: other,
                secondValue: value)
        }
    }

    /// What became of the metric that the suite is known by, in one line; `nil` where it is not in both.
    public var sentence: String? {
        guard let metric = metrics.first(where: { $0.name == leadingMetric }) else { return nil }
        func shown(_ value: Double, _ isShare: Bool) -> String {
            isShare ? "\((value * 1000).rounded() / 10) %" : "\((value * 10_000).rounded() / 10_000)"
        }
        let isShare = metric.traits.higherIsBetter && !metric.traits.isRelative
        let isRatio = isShare || metric.traits.isRelative
        func signed(_ value: Double) -> String { (value >= 0 ? "+" : "") + shown(value, isRatio) }
        var line =
            "\(name): \(metric.name) \(shown(metric.first, isShare)) to \(shown(metric.second, isShare)), "
            + signed(metric.difference)
        if let lower = metric.lower, let upper = metric.upper {
            line += " (95 % interval \(signed(lower)) to \(signed(upper)))"
        }
        switch metric.verdict {
        case .better: return line + ": better"
        case .worse: return line + ": worse"
        case .undecided: return line + ": no difference is shown"
        }
    }

    /// The comparison for scripts.
    ///
    /// - Parameter limit: wins and losses that are listed, at most.
    public func json(limit: Int = 1000) -> JSON {
        [
            "suite": .string(name), "metric": .string(leadingMetric), "metrics": .array(metrics.map(\.json)),
            "wins": .integer(wins.count), "losses": .integer(losses.count),
            "only_first": .integer(unpaired.first), "only_second": .integer(unpaired.second),
            "won_rows": .array(wins.prefix(limit).map(\.json)), "lost_rows": .array(losses.prefix(limit).map(\.json)),
        ]
    }
}

extension SuiteComparison.Metric {
    var json: JSON {
        func number(_ value: Double?) -> JSON { value.map { $0.isFinite ? .number($0) : .null } ?? .null }
        return [
            "name": .string(name), "first": number(first), "second": number(second), "difference": number(difference),
            "is_relative": .bool(traits.isRelative), "lower": number(lower), "upper": number(upper),
            "p_value": number(pValue), "pairs": .integer(pairs), "verdict": .string(verdict.rawValue),
        ]
    }
}

extension SuiteComparison.Difference {
    var json: JSON {
        var members: OrderedDictionary<String, JSON> = ["id": .string(id), "source": .string(source)]
        if !question.isEmpty { members["question"] = .string(question) }
        if !(expected.isEmpty && first.isEmpty && second.isEmpty) {
            members["expected"] = .string(expected)
            members["first"] = .string(first)
            members["second"] = .string(second)
        }
        members["first_value"] = JSON(metric: firstValue)
        members["second_value"] = JSON(metric: secondValue)
        return .object(members)
    }
}

extension SuiteResult {
    /// The names of its rows.
    public var rowIDs: [String] { kind.hasAnswers ? outcomes.map(\.id) : rows.map(\.id) }
}

extension Double {
    /// The number itself, unless it is none.
    fileprivate var finite: Double? { isFinite ? self : nil }
}
