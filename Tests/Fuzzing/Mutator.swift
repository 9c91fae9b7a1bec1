import TextCore

/// Changes inputs: bytes anywhere, words of text, and the tree of JSON.
struct Mutator {
    let target: InputTarget
    var random: Randomness
    /// Inputs to begin with and to take parts from.
    let seeds: [[UInt8]]

    static let largestInput = 64 << 10

    /// An input that no file has.
    mutating func input() -> [UInt8] {
        var bytes = random.element(of: seeds) ?? []
        for _ in 0..<(1 + random.below(4)) { bytes = changed(bytes) }
        bytes = Array(bytes.prefix(Self.largestInput))
        // Behind a checksum nothing is ever seen; one in eight goes in as it is.
        guard let seal = target.seal, !random.once(in: 8) else { return bytes }
        bytes = seal(bytes)
        return random.once(in: 8) ? changedBytes(bytes) : bytes
    }

    /// `bytes` with one change.
    mutating func changed(_ bytes: [UInt8]) -> [UInt8] {
        switch target.form {
        case .bytes: return changedBytes(bytes)
        case .text(let words): return random.once(in: 3) ? changedBytes(bytes) : changedText(bytes, words)
        case .json: return random.once(in: 4) ? changedBytes(bytes) : changedJSON(bytes) ?? changedBytes(bytes)
        case .lines: return random.once(in: 4) ? changedBytes(bytes) : changedLine(bytes)
        }
    }

    // MARK: Bytes

    private mutating func range(in bytes: [UInt8], atMost limit: Int = 256) -> Range<Int> {
        let start = random.below(bytes.count + 1)
        return start..<min(bytes.count, start + random.below(limit))
    }

    private mutating func changedBytes(_ old: [UInt8]) -> [UInt8] {
        var bytes = old
        let place = random.below(bytes.count + 1)
        switch random.below(11) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
        case 1 where place < bytes.count: bytes[place] = random.element(of: [0, 1, 0x7F, 0x80, 0xFF, 0x22, 0x0A]) ?? 0
        case 2: bytes.removeSubrange(range(in: bytes))
        case 3: bytes.insert(contentsOf: bytes[range(in: bytes)], at: place)
        case 4: bytes.insert(contentsOf: (0..<(1 + random.below(8))).map { _ in UInt8(random.below(256)) }, at: place)
        case 5: bytes.removeSubrange(place...)
        case 6:
            // Sizes and offsets are numbers of two, four or eight bytes.
            let number = random.element(of: Self.numbers) ?? 0
            let width = [2, 4, 8][random.below(3)]
            guard place + width <= bytes.count else { return bytes }
            for index in 0..<width { bytes[place + index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        case 7:
            let piece = Array(bytes[range(in: bytes, atMost: 32)])
            let count = min(1 << random.below(16), (Self.largestInput - min(bytes.count, Self.largestInput)) / 64 + 1)
            bytes.insert(contentsOf: repeatElement(piece, count: count).joined(), at: place)
        case 8:
            let other = random.element(of: seeds) ?? []
            bytes.replaceSubrange(range(in: bytes), with: other[range(in: other, atMost: 2048)])
        case 9: bytes.insert(contentsOf: Self.hostileText(&random).utf8, at: place)
        default:
            let (first, second) = (range(in: bytes), range(in: bytes))
            let piece = Array(bytes[first])
            bytes.replaceSubrange(second, with: piece)
        }
        return bytes
    }

    private static let numbers: [Int] = [
        0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 1 << 20, Int(Int32.max), 1 << 31,
        Int(UInt32.max), 1 << 32, 1 << 40, 1 << 53, .max - 7, .max, .min,
    ]

    // MARK: Text

    private mutating func changedText(_ old: [UInt8], _ words: [String]) -> [UInt8] {
        var bytes = old
        let place = random.below(bytes.count + 1)
        switch random.below(5) {
        case 0, 1: bytes.insert(contentsOf: (random.element(of: words) ?? "").utf8, at: place)
        case 2: bytes.replaceSubrange(range(in: bytes, atMost: 16), with: (random.element(of: words) ?? "").utf8)
        case 3:
            let word = random.element(of: words) ?? ""
            bytes.insert(contentsOf: String(repeating: word, count: 1 << random.below(12)).utf8, at: place)
        default:
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
            let (first, second) = (random.below(lines.count), random.below(lines.count))
            if random.once(in: 2) { lines.swapAt(first, second) } else { lines.insert(lines[first], at: second) }
            bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
        }
        return bytes
    }

    /// Texts that have broken readers.
    static func hostileText(_ random: inout Randomness) -> String {
        let texts = [
            "", "\u{0}", "\u{FEFF}", "\u{FFFD}", "\u{10FFFF}", "e\u{301}\u{301}\u{301}", "\u{202E}", "👩‍👩‍👧‍👦",
            "../../etc/passwd",
            "/dev/zero", "<0x-1>", "<0xFG>", "1e999", "-0.0", "NaN", "9223372036854775808", "0x1p-1074", "%n%s%d",
            "\r\n", "\"", "\\", "{{", "}}", "{%", "\u{1B}[2J", "<|endoftext|>", "null", "&a", "*a", "!!binary",
        ]
        let text = random.element(of: texts) ?? ""
        return random.once(in: 6) ? String(repeating: text, count: 1 << random.below(12)) : text
    }

    // MARK: JSON

    private mutating func changedLine(_ bytes: [UInt8]) -> [UInt8] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        let place = random.below(lines.count)
        switch random.below(6) {
        case 0: lines.insert(lines[random.below(lines.count)], at: place)
        case 1: lines.remove(at: place)
        default: lines[place] = changedJSON(lines[place]) ?? changedBytes(lines[place])
        }
        return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }

    private mutating func changedJSON(_ bytes: [UInt8]) -> [UInt8]? {
        guard let json = try? JSON(parsing: bytes, limits: JSONLimits(depth: 128)) else { return nil }
        var mutation = JSONMutation(root: json, random: random)
        let text = mutation.text()
        random = mutation.random
        return Array(text.utf8)
    }
}
