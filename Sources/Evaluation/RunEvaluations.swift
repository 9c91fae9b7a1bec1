public import Foundation
public import OrderedCollections
import TextCore

/// Everything that a run folder keeps of its evaluations: `eval/SUITE-step-N.json`, `eval/held-step-N.json` and
/// `eval/baseline-NAME-SUITE.json`.
public struct RunEvaluations: Sendable {
    /// The results of each suite by step, the suites in the order of their names.
    public private(set) var suites: OrderedDictionary<String, [Int: SuiteResult]> = [:]
    /// Measurements of the held-out rows by step.
    public private(set) var held: [Int: HeldResult] = [:]
    /// The results of each baseline by suite.
    public private(set) var baselines: OrderedDictionary<String, OrderedDictionary<String, SuiteResult>> = [:]
    /// Files that are not what their names say, each with what is wrong.
    public private(set) var problems: [String] = []

    /// Bytes of a file that is read, at most.
    private static let largestFile = 1 << 30

    /// Reads the folder of a run; without any evaluation there is nothing in it.
    ///
    /// Damaged files are left out and told of in `problems`.
    public init(run folder: URL) {
        let folder = folder.appending(path: "eval")
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
        for name in names where name.hasSuffix(".json") {
            do {
                try read(String(name.dropLast(5)), folder.appending(path: name))
            } catch {
                problems.append("eval/\(name): \(error)")
            }
        }
        suites.sort { $0.key < $1.key }
    }

    private mutating func read(_ name: String, _ url: URL) throws {
        let json = try JSON(parsing: try RegularFile.bytes(at: url.path, limit: Self.largestFile))
        if name.hasPrefix("baseline-") {
            let result = try SuiteResult(json: json)
            guard let baseline = json["baseline"]?.string else {
                throw EvaluationError("it does not say which baseline it is of")
            }
            baselines[baseline, default: [:]][result.name] = result
            return
        }
        guard let place = name.range(of: "-step-", options: .backwards), let step = Int(name[place.upperBound...]),
            step >= 0
        else { return }
        if name[..<place.lowerBound] == "held" {
            held[step] = try HeldResult(json: json)
        } else {
            let result = try SuiteResult(json: json)
            suites[result.name, default: [:]][step] = result
        }
    }

    /// The first results of each suite: those before the first step, where the run was judged then.
    public var first: [SuiteResult] { suites.values.compactMap { steps in steps.keys.min().flatMap { steps[$0] } } }

    /// The last results of each suite.
    public var last: [SuiteResult] { suites.values.compactMap { steps in steps.keys.max().flatMap { steps[$0] } } }

    /// The results of each suite after a step.
    public func results(after step: Int) -> [SuiteResult] { suites.values.compactMap { $0[step] } }

    /// The steps that anything was judged after, rising.
    public var steps: [Int] { Set(suites.values.flatMap(\.keys)).union(held.keys).sorted() }
}
