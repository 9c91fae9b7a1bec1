import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TestSupport
import TextCore

/// A folder of its own for one test, with rows and a recipe for the model of `shared/models`; removed with the value.
final class Workspace {
    let folder: URL
    /// The shared folder's pretrained model.
    let model: URL
    /// The rows of the traces, 96 conversations of up to about 100 tokens.
    let rows: [String]

    /// `nil` where the shared folder is absent.
    init?() throws {
        guard let model = try SharedFolder.url("models/stories260K"),
            let data = try SharedFolder.url("goldens/trl/sft.jsonl")
        else { return nil }
        self.model = model
        rows = try String(contentsOf: data, encoding: .utf8).split(separator: "\n").map(String.init)
        folder = FileManager.default.temporaryDirectory.appending(path: "hone-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func url(_ name: String) -> URL { folder.appending(path: name) }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let url = url(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    /// Writes the first rows of the traces, or some others, as `rows.jsonl`, and a recipe that trains on them as
    /// `recipe.yaml`: full fine-tuning for four steps of eight rows, replaced key by key by `changes`.
    func writeRecipe(
        _ changes: [String: JSON] = [:], rowCount: Int = 24, rows chosen: [String]? = nil,
        to name: String = "recipe.yaml"
    ) throws {
        let lines = chosen ?? Array(rows.prefix(rowCount))
        try write(lines.joined(separator: "\n") + "\n", to: "rows.jsonl")
        var recipe: JSON = [
            "schema": 1, "name": "run", "model": .string(model.path), "adapter": "full",
            "data": ["train": "rows.jsonl"],
            "sequence": ["max_length": 256],
            "train": [
                "max_steps": 4, "micro_batch_size": 4, "global_batch_size": 8, "learning_rate": 0.001,
                "weight_decay": 0.1, "lr_scheduler": "cosine", "warmup_steps": 1,
            ],
        ]
        for (path, value) in changes.sorted(by: { $0.key < $1.key }) {
            recipe = recipe.replacing(path.split(separator: ".").map(String.init)[...], with: value)
        }
        try write(recipe.text(.pretty) + "\n", to: name)
    }

    /// A copy of the model that tests may change.
    func copyModel(to name: String = "model", files: (String) -> Bool = { _ in true }) throws {
        for file in try FileManager.default.contentsOfDirectory(atPath: model.path) where files(file) {
            try FileManager.default.createDirectory(at: url(name), withIntermediateDirectories: true)
            try Data(contentsOf: model.appending(path: file)).write(to: url(name).appending(path: file))
        }
    }

    /// Runs `hone` here to its end.
    func hone(
        _ arguments: String..., environment: [String: String] = [:], input: String = "", timeLimit: Double = 60
    ) throws -> HoneResult {
        try HoneProcess(arguments, in: folder, environment: environment, input: input).result(timeLimit: timeLimit)
    }

    /// Trains `recipe.yaml`; throws when that fails.
    @discardableResult
    func train(_ arguments: String..., environment: [String: String] = [:]) throws -> HoneResult {
        let all = ["train", "recipe.yaml", "--quiet"] + arguments
        let result = try HoneProcess(all, in: folder, environment: environment).result()
        guard result.status == 0 else { throw HoneProcessError(message: "\(all.joined(separator: " ")): \(result)") }
        return result
    }

    /// The bytes of the weights of a run's `final/`.
    func finalWeights(_ run: String = "runs/run") throws -> Data {
        let final = url(run).appending(path: "final")
        let adapter = final.appending(path: "adapter_model.safetensors")
        let isAdapter = FileManager.default.fileExists(atPath: adapter.path)
        return try Data(contentsOf: isAdapter ? adapter : final.appending(path: "model.safetensors"))
    }

    /// The numbers of a run's `final/`, by the names of the weights.
    func finalNumbers(_ run: String = "runs/run") throws -> [String: [Float]] {
        let file = try SafetensorsFile(reading: url(run).appending(path: "final/model.safetensors"))
        return try Dictionary(
            uniqueKeysWithValues: file.entries.map { ($0.name, try file.tensor(named: $0.name).scalars) })
    }

    /// The events of a run so far; half a line at the end is left out.
    func events(_ run: String = "runs/run") throws -> [JSON] {
        let text = try String(contentsOf: url(run).appending(path: "events.jsonl"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { try? JSON(parsing: String($0)) }
    }

    /// The metrics of each step; of a step done again after resuming the last.
    func steps(_ run: String = "runs/run") throws -> [Int: JSON] {
        var steps: [Int: JSON] = [:]
        for event in try events(run) where event["type"] == "step" {
            if let step = event["step"]?.int { steps[step] = event["metrics"] }
        }
        return steps
    }

    /// Waits until an event of a run that `process` writes satisfies `condition`.
    func wait(
        for process: HoneProcess, run: String = "runs/run", until condition: (JSON) -> Bool
    ) throws {
        for _ in 0..<6000 {
            if let events = try? events(run), events.contains(where: condition) { return }
            guard process.isRunning else { break }
            usleep(10_000)
        }
        throw HoneProcessError(message: "the event did not come: \(try process.result(timeLimit: 0))")
    }
}

extension JSON {
    /// The value with the one at `path` replaced; objects are made where there are none.
    fileprivate func replacing(_ path: ArraySlice<String>, with value: JSON) -> JSON {
        guard let key = path.first else { return value }
        var members = object ?? [:]
        members[key] = (members[key] ?? [:]).replacing(path.dropFirst(), with: value)
        return .object(members)
    }
}
