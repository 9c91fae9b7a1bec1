public import Foundation

/// The folder of one run: everything that is known of it, for people and for programs.
///
/// `recipe.yaml`, `resolved.yaml`, `fingerprint.json`, `events.jsonl`, `checkpoints/step-N/`, the links `last` and
/// `best`, `final/`, `eval/`. A process that trains holds a lock on it for as long as this object lives.
public final class RunFolder: Sendable {
    /// What to do when the folder already holds a run.
    public enum Policy: Sendable, Hashable {
        /// Refuse: nothing of an earlier run is ever lost by accident.
        case new
        /// Go on with it.
        case resume
        /// Delete what it holds and begin again.
        case overwrite
    }

    /// The folder.
    public let url: URL
    private let lock: Int32

    /// What a run writes; anything else in the folder is left alone.
    private static let contents = [
        "events.jsonl", "checkpoints", "last", "best", "final", "eval", "recipe.yaml", "resolved.yaml",
        "fingerprint.json", "gate.json", "gate.md", "report.md", "report.html", "data-check.json", "removed.jsonl",
        "export", "anomaly",
    ]

    /// Makes or opens a run folder.
    ///
    /// - Parameters:
    ///   - url: the folder; those above it are made too.
    ///   - policy: what to do when it already holds a run.
    /// - Throws: `TrainingError` when it holds a run and may not be used, or another process uses it;
    ///   `FileError` when the disk refuses.
    public init(_ url: URL, policy: Policy) throws {
        self.url = url
        let path = url.path
        try DurableFiles.makeFolder(path)
        try Self.check(url, policy: policy)
        lock = open(path + "/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else { throw FileError(doing: "open", path + "/.lock") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw TrainingError(
                "\(path) is in use by another process, and two writers would spoil each other's checkpoints. "
                    + "Wait for it to end, or choose another `name` or `output_dir`")
        }
        if policy == .overwrite {
            for name in Self.contents where DurableFiles.names(in: path).contains(name) {
                try FileManager.default.removeItem(at: url.appendingPathComponent(name))
            }
        }
        try DurableFiles.makeFolder(checkpoints.path)
    }

    deinit { close(lock) }

    /// Refuses a folder that holds a run, unless the policy says what becomes of that run. Nothing is written.
    ///
    /// - Throws: `TrainingError` with what can be done.
    public static func check(_ url: URL, policy: Policy) throws(TrainingError) {
        guard policy == .new, holdsRun(url) else { return }
        throw TrainingError(
            "\(url.path) already holds a run, and training into it would mix the two. Continue that run with --resume, "
                + "choose another `name` or `output_dir`, or replace it with --overwrite")
    }

    /// Whether a run has left events or checkpoints in a folder.
    public static func holdsRun(_ url: URL) -> Bool {
        FileManager.default.fileExists(atPath: url.appendingPathComponent("events.jsonl").path)
            || DurableFiles.names(in: url.appendingPathComponent("checkpoints").path).contains { $0.hasPrefix("step-") }
    }

    /// The log of events.
    public var events: URL { url.appendingPathComponent("events.jsonl") }
    /// The folder of the checkpoints.
    public var checkpoints: URL { url.appendingPathComponent("checkpoints", isDirectory: true) }
    /// The trained model or adapter, once the run has ended.
    public var final: URL { url.appendingPathComponent("final", isDirectory: true) }
    /// What steps with strange numbers, and hangs, were like.
    public var anomalies: URL { url.appendingPathComponent("anomaly", isDirectory: true) }
    /// What the gate said, once the run has ended.
    public static let gate = "gate.json"
    /// What was found in the data before the run.
    public static let dataCheck = "data-check.json"
    /// Reports of evaluations.
    public var evaluations: URL { url.appendingPathComponent("eval", isDirectory: true) }

    /// Writes a file of the run whole or not at all.
    ///
    /// - Throws: `FileError` when the disk refuses.
    public func write(_ text: String, to name: String) throws {
        let target = url.appendingPathComponent(name).path
        try DurableFiles.makeFolder((target as NSString).deletingLastPathComponent)
        let temporary = "\(target).tmp-\(getpid())"
        try DurableFiles.create(temporary, Array(text.utf8))
        try DurableFiles.rename(temporary, to: target)
    }

    /// Writes a folder of the run whole or not at all; one of that name is replaced.
    ///
    /// - Parameter fill: writes the files into an empty folder.
    /// - Throws: `FileError` when the disk refuses; what `fill` throws.
    public func replace(_ name: String, fill: (URL) throws -> Void) throws {
        let target = url.appendingPathComponent(name, isDirectory: true)
        let files = DurableFiles.system
        for name in DurableFiles.names(in: url.path) where name.hasPrefix(CheckpointNames.temporary) {
            files.removeAll(url.appendingPathComponent(name).path)
        }
        let staging = url.appendingPathComponent("\(CheckpointNames.temporary)\(name)", isDirectory: true)
        do {
            try files.makeFolder(staging.path)
            try fill(staging)
            try files.synchronizeFolder(staging.path)
            // What was there before goes only when the new one is whole.
            if FileManager.default.fileExists(atPath: target.path) {
                try FileManager.default.removeItem(at: target)
            }
            try files.rename(staging.path, to: target.path)
        } catch {
            files.removeAll(staging.path)
            throw error
        }
    }
}
