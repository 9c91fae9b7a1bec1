/// Finds stop strings in the text of tokens as they come, with work for each token that does not grow with the text.
///
/// A token's text is what it adds to that of the few tokens before it: the first token of a text may decode in its own
/// way, and a scalar may be spread over several tokens. Bytes are compared, so that composed and decomposed characters
/// differ.
struct StopText {
    /// Whether a stop string has appeared.
    private(set) var isComplete = false

    private let stops: [[UInt8]]
    private let decode: ([Int]) -> String
    /// The tokens that the next text is decoded behind, and those whose text is not certain yet.
    private var window: [Int] = []
    private var settledCount = 0
    private var settledText: [UInt8] = []
    /// The end of the text: as much of it as may be the beginning of a stop string.
    private var tail: [UInt8] = []

    /// A scalar has at most four bytes, and some tokenizers spell each as a token; beyond that nothing is held back.
    private static let mostHeldBack = 8

    /// - Parameter decode: the text of some tokens; U+FFFD for a scalar that is not complete.
    init(_ stops: [String], decode: @escaping ([Int]) -> String) {
        self.stops = stops.map { Array($0.utf8) }
        self.decode = decode
    }

    mutating func append(_ id: Int) {
        window.append(id)
        let text = decode(window)
        let isHeldBack = text.unicodeScalars.last == "\u{FFFD}" && window.count - settledCount < Self.mostHeldBack
        let bytes = Array(text.utf8)
        let added = bytes.starts(with: settledText) ? bytes[settledText.count...] : bytes[...]
        let all = tail + added
        if stops.contains(where: { Self.contains($0, in: all) }) { isComplete = true }
        if isHeldBack { return }
        tail = all.suffix((stops.map(\.count).max() ?? 1) - 1)
        window.removeFirst(settledCount)
        settledCount = window.count
        settledText = Array(decode(window).utf8)
    }

    private static func contains(_ stop: [UInt8], in text: [UInt8]) -> Bool {
        guard let first = stop.first, text.count >= stop.count else { return false }
        return (0...text.count - stop.count).contains { start in
            text[start] == first && text[start..<start + stop.count].elementsEqual(stop)
        }
    }
}
