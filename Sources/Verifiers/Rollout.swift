import OrderedCollections
public import TextCore

/// What a model wrote for one prompt.
public struct Rollout: Sendable, Hashable {
    /// Why generation stopped, as the engine says it; never guessed from the last token.
    public enum StopReason: String, Sendable, Hashable, CaseIterable {
        /// The model wrote a stop token or stop text.
        case stop
        /// The limit of new tokens was reached.
        case length
        /// Prompt and answer fill the model's context.
        case context
        /// A tool or an environment ended the conversation.
        case toolStopped = "tool_stopped"
        /// The limit of turns was reached.
        case maxTurns = "max_turns"
        /// The limit of tool calls was reached.
        case maxToolCalls = "max_tool_calls"
        /// The model wrote a tool call that cannot be read.
        case parseError = "parse_error"
        /// The time for it was over.
        case timeout

        /// Whether the text ends where a limit was reached and not where the model ended it.
        public var isTruncated: Bool { self == .length || self == .context || self == .timeout }
    }

    /// Names the row; the same for all rollouts of it.
    public var item: String
    /// Which of the group it is, from 0.
    public var sample: Int
    /// The messages that were answered; empty for a plain prompt.
    public var messages: [JSON]
    /// What was answered, as the model saw it; empty where nobody kept it.
    public var prompt: String
    /// The columns of the row.
    public var row: JSON
    /// Everything the model wrote, without the stop token. Of several turns, all of them with what came between.
    public var fullText: String
    /// Of several turns the last, which the answer is read from; `nil` where there is one turn.
    public var lastTurn: String?
    /// The ids of what was written, with the stop token; empty where nobody kept them.
    public var tokens: [Int32]
    /// Why generation stopped.
    public var stopReason: StopReason
    /// Tokens that the model wrote, with the stop token.
    public var tokenCount: Int
    /// Whether the prompt ends inside a reasoning block, so that the text begins in it.
    public var reasoningIsOpen: Bool
    /// The calls of tools that the model made, in order.
    public var toolCalls: [ToolCall]
    /// Optimiser steps behind the weights that wrote it.
    public var policyVersion: Int

    public init(
        _ fullText: String, item: String = "", sample: Int = 0, messages: [JSON] = [], prompt: String = "",
        row: JSON = [:], tokens: [Int32] = [], stopReason: StopReason = .stop, tokenCount: Int? = nil,
        reasoningIsOpen: Bool = false, toolCalls: [ToolCall] = [], lastTurn: String? = nil, policyVersion: Int = 0
    ) {
        self.item = item
        self.sample = sample
        self.messages = messages
        self.prompt = prompt
        self.row = row
        self.fullText = fullText
        self.lastTurn = lastTurn
        self.tokens = tokens
        self.stopReason = stopReason
        self.tokenCount = tokenCount ?? tokens.count
        self.reasoningIsOpen = reasoningIsOpen
        self.toolCalls = toolCalls
        self.policyVersion = policyVersion
    }

    /// What follows the last `</think>`; everything when there is no reasoning; `nil` when reasoning began and never
    /// ended, for then there is no answer. Of several turns, all this in the last.
    public var answerText: String? {
        let text = lastTurn ?? fullText
        if let end = text.lastRange(of: "</think>") { return String(text[end.upperBound...]) }
        return reasoningIsOpen || text.lastRange(of: "<think>") != nil ? nil : text
    }

    /// What stands before the last `</think>`; `nil` without one.
    public var reasoning: String? { fullText.lastRange(of: "</think>").map { String(fullText[..<$0.lowerBound]) } }
}

/// A call of a tool in what a model wrote.
public struct ToolCall: Sendable, Hashable {
    /// The tool's name.
    public var name: String
    /// The arguments as they were written.
    public var rawArguments: String
    /// The arguments, read; `nil` when they are not JSON.
    public var arguments: JSON?

    public init(name: String, rawArguments: String) {
        self.name = name
        self.rawArguments = rawArguments
        arguments = try? JSON(parsing: rawArguments)
    }

    /// A call with arguments that are known to be JSON.
    public init(name: String, arguments: JSON) {
        self.name = name
        rawArguments = arguments.text()
        self.arguments = arguments
    }
}

extension Rollout: JSONReadable {
    public static let expectation = "a rollout: an object with `text`"

    /// The rollout as it is written to files and sent to worker processes; `init(json:)` gives it back.
    public var json: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "item": .string(item), "sample": .integer(sample), "messages": .array(messages), "prompt": .string(prompt),
            "row": row, "text": .string(fullText), "tokens": .array(tokens.map { .integer(Int($0)) }),
            "stop_reason": .string(stopReason.rawValue), "token_count": .integer(tokenCount),
        ]
        if reasoningIsOpen { members["reasoning_is_open"] = true }
        if !toolCalls.isEmpty {
            members["tool_calls"] = .array(
                toolCalls.map { ["name": .string($0.name), "arguments": .string($0.rawArguments)] })
        }
        members["last_turn"] = lastTurn.map(JSON.string)
        if policyVersion != 0 { members["policy_version"] = .integer(policyVersion) }
        return .object(members)
    }

    public init?(json: JSON) {
        guard let text = json["text"]?.string,
            let reason = StopReason(rawValue: json["stop_reason"]?.string ?? StopReason.stop.rawValue)
        else { return nil }
        var tokens: [Int32] = []
        for token in json["tokens"]?.array ?? [] {
            guard let id = token.int.flatMap({ Int32(exactly: $0) }) else { return nil }
            tokens.append(id)
        }
        var calls: [ToolCall] = []
        for call in json["tool_calls"]?.array ?? [] {
            guard let name = call["name"]?.string, let arguments = call["arguments"]?.string else { return nil }
            calls.append(ToolCall(name: name, rawArguments: arguments))
        }
        self.init(
            text, item: json["item"]?.string ?? "", sample: json["sample"]?.int ?? 0,
            messages: json["messages"]?.array ?? [], prompt: json["prompt"]?.string ?? "", row: json["row"] ?? [:],
            tokens: tokens, stopReason: reason, tokenCount: json["token_count"]?.int,
            reasoningIsOpen: json["reasoning_is_open"]?.bool ?? false, toolCalls: calls,
            lastTurn: json["last_turn"]?.string, policyVersion: json["policy_version"]?.int ?? 0)
    }
}

extension String {
    /// The last place where the bytes of `text` stand.
    package func lastRange(of text: String) -> Range<String.Index>? {
        let bytes = Array(utf8)
        let wanted = Array(text.utf8)
        guard !wanted.isEmpty, bytes.count >= wanted.count else { return nil }
        for start in stride(from: bytes.count - wanted.count, through: 0, by: -1)
        where bytes[start] == wanted[0] && bytes[start..<(start + wanted.count)].elementsEqual(wanted) {
            let lower = utf8.index(utf8.startIndex, offsetBy: start)
            return lower..<utf8.index(lower, offsetBy: wanted.count)
        }
        return nil
    }
}
