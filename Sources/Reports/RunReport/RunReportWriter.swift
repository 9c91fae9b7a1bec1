import Foundation
import OrderedCollections
import TextCore

/// Puts what is known of a run into blocks.
struct RunReportWriter {
    let folder: URL
    let events: RunEvents
    let suites: [RunSuite]
    let parts: [(section: RunReport.Section, blocks: [ReportBlock])]
    let pricePerHour: Double?
    let currency: String

    var name: String { events.start["recipe"]?.string ?? folder.lastPathComponent }

    func document(_ files: inout RunFiles) -> ReportDocument {
        let resolved = files.text("resolved.yaml", missing: "the recipe cannot be shown, nor the run repeated from it")
        let fingerprint = files.json("fingerprint.json", missing: "the identity of data and model is not known")
        if events.damaged.count > 0 {
            let first = ReportText.grouped(events.damaged.first)
            files.note(
                events.damaged.count == 1
                    ? "Line \(first) of `events.jsonl` is no event; the rest is shown."
                    : "\(ReportText.grouped(events.damaged.count)) lines of `events.jsonl` are no events, the first is line "
                        + "\(first); the rest is shown.")
        }
        let data = dataSection(&files)
        let warnings = warningSection(&files)
        let repeating = repeatSection(resolved, fingerprint, &files)
        var blocks = verdict(&files)
        let figures = self.figures
        if !figures.isEmpty { blocks.append(.figures(figures)) }
        blocks += gateSection + suiteSection + curveSection + changeSection + data + costSection(files) + warnings
        blocks += repeating
        if !files.problems.isEmpty {
            blocks.append(.heading("What is missing from this report", level: 2))
            blocks.append(.list(files.problems))
        }
        return ReportDocument(
            title: ReportText.literal(name), subtitle: subtitle, blocks: blocks,
            footer: "Written by Hone \(events.start["version"]?.string ?? "") from the files of "
                + ReportText.code(folder.path) + ".")
    }

    private var subtitle: String {
        var words: [String] = []
        if let method = events.start["method"]?.string { words.append(method.uppercased()) }
        if events.lastStep > 0 { words.append("\(ReportText.grouped(events.lastStep)) steps") }
        if let rows = events.start["rows"]?.int { words.append("\(ReportText.grouped(rows)) rows") }
        if let day = events.firstTime.flatMap(Self.day) { words.append(day) }
        return ReportText.literal(words.joined(separator: " · "))
    }

    /// `21 November 2026` of a time as events have it.
    private static func day(_ time: String) -> String? {
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November",
            "December",
        ]
        let parts = time.prefix(10).split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3, months.indices.contains(parts[1] - 1) else { return nil }
        return "\(parts[2])\u{A0}\(months[parts[1] - 1])\u{A0}\(parts[0])"
    }

    // MARK: The verdict

    private func verdict(_ files: inout RunFiles) -> [ReportBlock] {
        var blocks: [ReportBlock] = []
        switch events.end?["reason"]?.string {
        case nil where events.starts > 0:
            blocks.append(
                .verdict(
                    .unsure, title: "The run has not ended",
                    text: "What follows is as of step \(ReportText.grouped(events.lastStep)) of "
                        + "\(events.start["total_steps"]?.int.map(ReportText.grouped) ?? "?"). "
                        + "`hone train … --resume` goes on with a run that was cut off."))
        case "failed"?:
            blocks.append(
                .verdict(
                    .bad, title: "The run failed at step \(ReportText.grouped(events.lastStep))",
                    text: ReportText.literal(events.end?["message"]?.string ?? "No reason was written down.")))
        default: break
        }
        if let part = parts.first(where: { $0.section.place == .verdict }),
            let verdict = part.blocks.first(where: \.isVerdict)
        {
            blocks.append(verdict)
        } else if blocks.isEmpty, events.starts > 0 {
            blocks.append(
                .verdict(
                    .neutral, title: "Nothing says whether to ship it",
                    text:
                        "The recipe has no `gate`. Add one, and a suite that shares nothing with the training rows, and "
                        + "every run ends in a verdict."))
        }
        let better = betterBaselines
        if !better.isEmpty {
            blocks.append(
                .verdict(
                    .unsure, title: better.count == 1 ? "A baseline does better" : "Baselines do better",
                    text: better.joined(separator: "; ") + ". What costs less and does as much needs no trained model.")
            )
        }
        return blocks
    }

    private var gateSection: [ReportBlock] {
        parts.filter { $0.section.place == .verdict }.flatMap { part -> [ReportBlock] in
            var blocks = part.blocks
            if let index = blocks.firstIndex(where: \.isVerdict) { blocks.remove(at: index) }
            if case .heading? = blocks.first { blocks.removeFirst() }
            return blocks.isEmpty ? [] : [.heading(part.section.heading, level: 2)] + blocks
        }
    }

    private var figures: [ReportFigure] {
        var figures: [ReportFigure] = []
        for suite in suites.sorted(by: { !($0.after?.isRegression ?? false) && ($1.after?.isRegression ?? false) })
            .prefix(2)
        {
            guard let after = suite.after, let (metric, value) = after.leading else { continue }
            let words = MetricWords(metric)
            var notes: [String] = []
            if let low = after.figures["\(metric)_low"], let high = after.figures["\(metric)_high"] {
                notes.append("\(words.text(low)) to \(words.text(high))")
            }
            if let before = suite.before?.figures[metric] { notes.append("was \(words.text(before))") }
            figures.append(
                ReportFigure(
                    "\(ReportText.literal(suite.name)): \(MetricWords.title(metric))", words.text(value),
                    note: notes.joined(separator: ", ")))
        }
        if let loss = events.held["loss"], let last = loss.last {
            let before = loss.count > 1 && loss[0].x == 0 ? "was \(ReportText.number(loss[0].y))" : ""
            figures.append(ReportFigure("Held-out loss", ReportText.number(last.y), note: before))
        }
        if let reward = events.training["reward"], let first = reward.first, let last = reward.last {
            figures.append(
                ReportFigure(
                    "Mean reward", ReportText.number(last.y, digits: 3),
                    note: "was \(ReportText.number(first.y, digits: 3))"))
        }
        if events.clockSeconds > 0 {
            figures.append(ReportFigure("Time", ReportText.duration(seconds: events.clockSeconds), note: price ?? ""))
        }
        if events.peakBytes > 0 { figures.append(ReportFigure("Peak memory", ReportText.bytes(events.peakBytes))) }
        return figures
    }

    /// What the run cost, where an hour has a price.
    private var price: String? {
        guard let pricePerHour, pricePerHour.isFinite, pricePerHour >= 0 else { return nil }
        let cost = pricePerHour * events.clockSeconds / 3600
        return currency + (cost < 0.01 ? ReportText.number(cost, digits: 2) : String(format: "%.2f", cost))
            + " at \(currency)\(ReportText.number(pricePerHour)) an hour"
    }

    // MARK: Cost

    private func costSection(_ files: RunFiles) -> [ReportBlock] {
        guard events.starts > 0 else { return [] }
        var rows: [[String]] = []
        func add(_ name: String, _ value: String?) { if let value { rows.append([name, value]) } }
        add("time by the clock", ReportText.duration(seconds: events.clockSeconds))
        if events.starts > 1 { add("sessions", "\(ReportText.grouped(events.starts))") }
        add("of it training steps", ReportText.duration(seconds: events.trainingSeconds))
        let measuring = events.evaluationSeconds.values.reduce(0, +)
        if measuring > 0 { add("of it evaluations", ReportText.duration(seconds: measuring)) }
        if let tokens = events.training["num_tokens"]?.last?.y, tokens.isFinite {
            add("tokens seen", ReportText.number(tokens))
            if events.trainingSeconds > 0 {
                add("tokens a second", ReportText.number((tokens / events.trainingSeconds).rounded()))
            }
        }
        if events.peakBytes > 0 { add("peak memory", ReportText.bytes(events.peakBytes)) }
        if let planned = events.start["memory"]?["peak_bytes"]?.int { add("memory planned", ReportText.bytes(planned)) }
        if let parameters = events.start["parameters"]?.int, let trained = events.start["trainable_parameters"]?.int {
            let share = ReportText.percent(Double(trained) / Double(max(1, parameters)))
            add("parameters trained", "\(ReportText.grouped(trained)) of \(ReportText.grouped(parameters)) (\(share))")
        }
        let size = files.size(of: "final")
        if size > 0 { add("trained weights in `final`", ReportText.bytes(size)) }
        if events.checkpoints > 0 { add("checkpoints written", ReportText.grouped(events.checkpoints)) }
        add("machine", machine)
        if let price { add("**price**", "**\(price)**") }
        return [.heading("What it cost", level: 2), .table(ReportTable([.text(""), .number("")], rows: rows))]
    }

    private var machine: String? {
        guard let threads = events.start["threads"]?.int, let kernels = events.start["instruction_set"]?.string else {
            return nil
        }
        return "\(threads) threads, \(ReportText.literal(kernels)) kernels"
    }

    // MARK: Warnings

    private func warningSection(_ files: inout RunFiles) -> [ReportBlock] {
        var lines = events.warnings.map { step, message in
            (step.map { "step \(ReportText.grouped($0)): " } ?? "") + message.clipped(to: 400)
        }
        if events.warningCount > lines.count {
            lines.append("and \(ReportText.grouped(events.warningCount - lines.count)) more in `events.jsonl`")
        }
        if let refused = events.end?["refused_steps"]?.int, refused > 0 {
            lines.insert("\(ReportText.grouped(refused)) steps were refused, as their numbers were not finite.", at: 0)
        }
        let anomalies = files.names(in: "anomaly").count
        if anomalies > 0 {
            lines.append(
                "What \(anomalies == 1 ? "1 strange step was" : "\(anomalies) strange steps were") like is in `anomaly/`."
            )
        }
        guard !lines.isEmpty else { return [] }
        let list = ReportBlock.list(lines)
        return [.heading("Warnings", level: 2)]
            + (lines.count > 6 ? [.details(summary: "\(lines.count) warnings and remarks", [list])] : [list])
    }

    // MARK: How to repeat it

    private func repeatSection(_ resolved: String?, _ fingerprint: JSON?, _ files: inout RunFiles) -> [ReportBlock] {
        var blocks: [ReportBlock] = [.heading("How to repeat it", level: 2)]
        let path = folder.path
        if resolved != nil {
            blocks.append(
                .code(
                    "hone train \(Self.shell(path + "/resolved.yaml")) --set output_dir=\(Self.shell(path + "-again"))\n"
                        + "hone report \(Self.shell(path + "-again"))\n", language: "sh"))
            blocks.append(
                .paragraph(
                    "With the same data and the same version the same threads and kernels give the same weights, bit for "
                        + "bit. What it was made from:"))
        }
        var rows: [[String]] = []
        func add(_ name: String, _ value: String?) {
            guard let value else { return }
            let row = [name, ReportText.code(value)]
            if !rows.contains(row) { rows.append(row) }
        }
        add("version of Hone", events.start["version"]?.string)
        add("seed", events.start["seed"]?.string)
        add("recipe", events.start["fingerprint"]?.string ?? fingerprint?["recipe"]?["sha256"]?.string)
        for (file, hash) in fingerprint?["model"]?.object ?? [:] {
            add("model: \(ReportText.literal(file))", hash.string)
        }
        for (file, hash) in fingerprint?["tokenizer"]?.object ?? [:] {
            add("tokenizer: \(ReportText.literal(file))", hash.string)
        }
        for identity in fingerprint?["data"]?.array ?? [] { add("data", identity.string) }
        for identity in fingerprint?["held_out"]?.array ?? [] { add("held out", identity.string) }
        if !rows.isEmpty { blocks.append(.table(ReportTable([.text("what"), .text("identity")], rows: rows))) }
        if let resolved {
            blocks.append(
                .details(summary: "The recipe with every default written out", [.code(resolved, language: "yaml")]))
        }
        if let written = files.text("recipe.yaml"), !written.isEmpty {
            blocks.append(.details(summary: "The recipe as it was written", [.code(written, language: "yaml")]))
        }
        return blocks.count > 1 ? blocks : []
    }

    /// A path as an argument of a shell.
    private static func shell(_ path: String) -> String {
        let plain = path.unicodeScalars.allSatisfy {
            $0.isASCII
                && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "/._-+=".unicodeScalars.contains($0))
        }
        return plain ? path : "'" + path.replacing("'", with: "'\\''") + "'"
    }
}

extension ReportBlock {
    var isVerdict: Bool { if case .verdict = self { true } else { false } }
}
