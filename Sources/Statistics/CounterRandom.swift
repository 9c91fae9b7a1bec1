/// Random numbers that are a function of (key, how many were drawn): the same on every machine and toolchain.
///
/// SplitMix64 with the key as its state (Steele, Lea and Flood, 2014); good enough to choose phrases by.
public struct CounterRandom: Sendable {
    private var state: UInt64

    /// A stream for one thing, told apart by `parts`.
    public init(_ parts: UInt64...) {
        state = parts.reduce(0x243F_6A88_85A3_08D3) { Self.mixed($0 ^ Self.mixed($1 &+ 0x9E37_79B9_7F4A_7C15)) }
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var bits = value
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// A number in `0 ..< bound`. The bias of the multiplication is below bound / 2^64.
    ///
    /// - Precondition: `bound` is positive.
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a random number below \(bound)")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// True in `percent` of a hundred draws.
    public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of the elements.
    ///
    /// - Precondition: there is one.
    public mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// The numbers `0 ..< count` in random order (Fisher and Yates).
    public mutating func permutation(_ count: Int) -> [Int] {
        var numbers = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) { numbers.swapAt(last, below(last + 1)) }
        return numbers
    }
}
