/// Decodes tokens one at a time during generation and gives only text that later tokens cannot change.
///
/// The parts together, with the one of `finish()`, are what `Tokenizer.decode` gives for all tokens at once.
public struct StreamingDecoder {
    private let tokenizer: Tokenizer
    private let skipSpecialTokens: Bool
    /// The tokens of the last part given out, which decide how the next begins, and those that wait.
    private var window: [Int] = []
    /// How much of the window has been given out, and its text.
    private var settledCount = 0
    private var settledText = ""

    /// - Parameter skipSpecialTokens: leave out the tokens marked special.
    public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = true) {
        self.tokenizer = tokenizer
        self.skipSpecialTokens = skipSpecialTokens
    }

    /// Takes the next token and returns the text that is now certain, often empty in the middle of a scalar.
    /// A number without a piece adds nothing.
    public mutating func append(_ id: Int) -> String {
        if tokenizer.token(for: id) == nil || (skipSpecialTokens && tokenizer.specialIDs.contains(id)) { return "" }
        window.append(id)
        // A run of `<0xNN>` is read as a whole, and U+FFFD at the end may be the start of a scalar.
        if tokenizer.isByteFallback(id) { return "" }
        let text = decodedWindow()
        if text.unicodeScalars.last == "\u{FFFD}" { return "" }
        return settle(text)
    }

    /// The text still held back. The decoder then starts anew.
    public mutating func finish() -> String {
        let rest = settle(decodedWindow())
        (window, settledCount, settledText) = ([], 0, "")
        return rest
    }

    private func decodedWindow() -> String { tokenizer.decode(window, skipSpecialTokens: skipSpecialTokens) }

    private mutating func settle(_ text: String) -> String {
        let new = String(decoding: Array(text.utf8.dropFirst(settledText.utf8.count)), as: UTF8.self)
        // The first token of a text may decode in its own way, so the next part is decoded behind this one.
        window.removeFirst(settledCount)
        settledCount = window.count
        settledText = decodedWindow()
        return new
    }
}
