/// Compares one text with others, 64 units of it at a time: n · m / 64 steps for texts of n and m units.
struct BitParallel<Unit: Hashable> {
    private let count: Int
    private let words: Int
    /// For each unit of the text, the places where it stands, as bits.
    private let masks: [Unit: [UInt64]]

    init(_ text: [Unit]) {
        count = text.count
        words = (text.count + 63) / 64
        var masks: [Unit: [UInt64]] = [:]
        for (index, unit) in text.enumerated() {
            masks[unit, default: [UInt64](repeating: 0, count: words)][index / 64] |= 1 << UInt64(index % 64)
        }
        self.masks = masks
    }

    /// Units of the longest common subsequence (Hyyrö, 2004).
    func commonSubsequence(with other: [Unit]) -> Int {
        // A bit that is 0 says that the subsequence grows with the text's unit there.
        var state = [UInt64](repeating: .max, count: words)
        for unit in other {
            guard let mask = masks[unit] else { continue }
            var carry: UInt64 = 0
            for word in 0..<words {
                let row = state[word]
                let matched = row & mask[word]
                let (sum, first) = row.addingReportingOverflow(matched)
                let (total, second) = sum.addingReportingOverflow(carry)
                carry = first || second ? 1 : 0
                state[word] = total | (row & ~mask[word])
            }
        }
        var length = 0
        for word in 0..<words {
            let used = min(64, count - 64 * word)
            let valid: UInt64 = used == 64 ? .max : (1 << UInt64(used)) - 1
            length += (~state[word] & valid).nonzeroBitCount
        }
        return length
    }

    /// Insertions, deletions and substitutions that turn the text into another (Myers, 1999, in blocks).
    func editDistance(to other: [Unit]) -> Int {
        guard count > 0 else { return other.count }
        // Vertical differences of the column, +1 and -1.
        var plus = [UInt64](repeating: .max, count: words)
        var minus = [UInt64](repeating: 0, count: words)
        let none = [UInt64](repeating: 0, count: words)
        let last = UInt64(1) << UInt64((count - 1) % 64)
        var distance = count
        for unit in other {
            let mask = masks[unit] ?? none
            // The top row grows by one for each unit of the other text.
            var plusIn: UInt64 = 1
            var minusIn: UInt64 = 0
            for word in 0..<words {
                let (up, down) = (plus[word], minus[word])
                let equal = mask[word] | minusIn
                let zero = (((equal & up) &+ up) ^ up) | equal | down
                var plusOut = down | ~(zero | up)
                var minusOut = zero & up
                if word == words - 1 {
                    if plusOut & last != 0 { distance += 1 }
                    if minusOut & last != 0 { distance -= 1 }
                }
                let (plusCarry, minusCarry) = (plusOut >> 63, minusOut >> 63)
                plusOut = plusOut << 1 | plusIn
                minusOut = minusOut << 1 | minusIn
                (plusIn, minusIn) = (plusCarry, minusCarry)
                plus[word] = minusOut | ~(zero | plusOut)
                minus[word] = plusOut & zero
            }
        }
        return distance
    }
}
