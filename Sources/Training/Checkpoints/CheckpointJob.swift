import Foundation
import LanguageModels
import Synchronization
import TextCore

/// One checkpoint on its way to the disk: all that is needed to write it while the run goes on.
struct CheckpointJob: Sendable {
    let files: DurableFiles
    /// The folder that holds `step-N`.
    let folder: URL
    let state: TrainingState
    let fingerprint: JSON
    /// Weights, moments and what goes with them.
    let contents: SavedContents
    let isBest: Bool
    let keepLast: Int
    /// Steps that are kept besides the newest: the best ones, and the one that the run was resumed from.
    let pinned: Set<Int>

    /// Writes the checkpoint, points `last` and `best` at it and removes old ones.
    ///
    /// - Parameter hasRead: called when no weight is needed any more, also when something fails; perhaps twice.
    /// - Returns: its folder.
    func run(hasRead: () -> Void) throws -> URL {
        let target = CheckpointNames.url(ofStep: state.step, in: folder)
        let stateBytes = Array(state.json.text(.pretty).utf8)
        if isThere(target, stateBytes) {
            _ = contents.take()
            hasRead()
        } else {
            try write(to: target, stateBytes, hasRead)
        }
        try point("last")
        if isBest { try point("best") }
        removeOld()
        return target
    }

    /// Whether the same checkpoint is there already: the same step of the same run has the same content.
    private func isThere(_ target: URL, _ state: [UInt8]) -> Bool {
        guard let there = try? Checkpoint(target), there.fingerprint == fingerprint else { return false }
        return (try? DurableFiles.read(target.appendingPathComponent(Checkpoint.stateName).path)) == state
    }

    private func write(to target: URL, _ state: [UInt8], _ hasRead: () -> Void) throws {
        let mark = CheckpointNames.mark()
        let staging = folder.appendingPathComponent(".tmp-step-\(self.state.step)-\(mark)", isDirectory: true)
        do {
            try files.makeFolder(staging.path)
            var listed = try writeContents(to: staging)
            hasRead()
            listed.append(try create(Checkpoint.stateName, in: staging, state))
            let manifest = Manifest(step: self.state.step, fingerprint: fingerprint, files: listed)
            _ = try create(Manifest.name, in: staging, Array(manifest.json.text(.pretty).utf8))
            try files.synchronizeFolder(staging.path)
            // Read back before anything older is let go.
            _ = try Checkpoint(staging)
            try publish(staging, as: target, mark)
        } catch {
            _ = contents.take()
            hasRead()
            files.removeAll(staging.path)
            throw error
        }
    }

    /// Writes the files one by one and lets go of each as soon as it is written.
    private func writeContents(to staging: URL) throws -> [Manifest.File] {
        var rest = contents.take()
        var listed: [Manifest.File] = []
        while !rest.isEmpty {
            let file = rest.removeFirst()
            let path = staging.appendingPathComponent(file.name).path
            let (size, hash) = try files.create(path) { try file.write(to: $0) }
            listed.append(Manifest.File(name: file.name, size: size, hash: hash))
        }
        return listed
    }

    private func create(_ name: String, in staging: URL, _ bytes: [UInt8]) throws -> Manifest.File {
        let (size, hash) = try files.create(staging.appendingPathComponent(name).path, bytes)
        return Manifest.File(name: name, size: size, hash: hash)
    }

    /// Gives a whole checkpoint its name. What has that name is damaged, and is kept for whoever wants to know why, or is
    /// of another course of the run, and goes.
    private func publish(_ staging: URL, as target: URL, _ mark: String) throws {
        var replaced: String?
        if FileManager.default.fileExists(atPath: target.path) {
            let isWhole = (try? Checkpoint(target)) != nil
            let aside = folder.appendingPathComponent(
                isWhole ? ".tmp-old-\(state.step)-\(mark)" : ".bad-step-\(state.step)-\(mark)"
            ).path
            try files.rename(target.path, to: aside)
            if isWhole { replaced = aside }
        }
        try files.rename(staging.path, to: target.path)
        if let replaced { files.removeAll(replaced) }
    }

    private func point(_ name: String) throws {
        let link = folder.deletingLastPathComponent().appendingPathComponent(name).path
        try files.link(link, to: "\(folder.lastPathComponent)/step-\(state.step)")
    }

    /// Removes what is neither pinned nor among the newest. A checkpoint with a file missing or cut counts for nothing and
    /// is left where it is.
    private func removeOld() {
        let steps = CheckpointNames.steps(in: folder)
        var kept = pinned.union([state.step])
        var newest = 0
        var whole: [Int] = []
        for step in steps.reversed() where Manifest.isComplete(CheckpointNames.url(ofStep: step, in: folder)) {
            whole.append(step)
            newest += 1
            if newest <= keepLast { kept.insert(step) }
        }
        for step in whole where !kept.contains(step) {
            // A folder is renamed first, so that a crash never leaves half of one under its name.
            let doomed = folder.appendingPathComponent(".tmp-old-\(step)-\(CheckpointNames.mark())").path
            let old = CheckpointNames.url(ofStep: step, in: folder).path
            guard (try? files.rename(old, to: doomed)) != nil else { continue }
            files.removeAll(doomed)
        }
    }
}

/// Files that are yet to be written, for whoever takes them first: nobody else keeps the numbers alive, so an update that
/// comes later need not copy what it changes.
final class SavedContents: Sendable {
    private let files: Mutex<[SavedFile]>

    init(_ files: [SavedFile]) { self.files = Mutex(files) }

    /// The files; none the next time.
    func take() -> [SavedFile] {
        files.withLock { files in
            defer { files = [] }
            return files
        }
    }
}

/// A checkpoint that another thread writes.
final class PendingCheckpoint: Sendable {
    /// The best steps once it is written.
    let best: [Int]
    private let reading = DispatchGroup()
    private let writing = DispatchGroup()
    private let isReading = Mutex(true)
    private let outcome = Mutex<Result<URL, any Error>?>(nil)

    /// Begins to write.
    init(_ job: CheckpointJob, best: [Int]) {
        self.best = best
        reading.enter()
        writing.enter()
        let thread = Thread { [self] in
            let result = Result { try job.run(hasRead: hasRead) }
            hasRead()
            outcome.withLock { $0 = result }
            writing.leave()
        }
        thread.name = "checkpoint"
        thread.start()
    }

    private func hasRead() {
        let isFirst = isReading.withLock { isReading in
            defer { isReading = false }
            return isReading
        }
        if isFirst { reading.leave() }
    }

    /// Waits until the weights may change again.
    func waitUntilRead() { reading.wait() }

    /// Waits until it is on the disk.
    ///
    /// - Throws: what went wrong.
    func finish() throws -> URL {
        writing.wait()
        guard let outcome = outcome.withLock({ $0 }) else {
            preconditionFailure("a checkpoint ended without an outcome")
        }
        return try outcome.get()
    }
}
