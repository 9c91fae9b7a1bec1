public import Foundation
import OrderedCollections
public import TextCore

/// A chat template: Jinja source that turns a conversation into the text a model reads.
///
/// It is read as transformers reads it (`trim_blocks` and `lstrip_blocks` on, loop controls, `generation` blocks,
/// `raise_exception`, `strftime_now`, `tojson` without HTML escapes) and runs within `TemplateLimits`, without access
/// to anything but what it is given and the clock.
public struct ChatTemplate: Sendable {
    /// The name that errors carry.
    public let name: String
    /// The source as given.
    public let source: String
    /// What one rendering may cost.
    public let limits: TemplateLimits
    /// Whether the template marks what the model is to write with `{% generation %}` blocks.
    public let hasGenerationMarkers: Bool
    private let body: TemplateBody
    private let text: TemplateSource

    /// Parses a template.
    ///
    /// - Throws: `TemplateError` with line and column for what is no template, or one over the limits.
    public init(source: String, name: String = "chat_template", limits: TemplateLimits = TemplateLimits()) throws {
        guard source.utf8.count <= limits.sourceBytes else {
            throw TemplateError(
                kind: .limit, template: name, line: 1, column: 1,
                message: "the source has \(source.utf8.count) bytes; the limit is \(limits.sourceBytes)")
        }
        self.name = name
        self.source = source
        self.limits = limits
        text = TemplateSource(source, name: name)
        do {
            var lexer = Lexer(text)
            var parser = Parser(tokens: try lexer.tokenize(), maximumDepth: limits.depth)
            body = try parser.parseTemplate()
        } catch let failure as TemplateFailure {
            throw text.error(failure, at: 0)
        }
        hasGenerationMarkers = body.hasGenerationBlocks
    }

    /// Renders a conversation given as JSON objects, whose keys the template sees in their order.
    ///
    /// - Parameters:
    ///   - messages: one object a message, first to last.
    ///   - tools: one JSON schema a tool; an empty list is passed on as `none`.
    ///   - addGenerationPrompt: whether the text ends where the model is to answer.
    ///   - continueFinalMessage: whether the text ends inside the last message, for the model to go on with it.
    ///   - variables: `bos_token`, `eos_token` and whatever else the template reads; they cannot replace `messages`,
    ///     `tools` and `add_generation_prompt`.
    ///   - date: what `strftime_now` takes for now.
    /// - Throws: `TemplateError`: what the template raises, a use of something that is not there, a passed limit.
    public func render(
        messages: [JSON], tools: [JSON]? = nil, addGenerationPrompt: Bool = false, continueFinalMessage: Bool = false,
        variables: [String: JSON] = [:], date: Date = Date()
    ) throws -> RenderedText {
        guard continueFinalMessage else {
            return try render(
                messages, tools: tools, addGenerationPrompt: addGenerationPrompt, variables: variables, date: date)
        }
        if addGenerationPrompt {
            throw inputError("the final message cannot be continued and a new one be prompted for; choose one")
        }
        return try renderContinued(messages, tools: tools, variables: variables, date: date)
    }

    private func inputError(_ message: String) -> TemplateError {
        TemplateError(kind: .input, template: name, line: 1, column: 1, message: message)
    }

    private func render(
        _ messages: [JSON], tools: [JSON]?, addGenerationPrompt: Bool, variables: [String: JSON], date: Date
    ) throws -> RenderedText {
        let interpreter = Interpreter(limits: limits, date: date)
        do {
            var values: [String: Value] = ["documents": .none]
            for (name, value) in variables { values[name] = try Value(value) }
            values["messages"] = try Value(.array(messages))
            values["tools"] = if let tools, !tools.isEmpty { try Value(.array(tools)) } else { Value.none }
            values["add_generation_prompt"] = .bool(addGenerationPrompt)
            try interpreter.run(body, variables: values)
        } catch let failure as TemplateFailure {
            throw text.error(failure, at: interpreter.position)
        }
        return RenderedText(
            text: String(bytes: interpreter.output), generationSpans: interpreter.generationSpans,
            hasGenerationMarkers: hasGenerationMarkers, untracedGenerations: interpreter.untracedGenerations)
    }

    // MARK: Continuing the final message

    /// Put after the last message to find its end in the text, as transformers does.
    private static let mark = "CONTINUE_FINAL_MESSAGE_TAG "

    private func renderContinued(
        _ messages: [JSON], tools: [JSON]?, variables: [String: JSON], date: Date
    ) throws -> RenderedText {
        let rendered = try render(
            markingEnd(of: messages), tools: tools, addGenerationPrompt: false, variables: variables, date: date)
        let bytes = Array(rendered.text.utf8)
        let shortMark = Array(stripped(Self.mark).utf8)
        guard let end = lastOccurrence(of: shortMark, in: bytes) else {
            throw inputError("the final message cannot be continued: the template does not show its text")
        }
        var text = String(bytes: bytes[..<end])
        if !bytes[end...].starts(with: Self.mark.utf8) { text = stripped(text, side: .right) }
        let count = text.utf8.count
        return RenderedText(
            text: text,
            generationSpans: rendered.generationSpans.compactMap { span in
                span.lowerBound <= count ? span.lowerBound..<min(span.upperBound, count) : nil
            },
            hasGenerationMarkers: rendered.hasGenerationMarkers, untracedGenerations: rendered.untracedGenerations)
    }

    private func markingEnd(of messages: [JSON]) throws -> [JSON] {
        guard let last = messages.last, case .object(var members) = last else {
            throw inputError("there is no final message to continue")
        }
        switch members["content"] {
        case .string(let text): members["content"] = .string(text + Self.mark)
        case .array(var parts):
            guard let index = parts.lastIndex(where: { $0["text"]?.string != nil }),
                case .object(var part) = parts[index], let text = part["text"]?.string
            else { throw inputError("the final message cannot be continued: none of its parts has text") }
            part["text"] = .string(text + Self.mark)
            parts[index] = .object(part)
            members["content"] = .array(parts)
        default: throw inputError("the final message cannot be continued: its content is no text")
        }
        return messages.dropLast() + [.object(members)]
    }
}

/// What a template makes of a conversation.
public struct RenderedText: Sendable, Hashable {
    /// The text.
    public let text: String
    /// The UTF-8 byte ranges that the template's `generation` blocks wrote, in order, possibly empty ones.
    public let generationSpans: [Range<Int>]
    /// Whether the template has `generation` blocks at all.
    public let hasGenerationMarkers: Bool
    /// Generation blocks that ran inside a macro or another captured block, so that their place is unknown.
    public let untracedGenerations: Int
}
