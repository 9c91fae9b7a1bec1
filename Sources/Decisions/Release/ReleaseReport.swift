import Foundation
import OrderedCollections
public import Reports
import Statistics
public import TextCore

extension ReleaseComparison {
    /// The decision with its reason and its error rate, in one line.
    public var summary: String {
        let requests = "\(monitor.candidate.requests) requests of the candidate"
        let rate = "\((monitor.rules.level * 100).figure) %"
        switch monitor.decision {
        case .ship:
            return "ship: every rule is shown to hold (after \(monitor.decidedAt ?? 0) of \(requests)); "
                + "a candidate that breaks one ships with a chance of at most \(rate), however often one looks"
        case .rollBack:
            let broken = monitor.tests.filter { $0.brokenAt != nil }
                .map { "\($0.title) is \($0.sequence.mean.figure), not \($0.rule)" }
            return "roll back: \(broken.joined(separator: "; ")) (after \(monitor.decidedAt ?? 0) of \(requests)); "
                + "a candidate that keeps all rules is rolled back with a chance of at most \(rate)"
        case .goOn(let more):
            return "go on: \(requests) do not decide yet"
                + (more.map { "; about \($0) more would if they are like those so far" }
                    ?? "; what was seen lies too near a limit to tell how many would")
        }
    }

    /// What else the reader must know.
    public var cautions: [String] {
        var cautions: [String] = []
        if badLines > 0 {
            cautions.append(
                "\(badLines) of \(lines) lines are no rows and were left out: "
                    + firstBadLines.prefix(5).map { "\($0.path):\($0.line): \($0.message)" }.joined(separator: "; ")
                    + (badLines > 5 ? "; …" : ""))
        }
        if onlyControl + onlyCandidate > 0 {
            cautions.append(
                "\(onlyControl) requests are only in the control's log and \(onlyCandidate) only in the candidate's; "
                    + "nothing is said of those")
        }
        if !otherArms.isEmpty {
            let arms = otherArms.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(5)
                .map { "\($0.key) (\($0.value))" }
            cautions.append("rows of other arms were left out: \(arms.joined(separator: ", "))")
        }
        if monitor.rules.comparesQuality {
            for arm in [monitor.control, monitor.candidate] where arm.requests - arm.errors > arm.judged {
                cautions.append(
                    "\(arm.requests - arm.errors - arm.judged) answers of the \(arm.name) have no score and are not compared"
                )
            }
        }
        for test in monitor.tests where test.unpaired > max(100, test.sequence.count / 10) {
            cautions.append(
                "\(test.unpaired) requests found no partner of the other model yet for the \(test.title); with logs that "
                    + "have no time, say with --ratio how many requests of the control there are for one of the candidate"
            )
        }
        return cautions
    }

    /// The comparison for a terminal.
    public var printedLines: [String] {
        var lines = [summary]
        for arm in [monitor.control, monitor.candidate] {
            lines.append(
                "  \(arm.name): "
                    + zip(Self.armColumns, cells(arm)).dropFirst().filter { !$1.isEmpty }
                    .map { "\($0) \($1)" }.joined(separator: ", "))
        }
        for test in monitor.tests {
            lines.append(
                "  \(test.state)  \(test.title): \(test.sequence.mean.figure) (\(bounds(test))), must be \(test.rule)")
        }
        return lines
    }

    private static let armColumns = [
        "model", "requests", "errors", "score", "p50 ms", "p95 ms", "cost", "tokens",
    ]

    private func cells(_ arm: ArmSummary) -> [String] {
        [
            arm.name, "\(arm.requests)", arm.errorRate.map { "\(($0 * 100).figure) %" } ?? "",
            arm.meanQuality?.figure ?? "", arm.latency.quantile(0.5)?.figure ?? "",
            arm.latency.quantile(0.95)?.figure ?? "", arm.meanCost?.figure ?? "", arm.meanTokens?.figure ?? "",
        ]
    }

    private func bounds(_ test: ReleaseTest) -> String {
        test.sequence.count > 0 ? "\(test.sequence.lower.figure) … \(test.sequence.upper.figure)" : "no values"
    }

    /// The comparison for a report.
    public var blocks: [ReportBlock] {
        let (tone, title): (ReportBlock.Tone, String) =
            switch monitor.decision {
            case .ship: (.good, "Ship")
            case .rollBack: (.bad, "Roll back")
            case .goOn: (.unsure, "Go on")
            }
        var blocks: [ReportBlock] = [
            .verdict(tone, title: title, text: ReportText.literal(summary.capitalizedStart) + ".")
        ]
        if !cautions.isEmpty { blocks.append(.list(cautions.map(ReportText.literal))) }
        blocks.append(.heading("Rules", level: 2))
        blocks.append(
            .table(
                ReportTable(
                    [
                        .text("rule"), .text("must be"), .number("measured"), .text("bounds"), .text("state"),
                        .number("p holds"), .number("p broken"), .number("values"),
                    ],
                    rows: monitor.tests.map { test in
                        [
                            test.title, test.rule, test.sequence.mean.figure, bounds(test), test.stateText,
                            test.pHolds.figure, test.pBroken.figure, "\(test.sequence.count)",
                        ]
                    },
                    caption: "Bounds and p-values hold at every moment at once, each bound with "
                        + "\(((1 - monitor.rules.level) * 100).figure) % confidence.")))
        blocks.append(.heading("Traffic", level: 2))
        blocks.append(
            .table(
                ReportTable(
                    Self.armColumns.enumerated().map { $0.offset == 0 ? .text($0.element) : .number($0.element) },
                    rows: [cells(monitor.control), cells(monitor.candidate)],
                    caption: "Latencies are within one per cent.")))
        for test in monitor.tests where test.trail.count > 1 {
            func series(_ name: String, _ value: (ReleaseTest.Point) -> Double) -> LineChart.Series {
                LineChart.Series(name, test.trail.map { LineChart.Point(Double($0.requests), value($0)) })
            }
            blocks.append(
                .chart(
                    LineChart(
                        title: test.title.capitalizedStart, xLabel: "requests of the candidate", yLabel: test.title,
                        series: [
                            series("mean") { $0.mean }, series("lower bound") { $0.lower },
                            series("upper bound") { $0.upper }, series("limit") { _ in test.threshold },
                        ])))
        }
        if !monitor.disagreements.isEmpty { blocks += disagreementBlocks }
        return blocks
    }

    /// The comparison as a report.
    public func document(_ title: String) -> ReportDocument {
        ReportDocument(title: title, subtitle: ReportText.literal(paths.joined(separator: ", ")), blocks: blocks)
    }

    /// The label changes that are most frequent.
    private var topDisagreements: [(labels: [String], count: Int)] {
        monitor.disagreements.sorted {
            ($1.value, $0.key.joined(separator: "\u{0}")) < ($0.value, $1.key.joined(separator: "\u{0}"))
        }
        .prefix(20).map { ($0.key, $0.value) }
    }

    private var disagreementBlocks: [ReportBlock] {
        [
            .heading("Where the labels differ", level: 2),
            .table(
                ReportTable(
                    [.text("control"), .text("candidate"), .number("requests")],
                    rows: topDisagreements.map { $0.labels.map(ReportText.literal) + ["\($0.count)"] })),
        ]
    }

    /// The comparison for scripts.
    public var json: JSON {
        var object: OrderedDictionary<String, JSON> = [
            "decision": .string(monitor.decision.name), "summary": .string(summary),
            "level": .number(monitor.rules.level),
        ]
        if case .goOn(let more) = monitor.decision { object["more_requests"] = more.map(JSON.integer) ?? .null }
        object["decided_at"] = monitor.decidedAt.map(JSON.integer) ?? .null
        object["rules"] = .array(
            monitor.tests.map { test in
                [
                    "rule": .string(test.title), "must_be": .string(test.mustBeAbove ? "above" : "below"),
                    "threshold": .number(test.threshold), "mean": number(test.sequence.mean),
                    "lower": .number(test.sequence.lower), "upper": .number(test.sequence.upper),
                    "p_holds": .number(test.pHolds), "p_broken": .number(test.pBroken),
                    "held_at": test.heldAt.map(JSON.integer) ?? .null,
                    "broken_at": test.brokenAt.map(JSON.integer) ?? .null, "values": .integer(test.sequence.count),
                ]
            })
        for arm in [monitor.control, monitor.candidate] {
            object[arm.name] = [
                "requests": .integer(arm.requests), "errors": .integer(arm.errors), "judged": .integer(arm.judged),
                "score": number(arm.meanQuality), "p50_ms": number(arm.latency.quantile(0.5)),
                "p95_ms": number(arm.latency.quantile(0.95)), "cost": number(arm.meanCost),
                "tokens": number(arm.meanTokens),
            ]
        }
        object["lines"] = .integer(lines)
        object["bad_lines"] = .integer(badLines)
        object["first_bad_lines"] = .array(
            firstBadLines.map {
                ["file": .string($0.path), "line": .integer($0.line), "message": .string($0.message)]
            })
        if monitor.isPaired {
            object["only_control"] = .integer(onlyControl)
            object["only_candidate"] = .integer(onlyCandidate)
            object["disagreements"] = .array(
                topDisagreements.map {
                    [
                        "control": .string($0.labels[0]), "candidate": .string($0.labels[1]),
                        "requests": .integer($0.count),
                    ]
                })
        }
        object["cautions"] = .array(cautions.map(JSON.string))
        return .object(object)
    }

    private func number(_ value: Double?) -> JSON { value.map { $0.isFinite ? .number($0) : .null } ?? .null }
}

extension ReleaseTest {
    /// Its state in four letters, for a terminal.
    var state: String { brokenAt != nil ? "OVER" : heldAt != nil ? "held" : "open" }

    var stateText: String {
        if let brokenAt { return "broken after \(brokenAt)" }
        return heldAt.map { "held after \($0)" } ?? "open"
    }
}
