/// Hashes what a text is made of: its words, pairs of neighbouring words, and parts of words.
///
/// Case is ignored, and whatever is neither a letter nor a digit parts words. A Chinese or Japanese character is a word by
/// itself. Parts of words are 3 to 5 characters long, with the word's ends as characters of their own, so that a misspelt
/// word still has most of its parts. The first `wordLimit` words of a text count.
package struct TextGrams {
    /// Bits of a bucket; the topmost tells parts of words from words.
    package static let bucketBits = 21
    /// Bits for how often a bucket occurs in a text.
    static let countBits = 32 - bucketBits
    /// Words of a text that are looked at.
    static let wordLimit = 512

    /// Lengths of the parts of words, in characters.
    private static let partLengths = 3...5
    /// Characters of a word that are looked at.
    private static let wordLength = 40
    private static let partsBlock: UInt32 = 1 << UInt32(bucketBits - 1)
    private static let blockMask = partsBlock - 1

    private var word: [UInt32] = []
    private var found: [UInt32] = []

    /// Adds the buckets of a text to `entries`, rising, each with how often it occurs in the lower bits.
    mutating func append(_ text: String, to entries: inout [UInt32]) {
        found.removeAll(keepingCapacity: true)
        var previous: UInt64 = 0
        var words = 0
        var isLong = false
        for scalar in text.unicodeScalars {
            let value = scalar.value
            if Self.isIdeograph(value) {
                if !word.isEmpty { endWord(&previous, &words) }
                word.append(value)
                endWord(&previous, &words)
            } else if let folded = Self.folded(scalar) {
                if word.count < Self.wordLength { word.append(folded) }
                continue
            } else if !word.isEmpty {
                endWord(&previous, &words)
            }
            if words >= Self.wordLimit {
                isLong = true
                break
            }
        }
        if !isLong, !word.isEmpty { endWord(&previous, &words) }
        word.removeAll(keepingCapacity: true)
        appendCounted(to: &entries)
    }

    /// Counts equal buckets and adds them.
    private mutating func appendCounted(to entries: inout [UInt32]) {
        found.sort()
        let most: UInt32 = 1 << UInt32(Self.countBits) - 1
        var index = 0
        while index < found.count {
            let bucket = found[index]
            var end = index + 1
            while end < found.count, found[end] == bucket { end += 1 }
            entries.append(bucket << UInt32(Self.countBits) | min(UInt32(truncatingIfNeeded: end - index), most))
            index = end
        }
    }

    /// Takes the grams of the word that was read.
    private mutating func endWord(_ previous: inout UInt64, _ words: inout Int) {
        let hash = word.reduce(0x9E37_79B9_7F4A_7C15) { Self.mixed($0, $1) }
        found.append(Self.bucket(hash))
        if previous != 0 { found.append(Self.bucket(Self.mixed(previous &* 0xD6E8_FEB8_6659_FD93, hash))) }
        previous = hash
        words += 1
        if word.count > 1 {
            word.insert(0x3C, at: 0)
            word.append(0x3E)
            word.withUnsafeBufferPointer { word in
                for start in 0..<word.count {
                    var hash: UInt64 = 0xC2B2_AE3D_27D4_EB4F
                    for length in 1...Self.partLengths.upperBound where start + length <= word.count {
                        hash = Self.mixed(hash, word[start + length - 1])
                        if length >= Self.partLengths.lowerBound { found.append(Self.partsBlock | Self.bucket(hash)) }
                    }
                }
            }
        }
        word.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    private static func mixed(_ hash: UInt64, _ value: UInt32) -> UInt64 { mixed(hash, UInt64(value)) }

    @inline(__always)
    private static func mixed(_ hash: UInt64, _ value: UInt64) -> UInt64 {
        let product = (hash ^ value) &* 0xFF51_AFD7_ED55_8CCD
        return product ^ product >> 32
    }

    @inline(__always)
    private static func bucket(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 40) & blockMask
    }

    /// A letter or digit in lower case; `nil` for what parts words.
    private static func folded(_ scalar: Unicode.Scalar) -> UInt32? {
        let value = scalar.value
        if value < 0x80 {
            switch UInt8(truncatingIfNeeded: value) {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): return value
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): return value | 0x20
            default: return nil
            }
        }
        let properties = scalar.properties
        guard properties.isAlphabetic || properties.numericType != nil || properties.isGraphemeExtend else {
            return nil
        }
        return properties.lowercaseMapping.unicodeScalars.first?.value ?? value
    }

    private static func isIdeograph(_ value: UInt32) -> Bool {
        (0x3040...0x30FF).contains(value) || (0x3400...0x9FFF).contains(value) || (0x20000...0x3FFFF).contains(value)
    }
}
