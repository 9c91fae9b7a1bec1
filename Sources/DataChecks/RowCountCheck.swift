import OrderedCollections
import Reports
import TextCore

/// Counts rows against what a run and a suite need at the least.
struct RowCountCheck: DataCheck {
    private let settings: DataCheckSettings
    private var train = 0
    private var suites: OrderedDictionary<String, Int> = [:]

    init(_ settings: DataCheckSettings) { self.settings = settings }

    mutating func add(_ row: CheckedRow) {
        switch row.side {
        case .train: train += 1
        case .suite(let name): suites[name, default: 0] += 1
        }
    }

    func findings() -> [Finding] {
        var findings: [Finding] = []
        if train < settings.floor {
            findings.append(
                Finding(
                    "rows.few", train < settings.floor / 10 ? .error : .warning,
                    "there are \(grouped(train)) rows to train on, fewer than \(grouped(settings.floor))",
                    why: "A model that learns from so few repeats them instead of learning the task; a prompt with "
                        + "examples usually does better",
                    edit:
                        "Collect \(grouped(settings.floor - train)) more rows, or put the best of these into a prompt",
                    count: train, figures: ["rows": .integer(train), "floor": .integer(settings.floor)]))
        }
        for (name, count) in suites where count < settings.suiteFloor {
            // A share of 50 % is the least certain one: 1.96 · √(0.25 / n).
            let half = 100 * 0.98 / Double(max(1, count)).squareRoot()
            findings.append(
                Finding(
                    "rows.suite", .note,
                    "\(name) has \(grouped(count)) rows; a share measured on them is certain to about ± \(Int(half.rounded())) points",
                    why:
                        "A gain smaller than that cannot be told from chance; \(grouped(settings.suiteFloor)) rows give "
                        + "about ± 7 points",
                    edit: "Add rows to \(name) until it has \(grouped(settings.suiteFloor))", count: count,
                    figures: ["suite": .string(name), "rows": .integer(count)]))
        }
        return findings
    }
}

/// A number with commas between thousands.
func grouped(_ number: Int) -> String { ReportText.grouped(number) }

/// A share as per cent with one digit: `4.2 %`.
func percent(_ part: Int, of whole: Int) -> String {
    "\((1000 * Double(part) / Double(max(1, whole))).rounded() / 10) %"
}
