/// Gives equal n-grams equal numbers, over all texts that it is shown, in time proportional to them.
struct NGramCounter<Unit: Hashable> {
    private struct Longer: Hashable {
        var gram: Int
        var unit: Int
    }

    private var units: [Unit: Int] = [:]
    private var longer: [Longer: Int] = [:]
    private var count = 0

    /// The n-grams of a text for n from 1 to `order`, each as its number; the list for n is at n - 1.
    mutating func grams(of text: some Sequence<Unit>, upTo order: Int) -> [[Int]] {
        var ids: [Int] = []
        for unit in text {
            if let known = units[unit] {
                ids.append(known)
            } else {
                units[unit] = count
                ids.append(count)
                count += 1
            }
        }
        var grams = [ids]
        while grams.count < order {
            let shorter = grams[grams.count - 1]
            var next: [Int] = []
            // The n-gram at `index` is the shorter one there and the unit behind it.
            for index in shorter.indices.dropLast() {
                let key = Longer(gram: shorter[index], unit: ids[index + grams.count])
                if let known = longer[key] {
                    next.append(known)
                } else {
                    longer[key] = count
                    next.append(count)
                    count += 1
                }
            }
            grams.append(next)
        }
        return grams
    }
}

/// How often each number stands in a list.
func counts(of numbers: [Int]) -> [Int: Int] {
    var counts: [Int: Int] = [:]
    for number in numbers { counts[number, default: 0] += 1 }
    return counts
}

/// How many n-grams two texts share, each as often as in the text where it is rarer.
func overlap(_ first: [Int: Int], _ second: [Int: Int]) -> Int {
    first.reduce(0) { $0 + min($1.value, second[$1.key] ?? 0) }
}
