public import Foundation
public import LanguageModels
public import TensorCore
public import TextCore

/// The checkpoints of a run: folders `step-N` that are there whole or not at all.
///
/// Each holds the weights (a model or adapter folder that other tools load), `optimizer.safetensors`, `state.json` and
/// `MANIFEST.json` with the size and SHA-256 of every file. It is written under a temporary name, synced, read back,
/// renamed, and the parent synced; then old ones are removed. Links `last` and `best` lie beside the folder of
/// checkpoints.
///
/// Writing takes place on a thread of its own: a run goes on while its weights are written, and waits for that before it
/// changes them.
public final class CheckpointStore {
    /// The folder that holds `step-N`.
    public let folder: URL
    /// How many of the newest are kept, at least 2: with one alone, damage would leave nothing.
    public let keepLast: Int
    /// How many of the best are kept besides.
    public let keepBest: Int
    /// What the run is made from (model, data, recipe): kept in every manifest and compared on resume.
    public let fingerprint: JSON
    /// A folder whose tokenizer files are copied into checkpoints of whole models, so that they can be used alone.
    public let tokenizerFolder: URL?
    /// The name of the base model in the configuration of a saved adapter.
    public let baseModel: String?
    let files: DurableFiles
    /// Never removed: the checkpoint that this run was resumed from.
    private var resumedFrom: Int?
    /// Steps of the best checkpoints, the best first.
    private var bestSteps: [Int]
    private var pending: PendingCheckpoint?

    /// - Parameters:
    ///   - folder: where `step-N` go; made when absent. Remains of writers that died are removed from it, so at most
    ///     one store may write there (a `RunFolder` sees to that).
    ///   - keepLast: how many of the newest are kept; 2 if it is less.
    ///   - keepBest: how many of the best are kept besides.
    ///   - fingerprint: what the run is made from.
    ///   - tokenizerFolder: whose tokenizer files go into checkpoints of whole models.
    ///   - baseModel: the name or folder of the base model, for the configuration of a saved adapter.
    /// - Throws: `FileError` when the folder cannot be made.
    public convenience init(
        _ folder: URL, keepLast: Int = 2, keepBest: Int = 1, fingerprint: JSON = .null, tokenizerFolder: URL? = nil,
        baseModel: String? = nil
    ) throws {
        try self.init(
            folder, keepLast: keepLast, keepBest: keepBest, fingerprint: fingerprint, tokenizerFolder: tokenizerFolder,
            baseModel: baseModel, calls: SystemCalls())
    }

    /// - Parameter calls: what the system is asked through.
    package init(
        _ folder: URL, keepLast: Int = 2, keepBest: Int = 1, fingerprint: JSON = .null, tokenizerFolder: URL? = nil,
        baseModel: String? = nil, calls: any FileCalls
    ) throws {
        self.folder = folder
        self.keepLast = max(2, keepLast)
        self.keepBest = max(0, keepBest)
        self.fingerprint = fingerprint
        self.tokenizerFolder = tokenizerFolder
        self.baseModel = baseModel
        files = DurableFiles(calls: calls)
        try files.makeFolder(folder.path)
        for name in DurableFiles.names(in: folder.path) where name.hasPrefix(CheckpointNames.temporary) {
            files.removeAll(folder.appendingPathComponent(name).path)
        }
        let link = folder.deletingLastPathComponent().appendingPathComponent("best").path
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        bestSteps =
            (target.flatMap { CheckpointNames.step(ofName: ($0 as NSString).lastPathComponent) }).map { [$0] } ?? []
    }

    /// The steps of all checkpoints, oldest first, valid or not.
    public var steps: [Int] { CheckpointNames.steps(in: folder) }

    /// The folder of a step's checkpoint.
    public func url(ofStep step: Int) -> URL { CheckpointNames.url(ofStep: step, in: folder) }

    // MARK: Writing

    /// Writes the checkpoint of `state.step`, points `last` (and `best`) at it, and removes old ones.
    ///
    /// - Parameters:
    ///   - model: whose adapter is saved if it has one, else the whole model in `float32`.
    ///   - optimizer: whose moments are saved.
    ///   - state: the rest.
    ///   - companions: the objective's own weights.
    ///   - isBest: whether the model is the best so far.
    /// - Returns: the folder.
    /// - Throws: `FileError` when the disk refuses, also because it has too little room; an error of reading the
    ///   tokenizer's files. The checkpoints of before are then unharmed.
    @discardableResult
    public func save(
        model: LanguageModel, optimizer: AdamW, state: TrainingState,
        companions: [(name: String, parameter: Parameter)] = [], isBest: Bool = false
    ) throws -> URL {
        try begin(model: model, optimizer: optimizer, state: state, companions: companions, isBest: isBest)
        return try finish()
    }

    /// Begins to do what `save` does, on a thread of its own. Weights must not change before `waitUntilRead()` returns.
    ///
    /// - Precondition: `finish()` has been called for the one before.
    /// - Throws: as `save`, as far as it is known at once.
    public func begin(
        model: LanguageModel, optimizer: AdamW, state: TrainingState,
        companions: [(name: String, parameter: Parameter)] = [], isBest: Bool = false
    ) throws {
        precondition(pending == nil, "two checkpoints at once")
        let contents = try contents(model, optimizer, companions)
        try requireSpace(for: contents.reduce(0) { $0 + $1.byteCount })
        var best = bestSteps.filter { !isBest || $0 != state.step }
        if isBest { best.insert(state.step, at: 0) }
        best = Array(best.prefix(keepBest))
        let job = CheckpointJob(
            files: files, folder: folder, state: state, fingerprint: fingerprint, contents: SavedContents(contents),
            isBest: isBest, keepLast: keepLast, pinned: Set(best).union(resumedFrom.map { [$0] } ?? []))
        pending = PendingCheckpoint(job, best: best)
    }

    /// Waits until the weights may change again; returns at once where nothing is being written.
    public func waitUntilRead() { pending?.waitUntilRead() }

    /// Waits until the checkpoint that `begin` began is on the disk.
    ///
    /// - Precondition: there is one.
    /// - Returns: its folder.
    /// - Throws: as `save`.
    @discardableResult
    public func finish() throws -> URL {
        guard let pending else { preconditionFailure("no checkpoint was begun") }
        self.pending = nil
        let url = try pending.finish()
        bestSteps = pending.best
        return url
    }

    private func contents(
        _ model: LanguageModel, _ optimizer: AdamW, _ companions: [(name: String, parameter: Parameter)]
    ) throws -> [SavedFile] {
        var files = model.savedAdapterFiles(baseModel: baseModel) ?? []
        if files.isEmpty {
            files = model.savedFiles(dtype: .float32)
            if let tokenizerFolder { files += try LanguageModel.tokenizerFiles(in: tokenizerFolder) }
        }
        files.append(OptimizerFile.file(optimizer))
        if let companions = CompanionFile.file(companions) { files.append(companions) }
        return files
    }

    // MARK: Room on the disk

    /// Refuses a run whose checkpoints will not find room: those that are kept, one that is being written, and a tenth
    /// more.
    ///
    /// - Parameter count: checkpoints that the run will write.
    /// - Throws: `FileError` that says how much is needed and how much is free.
    public func requireSpace(
        model: LanguageModel, optimizer: AdamW, companions: [(name: String, parameter: Parameter)] = [], count: Int
    ) throws {
        let size = try contents(model, optimizer, companions).reduce(0) { $0 + $1.byteCount }
        let kept = min(max(0, count - 1), keepLast + keepBest) + 1
        // Room that checkpoints take already is given back as they are replaced.
        try requireSpace(for: size, times: max(1, kept - steps.count))
    }

    private func requireSpace(for size: Int, times count: Int = 1) throws {
        let (product, overflow) = size.multipliedReportingOverflow(by: count)
        guard !overflow, let free = files.calls.freeBytes(folder.path) else { return }
        let needed = product / 10 * 11 + (64 << 10)
        guard free < needed else { return }
        let what = count == 1 ? "a checkpoint takes" : "\(count) checkpoints of this run, with a margin, take"
        throw FileError(
            "the disk is too full: \(what) \(Self.shown(needed)), and \(Self.shown(free)) are free in \(folder.path). "
                + "Free some space, lower checkpoint.keep_last or keep_best, or choose another output_dir",
            code: ENOSPC)
    }

    private static func shown(_ bytes: Int) -> String {
        bytes >= 10 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB"
    }

    // MARK: Reading

    /// The newest checkpoint that is whole; the run then goes on from it, and it is never removed.
    ///
    /// - Parameter skipping: told of each newer one that is not: its folder, and why. It is kept under another name,
    ///   `.bad-step-N-…`, unless the system only failed to read it.
    /// - Returns: `nil` when there is none.
    public func newestValid(skipping: (URL, String) -> Void = { _, _ in }) -> Checkpoint? {
        for step in steps.reversed() {
            do {
                let checkpoint = try Checkpoint(url(ofStep: step))
                resumedFrom = step
                return checkpoint
            } catch let error as FileError {
                skipping(url(ofStep: step), "\(error)")
            } catch {
                skipping(url(ofStep: step), "\(error)" + setAside(step))
            }
        }
        return nil
    }

    private func setAside(_ step: Int) -> String {
        let name = ".bad-step-\(step)-\(CheckpointNames.mark())"
        let aside = folder.appendingPathComponent(name).path
        guard (try? files.rename(url(ofStep: step).path, to: aside)) != nil else { return "" }
        return ". It is kept as \(name)"
    }

    /// Never removes a checkpoint that the run is resumed from, if it is one of this folder.
    public func pin(_ checkpoint: Checkpoint) {
        let place = checkpoint.folder.resolvingSymlinksInPath()
        guard place.deletingLastPathComponent().path == folder.resolvingSymlinksInPath().path else { return }
        resumedFrom = CheckpointNames.step(ofName: place.lastPathComponent)
    }
}
