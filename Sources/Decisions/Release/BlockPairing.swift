/// Makes differences of two streams that do not come in pairs: the mean of the candidate's next values less the mean of
/// the control's.
///
/// How many values a block takes of each follows from how many have come before of each, never from what they are, so
/// every difference has the same mean as one of a value each. Split evenly it is one and one; at one to nineteen a
/// candidate's value meets the mean of nineteen.
struct BlockPairing: Sendable {
    /// Values that wait at most for their partners.
    private static let limit = 1 << 20

    private var (candidates, controls) = (Waiting(), Waiting())
    private var seen = (candidates: 0, controls: 0)
    private var needed = (candidates: 1, controls: 1)
    /// Values that found no place to wait, as the other stream lay too far behind.
    private(set) var unused = 0
    /// Values that wait.
    var waiting: Int { candidates.count + controls.count }

    /// Takes a value, and hands over the differences that are complete with it.
    mutating func add(_ value: Double, isCandidate: Bool, _ difference: (Double) -> Void) {
        if isCandidate { seen.candidates += 1 } else { seen.controls += 1 }
        guard (isCandidate ? candidates.count : controls.count) < Self.limit else {
            unused += 1
            return
        }
        if isCandidate { candidates.values.append(value) } else { controls.values.append(value) }
        while candidates.count >= needed.candidates, controls.count >= needed.controls {
            // A quarter of a backlog goes into one block, so that none builds up.
            difference(
                candidates.mean(of: max(needed.candidates, candidates.count / 4))
                    - controls.mean(of: max(needed.controls, controls.count / 4)))
            let (few, many) = (min(seen.candidates, seen.controls), max(seen.candidates, seen.controls))
            let ratio = max(1, (many + few / 2) / max(1, few))
            needed = seen.candidates > seen.controls ? (ratio, 1) : (1, ratio)
        }
    }

    /// Values that wait, in their order.
    private struct Waiting: Sendable {
        var values: [Double] = []
        private var start = 0

        var count: Int { values.count - start }

        /// Takes so many of the first values out.
        mutating func mean(of number: Int) -> Double {
            let mean = values[start..<start + number].reduce(0, +) / Double(number)
            start += number
            if start > 1024, start * 2 > values.count {
                values.removeFirst(start)
                start = 0
            }
            return mean
        }
    }
}
