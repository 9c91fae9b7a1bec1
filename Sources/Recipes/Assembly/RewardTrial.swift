import RFT
import ShardIO
import TextCore
import Verifiers

/// The rewards of a recipe, tried before a run.
struct RewardTrial {
    private let loaded: LoadedRecipe
    private let method: RFTMethod
    private let settings: Preflight.Settings

    /// - Parameters:
    ///   - rows: rows at most that are tried; as many as a trial takes by itself where none is given.
    ///   - prompts: prompts at most that the policy answers.
    init(_ loaded: LoadedRecipe, method: RFTMethod, rows: Int? = nil, prompts: Int? = nil) {
        self.loaded = loaded
        self.method = method
        let rft = loaded.recipe.rft ?? RFTSettings()
        var settings = Preflight.Settings()
        settings.rows = rows ?? settings.rows
        settings.policyRows = prompts ?? settings.policyRows
        settings.groupSize = rft.groupSize
        settings.rolloutsPerStep = rft.promptsPerStep * rft.groupSize
        self.settings = settings
    }

    /// Rows of the recipe's data, spread evenly over it, as many as are tried or up to twice as many.
    ///
    /// Unlike a run, a trial keeps rows whose answers cannot be judged, so that all of them can be told at once.
    func rows() throws -> [AskedRow] {
        var rows: [AskedRow] = []
        var stride = 1
        var count = 0
        for source in loaded.recipe.data.train {
            try SourceRows(source).forEach { _, record in
                defer { count += 1 }
                guard count % stride == 0 else { return }
                if rows.count >= 2 * settings.rows {
                    rows = rows.indices.filter { $0 % 2 == 0 }.map { rows[$0] }
                    stride *= 2
                    guard count % stride == 0 else { return }
                }
                rows.append(try method.asked(record))
            }
        }
        guard !rows.isEmpty else {
            throw loaded.problem(
                at: "data.train", "there is no row to try the rewards on",
                why: "All were filtered out, or the files are empty", fix: "Look at them with `hone data head`")
        }
        return rows
    }

    /// Tries the rewards.
    ///
    /// - Parameter engine: answers prompts as the policy does; `nil` leaves the policy out.
    func report(on rows: [AskedRow], engine: (any RolloutEngine)?, stop: @escaping () -> Bool) throws -> PreflightReport
    {
        var asked: [String: AskedRow] = [:]
        for row in rows { asked[row.item] = row }
        let preflight = Preflight(method.rewards, settings: settings)
        return try preflight.reportAndWait(
            on: rows.map(PreflightRow.init),
            policy: engine.map { engine in
                { prompts in
                    try self.rollouts(prompts.compactMap { asked[$0.item] }, engine: engine, stop: stop)
                }
            }, unless: stop)
    }

    private func rollouts(
        _ rows: [AskedRow], engine: any RolloutEngine, stop: () -> Bool
    ) throws -> [[Rollout]] {
        let prompts = try rows.enumerated().map { index, row in
            let rewards = try method.rewards.bind(row: row.row, completion: row.completion, item: row.item)
            let prompt = RolloutPrompt(
                source: row.source, item: row.item, ids: row.ids, text: row.text, messages: row.messages, row: row.row,
                reasoningIsOpen: row.reasoningIsOpen, rewards: rewards)
            // Another key than those of the run's steps, which count from 0.
            return (prompt: prompt, key: UInt64.max - UInt64(index))
        }
        let answers = try engine.answers(
            to: prompts, samples: settings.groupSize, onGroup: { _, _ in }, shouldStop: stop)
        return zip(rows, answers).map { row, answers in
            answers.enumerated().map { sample, answer in
                Rollout(
                    answer.text, item: row.item, sample: sample, messages: row.messages, prompt: row.text,
                    row: row.row, tokens: answer.ids, stopReason: answer.stopReason,
                    tokenCount: answer.isSampled.count { $0 }, reasoningIsOpen: row.reasoningIsOpen,
                    toolCalls: answer.toolCalls, lastTurn: answer.lastTurn)
            }
        }
    }
}

extension PreflightRow {
    init(_ row: AskedRow) {
        // The file's name will do: reports name many rows.
        let place = row.source.split(separator: "/").last.map(String.init) ?? row.source
        self.init(
            place: place, item: row.item, messages: row.messages, prompt: row.text, row: row.row,
            completion: row.completion?.string, reasoningIsOpen: row.reasoningIsOpen)
    }
}
