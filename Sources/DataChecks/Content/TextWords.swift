import Foundation

/// The words of a text as hashes, in lower case; bytes of other scripts than ASCII belong to words.
enum TextWords {
    /// Calls `body` with the hash of each word and its bytes in the text, the first `limit` of them.
    static func forEach(_ text: String, limit: Int = .max, _ body: (UInt64, Range<Int>) -> Void) {
        var text = text
        text.withUTF8 { bytes in
            var count = 0
            var index = 0
            while index < bytes.count, count < limit {
                guard isWord(bytes[index]) else {
                    index += 1
                    continue
                }
                let start = index
                var hash: UInt64 = 0xCBF2_9CE4_8422_2325
                while index < bytes.count, isWord(bytes[index]) {
                    let byte = bytes[index]
                    hash = (hash ^ UInt64((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)) &* 0x100_0000_01B3
                    index += 1
                }
                body(mixed(hash), start..<index)
                count += 1
            }
        }
    }

    @inline(__always)
    static func mixed(_ value: UInt64) -> UInt64 {
        let product = (value ^ value >> 32) &* 0xD6E8_FEB8_6659_FD93
        return product ^ product >> 32
    }

    @inline(__always)
    private static func isWord(_ byte: UInt8) -> Bool {
        byte >= 0x80 || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
    }
}

/// Counts different things in 16 KiB, to about 1 % (Flajolet and others, "HyperLogLog", 2007, with linear counting of few).
struct DistinctCounter {
    private static let bits = 14
    private var registers = [UInt8](repeating: 0, count: 1 << bits)

    /// - Parameter hash: well mixed.
    mutating func add(_ hash: UInt64) {
        let register = Int(hash >> UInt64(64 - Self.bits))
        let rest = hash << UInt64(Self.bits) | 1 << UInt64(Self.bits - 1)
        let rank = UInt8(truncatingIfNeeded: rest.leadingZeroBitCount + 1)
        if rank > registers[register] { registers[register] = rank }
    }

    /// How many there were.
    var count: Double {
        let size = Double(registers.count)
        var sum = 0.0
        var empty = 0
        for register in registers {
            sum += 1 / Double(UInt64(1) << UInt64(register))
            if register == 0 { empty += 1 }
        }
        let estimate = 0.7213 / (1 + 1.079 / size) * size * size / sum
        guard estimate <= 2.5 * size, empty > 0 else { return estimate }
        return size * log(size / Double(empty))
    }
}

/// The most frequent of many things in bounded memory (Misra and Gries, 1982): whatever makes up more than one in `limit`
/// of all is kept, and counts are short by at most one in `limit`.
struct FrequentCounter<Element: Hashable & Comparable> {
    private let limit: Int
    private var counts: [Element: Int] = [:]
    private(set) var total = 0

    init(limit: Int) { self.limit = limit }

    mutating func add(_ element: Element) {
        total += 1
        if counts[element] == nil, counts.count >= 2 * limit {
            // Takes from all what the middle one has, so that half of them go.
            let taken = counts.values.sorted()[limit]
            counts = counts.compactMapValues { $0 > taken ? $0 - taken : nil }
        }
        counts[element, default: 0] += 1
    }

    /// The most frequent one, the first of equals, and at least how often it came.
    var most: (element: Element, count: Int)? {
        counts.max { $0.value != $1.value ? $0.value < $1.value : $0.key > $1.key }.map { ($0.key, $0.value) }
    }
}
