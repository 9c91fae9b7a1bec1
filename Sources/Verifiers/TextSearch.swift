/// A text that is looked for in others, in time proportional to them (Knuth, Morris and Pratt).
struct WantedText: Sendable {
    let scalars: [Unicode.Scalar]
    /// For each length of a part that matched, the length of its longest end that is also its beginning.
    private let borders: [Int]

    init(_ text: String) {
        scalars = Array(text.unicodeScalars)
        var borders = [0]
        var length = 0
        for index in scalars.indices.dropFirst() {
            while length > 0, scalars[index] != scalars[length] { length = borders[length - 1] }
            if scalars[index] == scalars[length] { length += 1 }
            borders.append(length)
        }
        self.borders = borders
    }

    /// Whether this stands in a text; with `wholeWords`, where no word continues on its sides. An empty text stands
    /// nowhere.
    func stands(in text: [Unicode.Scalar], wholeWords: Bool) -> Bool {
        guard !scalars.isEmpty else { return false }
        var length = 0
        for (index, scalar) in text.enumerated() {
            while length > 0, length == scalars.count || scalar != scalars[length] { length = borders[length - 1] }
            if scalar == scalars[length] { length += 1 }
            guard length == scalars.count else { continue }
            if !wholeWords || isWhole(in: text, from: index + 1 - length, to: index + 1) { return true }
        }
        return false
    }

    /// Whether this stands at `place`, and no word continues on its sides.
    func standsWhole(at place: Int, in text: [Unicode.Scalar]) -> Bool {
        let end = place + scalars.count
        guard end <= text.count, text[place..<end].elementsEqual(scalars) else { return false }
        return isWhole(in: text, from: place, to: end)
    }

    private func isWhole(in text: [Unicode.Scalar], from start: Int, to end: Int) -> Bool {
        guard let first = scalars.first, let last = scalars.last else { return false }
        if start > 0, first.isWord, text[start - 1].isWord { return false }
        return end >= text.count || !last.isWord || !text[end].isWord
    }
}
