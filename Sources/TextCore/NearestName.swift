/// The name of `candidates` that a misspelt `name` most likely meant: the smallest edit distance, at most a third of
/// the longer name's length; the first of equals. `nil` when none is near.
public func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
    guard name.utf8.count <= longestName else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in candidates {
        let limit = max(1, max(name.utf8.count, candidate.utf8.count) / 3)
        // Each insertion or deletion changes the length by one.
        guard abs(name.utf8.count - candidate.utf8.count) <= limit else { continue }
        let distance = editDistance(Array(name.lowercased().utf8), Array(candidate.lowercased().utf8))
        if distance <= limit, distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    return best?.name
}

/// Bytes of the longest name that is looked for; what is longer is no name that somebody typed.
private let longestName = 256

/// Insertions, deletions, substitutions and swaps of neighbours that turn `first` into `second`
/// (optimal string alignment; time and memory grow with the product and the sum of the lengths).
public func editDistance<Element: Equatable>(_ first: [Element], _ second: [Element]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...second.count)
    for (row, left) in first.enumerated() {
        var current = [row + 1]
        for (column, right) in second.enumerated() {
            var distance = min(
                previous[column + 1] + 1, current[column] + 1, previous[column] + (left == right ? 0 : 1))
            if row > 0, column > 0, left == second[column - 1], first[row - 1] == right {
                distance = min(distance, beforePrevious[column - 1] + 1)
            }
            current.append(distance)
        }
        (beforePrevious, previous) = (previous, current)
    }
    return previous[second.count]
}
