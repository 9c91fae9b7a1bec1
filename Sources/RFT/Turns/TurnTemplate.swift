public import TextCore
import Tokenization
public import Training

/// Why a chat template cannot be used for several turns.
public struct TurnTemplateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let message: String
    public var description: String { message }
}

/// Turns the messages between two turns of a model into the tokens to append.
///
/// What the model wrote is never rendered or tokenized again: its tokens stay as they were drawn. The text that follows
/// is found as a difference: a dummy answer is rendered with the messages behind it, and what stands after the answer
/// and its stop token is what a template writes there. That is sound only where a template leaves an answer as it is
/// when others follow, which is checked once, for each role that the messages may have.
public struct TurnTemplate: Sendable {
    private let encoder: ExampleEncoder
    private let tools: [JSON]
    /// What the template writes after an answer, if that is a stop token.
    private let stop: (id: Int, text: String)?
    private let dummy: Dummy

    /// An answer that no conversation has.
    private struct Dummy: Sendable {
        /// As a message has it, and as the model writes it behind its prompt.
        let content: String
        let written: String
    }

    private static let question: JSON = ["role": "user", "content": "What is it?"]
    private static let mark = "It is 4711."

    /// - Parameters:
    ///   - encoder: the model's tokenizer, chat template and stop tokens.
    ///   - tools: as the template shows them.
    ///   - roles: that the messages between turns may have.
    /// - Throws: `TurnTemplateError` when there is no template, when it refuses such messages, or when it shows an
    ///   answer in another way once they follow.
    public init(_ encoder: ExampleEncoder, tools: [JSON] = [], roles: Set<String> = ["tool"]) throws {
        guard encoder.template != nil else {
            throw TurnTemplateError(
                message: "several turns need a chat template, and the model has none; set `model.chat_template`")
        }
        self.encoder = encoder
        self.tools = tools
        let prompt = try Self.render([Self.question], encoder, tools: tools, prompts: true)
        let opensReasoning = prompt.trimmedEnd.hasSuffix("<think>")
        let reasoned = Dummy(
            content: "<think>\nLet me see.\n</think>\n\n" + Self.mark,
            written: (opensReasoning ? "" : "<think>\n") + "Let me see.\n</think>\n\n" + Self.mark)
        let plain = Dummy(content: Self.mark, written: Self.mark)
        dummy = opensReasoning ? reasoned : plain
        var stop: (Int, String)?
        for role in roles.sorted() {
            for dummy in opensReasoning ? [reasoned] : [plain, reasoned] {
                let rest = try Self.rest(
                    after: dummy, prompt: prompt, [["role": .string(role), "content": "7"]], encoder, tools: tools)
                let found = encoder.stopIDs.sorted().first { id in
                    encoder.tokenizer.token(for: id).map { !$0.isEmpty && rest.utf8.starts(with: $0.utf8) } ?? false
                }
                if let found, let text = encoder.tokenizer.token(for: found) { stop = (found, text) }
            }
        }
        self.stop = stop
    }

    /// The tokens that the model answers first.
    ///
    /// - Throws: `EncodingError` when the template refuses the messages.
    public func prompt(_ messages: [JSON], source: String) throws -> [Int] {
        try encoder.prompt(messages: messages, tools: tools, source: source)
    }

    /// The tokens that follow a turn of the model and that its next turn follows.
    ///
    /// - Parameters:
    ///   - messages: of the tools or the user, at least one.
    ///   - last: the last token of the turn; if it is the stop token that the template writes, it is not repeated.
    /// - Throws: `TurnTemplateError` when the template refuses the messages or rewrites what stands before them.
    public func tokens(appending messages: [JSON], after last: Int?) throws -> [Int] {
        let prompt = try Self.render([Self.question], encoder, tools: tools, prompts: true)
        let rest = try Self.rest(after: dummy, prompt: prompt, messages, encoder, tools: tools)
        guard let stop, stop.id == last, rest.utf8.starts(with: stop.text.utf8) else {
            return encoder.tokenizer.encode(rest, addSpecialTokens: false)
        }
        // Behind the stop token, as the text will stand: some tokenizers put a space before the first piece of a text.
        let ids = encoder.tokenizer.encode(rest, addSpecialTokens: false)
        if ids.first == stop.id { return Array(ids.dropFirst()) }
        return encoder.tokenizer.encode(
            String(decoding: Array(rest.utf8.dropFirst(stop.text.utf8.count)), as: UTF8.self), addSpecialTokens: false)
    }

    // MARK: Rendering

    private static func render(
        _ messages: [JSON], _ encoder: ExampleEncoder, tools: [JSON], prompts: Bool
    ) throws -> String {
        guard let template = encoder.template else { return "" }
        return try template.render(
            messages: messages, tools: tools, addGenerationPrompt: prompts, variables: encoder.variables
        ).text
    }

    /// What the template writes after an answer that the given messages follow, up to where the model answers them.
    private static func rest(
        after dummy: Dummy, prompt: String, _ messages: [JSON], _ encoder: ExampleEncoder, tools: [JSON]
    ) throws -> String {
        let role = messages.first?["role"]?.string ?? "?"
        let whole: String
        do {
            let answer: JSON = ["role": "assistant", "content": .string(dummy.content)]
            whole = try render([question, answer] + messages, encoder, tools: tools, prompts: true)
        } catch {
            throw TurnTemplateError(
                message: "the chat template refuses a message of the role '\(role)' after an answer: \(error)")
        }
        let before = Array((prompt + dummy.written).utf8)
        guard whole.utf8.starts(with: before) else {
            let kind = dummy.written.contains("</think>") ? " with reasoning" : ""
            throw TurnTemplateError(
                message: "the chat template shows an answer\(kind) in another way once a message of the role '\(role)' "
                    + "follows, so the model would be trained on tokens that it did not write. Set "
                    + "`model.chat_template` to one that leaves earlier answers as they are, or use an environment "
                    + "without such messages")
        }
        return String(decoding: Array(whole.utf8.dropFirst(before.count)), as: UTF8.self)
    }
}

extension String {
    fileprivate var trimmedEnd: String {
        var scalars = unicodeScalars
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(scalars)
    }
}
