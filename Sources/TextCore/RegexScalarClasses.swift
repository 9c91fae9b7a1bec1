/// Numbers for the scalars such that scalars which no set of a pattern tells apart share one.
///
/// A pattern then runs over a handful of class numbers rather than over a million scalars.
struct ScalarClasses: Sendable {
    /// Classes of scalars; `end`, one more, stands for the end of the text.
    let count: Int
    /// The class of the place after the last scalar.
    var end: Int { count }

    private let ascii: [UInt16]
    /// For each run of 256 scalars where its classes start in `pages`.
    private let pageStarts: [Int32]
    private let pages: [UInt16]
    /// Row per set, column per class.
    private let membership: [Bool]
    private let contexts: [RegexContext]

    private static let maximumCells = 4_000_000

    /// - Parameter sets: `sets[0]` holds the word scalars, if they matter, and `sets[1]` the newline.
    /// - Returns: `nil` when sets times classes pass the limit.
    init?(sets: [ScalarSet]) {
        var starts: Set<UInt32> = [0]
        for set in sets {
            for range in set.ranges {
                starts.insert(range.lowerBound)
                if range.upperBound < ScalarSet.last { starts.insert(range.upperBound + 1) }
            }
        }
        let boundaries = starts.sorted()
        guard let intervalClasses = Self.classify(boundaries: boundaries, sets: sets) else { return nil }
        let classCount = (intervalClasses.max() ?? 0) + 1
        guard classCount < 65_000, classCount * sets.count <= Self.maximumCells else { return nil }
        count = classCount
        var membership = [Bool](repeating: false, count: sets.count * classCount)
        for (boundary, scalarClass) in zip(boundaries, intervalClasses) {
            for (row, set) in sets.enumerated() where set.contains(boundary) {
                membership[row * classCount + scalarClass] = true
            }
        }
        self.membership = membership
        contexts = (0..<classCount).map { membership[$0] ? .word : membership[classCount + $0] ? .newline : .other }
        (pageStarts, pages) = Self.makePages(boundaries: boundaries, classes: intervalClasses)
        ascii = (0..<128).map { [pages, pageStarts] in pages[Int(pageStarts[0]) + $0] }
    }

    /// The class of each interval that starts at a boundary: intervals in the same sets share one.
    private static func classify(boundaries: [UInt32], sets: [ScalarSet]) -> [Int]? {
        // Sweeping set by set refines the partition: the pair (class so far, in this set) becomes the new class.
        guard boundaries.count * sets.count <= 50_000_000 else { return nil }
        var classes = [Int](repeating: 0, count: boundaries.count)
        for set in sets {
            var renumbered: [Int: Int] = [:]
            var cursor = 0
            for (index, boundary) in boundaries.enumerated() {
                while cursor < set.ranges.count, set.ranges[cursor].upperBound < boundary { cursor += 1 }
                let isMember = cursor < set.ranges.count && set.ranges[cursor].lowerBound <= boundary
                let key = classes[index] * 2 + (isMember ? 1 : 0)
                let number = renumbered[key] ?? renumbered.count
                renumbered[key] = number
                classes[index] = number
            }
        }
        return classes
    }

    private static func makePages(boundaries: [UInt32], classes: [Int]) -> ([Int32], [UInt16]) {
        var pageStarts: [Int32] = []
        var pages: [UInt16] = []
        var uniformPages: [UInt16: Int32] = [:]
        var interval = 0
        for page in 0..<(0x110000 / 256) {
            let first = UInt32(page * 256)
            while interval + 1 < boundaries.count, boundaries[interval + 1] <= first { interval += 1 }
            let isUniform = interval + 1 == boundaries.count || boundaries[interval + 1] > first + 255
            if isUniform, let known = uniformPages[UInt16(classes[interval])] {
                pageStarts.append(known)
                continue
            }
            let start = Int32(pages.count)
            if isUniform { uniformPages[UInt16(classes[interval])] = start }
            pageStarts.append(start)
            var current = interval
            for value in first...(first + 255) {
                while current + 1 < boundaries.count, boundaries[current + 1] <= value { current += 1 }
                pages.append(UInt16(classes[current]))
            }
        }
        return (pageStarts, pages)
    }

    func set(_ number: Int, contains scalarClass: Int) -> Bool { membership[number * count + scalarClass] }

    /// What a scalar of this class is to the assertions at the place after it; `end` is `.other`.
    func context(_ scalarClass: Int) -> RegexContext { scalarClass == end ? .other : contexts[scalarClass] }

    /// The class of the scalar at `position` and its length in bytes; `end` and 0 after the last one.
    ///
    /// A byte that is no part of valid UTF-8 reads as U+FFFD of one byte.
    @inline(__always)
    func next(in bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalarClass: Int, width: Int) {
        guard position < bytes.count else { return (count, 0) }
        let byte = bytes[position]
        if byte < 0x80 { return (Int(ascii[Int(byte)]), 1) }
        let (value, width) = decodeScalar(bytes, at: position)
        return (Int(pages[Int(pageStarts[Int(value >> 8)]) + Int(value & 255)]), width)
    }
}

/// The scalar at `position` of UTF-8 text and its length in bytes; U+FFFD of one byte where the text is not valid.
package func decodeScalar(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> (value: UInt32, width: Int) {
    let lead = bytes[position]
    let width = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0
    if width == 1 { return (UInt32(lead), 1) }
    guard width > 0, position + width <= bytes.count else { return (0xFFFD, 1) }
    var value = UInt32(lead) & (0x7F >> UInt32(width))
    for offset in 1..<width {
        let byte = bytes[position + offset]
        guard byte & 0xC0 == 0x80 else { return (0xFFFD, 1) }
        value = value << 6 | UInt32(byte & 0x3F)
    }
    let smallest: UInt32 = width == 2 ? 0x80 : width == 3 ? 0x800 : 0x10000
    guard value >= smallest, Unicode.Scalar(value) != nil else { return (0xFFFD, 1) }
    return (value, width)
}

/// The scalar that ends before `position` of UTF-8 text and its length in bytes; `nil` at the start.
package func decodeScalar(
    _ bytes: UnsafeBufferPointer<UInt8>, before position: Int
) -> (value: UInt32, width: Int)? {
    guard position > 0 else { return nil }
    var start = position - 1
    while start > 0, position - start < 4, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    let (value, width) = decodeScalar(bytes, at: start)
    return start + width == position ? (value, width) : (0xFFFD, 1)
}
