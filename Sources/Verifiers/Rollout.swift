public import TextCore

/// What a model wrote for one prompt.
public struct Rollout: Sendable, Hashable {
    /// Why generation stopped.
    public enum StopReason: String, Sendable, Hashable {
        /// The model wrote a stop token or stop text.
        case stop
        /// The limit of new tokens was reached.
        case length
    }

    /// The messages that were answered; empty for a plain prompt.
    public var messages: [JSON]
    /// Everything the model wrote, without the stop token.
    public var fullText: String
    /// Why generation stopped.
    public var stopReason: StopReason
    /// Tokens that the model wrote, with the stop token.
    public var tokenCount: Int

    public init(_ fullText: String, messages: [JSON] = [], stopReason: StopReason = .stop, tokenCount: Int = 0) {
        self.fullText = fullText
        self.messages = messages
        self.stopReason = stopReason
        self.tokenCount = tokenCount
    }

    /// What follows the last `</think>`; everything when there is no reasoning; `nil` when reasoning began and never
    /// ended, for then there is no answer.
    public var answerText: String? {
        if let end = fullText.lastRange(of: "</think>") { return String(fullText[end.upperBound...]) }
        return fullText.lastRange(of: "<think>") == nil ? fullText : nil
    }
}

extension String {
    /// The last place where the bytes of `text` stand.
    func lastRange(of text: String) -> Range<String.Index>? {
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
