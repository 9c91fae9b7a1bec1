import Foundation
import TextCore

/// Finds what the model writes in a rendered conversation.
struct ConversationRenderer {
    typealias AssistantSpan = RenderedConversation.AssistantSpan

    struct Result {
        let text: String
        var spans: [AssistantSpan] = []
        var warnings: [RenderingWarning] = []
        var completionStart: Int?
    }

    let conversation: Conversation
    let template: ChatTemplate
    let stopTokens: [String]
    let variables: [String: JSON]
    let date: Date
    private let messages: [JSON]
    private let assistants: [Int]

    init(
        conversation: Conversation, template: ChatTemplate, stopTokens: [String], variables: [String: JSON], date: Date
    ) {
        self.conversation = conversation
        self.template = template
        self.stopTokens = stopTokens.filter { !$0.isEmpty }
        self.variables = variables
        self.date = date
        messages = conversation.messages.map(\.json)
        assistants = conversation.messages.indices.filter { conversation.messages[$0].role == "assistant" }
    }

    func render() throws -> Result {
        let whole = try rendering(messages)
        let bytes = Array(whole.text.utf8)
        var result = Result(text: whole.text)
        if template.hasGenerationMarkers {
            assignMarkers(whole, bytes, to: &result)
        } else {
            for index in assistants { align(index, in: bytes, to: &result) }
        }
        result.completionStart = completionStart(in: bytes, result)
        return result
    }

    private func rendering(_ messages: some Collection<JSON>, prompts: Bool = false) throws -> RenderedText {
        try template.render(
            messages: Array(messages), tools: conversation.tools, addGenerationPrompt: prompts, variables: variables,
            date: date)
    }

    private func span(_ range: Range<Int>, message: Int?, in bytes: [UInt8]) -> AssistantSpan {
        AssistantSpan(
            message: message, range: range, isTrained: message.map { conversation.messages[$0].isTrained } ?? true,
            endsWithStopToken: endsWithStop(Array(bytes[range])) != nil)
    }

    /// The length of `bytes` without the stop token at its end, whitespace after which does not count.
    private func endsWithStop(_ bytes: [UInt8]) -> Int? {
        var end = bytes.count
        while case let width = whitespaceWidth(endingAt: end, in: bytes), width > 0 { end -= width }
        let token = stopTokens.first { token in
            let text = stripped(token, side: .right)
            return !text.isEmpty && bytes[..<end].reversed().starts(with: text.utf8.reversed())
        }
        return token.map { end - stripped($0, side: .right).utf8.count }
    }

    // MARK: With markers

    private func assignMarkers(_ whole: RenderedText, _ bytes: [UInt8], to result: inout Result) {
        if whole.untracedGenerations > 0 {
            result.warnings.append(.untracedGenerations(count: whole.untracedGenerations))
        }
        let owners = owners(ofMarkers: whole.generationSpans.count)
        if owners == nil, !whole.generationSpans.isEmpty,
            conversation.messages.contains(where: { !$0.isTrained }) || whole.generationSpans.count < assistants.count
        {
            result.warnings.append(
                .generationsWithoutMessage(blocks: whole.generationSpans.count, messages: assistants.count))
        }
        for (index, range) in whole.generationSpans.enumerated() {
            result.spans.append(span(range, message: owners?[index], in: bytes))
        }
        guard !stopTokens.isEmpty else { return }
        for message in assistants {
            let last = result.spans.last { $0.message == message }
            if let last, !last.endsWithStopToken { result.warnings.append(.stopTokenMissing(message: message)) }
        }
    }

    /// The message of each generation block: one each, or else as the blocks grow in number with the messages.
    private func owners(ofMarkers count: Int) -> [Int]? {
        if count == assistants.count { return assistants }
        var owners: [Int] = []
        for index in assistants {
            guard let part = try? rendering(messages[...index]), part.generationSpans.count >= owners.count else {
                return nil
            }
            owners += Array(repeating: index, count: part.generationSpans.count - owners.count)
        }
        return owners.count == count ? owners : nil
    }

    // MARK: Without markers

    private func align(_ index: Int, in whole: [UInt8], to result: inout Result) {
        let start: Int
        do {
            guard let found = try promptEnd(before: index, in: whole, &result.warnings) else {
                return result.warnings.append(
                    .notAligned(
                        message: index,
                        reason: "the text rendered before it is not the beginning of the text rendered with it and "
                            + "the messages after it; mark it with {% generation %} in the template"))
            }
            start = found
        } catch {
            return result.warnings.append(
                .notAligned(message: index, reason: "the template cannot render what comes before it: \(error)"))
        }
        guard let end = messageEnd(index, from: start, in: whole, &result.warnings) else { return }
        let found = span(start..<end, message: index, in: whole)
        result.spans.append(found)
        if !stopTokens.isEmpty, !found.endsWithStopToken { result.warnings.append(.stopTokenMissing(message: index)) }
    }

    /// Where the model begins to write message `index`.
    private func promptEnd(
        before index: Int, in whole: [UInt8], _ warnings: inout [RenderingWarning]
    ) throws -> Int? {
        let history = messages[..<index]
        let prompt: [UInt8]
        do {
            prompt = Array(try rendering(history, prompts: true).text.utf8)
        } catch  where history.isEmpty {
            // Templates look at the first message; without one the prompt is learnt from another conversation.
            guard let found = try firstPromptEnd(in: whole) else { throw error }
            return found
        }
        let common = commonPrefix(prompt, whole)
        if common == prompt.count { return common }
        let bare = Array(try rendering(history).text.utf8)
        guard bare.count <= common, prompt.starts(with: bare) else { return nil }
        warnings.append(.generationPromptRewritten(message: index))
        return common
    }

    /// The end of the first generation prompt in a text that begins with an assistant's message.
    private func firstPromptEnd(in whole: [UInt8]) throws -> Int? {
        let probe = [Message(role: "user", content: "x").json]
        let bare = Array(try rendering(probe).text.utf8)
        let prompted = Array(try rendering(probe, prompts: true).text.utf8)
        guard prompted.starts(with: bare), prompted.count > bare.count else { return nil }
        let prompt = Array(prompted[bare.count...])
        return firstOccurrence(of: prompt, in: whole, from: 0).map { $0 + prompt.count }
    }

    /// Where the model stops: after the stop token that the template writes behind the message.
    private func messageEnd(
        _ index: Int, from start: Int, in whole: [UInt8], _ warnings: inout [RenderingWarning]
    ) -> Int? {
        let upTo: [UInt8]
        do {
            upTo = index == messages.count - 1 ? whole : Array(try rendering(messages[...index]).text.utf8)
        } catch {
            warnings.append(.notAligned(message: index, reason: "the template cannot render up to it: \(error)"))
            return nil
        }
        if upTo.count >= start, whole.starts(with: upTo) {
            return lastStop(in: whole, from: start, to: upTo.count) ?? upTo.count
        }
        guard let end = firstStop(in: whole, from: start) else {
            warnings.append(
                .notAligned(
                    message: index, reason: "the template rewrites it once others follow, and no stop token ends it"))
            return nil
        }
        warnings.append(.historyRewritten(message: index))
        return end
    }

    /// The end of the last stop token before `end`; of several with nothing but whitespace between, of the first,
    /// because that is where the model stops.
    private func lastStop(in bytes: [UInt8], from start: Int, to end: Int) -> Int? {
        var region = Array(bytes[start..<end])
        let found = stopTokens.compactMap { token in
            lastOccurrence(of: Array(token.utf8), in: region).map { $0 + token.utf8.count }
        }
        guard var stop = found.max() else { return nil }
        region.removeSubrange(stop...)
        while let rest = endsWithStop(region) {
            region.removeSubrange(rest...)
            guard endsWithStop(region) != nil else { break }
            while case let width = whitespaceWidth(endingAt: region.count, in: region), width > 0 {
                region.removeLast(width)
            }
            stop = region.count
        }
        return start + stop
    }

    private func firstStop(in bytes: [UInt8], from start: Int) -> Int? {
        stopTokens.compactMap { token in
            firstOccurrence(of: Array(token.utf8), in: bytes, from: start).map { $0 + token.utf8.count }
        }.min()
    }

    private func commonPrefix(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var count = zip(left, right).prefix { $0 == $1 }.count
        // Never cut inside a character.
        while count > 0, count < right.count, right[count] & 0xC0 == 0x80 { count -= 1 }
        return count
    }

    // MARK: The prompt

    private func completionStart(in whole: [UInt8], _ result: Result) -> Int? {
        let count: Int
        if let given = conversation.promptCount {
            count = min(max(given, 0), messages.count)
        } else {
            guard let last = assistants.last else { return nil }
            if !template.hasGenerationMarkers { return result.spans.first { $0.message == last }?.range.lowerBound }
            count = last
        }
        if count == 0 { return 0 }
        let prompt: String?
        if conversation.messages[count - 1].role == "assistant" {
            prompt = try? template.render(
                messages: Array(messages[..<count]), tools: conversation.tools, continueFinalMessage: true,
                variables: variables, date: date
            ).text
        } else {
            prompt = try? rendering(messages[..<count], prompts: true).text
        }
        return prompt.map { commonPrefix(Array($0.utf8), whole) }
    }
}
