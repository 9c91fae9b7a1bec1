import Foundation
import OrderedCollections
import TextCore
import Training

/// Where a run goes on from, found and compared before any row is read and any weight loaded.
struct Resumption {
    /// The run's folder, locked; `nil` where it holds no run yet.
    let folder: RunFolder?
    /// Its checkpoints.
    let store: CheckpointStore?
    /// Where to go on; `nil` where there is no whole checkpoint, and the run begins anew.
    let checkpoint: Checkpoint?
    /// What differs from the run so far and may: keys with both values.
    let changes: [String]

    /// Settings that another course of a run may change: the weights and the data so far stay what they are.
    private static let changeable = [
        "train.learning_rate", "train.max_steps", "train.epochs", "faults.on_nonfinite", "faults.on_spike",
        "faults.spike_threshold", "faults.skip_steps",
    ]

    /// - Parameter makeStore: the checkpoints of a folder.
    /// - Throws: `CommandFailure` with every difference when the checkpoint is of another run; `TrainingError` when a
    ///   checkpoint that the recipe names is damaged.
    init(
        _ loaded: LoadedRecipe, _ fingerprint: Fingerprint, acceptsDataChange: Bool, terminal: Terminal,
        makeStore: (RunFolder) throws -> CheckpointStore
    ) throws {
        let place = loaded.recipe.outputFolder.url
        folder = RunFolder.holdsRun(place) ? try RunFolder(place, policy: .resume) : nil
        store = try folder.map(makeStore)
        if case .from(let path) = loaded.recipe.checkpoint.resume {
            let named = try Checkpoint(path.url)
            store?.pin(named)
            checkpoint = named
        } else {
            checkpoint = store?.newestValid { folder, reason in
                terminal.warn("\(folder.path) is not whole and is skipped: \(reason)")
            }
        }
        guard let checkpoint else {
            changes = []
            return
        }
        let differences = Self.differences(checkpoint.fingerprint, fingerprint.json)
        let refused = differences.filter { difference in
            switch difference.kind {
            case .recipe: !Self.changeable.contains(difference.key)
            case .data: !acceptsDataChange
            case .other: true
            }
        }
        guard refused.isEmpty else {
            throw CommandFailure(
                message: "\(checkpoint.folder.path) is of another run, so going on from it would mix the two: "
                    + refused.map(\.text).joined(separator: "; ")
                    + ". Use that run's recipe, model and data, or start anew with --overwrite", status: .configuration)
        }
        changes = differences.map(\.text)
    }

    /// One thing that differs.
    private struct Difference {
        enum Kind { case recipe, data, other }

        let kind: Kind
        /// The key and both values.
        let text: String

        var key: String { String(text.prefix { $0 != ":" }) }
    }

    /// What differs, by the recipe's keys and the names of what was hashed.
    private static func differences(_ old: JSON, _ new: JSON) -> [Difference] {
        let values = Checkpoint.differences(old["recipe"]?["values"] ?? .null, new["recipe"]?["values"] ?? .null)
        var all = values.map { Difference(kind: .recipe, text: $0) }
        // Only where no value differs does the hash tell something that the values do not.
        if values.isEmpty, old["recipe"]?["sha256"] != new["recipe"]?["sha256"] {
            all.append(Difference(kind: .recipe, text: "recipe: a value that comes from the environment is another"))
        }
        for key in OrderedSet(old.object?.keys ?? []).union(new.object?.keys ?? []) where key != "recipe" {
            all += Checkpoint.differences(old[key] ?? .null, new[key] ?? .null, path: key).map {
                Difference(kind: ["data", "left_out"].contains(key) ? .data : .other, text: $0)
            }
        }
        return all
    }
}
