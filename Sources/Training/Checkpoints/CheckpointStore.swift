public import Foundation
public import LanguageModels
public import TensorCore
public import TextCore

/// The checkpoints of a run: folders `step-N` that are there whole or not at all.
///
/// Each holds the weights (a model or adapter folder that other tools load), `optimizer.safetensors`, `state.json` and
/// `MANIFEST.json` with the size and SHA-256 of every file. It is written under a temporary name, synced, renamed, and
/// the parent synced; then old ones are removed. Links `last` and `best` lie beside the folder of checkpoints.
public final class CheckpointStore {
    /// The folder that holds `step-N`.
    public let folder: URL
    /// How many of the newest are kept, at least 1.
    public let keepLast: Int
    /// How many of the best are kept besides.
    public let keepBest: Int
    /// What the run is made from (model, data, recipe): kept in every manifest and compared on resume.
    public let fingerprint: JSON
    /// A folder whose tokenizer files are copied into checkpoints of whole models, so that they can be used alone.
    public let tokenizerFolder: URL?
    /// The name of the base model in the configuration of a saved adapter.
    public let baseModel: String?
    /// Never removed: the checkpoint that this run was resumed from.
    private var resumedFrom: Int?
    /// Steps of the best checkpoints, the best first.
    private var bestSteps: [Int]

    /// - Parameters:
    ///   - folder: where `step-N` go; made when absent. Remains of writers that died are removed from it, so at most
    ///     one store may write there (a `RunFolder` sees to that).
    ///   - keepLast: how many of the newest are kept, at least 1.
    ///   - keepBest: how many of the best are kept besides.
    ///   - fingerprint: what the run is made from.
    ///   - tokenizerFolder: whose tokenizer files go into checkpoints of whole models.
    ///   - baseModel: the name or folder of the base model, for the configuration of a saved adapter.
    /// - Throws: `FileError` when the folder cannot be made.
    public init(
        _ folder: URL, keepLast: Int = 2, keepBest: Int = 1, fingerprint: JSON = .null, tokenizerFolder: URL? = nil,
        baseModel: String? = nil
    ) throws {
        self.folder = folder
        self.keepLast = max(1, keepLast)
        self.keepBest = max(0, keepBest)
        self.fingerprint = fingerprint
        self.tokenizerFolder = tokenizerFolder
        self.baseModel = baseModel
        try DurableFiles.makeFolder(folder.path)
        for name in DurableFiles.names(in: folder.path) where name.hasPrefix(".tmp-") {
            try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
        }
        let link = folder.deletingLastPathComponent().appendingPathComponent("best").path
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        bestSteps = (target.flatMap { Self.step(ofName: ($0 as NSString).lastPathComponent) }).map { [$0] } ?? []
    }

    /// The steps of all checkpoints, oldest first, valid or not.
    public var steps: [Int] { DurableFiles.names(in: folder.path).compactMap(Self.step(ofName:)).sorted() }

    /// The folder of a step's checkpoint.
    public func url(ofStep step: Int) -> URL {
        folder.appendingPathComponent("step-\(step)", isDirectory: true)
    }

    private static func step(ofName name: String) -> Int? {
        guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), step >= 0, name == "step-\(step)" else {
            return nil
        }
        return step
    }

    /// Writes the checkpoint of `state.step`, points `last` (and `best`) at it, and removes old ones.
    ///
    /// One that is there already and valid is kept: the same step of the same run has the same content.
    ///
    /// - Parameters:
    ///   - model: whose adapter is saved if it has one, else the whole model in `float32`.
    ///   - optimizer: whose moments are saved.
    ///   - state: the rest.
    ///   - companions: the objective's own weights.
    ///   - isBest: whether the model is the best so far.
    /// - Returns: the folder.
    /// - Throws: `FileError` or an error of the model's writer; the checkpoints of before are then unharmed.
    @discardableResult
    public func save(
        model: LanguageModel, optimizer: AdamW, state: TrainingState,
        companions: [(name: String, parameter: Parameter)] = [], isBest: Bool = false
    ) throws -> URL {
        let target = url(ofStep: state.step)
        if !Checkpoint.isValid(target) { try write(model, optimizer, state, companions, to: target) }
        try point("last", at: state.step)
        if isBest {
            bestSteps.removeAll { $0 == state.step }
            bestSteps.insert(state.step, at: 0)
            try point("best", at: state.step)
        }
        removeOld()
        return target
    }

    private func write(
        _ model: LanguageModel, _ optimizer: AdamW, _ state: TrainingState,
        _ companions: [(name: String, parameter: Parameter)], to target: URL
    ) throws {
        let staging = folder.appendingPathComponent(".tmp-step-\(state.step)-\(getpid())", isDirectory: true)
        try? FileManager.default.removeItem(at: staging)
        try DurableFiles.makeFolder(staging.path)
        do {
            if model.adapter != nil {
                try model.saveAdapter(to: staging, baseModel: baseModel)
            } else {
                try model.save(to: staging, dtype: .float32, copyingTokenizerFrom: tokenizerFolder)
            }
            try OptimizerFile.write(optimizer, to: staging.appendingPathComponent(OptimizerFile.name))
            try CompanionFile.write(companions, to: staging.appendingPathComponent(CompanionFile.name))
            try DurableFiles.create(
                staging.appendingPathComponent(Checkpoint.stateName).path, Array(state.json.text(.pretty).utf8))
            let manifest = try Manifest(describing: staging, step: state.step, fingerprint: fingerprint)
            for file in manifest.files {
                try DurableFiles.synchronize(staging.appendingPathComponent(file.name).path)
            }
            try DurableFiles.create(
                staging.appendingPathComponent(Manifest.name).path, Array(manifest.json.text(.pretty).utf8))
            try DurableFiles.synchronize(staging.path)
            if FileManager.default.fileExists(atPath: target.path) {
                // Damaged, or the valid case would not have come here; kept for whoever wants to know why.
                let aside = ".bad-step-\(state.step)-\(getpid())-\(UInt32.random(in: 0 ... .max))"
                try DurableFiles.rename(target.path, to: folder.appendingPathComponent(aside).path)
            }
            try DurableFiles.rename(staging.path, to: target.path)
        } catch {
            try? FileManager.default.removeItem(at: staging)
            throw error
        }
    }

    private func point(_ name: String, at step: Int) throws {
        let link = folder.deletingLastPathComponent().appendingPathComponent(name).path
        try DurableFiles.link(link, to: "\(folder.lastPathComponent)/step-\(step)")
    }

    /// Removes what is neither among the newest, nor among the best, nor what the run was resumed from.
    private func removeOld() {
        bestSteps = Array(bestSteps.prefix(keepBest))
        let steps = steps
        var kept = Set(bestSteps)
        kept.formUnion(steps.suffix(keepLast))
        if let resumedFrom { kept.insert(resumedFrom) }
        for step in steps where !kept.contains(step) {
            // A folder is renamed first, so that a crash never leaves half of one under its name.
            let doomed = folder.appendingPathComponent(".tmp-old-\(step)-\(getpid())")
            guard (try? DurableFiles.rename(url(ofStep: step).path, to: doomed.path)) != nil else { continue }
            try? FileManager.default.removeItem(at: doomed)
        }
    }

    /// The newest checkpoint that is whole.
    ///
    /// - Parameter skipping: told of each newer one that is not: its folder, and why.
    /// - Returns: `nil` when there is none.
    public func newestValid(skipping: (URL, String) -> Void = { _, _ in }) -> Checkpoint? {
        for step in steps.reversed() {
            do {
                let checkpoint = try Checkpoint(url(ofStep: step))
                resumedFrom = step
                return checkpoint
            } catch {
                skipping(url(ofStep: step), "\(error)")
            }
        }
        return nil
    }
}
