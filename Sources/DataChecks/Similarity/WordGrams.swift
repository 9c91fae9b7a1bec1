/// The words of a normalised text, and hashes of any run of them.
///
/// A letter of a script that puts no spaces between words counts as a word.
struct WordGrams {
    /// The hash of the first so many words, as a polynomial.
    private let prefixes: [UInt64]

    private static let base: UInt64 = 0x5851_F42D_4C95_7F2D

    /// Powers of the base, for runs of up to so many words.
    private static let powers: [UInt64] = (0..<longest).reduce(into: [1]) { powers, _ in
        powers.append(powers[powers.count - 1] &* base)
    }

    /// Words of the longest run.
    static let longest = 16

    init(_ text: NormalizedText) {
        var prefixes: [UInt64] = [0]
        var word: UInt64 = 0xCBF2_9CE4_8422_2325
        var isInWord = false
        func endWord() {
            guard isInWord else { return }
            prefixes.append(prefixes[prefixes.count - 1] &* Self.base &+ Self.mixed(word))
            (word, isInWord) = (0xCBF2_9CE4_8422_2325, false)
        }
        let bytes = text.bytes
        for (index, byte) in bytes.enumerated() {
            if byte == 0x20 {
                endWord()
                continue
            }
            // From U+2E80 on, three bytes and more from E2 BA 80: Chinese, Japanese, Korean and what follows.
            let startsLetter =
                byte > 0xE2 && byte != 0xEF || byte == 0xE2 && index + 1 < bytes.count && bytes[index + 1] >= 0xBA
            if startsLetter { endWord() }
            word = (word ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            isInWord = true
        }
        endWord()
        self.prefixes = prefixes
    }

    /// Words.
    var count: Int { prefixes.count - 1 }

    /// The hash of `length` words from a word on.
    ///
    /// - Precondition: they are there, and are not more than `longest`.
    func hash(from start: Int, length: Int) -> UInt64 {
        prefixes[start + length] &- prefixes[start] &* Self.powers[length]
    }

    private static func mixed(_ word: UInt64) -> UInt64 {
        var bits = word
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
