public import Foundation
public import TextCore

/// Which part of a conversation is trained on.
public enum TrainOn: String, Sendable, Hashable, CaseIterable {
    /// What the assistant writes, in every turn.
    case assistant
    /// What the assistant writes in its last turn.
    case lastAssistant = "last_assistant"
    /// Everything after the prompt.
    case completion
    /// Everything.
    case all
}

/// What could not be found, or had to be judged, in a rendered conversation.
public enum RenderingWarning: Sendable, Hashable, CustomStringConvertible {
    /// The template shows this message in another way once there are later messages, so the model is trained on
    /// something else than it would have seen.
    case historyRewritten(message: Int)
    /// The text that prompts for this message is not what stands before it when it has been given.
    case generationPromptRewritten(message: Int)
    /// Where this message is in the text could not be found; it is not trained on.
    case notAligned(message: Int, reason: String)
    /// No stop token stands at the end of this message.
    case stopTokenMissing(message: Int)
    /// Generation blocks ran where their place in the text is unknown; they are not trained on.
    case untracedGenerations(count: Int)
    /// The template's generation blocks do not belong to single messages, so `weight` cannot be honoured.
    case generationsWithoutMessage(blocks: Int, messages: Int)

    public var description: String {
        switch self {
        case .historyRewritten(let message):
            "the template shows message \(message + 1) differently once others follow (it may drop its reasoning)"
        case .generationPromptRewritten(let message):
            "the generation prompt of message \(message + 1) is not what the template writes before the message itself"
        case .notAligned(let message, let reason):
            "message \(message + 1) cannot be found in the rendered text, so it is not trained on: \(reason)"
        case .stopTokenMissing(let message):
            "no stop token follows message \(message + 1), so a model trained on it does not learn to stop"
        case .untracedGenerations(let count):
            "\(count) generation blocks of the template run inside a macro, so their place in the text is unknown"
        case .generationsWithoutMessage(let blocks, let messages):
            "the template marks \(blocks) generations for \(messages) assistant messages, so weights cannot be honoured"
        }
    }
}

/// A conversation as a template renders it, with the bytes that are the model's to write.
///
/// Where the template has `generation` blocks, these say what the model writes. Where it has none, the text before an
/// assistant's message is rendered with the generation prompt, and what the whole text has after that, up to and with
/// the stop token, is the model's. What cannot be found so is in `warnings`, and not in the spans.
public struct RenderedConversation: Sendable {
    /// What the model writes for one message: its text and the stop token after it.
    public struct AssistantSpan: Sendable, Hashable {
        /// Which message, from 0; nil when generation blocks could not be assigned to messages.
        public let message: Int?
        /// UTF-8 bytes of the text.
        public let range: Range<Int>
        /// Whether the message may be trained on (`weight` 1).
        public let isTrained: Bool
        /// Whether one of the stop tokens ends the span, whitespace after it aside.
        public let endsWithStopToken: Bool
    }

    /// The whole text.
    public let text: String
    /// What the model writes, in order.
    public let assistantSpans: [AssistantSpan]
    /// Whether the spans come from the template's own `generation` blocks.
    public let usesGenerationMarkers: Bool
    /// What could not be found or had to be judged.
    public let warnings: [RenderingWarning]
    /// The byte after the prompt: after the conversation's `promptCount` messages, or else before the last message
    /// of the assistant; nil when that place was not found.
    public let completionStart: Int?

    /// Renders a conversation.
    ///
    /// - Parameters:
    ///   - stopTokens: the texts of the tokens that end the model's turn, such as `<|im_end|>`.
    ///   - variables: see `ChatTemplate.render`; those of the conversation win.
    ///   - date: what the template takes for now, the same in every rendering.
    /// - Throws: `TemplateError` when the whole conversation cannot be rendered.
    public init(
        _ conversation: Conversation, template: ChatTemplate, stopTokens: [String] = [],
        variables: [String: JSON] = [:], date: Date = Date()
    ) throws {
        let renderer = ConversationRenderer(
            conversation: conversation, template: template, stopTokens: stopTokens,
            variables: variables.merging(conversation.variables) { $1 }, date: date)
        let result = try renderer.render()
        text = result.text
        assistantSpans = result.spans
        usesGenerationMarkers = template.hasGenerationMarkers
        warnings = result.warnings
        completionStart = result.completionStart
    }

    /// The byte ranges to train on, in order and apart from each other, without messages of weight 0.
    ///
    /// Weights are those of assistant messages; other messages are in `completion` and `all` whatever their weight.
    public func trainedSpans(for choice: TrainOn) -> [Range<Int>] {
        let excluded = assistantSpans.filter { !$0.isTrained }.map(\.range)
        let wanted: [Range<Int>] =
            switch choice {
            case .assistant: assistantSpans.map(\.range)
            case .lastAssistant: lastAssistantRanges
            case .completion: completionStart.map { [$0..<text.utf8.count] } ?? []
            case .all: [0..<text.utf8.count]
            }
        return subtract(excluded, from: wanted)
    }

    private var lastAssistantRanges: [Range<Int>] {
        guard let last = assistantSpans.last else { return [] }
        return assistantSpans.filter { last.message == nil ? $0 == last : $0.message == last.message }.map(\.range)
    }
}
