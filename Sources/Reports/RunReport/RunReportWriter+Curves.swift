import OrderedCollections
import TextCore

// Curves, and what is known of the data.
extension RunReportWriter {
    var curveSection: [ReportBlock] {
        let charts = [
            lossChart, rewardChart, passChart, marginChart, preferenceChart, tokenChart,
            chart(
                "Length of answers", "tokens", ["completions/mean_length": "mean", "completions/max_length": "longest"]),
            chart("Groups that teach something", "share of groups", ["groups/informative": "informative"]),
            chart("Entropy", "nats a token", ["entropy": "entropy"]),
            chart("Divergence from the reference", "nats a token", ["kl": "KL"]),
            chart("Gradient norm", "before clipping", ["grad_norm": "norm"]),
            chart("Learning rate", "", ["learning_rate": "rate"], scale: .linear),
        ].compactMap(\.self)
        guard !charts.isEmpty else { return [] }
        return [.heading("Curves", level: 2)] + charts.map(ReportBlock.chart)
    }

    /// A chart of some metrics of the steps; `nil` where there are none, or no more than one point of each.
    private func chart(
        _ title: String, _ unit: String, _ metrics: OrderedDictionary<String, String>, scale: LineChart.Scale? = nil
    ) -> LineChart? {
        var chart = make(title, unit, metrics.compactMap { metric, name in events.training[metric].map { (name, $0) } })
        if let scale { chart?.yScale = scale }
        return chart
    }

    private func make(
        _ title: String, _ unit: String, _ curves: [(name: String, points: [LineChart.Point])],
        bands: [[LineChart.Band]] = []
    ) -> LineChart? {
        let series = curves.enumerated().map { index, curve in
            LineChart.Series(curve.name, curve.points, band: bands.indices.contains(index) ? bands[index] : [])
        }
        guard series.contains(where: { $0.points.count > 1 }) else { return nil }
        return LineChart(title: title, xLabel: "step", yLabel: unit, yScale: Self.scale(series), series: series)
    }

    /// Where values above 0 differ by more than a hundredfold, a linear axis shows only the largest.
    private static func scale(_ series: [LineChart.Series]) -> LineChart.Scale {
        let values = series.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
        guard let least = values.min(), let greatest = values.max(), least > 0, greatest > 100 * least else {
            return .linear
        }
        return .logarithmic
    }

    private var lossChart: LineChart? {
        var curves: [(String, [LineChart.Point])] = []
        if let training = events.training["loss"] { curves.append(("training", training)) }
        if let held = events.held["loss"] { curves.append(("held out", held)) }
        // The loss of reward fine-tuning is no measure of anything.
        let unit = events.training["reward"] == nil ? "as minimised" : "of the policy; says little"
        return make(
            "Loss", ["sft", "pretrain"].contains(events.start["method"]?.string) ? "nats a token" : unit, curves)
    }

    /// The course of the suites; `nil` where they were measured once.
    var suiteChart: LineChart? {
        var curves: [(String, [LineChart.Point])] = []
        var bands: [[LineChart.Band]] = []
        for (name, metrics) in events.suites.prefix(6) {
            guard let metric = metrics.keys.first, MetricWords(metric).isShare, let points = metrics[metric] else {
                continue
            }
            curves.append((ReportText.literal(name), points))
            let lower = metrics["\(metric)_low"] ?? []
            let upper = metrics["\(metric)_high"] ?? []
            bands.append(
                lower.count == upper.count
                    ? zip(lower, upper).map { LineChart.Band($0.x, lower: $0.y, upper: $1.y) } : [])
        }
        return make("Suites, with 95 % intervals", "share of questions solved", curves, bands: bands)
    }

    private var rewardChart: LineChart? {
        var curves: [(String, [LineChart.Point])] = []
        if let reward = events.training["reward"] { curves.append(("all", reward)) }
        for (metric, points) in events.training where metric.hasPrefix("rewards/") && metric.hasSuffix("/mean") {
            curves.append((ReportText.literal(String(metric.dropFirst(8).dropLast(5))), points))
        }
        return curves.isEmpty || events.training["reward"] == nil
            ? nil : make("Rewards", "mean of a step", Array(curves.prefix(6)))
    }

    private var passChart: LineChart? {
        var curves: [(String, [LineChart.Point])] = []
        if let rate = events.training["pass_rate"] { curves.append(("of all answers", rate)) }
        for (metric, points) in events.training where metric.hasPrefix("pass@") && metric != "pass@1" {
            curves.append(("one of \(metric.dropFirst(5))", points))
        }
        return make("Solved while training", "share of questions", Array(curves.prefix(5)))
    }

    private var marginChart: LineChart? {
        make(
            "Reward margins", "of chosen over rejected",
            [
                ("training", events.training["rewards/margins"]), ("held out", events.held["rewards/margins"]),
            ].compactMap { name, points in points.map { (name, $0) } })
    }

    private var preferenceChart: LineChart? {
        make(
            "Pairs judged rightly", "share of pairs",
            [
                ("training", events.training["rewards/accuracies"]), ("held out", events.held["preference_accuracy"]),
            ].compactMap { name, points in points.map { (name, $0) } })
    }

    private var tokenChart: LineChart? {
        make(
            "Token accuracy", "share of tokens",
            [
                ("training", events.training["mean_token_accuracy"]), ("held out", events.held["mean_token_accuracy"]),
            ].compactMap { name, points in points.map { (name, $0) } })
    }

    // MARK: The data

    func dataSection(_ files: inout RunFiles) -> [ReportBlock] {
        var blocks: [ReportBlock] = []
        let data = events.start["data"] ?? .null
        var rows: [[String]] = []
        func add(_ name: String, _ count: Int?) { if let count { rows.append([name, ReportText.grouped(count)]) } }
        add("rows trained on", events.start["rows"]?.int)
        add("rows held out", events.start["held_out_rows"]?.int)
        add("tokens", data["tokens"]?.int)
        add("tokens that carry loss", data["trained_tokens"]?.int)
        for (name, title) in [("p50", "median length, in tokens"), ("p99", "99 % are within"), ("max", "longest")] {
            add(title, data["length"]?[name]?.int)
        }
        func addFault(_ name: String, _ count: Int?) { if let count, count > 0 { add(name, count) } }
        addFault("too long", data["overlong"]?.int)
        addFault("damaged", data["damaged"]?.int)
        for (key, title) in [
            ("untrained", "without a token that carries loss"), ("without_stop_token", "without a stop token"),
            ("double_start", "with a doubled start token"),
        ] {
            addFault(title, data[key]?["rows"]?.int)
        }
        for (key, value) in data["pairs"]?.object ?? [:] {
            addFault("pairs: \(MetricWords.title(key))", value["rows"]?.int)
        }
        if let removed = files.bytes("removed.jsonl") {
            add("left out before training, listed in `removed.jsonl`", removed.count { $0 == UInt8(ascii: "\n") })
        }
        if !rows.isEmpty { blocks.append(.table(ReportTable([.text(""), .number("")], rows: rows))) }
        let sources = ["formats", "integrity"].flatMap { (data[$0]?.array ?? []).compactMap(\.string) }
        if !sources.isEmpty { blocks.append(.list(sources.map { $0.clipped(to: 300) })) }
        for part in parts where part.section.place == .data {
            blocks.append(.heading(part.section.heading, level: 3))
            if case .heading? = part.blocks.first {
                blocks += part.blocks.dropFirst()
            } else {
                blocks += part.blocks
            }
        }
        return blocks.isEmpty ? [] : [.heading("The data", level: 2)] + blocks
    }
}
