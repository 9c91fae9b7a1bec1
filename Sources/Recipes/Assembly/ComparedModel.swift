import Evaluation
import Foundation
import LanguageModels
import OrderedCollections
import TextCore
import Training

/// A model whose results are compared: what a run has kept, what `hone eval --json` printed, or a model that is judged now.
struct ComparedModel {
    /// As the command line names it.
    var name: String
    /// Its results, in the order of the suites.
    var results: [SuiteResult]
    /// What could not be read.
    var problems: [String] = []

    /// Reads results that are kept: of a run folder, at the end or as `@start`, `@STEP` or `@BASELINE` says, or of a file.
    ///
    /// - Returns: `nil` when the path is neither, so that it must be a model.
    /// - Throws: `CommandFailure` when there are no results, or they are damaged.
    static func kept(_ path: String) throws -> ComparedModel? {
        let (place, moment) = divided(path)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: place, isDirectory: &isFolder) else {
            throw CommandFailure(
                message: "\(place): no such file or folder; name a run folder, a model folder, or a file that "
                    + "`hone eval --json --answers` printed", status: .missing)
        }
        guard isFolder.boolValue else { return try file(place) }
        let folder = URL(fileURLWithPath: place)
        guard FileManager.default.fileExists(atPath: folder.appending(path: "eval").path) else { return nil }
        let all = RunEvaluations(run: folder)
        let results: [SuiteResult]
        switch moment {
        case nil: results = all.last
        case "start"?: results = all.results(after: 0)
        case let word?:
            if let step = Int(word) {
                results = all.results(after: step)
            } else {
                results = all.baselines[word].map { Array($0.values) } ?? []
            }
        }
        guard !results.isEmpty else { throw nothing(path, moment, all) }
        return ComparedModel(name: path, results: results, problems: all.problems)
    }

    /// A path with an `@` in its last part, unless there is a file of that name.
    private static func divided(_ path: String) -> (place: String, moment: String?) {
        guard !FileManager.default.fileExists(atPath: path), let mark = path.lastIndex(of: "@"),
            !path[mark...].contains("/")
        else { return (path, nil) }
        return (String(path[..<mark]), String(path[path.index(after: mark)...]))
    }

    private static func nothing(_ path: String, _ moment: String?, _ all: RunEvaluations) -> CommandFailure {
        var message = "\(path) has no results of suites"
        if moment != nil {
            let words = ["start"] + all.steps.map(String.init) + all.baselines.keys
            message += " then; there are @" + words.joined(separator: ", @")
        } else {
            message += ": its recipe has no suite, or it was stopped before the first evaluation"
        }
        if let problem = all.problems.first { message += ". \(problem)" }
        return CommandFailure(message: message, status: .missing)
    }

    private static func file(_ path: String) throws -> ComparedModel {
        do {
            let json = try JSON(parsing: try RegularFile.bytes(at: path, limit: 1 << 30))
            let results = try (json["suites"]?.array ?? [json]).map { try SuiteResult(json: $0) }
            return ComparedModel(name: path, results: results)
        } catch {
            throw CommandFailure(message: "\(path): \(error)", status: .data)
        }
    }

    /// Judges a model by the suites of a recipe.
    static func judged(
        _ path: String, _ loaded: LoadedRecipe, suites: [String], against first: ComparedModel?, stop: StopSignal
    ) throws -> ComparedModel {
        let recipe = loaded.recipe
        let choice = try ModelChoice(path, base: recipe.model.path?.absolute)
        var runner = SuiteRunner(
            model: choice.model, tokenizer: choice.text.tokenizer, stopIDs: choice.text.stopIDs, stop: stop,
            seed: UInt64(recipe.seed))
        runner.latencySamples = recipe.evaluation.latencySamples
        if choice.model.adapter != nil { runner.base = .adapterOff }
        let rewards = RewardAssembly(loaded)
        let results = try recipe.evaluation.suites.filter { suites.isEmpty || suites.contains($0.name) }.map {
            settings in
            let suite = try SuiteData.suite(settings, text: choice.text, trainOn: recipe.trainOn, rewards: rewards)
            let other = first?.results.first { $0.name == settings.name }
            let answers = Dictionary((other?.outcomes ?? []).map { ($0.id, $0.answer) }, uniquingKeysWith: { $1 })
            return try runner.run(suite, against: answers)
        }
        return ComparedModel(name: path, results: results)
    }
}
