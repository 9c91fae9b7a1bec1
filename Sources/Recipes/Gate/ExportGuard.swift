import Foundation
import OrderedCollections
import TextCore
import Training

/// What keeps a model from leaving its run before the run's gate has opened.
struct ExportGuard {
    /// The folder of the run that the model is from.
    let run: URL
    /// What the run's gate says; `nil` where it has not been judged.
    let record: JSON?
    /// Why the model may not be exported; `nil` where it may.
    let objection: String?
    /// Whether the recipe wants the export refused, and not only a warning.
    let blocks: Bool

    /// Looks at the run that a model's folder is from.
    ///
    /// - Returns: `nil` where the folder is no part of a run, or the run has no gate.
    /// - Throws: `CommandFailure` when the run's own files cannot be read.
    init?(_ source: String) throws {
        let folder = URL(fileURLWithPath: source).resolvingSymlinksInPath()
        // RUN, RUN/final, RUN/checkpoints/step-N, RUN/checkpoints/step-N/model
        var candidate = folder
        var found: URL?
        for _ in 0..<4 where found == nil {
            if RunFolder.holdsRun(candidate) { found = candidate }
            candidate.deleteLastPathComponent()
        }
        guard let found, let settings = try Self.gate(of: found) else { return nil }
        run = found
        blocks = settings["on_fail"]?.string != GateFailure.warn.rawValue
        let path = found.appending(path: RunFolder.gate)
        guard FileManager.default.fileExists(atPath: path.path) else {
            record = nil
            objection =
                "the gate of \(found.path) has not been judged: the run has not ended. Finish it with "
                + "`hone train … --resume`, or judge it with `hone gate \(found.path)`"
            return
        }
        let record = try ModelText.json(path)
        self.record = record
        objection = Self.objection(record, folder: folder, run: found)
    }

    private static func objection(_ record: JSON, folder: URL, run: URL) -> String? {
        if record["outcome"]?.string != "ship" {
            return "the gate of \(run.path) says: \(record["summary"]?.string ?? "do not ship")"
        }
        let name = folder.lastPathComponent
        guard name.hasPrefix("step-"), let step = record["step"]?.int, name != "step-\(step)" else { return nil }
        return "the gate of \(run.path) judged step \(step), and this is \(name), of which nothing is known"
    }

    /// The block `gate` of the run's recipe.
    private static func gate(of run: URL) throws -> JSON? {
        let path = run.appending(path: "resolved.yaml").path
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let source = RecipeSource(name: path, directory: run.path, rank: 0)
        guard let data = FileManager.default.contents(atPath: path),
            let tree = try? YAMLReader.read(Array(data), from: source).json
        else {
            throw CommandFailure(
                message: "\(path) cannot be read, so nobody knows whether the run has a gate; put it back, or export "
                    + "a copy of the model that lies outside the run", status: .data)
        }
        let gate = tree["gate"]
        return gate?.isNull == true ? nil : gate
    }

    /// Refuses, or says aloud that it was told not to.
    ///
    /// - Parameter reason: why the model is exported all the same; `nil` where nobody says so.
    /// - Returns: what is kept beside an export that went ahead against the gate.
    func check(despite reason: String?, terminal: Terminal) throws -> JSON? {
        guard let objection else { return nil }
        guard blocks || reason != nil else {
            terminal.warn("\(objection). The recipe's gate only warns (on_fail: warn), so the model is exported")
            return nil
        }
        guard let reason else {
            throw CommandFailure(
                message:
                    "\(objection). Nothing was written. Its table is in \(run.path)/gate.md; to export all the same, "
                    + "say why with --despite-gate \"reason\", which is kept beside the model",
                status: .fellShort)
        }
        terminal.warn("exported against the gate: \(objection). The reason given: \(reason)")
        return [
            "run": .string(run.path), "objection": .string(objection), "reason": .string(reason),
            "gate": record ?? .null, "time": .string(Date().formatted(.iso8601)),
        ]
    }
}
