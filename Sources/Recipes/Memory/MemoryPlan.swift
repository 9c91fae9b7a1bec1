import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TextCore
import Training

/// How a step is cut, and whether blocks are computed again.
struct StepChoice: Sendable, Hashable {
    var limit: Packing.MicroBatchLimit
    var checkpointing: Bool

    var words: String {
        let size =
            switch limit {
            case .rows(let rows): rows == 1 ? "a row" : "\(grouped(rows)) rows"
            case .tokens(let tokens): "\(grouped(tokens)) tokens"
            }
        return "micro-batches of \(size), \(checkpointing ? "blocks computed again" : "all blocks held")"
    }
}

/// What the largest micro-batch of a run is like.
struct LargestBatch<Batch> {
    /// What goes through the model.
    var shape: ModelMemory.Batch
    /// Micro-batches of a step, at the most.
    var microBatches: Int
    /// Tokens of a step, on average.
    var tokensPerStep = 0.0
    /// The micro-batch itself; `nil` where it will be known only while training.
    var batch: Batch?
}

/// The memory of a run, by what it is for.
struct MemoryPlan: Sendable {
    /// A line of the table.
    struct Category: Sendable {
        let name: String
        let bytes: Int
        /// What it is made of.
        let note: String
    }

    /// Everything that is in memory at the peak.
    let categories: [Category]
    /// Things that happen at other times and need less: they are not part of the sum.
    let elsewhere: [Category]
    let available: Int
    let limitedBy: String

    /// The peak.
    var total: Int { categories.reduce(0) { $0 + $1.bytes } }

    enum Verdict: String, Sendable {
        case fits, tight, no
    }

    /// Less than a tenth of room is tight: an estimate is not exact.
    var verdict: Verdict { total > available ? .no : total > available / 10 * 9 ? .tight : .fits }

    var lines: [String] {
        let rows = categories.map { ($0.name, $0.bytes, $0.note) } + [("peak", total, "")]
        let others = elsewhere.map { ($0.name, $0.bytes, $0.note + "; at another time, not counted") }
        return (rows + others).map { name, bytes, note in
            let amount = MemoryPlan.shown(bytes)
            return name.padding(toLength: 14, withPad: " ", startingAt: 0)
                + String(repeating: " ", count: max(0, 11 - amount.count)) + amount + (note.isEmpty ? "" : "  \(note)")
        }
    }

    var json: JSON {
        func list(_ categories: [Category]) -> JSON {
            .array(
                categories.map { ["name": .string($0.name), "bytes": .integer($0.bytes), "note": .string($0.note)] })
        }
        return [
            "categories": list(categories), "elsewhere": list(elsewhere), "peak_bytes": .integer(total),
            "available_bytes": .integer(available), "limited_by": .string(limitedBy),
            "verdict": .string(verdict.rawValue),
        ]
    }

    /// A number of bytes for people.
    static func shown(_ bytes: Int) -> String {
        bytes >= 10 << 30
            ? String(format: "%.1f GiB", Double(bytes) / 0x1p30)
            : bytes >= 1 << 30
                ? String(format: "%.2f GiB", Double(bytes) / 0x1p30) : "\((bytes + 1 << 19) >> 20) MiB"
    }
}

/// A change of the recipe that makes a run fit.
struct MemoryRemedy: Sendable {
    /// What to write, such as `train.gradient_checkpointing: true`.
    let edits: [String]
    /// The peak then.
    let bytes: Int
    /// Time of the run, as a multiple of now.
    let time: Double
    /// Whether something else is learned.
    let changesResult: Bool

    var line: String {
        let pace = abs(time - 1) < 0.005 ? "no slower" : String(format: "about %.0f %% of the time", 100 * time)
        return edits.joined(separator: ", ") + " — \(MemoryPlan.shown(bytes)), \(pace)"
            + (changesResult ? ", and another result" : ", and the same result")
    }

    var json: JSON {
        [
            "edits": .array(edits.map { .string($0) }), "peak_bytes": .integer(bytes), "time": .number(time),
            "changes_result": .bool(changesResult),
        ]
    }
}
