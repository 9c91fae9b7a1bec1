import Foundation
public import ShardIO
public import TextCore
import Tokenization

/// A prompt and answers to it as tokens.
public struct EncodedAnswers: Sendable, Hashable {
    /// Ids that the prompt has in common with all rows.
    public var prompt: [Int32]
    /// Ids of each answer: what its row has after the prompt.
    public var answers: [[Int32]]
    /// Ids at the end of the prompt, tokenized alone, that the rows do not have there: tokens that merge with an
    /// answer's first characters, or what a template writes to prompt but not before the answer. The answers begin there.
    public var lostPromptCount: Int
}

extension ExampleEncoder {
    /// A prompt and answers to it, each joined with the prompt and tokenized as one text.
    ///
    /// The prompt is the longest beginning that its own tokens and those of all rows have in common. Plain text gets the
    /// tokenizer's own tokens and ends in the stop token; messages are what the chat template makes of them, everything
    /// after the prompt included.
    ///
    /// - Parameters:
    ///   - prompt: what is answered.
    ///   - answers: of the same kind as the prompt.
    ///   - tools: the tools on offer.
    ///   - arguments: further variables for the chat template, as an object.
    ///   - source: where the row is, `file:line`.
    /// - Throws: `EncodingError` when text and messages are mixed, there is no template, or it refuses the messages.
    public func encode(
        prompt: RecordText, answers: [RecordText], tools: [JSON]? = nil, arguments: JSON = [:], source: String
    ) throws(EncodingError) -> EncodedAnswers {
        let alone: [Int]
        var rows: [[Int]] = []
        switch prompt {
        case .text(let text):
            alone = withoutTrailingStop(tokenizer.encode(text))
            for answer in answers {
                guard case .text(let answer) = answer else { throw mixed(source) }
                rows.append(tokenizer.encode(withStop(text + answer)))
            }
        case .messages(let messages):
            alone = try tokens(of: messages, tools, arguments, prompts: true, source: source)
            for answer in answers {
                guard case .messages(let answer) = answer else { throw mixed(source) }
                rows.append(try tokens(of: messages + answer, tools, arguments, prompts: false, source: source))
            }
        }
        let count = rows.reduce(alone.count) { common, row in
            min(common, zip(alone, row).prefix { $0 == $1 }.count)
        }
        return EncodedAnswers(
            prompt: alone[..<count].map { Int32($0) }, answers: rows.map { $0[count...].map { Int32($0) } },
            lostPromptCount: alone.count - count)
    }

    private func tokens(
        of messages: [JSON], _ tools: [JSON]?, _ arguments: JSON, prompts: Bool, source: String
    ) throws(EncodingError) -> [Int] {
        let template = try requireTemplate(source: source)
        // A prompt that ends in the assistant's words is gone on with, not answered.
        let continues = prompts && messages.last?["role"]?.string == "assistant"
        do {
            let rendered = try template.render(
                messages: messages, tools: tools, addGenerationPrompt: prompts && !continues,
                continueFinalMessage: continues, variables: merged(arguments))
            return tokenizer.encode(rendered.text, addSpecialTokens: false)
        } catch {
            throw EncodingError(source: source, message: "the chat template cannot render this row: \(error)")
        }
    }

    private func mixed(_ source: String) -> EncodingError {
        EncodingError(
            source: source,
            message: "the prompt is text and an answer is messages, or the other way round, so they cannot be joined. "
                + "Write both as text or both as messages.")
    }
}
