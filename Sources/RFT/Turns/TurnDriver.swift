public import LanguageModels
public import TextCore
import Tokenization
public import Training
public import Verifiers

/// Plays rollouts of several turns: the model writes, the environment answers, and the model goes on behind its own
/// tokens.
public struct TurnDriver<World: Environment> {
    /// A row to play.
    public struct Item: Sendable, Hashable {
        /// Names the row.
        public var id: String
        /// Its columns.
        public var row: JSON
        /// Of the random numbers of the row's rollouts.
        public var key: UInt64

        public init(id: String, row: JSON, key: UInt64) {
            self.id = id
            self.row = row
            self.key = key
        }
    }

    /// The rollouts of one row.
    public struct Group: Sendable {
        /// The tokens that all of them answer.
        public var prompt: [Int]
        /// The rollouts, in order.
        public var episodes: [Episode]
    }

    private let environment: World
    private let generator: Generator
    private let template: TurnTemplate
    private let encoder: ExampleEncoder
    private let turnLimit: Int
    private let syntax: ToolCallSyntax

    /// - Parameters:
    ///   - environment: what the model acts in.
    ///   - generator: the model and how it writes; its stop tokens end a turn.
    ///   - encoder: the model's tokenizer, chat template and stop tokens.
    ///   - turnLimit: turns of the model, at most.
    ///   - syntax: how the model writes calls of tools.
    /// - Throws: `TurnTemplateError` when the chat template cannot be used for several turns.
    /// - Precondition: `turnLimit` is at least 1.
    public init(
        _ environment: World, generator: Generator, encoder: ExampleEncoder, turnLimit: Int = 8,
        syntax: ToolCallSyntax = .auto
    ) throws {
        precondition(turnLimit >= 1, "\(turnLimit) turns")
        self.environment = environment
        self.generator = generator
        self.encoder = encoder
        self.turnLimit = turnLimit
        self.syntax = syntax
        template = try TurnTemplate(encoder, tools: environment.tools, roles: environment.roles)
    }

    /// Plays each row several times. A rollout depends on its row, its key, its number and the seed alone.
    ///
    /// - Parameters:
    ///   - items: the rows.
    ///   - samples: rollouts of each.
    ///   - version: of the policy.
    ///   - onGroup: called as soon as all rollouts of a row are over, in any order of the rows.
    ///   - shouldStop: asked between tokens.
    /// - Throws: `VerifierFailure` when the environment refuses a row, `EncodingError` when the template does,
    ///   `ModelError` when a prompt fills the context.
    public func play(
        _ items: [Item], samples: Int, version: Int = 0, onGroup: (_ row: Int, _ group: Group) -> Void = { _, _ in },
        shouldStop: (() -> Bool)? = nil
    ) throws -> [Group] {
        var plays: [[Play]] = []
        var requests: [GenerationRequest] = []
        for item in items {
            let group = try (0..<samples).map { try begin(item, sample: $0) }
            guard let first = group.first else { continue }
            guard group.allSatisfy({ $0.messages == first.messages }) else {
                throw VerifierFailure(
                    .invalidValue, "\(item.id): the environment begins rollouts of one row with different messages")
            }
            plays.append(group)
            requests.append(
                GenerationRequest(
                    prompt: try template.prompt(first.messages, source: item.id), samples: samples, key: item.key))
        }
        let prompts = requests.map { encoder.tokenizer.decode($0.prompt, skipSpecialTokens: false) }
        var episodes = plays.map { [Episode?](repeating: nil, count: $0.count) }
        try withoutActuallyEscaping(onGroup) { onGroup in
            _ = try generator.completions(
                of: requests,
                onCompletion: { request, sample, completion in
                    episodes[request][sample] = episode(
                        plays[request][sample], completion, prompt: prompts[request], version: version)
                    let finished = episodes[request].compactMap(\.self)
                    guard finished.count == samples else { return }
                    onGroup(request, Group(prompt: requests[request].prompt, episodes: finished))
                },
                continuing: { request, sample, completion in advance(&plays[request][sample], completion) },
                shouldStop: shouldStop)
        }
        return zip(requests, episodes).map { Group(prompt: $0.prompt, episodes: $1.compactMap(\.self)) }
    }

    /// The random numbers that a row begins with: the same for all its rollouts, and whenever it is drawn.
    public static func beginning(of item: String, seed: UInt64) -> VerifierRandom {
        VerifierRandom(seed: seed, "reset", item)
    }

    /// A rollout that is being played.
    private struct Play {
        let item: Item
        let sample: Int
        let first: [JSON]
        var state: World.State
        var random: VerifierRandom
        /// The conversation so far.
        var messages: [JSON]
        /// Tokens of the completion before the turn that is being written.
        var turnStart = 0
        var turns = 0
        var calls: [ToolCall] = []
        var rewards: [Double?] = []
        var log: [String] = []
        var end: Rollout.StopReason?
        var failure: VerifierFailure?
    }

    private func begin(_ item: Item, sample: Int) throws(VerifierFailure) -> Play {
        let seed = generator.settings.seed
        var random = Self.beginning(of: item.id, seed: seed)
        let (state, messages) = try environment.reset(item.row, random: &random)
        return Play(
            item: item, sample: sample, first: messages, state: state,
            random: VerifierRandom(seed: seed ^ item.key, "step", item.id, "\(sample)"), messages: messages)
    }

    /// Lets the environment answer a turn; the tokens that follow it, or `nil` where the rollout ends.
    private func advance(_ play: inout Play, _ completion: Completion) -> [Int]? {
        let ids = completion.ids[play.turnStart...]
        let isStopped = ids.last.map { encoder.stopIDs.contains($0) } ?? false
        let text = encoder.tokenizer.decode(isStopped ? ids.dropLast() : ids, skipSpecialTokens: false)
        let calls = ToolCallReading(Rollout(text).answerText ?? "", syntax: syntax).calls
        let turn = Turn(index: play.turns, messages: play.messages, text: text, toolCalls: calls)
        play.turns += 1
        play.calls += calls
        do {
            let step = try environment.step(&play.state, after: turn, random: &play.random)
            play.rewards.append(step.reward)
            play.log += step.log
            play.end = step.end ?? (play.turns >= turnLimit ? .maxTurns : nil)
            guard play.end == nil else { return nil }
            guard !step.messages.isEmpty else {
                throw VerifierFailure(.invalidValue, "the environment neither ends the rollout nor says anything")
            }
            let tokens = try template.tokens(appending: step.messages, after: ids.last)
            play.messages += [["role": "assistant", "content": .string(text)]] + step.messages
            play.turnStart = completion.ids.count + tokens.count
            return tokens
        } catch let failure as VerifierFailure {
            play.failure = failure
        } catch {
            play.failure = VerifierFailure(.invalidValue, "\(error)")
        }
        play.end = .toolStopped
        return nil
    }

    private func episode(_ play: Play, _ completion: Completion, prompt: String, version: Int) -> Episode {
        var turns = play.turns
        // A turn that a limit cut off was never shown to the environment.
        if !completion.stopReason.isByModel, completion.ids.count > play.turnStart { turns += 1 }
        let isStopped = completion.ids.last.map { encoder.stopIDs.contains($0) } ?? false
        let text = encoder.tokenizer.decode(
            isStopped ? completion.ids.dropLast() : completion.ids[...], skipSpecialTokens: turns <= 1)
        let unfinished = completion.ids.dropFirst(play.turnStart)
        let last = encoder.tokenizer.decode(isStopped ? unfinished.dropLast() : unfinished, skipSpecialTokens: true)
        let rollout = Rollout(
            text, item: play.item.id, sample: play.sample, messages: play.first, prompt: prompt, row: play.item.row,
            tokens: completion.ids.map { Int32($0) }, stopReason: play.end ?? Rollout.StopReason(completion.stopReason),
            tokenCount: completion.sampledCount, reasoningIsOpen: prompt.hasOpenReasoning, toolCalls: play.calls,
            lastTurn: turns > 1 ? last : nil, policyVersion: version)
        return Episode(
            rollout: rollout, completion: completion, turns: turns,
            messages: play.messages.dropFirst(play.first.count) + [["role": "assistant", "content": .string(last)]],
            stepRewards: play.rewards, log: play.log,
            failure: play.failure)
    }
}

extension String {
    /// Whether the text ends inside a reasoning block.
    fileprivate var hasOpenReasoning: Bool {
        var scalars = unicodeScalars
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(scalars).utf8.reversed().starts(with: "<think>".utf8.reversed())
    }
}
