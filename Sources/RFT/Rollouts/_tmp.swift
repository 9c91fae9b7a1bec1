import Verifiers
struct ErrorWatchdog { enum R { case fine, warn(String), abort(String) }; mutating func observe(_ s: [RolloutScore]) -> R { .fine } }
struct RolloutLine { var json: String }
public import LanguageModels
public import Tokenization
public struct LocalEngine: RolloutEngine {
    public init(_ model: LanguageModel, settings: GenerationSettings, tokenizer: Tokenizer) {}
    public func answers(to prompts: [(prompt: RolloutPrompt, key: UInt64)], samples: Int, onGroup: (Int, [EngineAnswer]) -> Void, shouldStop: () -> Bool) throws -> [[EngineAnswer]] { [] }
}
