import DataChecks
import Decisions
import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TextCore
import Training

/// What a gate looks at beside metrics.
struct GateChecks {
    private let loaded: LoadedRecipe
    private let folder: URL
    private let candidate: Measurements
    /// The model as the run has it in memory; `nil` where there is no run any more.
    private let trained: LanguageModel?
    /// The model as the run has written it, read once.
    private var written: ModelChoice?

    init(_ loaded: LoadedRecipe, folder: URL, candidate: Measurements, trained: LanguageModel?) {
        self.loaded = loaded
        self.folder = folder
        self.candidate = candidate
        self.trained = trained
    }

    /// Makes a check.
    ///
    /// - Throws: errors of reading the model, the rows or the run's files.
    mutating func result(_ check: GateCheck, _ requirement: GateRequirement) throws -> GateCheckResult {
        let (passed, detail) =
            switch check {
            case .noContamination: try contamination()
            case .exportParity:
                try parity(
                    maxDivergence: requirement.maxDivergence ?? 0.05, minAgreement: requirement.minAgreement ?? 0.98)
            case .stopsCleanly: stops(minShare: requirement.minShare ?? 0.98)
            case .noNaN: try finiteness()
            }
        return GateCheckResult(name: check.rawValue, passed: passed, detail: detail)
    }

    /// What the data check of the run's start found of rows that are also in a suite.
    private func contamination() throws -> (Bool, String) {
        let report: DataCheckReport
        let path = folder.appending(path: RunFolder.dataCheck)
        if FileManager.default.fileExists(atPath: path.path) {
            do { report = try DataCheckReport(json: try ModelText.json(path)) } catch let error as DataCheckError {
                throw CommandFailure(message: "\(path.path): \(error)", status: .data)
            }
        } else {
            report = try RecipeDataCheck.run(loaded, options: .init(quick: true))
        }
        let judged = loaded.recipe.gatedRows
        let found = report.findings.filter { $0.isLeak(into: judged) && $0.severity > .note }
        let count = report.rowCounts.filter { judged.contains($0.key) }.values.reduce(0, +)
        guard found.isEmpty else {
            return (false, found.map { "\($0.message). \($0.edit)" }.joined(separator: " "))
        }
        return count == 0
            ? (false, "there is no row of a suite to compare with")
            : (true, "none of \(grouped(count)) rows that the model is judged by is among those to train on")
    }

    /// How far the model that leaves the run is from the one that was trained.
    private mutating func parity(maxDivergence: Double, minAgreement: Double) throws -> (Bool, String) {
        let exported = try ModelChoice(final.path)
        let written = try self.written ?? ModelChoice(final.path)
        self.written = written
        let reference = trained ?? written.model
        if exported.model.adapter != nil { try exported.model.mergeAdapter() }
        var rows: [[Int]] = []
        for var suite in loaded.recipe.evaluation.suites where rows.count < 16 {
            suite.maxSamples = min(16, suite.maxSamples ?? 16)
            let items = try SuiteData.suite(
                suite, text: exported.text, trainOn: loaded.recipe.trainOn, rewards: RewardAssembly(loaded)
            ).items
            rows += items.map(\.prompt).filter { !$0.isEmpty }
        }
        let report =
            rows.isEmpty
            ? reference.difference(to: exported.model)
            : reference.difference(to: exported.model, on: Array(rows.prefix(16)))
        let passed = report.meanDivergence <= maxDivergence && report.greedyAgreement >= minAgreement
        return (
            passed,
            "on \(rows.isEmpty ? "a row of tokens" : "\(min(16, rows.count)) prompts") the exported model is "
                + "\(figure(report.meanDivergence)) nats a token from the trained one (at most \(figure(maxDivergence))), and "
                + "the likeliest token agrees at \(figure(100 * report.greedyAgreement)) % of positions (at least "
                + "\(figure(100 * minAgreement)) %)"
        )
    }

    private func stops(minShare: Double) -> (Bool, String) {
        let shares = candidate.suites.compactMap { suite in suite.stoppedShare.map { (suite.name, $0) } }
        guard let worst = shares.min(by: { $0.1 < $1.1 }) else {
            return (false, "no suite generates answers, so nothing is known of how they end")
        }
        let words = shares.map { "\(figure(100 * $0.1)) % of \($0.0)" }.joined(separator: ", ")
        return (
            worst.1 >= minShare,
            "answers that the model ends itself: \(words); at least \(figure(100 * minShare)) % are asked for"
        )
    }

    /// Whether steps, figures and weights are numbers.
    private mutating func finiteness() throws -> (Bool, String) {
        var faults = 0
        let log = FileManager.default.contents(atPath: folder.appending(path: "events.jsonl").path) ?? Data()
        for line in log.split(separator: UInt8(ascii: "\n")) {
            guard let event = try? JSON(parsing: String(decoding: line, as: UTF8.self)) else { continue }
            if event["fault"]?.string == Anomaly.Kind.nonFinite.rawValue { faults += 1 }
        }
        let written = try self.written ?? ModelChoice(final.path)
        self.written = written
        // Codes of a quantised base cannot be anything else than numbers.
        let weights = written.model.namedParameters.filter { $0.parameter.value.quantized == nil }
        let broken = weights.filter { !$0.parameter.value.converted(to: .float32).isFinite }.map(\.name)
        let figures = candidate.suites.flatMap { suite in
            suite.figures.filter { !$0.value.isFinite }.map { "suites.\(suite.name).\($0.key)" }
        }
        var found: [String] = []
        if faults > 0 { found.append("\(faults) steps had a loss or gradient that is no number") }
        if let first = broken.first { found.append("\(broken.count) weights hold what is no number, first \(first)") }
        if let first = figures.first { found.append("\(first) is no number") }
        return found.isEmpty
            ? (true, "every step, figure and weight is a number") : (false, found.joined(separator: "; "))
    }

    private var final: URL { folder.appending(path: "final") }

    private func figure(_ value: Double) -> String { String(format: "%.4g", value) }
}

extension Recipe {
    /// The suites whose rows decide the gate, with `data.eval` where held-out rows do.
    var gatedRows: Set<String> {
        Set(
            (gate?.require ?? []).compactMap(\.metric).compactMap { metric in
                let parts = metric.split(separator: ".").map(String.init)
                return parts.first == "eval" ? RecipeRows.heldOut : parts.dropFirst().first
            })
    }
}

extension Finding {
    /// Whether it is that rows of these suites are among those to train on.
    func isLeak(into suites: Set<String>) -> Bool {
        check.hasPrefix("overlap") && (figures["suite"]?.string.map { suites.contains($0) } ?? true)
    }
}
