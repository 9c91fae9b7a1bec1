public import TextCore

/// What a template does that decides whether a model trained with it learns to stop and sees what it will see later.
public struct TemplateHealth: Sendable, Hashable {
    /// Whether what is trained of an assistant's message ends with a stop token; nil when that could not be tried.
    public let trainsStopToken: Bool?
    /// Whether the text contains the start token, so that tokenizing must not add another one.
    public let writesStartToken: Bool
    /// Whether a longer conversation begins with the text of the shorter one; nil when that could not be tried.
    public let isPrefixPreserving: Bool?
    /// The same for an assistant's tool call and the answer to it.
    public let isPrefixPreservingWithTools: Bool?
    /// Whether tools given to the template appear in the text.
    public let showsTools: Bool
    /// Whether the template says itself what the model writes.
    public let hasGenerationMarkers: Bool
    /// Why a probe could not be rendered, and what rendering warned of.
    public let remarks: [String]

    /// Renders small conversations with the template and looks at the texts.
    ///
    /// - Parameters:
    ///   - stopTokens: the texts of the tokens that end the model's turn.
    ///   - startToken: the text of the token that begins a sequence, if there is one.
    ///   - variables: see `ChatTemplate.render`.
    public init(
        probing template: ChatTemplate, stopTokens: [String], startToken: String? = nil, variables: [String: JSON] = [:]
    ) {
        var remarks: [String] = []
        let user = Message(role: "user", content: "How many?")
        let assistant = Message(role: "assistant", content: "Three.")
        let next = Message(role: "user", content: "Why?")

        func text(_ messages: [JSON], tools: [JSON]? = nil) -> String? {
            do {
                return try template.render(messages: messages, tools: tools, variables: variables).text
            } catch {
                remarks.append("\(error)")
                return nil
            }
        }
        func isPrefix(_ short: String?, _ long: String?) -> Bool? {
            guard let short, let long else { return nil }
            return long.utf8.starts(with: short.utf8)
        }

        let turn = text([user.json, assistant.json])
        isPrefixPreserving = isPrefix(turn, text([user.json, assistant.json, next.json]))
        writesStartToken = startToken.map { !$0.isEmpty && (turn ?? text([user.json]) ?? "").contains($0) } ?? false

        let tool: JSON = [
            "type": "function",
            "function": [
                "name": "look_up_probe", "description": "Looks something up.",
                "parameters": ["type": "object", "properties": [:]],
            ],
        ]
        let call: JSON = [
            "role": "assistant", "content": "",
            "tool_calls": [
                ["id": "call00001", "type": "function", "function": ["name": "look_up_probe", "arguments": [:]]]
            ],
        ]
        let answer: JSON = [
            "role": "tool", "name": "look_up_probe", "tool_call_id": "call00001", "content": "3",
        ]
        showsTools = text([user.json], tools: [tool])?.contains("look_up_probe") ?? false
        isPrefixPreservingWithTools = isPrefix(
            text([user.json, call], tools: [tool]), text([user.json, call, answer], tools: [tool]))

        do {
            let rendered = try RenderedConversation(
                Conversation(messages: [user, assistant, next]), template: template, stopTokens: stopTokens,
                variables: variables)
            trainsStopToken = rendered.assistantSpans.first?.endsWithStopToken
            remarks += rendered.warnings.map(\.description)
        } catch {
            trainsStopToken = nil
            remarks.append("\(error)")
        }
        hasGenerationMarkers = template.hasGenerationMarkers
        self.remarks = remarks
    }
}
