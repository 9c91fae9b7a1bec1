import OrderedCollections
public import TextCore

/// How a model writes calls of tools.
public enum ToolCallSyntax: String, NamedChoice {
    /// What the text looks like: `<tool_call>` is `hermes`, `[TOOL_CALLS]` is `mistral`, all else is `json`.
    case auto
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, once for each call, as Hermes and Qwen write.
    case hermes
    /// The whole text is a call or a list of calls, each `{"name": …, "arguments": {…}}` or as in OpenAI's messages
    /// `{"type": "function", "function": {"name": …, "arguments": "…"}}`; `parameters` may stand for `arguments`.
    case json
    /// `[TOOL_CALLS]`, and then as `json`.
    case mistral
}

/// What a model wrote, taken apart into text and calls of tools.
public struct ToolCallReading: Sendable, Hashable {
    /// The calls in their order. One that cannot be read is there too, with what was written as `rawArguments`,
    /// `arguments` nil, and the name if that could be read (else empty).
    public var calls: [ToolCall]
    /// What stands outside of the calls, without white space at both ends.
    public var content: String
    /// Calls that cannot be read.
    public var unreadable: Int

    /// Calls that are read from one text, at most; of more, the rest is one call that cannot be read.
    public static let callLimit = 256

    /// Reads the calls in a text; text without calls is no error. Time is proportional to the text.
    ///
    /// - Parameters:
    ///   - text: what a model wrote, without its reasoning.
    ///   - syntax: how calls are written.
    public init(_ text: String, syntax: ToolCallSyntax = .auto) {
        calls = []
        content = text.trimmed
        unreadable = 0
        switch syntax {
        case .hermes: readElements(text)
        case .mistral: readMarked(text)
        case .json: readWhole(text)
        case .auto:
            if text[...].firstBytes("<tool_call>") != nil {
                readElements(text)
            } else if text[...].firstBytes("[TOOL_CALLS]") != nil {
                readMarked(text)
            } else {
                readWhole(text)
            }
        }
    }

    private mutating func add(_ call: ToolCall) {
        calls.append(call)
        if call.arguments?.object == nil { unreadable += 1 }
    }

    /// What is between each `<tool_call>` and the next `</tool_call>`; an element that never ends cannot be read.
    private mutating func readElements(_ text: String) {
        var outside = ""
        var rest = text[...]
        while let opening = rest.firstBytes("<tool_call>") {
            outside += rest[..<opening.lowerBound]
            rest = rest[opening.upperBound...]
            guard calls.count < Self.callLimit, let closing = rest.firstBytes("</tool_call>") else {
                add(ToolCall(unreadable: String(rest)))
                rest = ""
                break
            }
            let body = String(rest[..<closing.lowerBound])
            let call = (try? JSON(parsing: body)).flatMap { ToolCall(json: $0) }
            add(call ?? ToolCall(unreadable: body.trimmed))
            rest = rest[closing.upperBound...]
        }
        content = (outside + rest).trimmed
    }

    private mutating func readMarked(_ text: String) {
        guard let mark = text[...].firstBytes("[TOOL_CALLS]") else { return }
        content = String(text[..<mark.lowerBound]).trimmed
        let body = String(text[mark.upperBound...])
        guard let json = try? JSON(parsing: body), readList(json) else {
            add(ToolCall(unreadable: body.trimmed))
            return
        }
    }

    private mutating func readWhole(_ text: String) {
        guard let json = try? JSON(parsing: text), readList(json) else { return }
        content = ""
    }

    /// Whether the value is a call, or a list in which there is one.
    ///
    /// An object with a name alone is any object; a call has arguments too.
    private mutating func readList(_ json: JSON) -> Bool {
        let elements = json.array ?? [json]
        let isCalls = elements.contains {
            ToolCall(json: $0) != nil
                && ($0["function"]?.object ?? $0.object)?.keys.contains { $0 == "arguments" || $0 == "parameters" }
                    ?? false
        }
        guard isCalls else { return false }
        guard elements.count <= Self.callLimit else {
            add(ToolCall(unreadable: json.text()))
            return true
        }
        for element in elements { add(ToolCall(json: element) ?? ToolCall(unreadable: element.text())) }
        return true
    }
}

extension Substring {
    /// The first place where the bytes of `text` stand.
    fileprivate func firstBytes(_ text: StaticString) -> Range<Index>? {
        var start = utf8.startIndex
        let count = text.utf8CodeUnitCount
        return text.withUTF8Buffer { wanted in
            while let found = utf8[start...].firstIndex(of: wanted[0]) {
                if utf8[found...].starts(with: wanted) { return found..<utf8.index(found, offsetBy: count) }
                start = utf8.index(after: found)
            }
            return nil
        }
    }
}

extension ToolCall: JSONReadable {
    public static let expectation = "a call of a tool: an object with `name` and `arguments`"

    /// A call as `{"name": …, "arguments": {…}}`, or as in OpenAI's messages with `function` around it; the arguments
    /// may be JSON or a text that holds it. Without arguments it is a call with none.
    public init?(json: JSON) {
        guard let call = json["function"]?.object ?? json.object, let name = call["name"]?.string, !name.isEmpty else {
            return nil
        }
        switch call["arguments"] ?? call["parameters"] ?? [:] {
        case .string(let text): self.init(name: name, rawArguments: text)
        case let arguments: self.init(name: name, arguments: arguments)
        }
    }

    /// What looked like a call and cannot be read.
    init(unreadable text: String) {
        self.init(name: "", rawArguments: text)
        arguments = nil
    }

    /// `{"name": …, "arguments": …}`; arguments that are no JSON are a text.
    public var json: JSON { ["name": .string(name), "arguments": arguments ?? .string(rawArguments)] }
}
