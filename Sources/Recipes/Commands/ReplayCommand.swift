import ArgumentParser
import Foundation
import OrderedCollections
import ShardIO
import TextCore
import Training
import Verifiers

/// `hone replay`: judges stored rollouts anew, so that a reward can be designed without writing an answer.
struct ReplayCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Judge the rollouts of a run by the rewards of another recipe.",
        discussion: """
            Reads rollouts.jsonl.zst of a run folder, or any file of such lines. The model is not loaded. Advantages \
            of the old rewards are left out of what is written.
            """)

    @Argument(help: "The rollouts, .jsonl or .jsonl.zst.", completion: .file())
    var rollouts: String
    @Option(help: ArgumentHelp("The recipe whose rewards judge them.", valueName: "file"))
    var recipe: String
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Replace a value of the recipe, as for the other commands.", valueName: "key=value"))
    var overrides: [String] = []
    @Option(
        name: [.customShort("o"), .long],
        help: ArgumentHelp(
            "Where the rollouts with their new scores are written, .jsonl or .jsonl.zst.", valueName: "file"))
    var out: String?
    @Option(help: ArgumentHelp("Rollouts to show whose reward changes the most.", valueName: "count"))
    var show = 5
    @OptionGroup var output: OutputOptions

    /// Groups that are judged at once.
    private static let chunk = 256

    func run(_ terminal: Terminal) throws {
        let loaded = try LoadedRecipe.load(recipe, overrides: overrides)
        guard loaded.recipe.method == .rft else {
            throw loaded.problem(
                at: "method", "the recipe's method is \(loaded.recipe.method.rawValue)",
                why: "Only method rft has rewards", fix: "Name a recipe with `method: rft`")
        }
        let rewards = try RewardAssembly(loaded).rewards()
        let writer = try out.map { try ReplayWriter(path: $0) }
        var comparison = ReplayComparison(rewards, shown: max(0, show))
        var reader = try ReplayReader(path: rollouts)
        var groups: [[RolloutLine]] = []
        func judge() throws {
            let judged = try Self.judged(groups, rewards)
            for (group, scores) in zip(groups, judged) {
                comparison.add(group, scores)
                try writer?.write(
                    zip(group, scores).map { line, score in
                        var line = line
                        line.score = score
                        line.advantage = nil
                        return line.text
                    })
            }
            groups = []
        }
        while let group = try reader.next() {
            groups.append(group)
            if groups.count == Self.chunk { try judge() }
        }
        try judge()
        try writer?.finish()
        guard comparison.count > 0 else {
            throw CommandFailure(message: "\(rollouts): there is no rollout in this file", status: .data)
        }
        if output.json { terminal.print(comparison.json) } else { terminal.print(comparison.text) }
        if let out { terminal.note("written: \(out)") }
    }

    private static func judged(_ groups: [[RolloutLine]], _ rewards: RewardSet) throws -> [[RolloutScore]] {
        let bound = try groups.map { group in
            let first = group[0].rollout
            do {
                return RewardGroup(
                    group.map(\.rollout),
                    rewards: try rewards.bind(
                        row: first.row, completion: first.row["completion"], item: first.item))
            } catch {
                throw CommandFailure(message: "row '\(first.item)': \(error)", status: .data)
            }
        }
        return try rewards.scoreAndWait(bound, for: .training)
    }
}

/// The groups of a file of rollouts, one after the other.
private struct ReplayReader {
    private let path: String
    private var rows: any RowStream
    /// The first line of the next group.
    private var pending: RolloutLine?

    init(path: String) throws {
        self.path = path
        rows = try DataSourceOpener.sequential(path: path).rows()
    }

    /// Rollouts of one row that stand together; `nil` at the end.
    mutating func next() throws -> [RolloutLine]? {
        guard let first = try pending ?? line() else { return nil }
        pending = nil
        var group = [first]
        while let line = try line() {
            let last = group[group.count - 1]
            let isSame =
                line.step == first.step && line.group == first.group && line.rollout.item == first.rollout.item
                && line.rollout.sample > last.rollout.sample
            guard isSame else {
                pending = line
                break
            }
            group.append(line)
        }
        return group
    }

    private mutating func line() throws -> RolloutLine? {
        guard let row = try rows.next() else { return nil }
        guard let line = RolloutLine(json: row.fields) else {
            throw CommandFailure(
                message: "\(row.provenance.file):\(row.provenance.line): this is not \(RolloutLine.expectation). "
                    + "`hone train` with method rft writes such files.", status: .data)
        }
        return line
    }
}

/// Writes lines, compressed where the name ends in `.zst`.
private final class ReplayWriter {
    private let log: FrameLog?
    private let file: FileHandle?
    private let path: String

    init(path: String) throws {
        self.path = path
        if path.hasSuffix(".zst") {
            log = try FrameLog(path: path, end: 0)
            file = nil
        } else {
            log = nil
            guard FileManager.default.createFile(atPath: path, contents: nil),
                let file = FileHandle(forWritingAtPath: path)
            else {
                throw CommandFailure(message: "\(path): this file cannot be written", status: .inputOutput)
            }
            self.file = file
        }
    }

    func write(_ lines: [String]) throws {
        try log?.append(lines)
        do {
            try file?.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
        } catch {
            throw CommandFailure(message: "\(path): \(error.localizedDescription)", status: .inputOutput)
        }
    }

    func finish() throws { try file?.close() }
}
