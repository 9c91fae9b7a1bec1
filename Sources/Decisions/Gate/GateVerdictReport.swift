import Foundation
public import Reports

extension GateVerdict {
    /// The verdict in one line.
    public var summary: String {
        let percent = "\((confidence * 100).figure) % confidence"
        let total = conditions.count
        switch outcome {
        case .ship: return "ship: \(total == 1 ? "the condition holds" : "all \(total) conditions hold") at \(percent)"
        case .dontShip:
            let failed = conditions.filter { $0.status == .failed }
            let first = failed.first.map { "\($0.condition.text)\($0.note.isEmpty ? "" : " (\($0.note))")" } ?? ""
            return "don't ship: \(failed.count) of \(total) condition\(total == 1 ? "" : "s") failed: \(first)"
                + (failed.count > 1 ? " and \(failed.count - 1) more" : "")
        case .notEnoughData(let more):
            guard total > 0 else { return "not enough data: the gate has no conditions" }
            let undecided = conditions.count { $0.status == .undecided }
            return
                "not enough data: \(undecided) of \(total) condition\(total == 1 ? "" : "s") cannot be decided at \(percent)"
                + (more.map { "; about \($0) more examples would decide if what was seen held" }
                    ?? "; what was seen lies at a threshold")
        }
    }

    /// The verdict and a line for every condition, for a terminal.
    public var lines: [String] {
        [summary]
            + conditions.flatMap { result in
                let mark =
                    switch result.status {
                    case .passed: "pass"
                    case .failed: "FAIL"
                    case .undecided: "open"
                    }
                var figures: [String] = []
                if let candidate = result.candidate {
                    figures.append(
                        (result.baseline.map { "\($0.figure) -> " } ?? "") + candidate.figure)
                }
                if result.condition.kind.isRelative, let difference = result.difference {
                    figures.append("difference \(result.differenceText(difference))")
                }
                if let level = result.level {
                    figures.append("\(result.boundsText) (level \(level.figure), \(result.rows) rows)")
                }
                return [
                    "  \(mark)  \(result.condition.text)"
                        + (figures.isEmpty ? "" : ": " + figures.joined(separator: ", "))
                ]
                    + (result.note.isEmpty ? [] : ["        \(result.note)"])
            }
    }

    /// The verdict for a report.
    public var blocks: [ReportBlock] {
        let tone: ReportBlock.Tone =
            switch outcome {
            case .ship: .good
            case .dontShip: .bad
            case .notEnoughData: .unsure
            }
        let title =
            switch outcome {
            case .ship: "Ship"
            case .dontShip: "Don't ship"
            case .notEnoughData: "Not enough data"
            }
        // The summary begins with what the title says.
        let explanation = summary.split(separator: ":", maxSplits: 1).last.map(String.init) ?? summary
        let text = explanation.drop { $0 == " " }
        var blocks: [ReportBlock] = [
            .verdict(tone, title: title, text: ReportText.literal(String(text).capitalizedStart) + ".")
        ]
        guard !conditions.isEmpty else { return blocks }
        let rows = conditions.map { result in
            [
                ReportText.literal(result.condition.text), result.status.rawValue, result.baseline?.figure ?? "",
                result.candidate?.figure ?? "",
                result.condition.kind.isRelative ? result.difference.map(result.differenceText) ?? "" : "",
                result.level == nil ? "" : result.boundsText, result.pValue?.figure ?? "", result.level?.figure ?? "",
                result.rows > 0 ? "\(result.rows)" : "",
            ]
        }
        blocks.append(
            .table(
                ReportTable(
                    [
                        .text("condition"), .text("result"), .number("before"), .number("after"), .number("difference"),
                        .text("bounds"), .number("p"), .number("level"), .number("rows"),
                    ], rows: rows,
                    caption: "Each bound holds on its own at one less the level. "
                        + (correction == .holm && conditions.count > 1
                            ? "Levels are Holm's, so all that passed holds together at \((confidence * 100).figure) %. "
                            : "")
                        + "p is the chance to see this or better if the condition does not hold.")))
        let notes = conditions.filter { !$0.note.isEmpty }.map {
            "**\(ReportText.literal($0.condition.text))**: \(ReportText.literal($0.note))"
        }
        if !notes.isEmpty { blocks.append(.list(notes)) }
        let methods = Set(conditions.map(\.method)).subtracting(["", "check"]).sorted()
        if !methods.isEmpty {
            blocks.append(.paragraph("Judged by: \(methods.joined(separator: "; ")). The most careful bound decides."))
        }
        return blocks
    }
}

extension GateConditionResult {
    /// A difference with its sign, in per cent where it is a share of the baseline's value.
    func differenceText(_ value: Double) -> String {
        let text = isShare ? "\((value * 100).figure) %" : value.figure
        return value > 0 ? "+" + text : text
    }

    /// The bounds of what the condition is about.
    var boundsText: String {
        func text(_ bound: Double?) -> String {
            bound.map { condition.kind.isRelative ? differenceText($0) : $0.figure } ?? "none"
        }
        return "\(text(lower)) … \(text(upper))"
    }
}

extension Double {
    /// The number with four digits that count.
    var figure: String {
        guard isFinite else { return "none" }
        if self == 0 { return "0" }
        return magnitude >= 1e-4 && magnitude < 1e7 ? plain(String(format: "%.4g", self)) : String(format: "%.2e", self)
    }

    private func plain(_ text: String) -> String { text.contains("e") ? String(format: "%.0f", self) : text }
}

extension String {
    var capitalizedStart: String { prefix(1).uppercased() + dropFirst() }
}
