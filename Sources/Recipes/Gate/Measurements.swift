import Decisions
import Evaluation
import Foundation
import OrderedCollections
import TextCore

/// Everything that was measured of one model: by suites and on held-out rows, row by row.
struct Measurements {
    /// Whose figures these are, for people.
    var name: String
    /// The step after which they were measured; `nil` for a model that was not measured in a run.
    var step: Int?
    var suites: [SuiteResult] = []
    var held: HeldResult?

    /// Which of a run's evaluations is meant.
    enum Moment {
        /// Before the first step.
        case start
        /// After the last step that was evaluated.
        case end
    }

    init(name: String, suites: [SuiteResult] = []) {
        self.name = name
        self.suites = suites
    }

    /// Reads what a run has kept in `eval/`.
    ///
    /// - Throws: `CommandFailure` when the run has measured nothing then, or a file is damaged.
    init(run: URL, at moment: Moment) throws {
        name = run.lastPathComponent
        let folder = run.appending(path: "eval")
        let files = Self.files(in: folder)
        guard let wanted = moment == .start ? files.map(\.step).min() : files.map(\.step).max(),
            moment == .end || wanted == 0
        else {
            throw CommandFailure(
                message: moment == .start
                    ? "\(run.path) has no measurement of the model before its first step, which is the gate's baseline. "
                        + "Train with `evaluation.at_start: true`, or name another gate.baseline"
                    : "\(run.path) has measured nothing: there is no file `eval/NAME-step-N.json`. Train it with suites or "
                        + "held-out rows first", status: .missing)
        }
        step = wanted
        for file in files where file.step == wanted {
            let path = folder.appending(path: file.name)
            let json = try ModelText.json(path)
            do {
                if json["held_out"]?.bool == true {
                    held = try HeldResult(json: json)
                } else {
                    suites.append(try SuiteResult(json: json))
                }
            } catch {
                throw CommandFailure(message: "\(path.path): \(error)", status: .data)
            }
        }
    }

    /// Reads what a run has kept of one of `evaluation.baselines`.
    ///
    /// - Throws: `CommandFailure` when there is nothing, or a file is damaged.
    init(run: URL, baseline: String) throws {
        name = baseline
        let folder = run.appending(path: "eval")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for file in names.sorted() where file.hasPrefix("baseline-\(baseline)-") && file.hasSuffix(".json") {
            let path = folder.appending(path: file)
            let json = try ModelText.json(path)
            do { suites.append(try SuiteResult(json: json)) } catch {
                throw CommandFailure(message: "\(path.path): \(error)", status: .data)
            }
        }
        guard suites.isEmpty else { return }
        throw CommandFailure(
            message:
                "\(run.path) has no figures of baseline '\(baseline)'; `evaluation.baselines` must have it when the "
                + "run begins", status: .missing)
    }

    private static func files(in folder: URL) -> [(name: String, step: Int)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().compactMap { name in
            guard name.hasSuffix(".json"), !name.hasPrefix("baseline-"),
                let range = name.range(of: "-step-", options: .backwards),
                let step = Int(name[range.upperBound...].dropLast(".json".count)), step >= 0
            else { return nil }
            return (name, step)
        }
    }

    /// The rows of a metric as a gate names it; `nil` where it was not measured.
    fileprivate func observations(of metric: String) -> [Observation]? {
        let parts = metric.split(separator: ".").map(String.init)
        let rows: [RowObservation]?
        if parts.count == 2, parts[0] == "eval" {
            rows = held?.observations(of: parts[1])
        } else if parts.count == 3, parts[0] == "suites", let suite = suites.first(where: { $0.name == parts[1] }) {
            // A gate draws rows of losses itself, and takes the exponential of their mean.
            rows = suite.observations(of: parts[2] == "perplexity" ? "loss" : parts[2])
        } else {
            rows = nil
        }
        return rows?.map { Observation(id: $0.id, value: $0.value, weight: $0.weight) }
    }

    /// The names of all metrics that can be judged row by row.
    var metricNames: [String] {
        let held = self.held.map { held in held.metrics.map(\.name).filter { held.observations(of: $0) != nil } } ?? []
        return held.map { "eval.\($0)" }
            + suites.flatMap { suite in
                suite.figures.keys.filter { suite.observations(of: $0) != nil }.map { "suites.\(suite.name).\($0)" }
            }
    }

    /// A metric as a gate judges it, paired with the baseline's rows where there are any; `nil` where it was not measured.
    func metric(_ name: String, baseline: Measurements?) -> GateMetric? {
        guard let rows = observations(of: name) else { return nil }
        let traits = MetricTraits(name)
        let last = name.split(separator: ".").last.map(String.init) ?? name
        return GateMetric(
            name: name, direction: traits.higherIsBetter ? .higherIsBetter : .lowerIsBetter,
            scale: traits.isRelative ? .relative : .absolute,
            isBinary: ["accuracy", "stopped", "preference_accuracy"].contains(last),
            summary: Self.summary(last), candidate: rows, baseline: baseline?.observations(of: name))
    }

    private static func summary(_ metric: String) -> GateMetric.Summary {
        switch metric {
        case "perplexity": .exponentialOfMean
        case "latency_p50": .quantile(0.5)
        case "latency_p95": .quantile(0.95)
        default: .mean
        }
    }
}
