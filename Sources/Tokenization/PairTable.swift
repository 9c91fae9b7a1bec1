/// A map from pairs of numbers to a number, for the innermost loop: open addressing over two flat arrays.
struct PairTable: Sendable {
    private var keys: [UInt64]
    private var values: [UInt32]
    private var shift: UInt64
    private(set) var count = 0

    /// Odd and different in each process, so that no file can be made to collide. No result depends on it.
    private static let multiplier = UInt64.random(in: 0...UInt64.max) | 1
    private static let free = UInt64.max

    init(capacity: Int = 16) {
        var bits: UInt64 = 5
        while 1 << bits < capacity * 2 { bits += 1 }
        shift = 64 - bits
        keys = Array(repeating: Self.free, count: 1 << bits)
        values = Array(repeating: 0, count: 1 << bits)
    }

    static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    subscript(key: UInt64) -> UInt32? {
        let slot = slot(of: key)
        return keys[slot] == key ? values[slot] : nil
    }

    /// - Precondition: `key` is not `UInt64.max`.
    mutating func set(_ key: UInt64, to value: UInt32) {
        precondition(key != Self.free)
        if (count + 1) * 2 > keys.count { grow() }
        let slot = slot(of: key)
        if keys[slot] != key {
            keys[slot] = key
            count += 1
        }
        values[slot] = value
    }

    @inline(__always)
    private func slot(of key: UInt64) -> Int {
        let mask = keys.count - 1
        let mixed = (key ^ (key >> 29)) &* Self.multiplier
        var slot = Int(truncatingIfNeeded: mixed >> shift)
        while keys[slot] != key, keys[slot] != Self.free { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        var larger = PairTable(capacity: keys.count)
        for (key, value) in zip(keys, values) where key != Self.free { larger.set(key, to: value) }
        self = larger
    }
}

/// A binary heap that gives the smallest element first.
struct MinimumHeap<Element: Comparable> {
    private var elements: [Element] = []

    var isEmpty: Bool { elements.isEmpty }

    mutating func removeAll() { elements.removeAll(keepingCapacity: true) }

    mutating func insert(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard element < elements[parent] else { break }
            elements[child] = elements[parent]
            child = parent
        }
        elements[child] = element
    }

    mutating func popFirst() -> Element? {
        guard let first = elements.first, let last = elements.popLast() else { return nil }
        guard !elements.isEmpty else { return first }
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < elements.count else { break }
            if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
            guard elements[child] < last else { break }
            elements[hole] = elements[child]
            hole = child
        }
        elements[hole] = last
        return first
    }
}
