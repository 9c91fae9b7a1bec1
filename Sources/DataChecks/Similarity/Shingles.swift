/// The overlapping pieces that a text is made of, hashed: the fewest characters that have at least four bytes, from each
/// character on.
///
/// Four letters of English, two of Greek or Chinese. Pieces of letters rather than words are left alike by another ending
/// of a word, are found in languages that put no spaces, and are many enough in a question of ten words.
struct Shingles: Sendable {
    /// The hashes, each once, rising.
    let hashes: [UInt32]

    private static let bytes = 4

    /// - Parameter common: pieces that most rows share, which are not compared unless a text has hardly any others.
    init(_ text: NormalizedText, without common: CommonText = CommonText()) {
        let all = Self.hashes(of: text)
        let own = common.isEmpty ? all : all.filter { !common.contains($0) }
        hashes = Self.unique(own.count >= CommonText.leastOwn ? own : all)
    }

    /// The hash of each piece, in the order of the text.
    static func hashes(of text: NormalizedText) -> [UInt32] {
        guard !text.isEmpty else { return [] }
        // A space at both ends makes the first and the last word as telling as any other.
        let padded = [0x20] + text.bytes + [0x20]
        return padded.withUnsafeBufferPointer { text in
            var hashes: [UInt32] = []
            hashes.reserveCapacity(text.count)
            var start = 0
            while start < text.count {
                var end = min(text.count, start + bytes)
                while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
                var piece: UInt64 = 0
                for byte in text[start..<end] { piece = piece << 8 | UInt64(byte) }
                hashes.append(mixed(piece))
                // A text that is shorter than a piece is one.
                if end == text.count { break }
                start += 1
                while start < text.count, text[start] & 0xC0 == 0x80 { start += 1 }
            }
            return hashes
        }
    }

    /// Spreads a piece over 32 bits (the finalizer of MurmurHash3, Austin Appleby).
    private static func mixed(_ piece: UInt64) -> UInt32 {
        var bits = piece &+ 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ (bits >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        bits = (bits ^ (bits >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return UInt32(truncatingIfNeeded: bits >> 32)
    }

    /// The hashes in rising order, each once: by their bytes from the lowest on, which for some hundred of them takes a
    /// quarter of the time of comparing.
    private static func unique(_ hashes: [UInt32]) -> [UInt32] {
        var (from, to) = (hashes, hashes)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            var starts = [Int](repeating: 0, count: 257)
            for hash in from { starts[Int(hash >> shift & 255) + 1] += 1 }
            for digit in 1...256 { starts[digit] += starts[digit - 1] }
            for hash in from {
                let digit = Int(hash >> shift & 255)
                to[starts[digit]] = hash
                starts[digit] += 1
            }
            swap(&from, &to)
        }
        var kept = 0
        for index in from.indices where index == 0 || from[index] != from[kept - 1] {
            from[kept] = from[index]
            kept += 1
        }
        from.removeLast(from.count - kept)
        return from
    }

    /// Jaccard's index: the share of the pieces of both that both have, [0, 1]; 1 for two texts without any.
    func similarity(to other: Shingles) -> Double {
        let shared = shared(with: other)
        let all = hashes.count + other.hashes.count - shared
        return all == 0 ? 1 : Double(shared) / Double(all)
    }

    /// How many pieces both have.
    func shared(with other: Shingles) -> Int {
        var (left, right, shared) = (0, 0, 0)
        hashes.withUnsafeBufferPointer { own in
            other.hashes.withUnsafeBufferPointer { other in
                while left < own.count, right < other.count {
                    let (a, b) = (own[left], other[right])
                    if a == b { shared += 1 }
                    if a <= b { left += 1 }
                    if b <= a { right += 1 }
                }
            }
        }
        return shared
    }
}
