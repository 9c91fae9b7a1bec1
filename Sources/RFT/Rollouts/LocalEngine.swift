import Foundation
public import LanguageModels
public import Tokenization
import Verifiers

/// The model that is trained writes the answers, with the same kernels in this process: no second server that could have
/// other weights.
public struct LocalEngine: RolloutEngine {
    private let model: LanguageModel
    private let settings: GenerationSettings
    private let tokenizer: Tokenizer

    /// - Parameters:
    ///   - model: the policy, as it is at each call.
    ///   - settings: how tokens are drawn, and when an answer ends.
    ///   - tokenizer: for the text of the answers.
    public init(_ model: LanguageModel, settings: GenerationSettings, tokenizer: Tokenizer) {
        self.model = model
        self.settings = settings
        self.tokenizer = tokenizer
    }

    public func answers(
        to prompts: [(prompt: RolloutPrompt, key: UInt64)], samples: Int,
        onGroup: (Int, [EngineAnswer]) -> Void, shouldStop: () -> Bool
    ) throws -> [[EngineAnswer]] {
        let requests = prompts.map {
            GenerationRequest(prompt: $0.prompt.ids.map { Int($0) }, samples: samples, key: $0.key)
        }
        var groups = prompts.map { _ in [EngineAnswer?](repeating: nil, count: samples) }
        var open = prompts.map { _ in samples }
        var isStopped = false
        try withoutActuallyEscaping(shouldStop) { shouldStop in
            try withoutActuallyEscaping(onGroup) { onGroup in
                let generator = try Generator(model, settings)
                _ = try generator.completions(
                    of: requests,
                    onCompletion: { request, sample, completion in
                        groups[request][sample] = answer(completion)
                        open[request] -= 1
                        if open[request] == 0, !isStopped { onGroup(request, groups[request].compactMap(\.self)) }
                    },
                    shouldStop: {
                        isStopped = isStopped || shouldStop()
                        return isStopped
                    })
            }
        }
        if isStopped { throw CancellationError() }
        return groups.map { $0.compactMap(\.self) }
    }

    private func answer(_ completion: Completion) -> EngineAnswer {
        let written = completion.ids.filter { !settings.stopTokens.contains($0) }
        var text = tokenizer.decode(written, skipSpecialTokens: true)
        for stop in settings.stopStrings {
            if let range = text.range(of: stop) { text = String(text[..<range.lowerBound]) }
        }
        return EngineAnswer(completion, text: text, stopReason: Rollout.StopReason(completion.stopReason))
    }
}

extension EngineAnswer {
    /// What the model wrote in this process.
    init(_ completion: Completion, text: String, stopReason: Rollout.StopReason) {
        // The policy is trained over the whole vocabulary, whatever the drawing left of it.
        let cut = completion.logRetainedMass
        let logs = cut.isEmpty ? completion.logProbabilities : zip(completion.logProbabilities, cut).map { $0 + $1 }
        self.init(
            ids: completion.ids.map { Int32($0) }, isSampled: completion.isSampled, logProbabilities: logs,
            entropies: completion.entropies, text: text, stopReason: stopReason)
    }
}
