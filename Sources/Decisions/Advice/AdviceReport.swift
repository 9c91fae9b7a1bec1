import Foundation
public import Reports

extension Advice {
    /// The advice as a report.
    public var document: ReportDocument {
        ReportDocument(
            title: answers.task.isEmpty ? "Is it worth tuning?" : ReportText.literal(answers.task),
            subtitle: answers.task.isEmpty ? "" : "Is it worth tuning a model for it?", blocks: blocks,
            footer:
                "Written by `hone advise` from the answers given. Tuning is worth it where it wins on held-out requests "
                + "by more than chance; the gate of a recipe says so.")
    }

    /// The same without a title.
    public var blocks: [ReportBlock] {
        var blocks: [ReportBlock] = [
            .verdict(choice.trains ? .good : choice == .dont ? .bad : .neutral, title: title, text: reason)
        ]
        let figures = self.figures
        if !figures.isEmpty { blocks.append(.figures(figures)) }
        blocks.append(.heading("The five gates", level: 2))
        blocks.append(
            .table(
                ReportTable(
                    [.text("gate"), .text("your answer"), .text("what follows")],
                    rows: gates.map { gate in
                        let mark = gate.isPassed.map { $0 ? "✓ " : "✗ " } ?? ""
                        return [
                            "\(gate.number). \(gate.question)",
                            gate.isPassed == nil ? "not reached" : mark + gate.answer,
                            gate.consequence,
                        ]
                    })))
        blocks.append(.heading("What to do", level: 2))
        blocks.append(.list(steps))
        if let adapter { blocks += section(adapter) }
        if !recipe.isEmpty {
            blocks.append(.details(summary: "A recipe to begin with", [.code(recipe, language: "yaml")]))
        }
        blocks.append(.heading("The data it needs", level: 2))
        blocks.append(.list(data))
        blocks.append(.heading("What may go wrong", level: 2))
        blocks.append(.list(risks))
        if let cost { blocks += cost.blocks }
        return blocks
    }

    private var figures: [ReportFigure] {
        var figures: [ReportFigure] = []
        if let cost {
            figures.append(
                ReportFigure(
                    cost.yearlySaving < .zero ? "Costs more a year" : "Saves a year",
                    (cost.yearlySaving < .zero ? Money.zero - cost.yearlySaving : cost.yearlySaving).short(
                        cost.currency),
                    note: "\(cost.yearlyNow.text(cost.currency)) now, \(cost.yearlyTuned.text(cost.currency)) tuned"))
            figures.append(
                ReportFigure(
                    "Paid back in", cost.paybackText,
                    note: "\(cost.oneTime.text(cost.currency)) once"))
        }
        if let adapter, let kind = adapter.kind, let bytes = adapter.options.first(where: { $0.kind == kind })?.bytes {
            figures.append(
                ReportFigure(
                    "Memory with \(kind.title)", ReportText.bytes(bytes),
                    note: answers.model.memory.map { "of \(ReportText.bytes($0.bytes))" } ?? ""))
        }
        return figures
    }

    private func section(_ adapter: AdapterChoice) -> [ReportBlock] {
        let model = answers.model.parameters.map { "of a model of \($0.text) parameters" } ?? "of the model"
        return [
            .heading("Method and adapter", level: 2),
            .paragraph(
                "Method **\(choice == .distil ? "sft, on the strong model's answers" : choice.rawValue)**, adapter "
                    + "**\(adapter.kind?.title ?? "none that fits")**: \(adapter.reason)."),
            .table(
                ReportTable(
                    [.text("adapter"), .number("× the model in bf16"), .number("memory"), .text("fits")],
                    rows: adapter.options.map { option in
                        let memory = answers.model.memory.map { ReportText.bytes($0.bytes) } ?? ""
                        return [
                            option.kind == adapter.kind ? "**\(option.kind.title)**" : option.kind.title,
                            ReportText.number(option.kind.memoryFactor), option.bytes.map(ReportText.bytes) ?? "–",
                            option.fits.map { $0 ? "in \(memory)" : "not in \(memory)" } ?? "–",
                        ]
                    },
                    caption: "Rules of thumb \(model); `hone estimate` works it out for a recipe.")),
        ]
    }
}

extension CostCase {
    /// Cost and payback as part of a report.
    public var blocks: [ReportBlock] {
        var blocks: [ReportBlock] = [.heading("Cost and payback", level: 2)]
        blocks.append(.paragraph(summary))
        if let refusal {
            blocks.append(.verdict(.unsure, title: "For the money alone it is not worth it", text: refusal))
        }
        func row(_ name: String, _ now: Money, _ tuned: Money) -> [String] {
            [name, now.text(currency), tuned.text(currency), (now - tuned).text(currency)]
        }
        blocks.append(
            .table(
                ReportTable(
                    [.text(""), .number("now"), .number("tuned"), .number("saved")],
                    rows: [
                        row("a request", now, tuned), row("a day", dailyNow, dailyTuned),
                        row("a year", yearlyNow, yearlyTuned),
                    ],
                    caption: "At \(volumeText)"
                        + (fixedTuned > .zero || fixedNow > .zero ? ", what is paid each month included." : ".")))
        )
        var once = [
            ["training", training.text(currency)],
            ["work: \(hours) hours at \(hourlyRate.text(currency))", work.text(currency)],
        ]
        if labelling > .zero { once.append(["labels", labelling.text(currency)]) }
        once.append(["**together, once**", "**\(oneTime.text(currency))**"])
        once.append(["maintenance, each year", maintenance.text(currency)])
        blocks.append(
            .table(
                ReportTable(
                    [.text("one-time cost"), .number("amount")], rows: once,
                    caption: "Maintenance is \(maintenanceShare * 100) % of the one-time cost a year.")))
        blocks.append(.chart(course))
        blocks.append(.heading("At other volumes", level: 3))
        blocks.append(.table(volumeTable))
        return blocks
    }

    /// `26 days`, `never`.
    public var paybackText: String { paybackDays.map(Self.days) ?? "never" }

    static func days(_ count: Int) -> String { "\(ReportText.grouped(count)) day\(count == 1 ? "" : "s")" }

    /// The case in two sentences.
    public var summary: String {
        var text =
            "\(dailyNow.text(currency)) against \(dailyTuned.text(currency)) a day, \(yearlyNow.text(currency)) against "
            + "\(yearlyTuned.text(currency)) a year: \(yearlySaving.text(currency)) a year saved, "
            + "\(netSaving.text(currency)) once maintenance is paid. "
        text +=
            paybackDays.map {
                "The \(oneTime.text(currency)) it costs once are paid back in **\(Self.days($0))**"
            }
            ?? "The \(oneTime.text(currency)) it costs once are never paid back"
        if let breakEvenVolume, breakEvenVolume > 0 {
            text += "; the first year breaks even at \(ReportText.grouped(breakEvenVolume)) requests a day"
        }
        return text + "."
    }

    /// What has been paid by each day of the first year.
    private var course: LineChart {
        let days = (0...73).map { $0 * 5 }
        func paid(_ atOnce: Money, _ aYear: Money) -> [LineChart.Point] {
            days.map { day in
                LineChart.Point(Double(day), atOnce.double + aYear.double * Double(day) / Double(Self.daysPerYear))
            }
        }
        return LineChart(
            title: "Paid in the first year", xLabel: "day", yLabel: currency,
            series: [
                .init("now", paid(.zero, yearlyNow)), .init("tuned", paid(oneTime, yearlyTuned + maintenance)),
            ])
    }

    private var volumeTable: ReportTable {
        ReportTable(
            [
                .number("requests a day"), .number("now, a year"), .number("tuned, a year"), .number("saved, a year"),
                .number("after maintenance"), .number("paid back in"), .text("for the money alone"),
            ],
            rows: volumes.map { volume in
                let other = at(requestsPerDay: volume)
                let name = ReportText.grouped(volume)
                return [
                    volume == requestsPerDay ? "**\(name)**" : name, other.yearlyNow.text(currency),
                    other.yearlyTuned.text(currency), other.yearlySaving.text(currency),
                    other.netSaving.text(currency),
                    other.paybackText,
                    other.refusal == nil ? "worth it" : "a rounding error",
                ]
            },
            caption:
                "Worth it for the money alone: in the first year it saves, maintenance paid, what it cost once, and at "
                + "least \(smallestSaving.text(currency)).")
    }
}
