public import Statistics
public import TextCore

/// Zeros and ones.
public struct BinaryText: TaskState {
    let bits: String

    init(_ bits: String) { self.bits = bits }

    public init?(json: JSON) {
        guard let bits = json["bits"]?.shortText(atMost: 200, of: "01") else { return nil }
        self.bits = bits
    }

    public var json: JSON { ["bits": .string(bits)] }

    /// How many are 1.
    var ones: Int { bits.utf8.count { $0 == UInt8(ascii: "1") } }
}

/// How many bits are 1.
public struct CountBits: ProceduralTask {
    public static let name = "count_bits"
    public static let summary = "say how many bits of a number are 1"
    public static let chance = "15 to 25 %: half of the bits is the commonest answer"
    public static let levels: [TaskLevel] = [
        ["shortest": 6, "longest": 10], ["shortest": 10, "longest": 14], ["shortest": 14, "longest": 24],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> BinaryText {
        BinaryText(random.word(level["shortest"]...level["longest"], of: "01"))
    }

    public func prompt(_ state: BinaryText) -> String { "ones: \(state.bits)\n" }

    public func answer(_ state: BinaryText) -> String? { String(state.ones) }
}

/// The fewest exchanges of two bits after which no two neighbours are alike.
public struct BinaryAlternation: ProceduralTask {
    public static let name = "binary_alternation"
    public static let summary = "say how many swaps of two bits make a text alternate, or -1 if none do"
    public static let chance = "about 30 %: few answers are possible"
    public static let levels: [TaskLevel] = [
        ["shortest": 9, "longest": 12], ["shortest": 12, "longest": 16], ["shortest": 16, "longest": 24],
    ]

    public init() {}

    /// Nine of ten can be made to alternate; of the others the bits are drawn one by one.
    public func state(at level: TaskLevel, random: inout CounterRandom) -> BinaryText {
        let lengths = level["shortest"]...level["longest"]
        guard !random.chance(10) else { return BinaryText(random.word(lengths, of: "01")) }
        let length = random.number(in: lengths)
        let first = random.below(2)
        return BinaryText(random.shuffled((0..<length).map { String(($0 + first) % 2) }).joined())
    }

    public func prompt(_ state: BinaryText) -> String { "swaps: \(state.bits)\n" }

    /// Of each alternating text with as many ones, half of the places that differ: an exchange mends two.
    public func answer(_ state: BinaryText) -> String? {
        let bits = state.bits.utf8.map { Int($0 == UInt8(ascii: "1") ? 1 : 0) }
        let swaps = (0...1).compactMap { first -> Int? in
            let goal = bits.indices.map { ($0 + first) % 2 }
            guard goal.reduce(0, +) == state.ones else { return nil }
            return zip(bits, goal).count { $0 != $1 } / 2
        }
        return String(swaps.min() ?? -1)
    }
}
