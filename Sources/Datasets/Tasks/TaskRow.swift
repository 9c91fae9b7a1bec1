import OrderedCollections
public import TextCore

/// How a question is written as a row of a data file.
public enum TaskRowFormat: String, Sendable, Hashable, CaseIterable {
    /// The prompt as text, for reward fine-tuning.
    case prompt
    /// The prompt as a message of the user, for reward fine-tuning.
    case chatPrompt = "chat-prompt"
    /// The prompt and its answer as texts, for supervised fine-tuning.
    case sft
    /// The prompt and its answer as messages, for supervised fine-tuning.
    case chatSFT = "chat-sft"
}

extension TaskItem {
    /// Names the question among all: `chain_sum-2-validation-17`.
    public var id: String { "\(task)-\(level)-\(split.rawValue)-\(index)" }

    /// The row of a data file: what the format asks for, then `answer`, `state`, `task` and `level`, which verifiers see.
    public func row(_ format: TaskRowFormat) -> JSON {
        // A message ends where it ends; text goes on after its line.
        let message: JSON = ["role": "user", "content": .string(AnyProceduralTask.trimmed(prompt))]
        let reply: JSON = ["role": "assistant", "content": .string(answer)]
        let question: [(String, JSON)] =
            switch format {
            case .prompt: [("prompt", .string(prompt))]
            case .chatPrompt: [("prompt", [message])]
            case .sft: [("prompt", .string(prompt)), ("completion", .string(answer))]
            case .chatSFT: [("messages", [message, reply])]
            }
        let about: [(String, JSON)] = [
            ("answer", .string(answer)), ("state", state), ("task", .string(task)), ("level", .integer(level)),
        ]
        return .object(OrderedDictionary(uniqueKeysWithValues: [("id", .string(id))] + question + about))
    }
}
