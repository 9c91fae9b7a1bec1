public import Foundation
public import LanguageModels
import OrderedCollections
public import TensorCore
public import TextCore

/// A checkpoint whose every byte is what was written.
public struct Checkpoint: Sendable {
    static let stateName = "state.json"
    /// Bytes of the state: the rows in quarantine are most of it.
    private static let stateLimit = 64 << 20

    /// Its folder: also a model or adapter folder.
    public let folder: URL
    /// The run as it was.
    public let state: TrainingState
    /// What the run was made from.
    public let fingerprint: JSON

    /// Checks a folder against its manifest and reads the state.
    ///
    /// - Throws: `TrainingError` or `FileError` that names the file and what is wrong with it.
    public init(_ folder: URL) throws {
        let manifest = try Manifest(verifying: folder)
        let json: JSON
        do {
            json = try JSON(
                parsing: DurableFiles.read(
                    folder.appendingPathComponent(Self.stateName).path, limit: Self.stateLimit))
            state = try TrainingState(json: json)
        } catch {
            throw TrainingError("\(Self.stateName): \(error)")
        }
        guard state.step == manifest.step else {
            throw TrainingError("\(Self.stateName) is of step \(state.step), \(Manifest.name) of step \(manifest.step)")
        }
        self.folder = folder
        fingerprint = manifest.fingerprint
    }

    /// Puts weights and moments back. Nothing is changed unless all of it fits.
    ///
    /// - Parameters:
    ///   - model: of the same architecture, with an adapter of the same shape if the checkpoint is one.
    ///   - optimizer: over the model's trainable parameters.
    ///   - companions: the objective's own weights.
    /// - Throws: `TrainingError` when names or shapes differ; errors of reading the files.
    public func restore(
        _ model: LanguageModel, _ optimizer: AdamW, companions: [(name: String, parameter: Parameter)] = []
    ) throws {
        let moments = try OptimizerFile(folder.appendingPathComponent(OptimizerFile.name), for: optimizer)
        let weights = try WeightFiles(folder, for: model)
        let others = try CompanionFile(folder.appendingPathComponent(CompanionFile.name), for: companions)
        weights.apply()
        others.apply()
        optimizer.restore(step: state.updates, firstMoments: moments.first, secondMoments: moments.second)
    }

    /// What differs between the run that wrote this checkpoint and another, one line a difference: the path of the
    /// member, then both values.
    public func differences(from other: JSON) -> [String] {
        Self.differences(fingerprint, other)
    }

    /// What differs between two values, one line a difference: the path of the member, then both values.
    package static func differences(_ old: JSON, _ new: JSON, path: String = "") -> [String] {
        if old == new { return [] }
        func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
        switch (old, new) {
        case (.object(let first), .object(let second)):
            return OrderedSet(first.keys).union(second.keys).flatMap { key in
                differences(first[key] ?? .null, second[key] ?? .null, path: place(key))
            }
        case (.array(let first), .array(let second)) where first.count == second.count:
            return zip(first, second).enumerated().flatMap { index, pair in
                differences(pair.0, pair.1, path: place("\(index)"))
            }
        default: return ["\(path.isEmpty ? "fingerprint" : path): was \(old.text()), is \(new.text())"]
        }
    }
}
