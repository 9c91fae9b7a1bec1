/// Labels, and other names for them, as they are found in text.
///
/// White space at both ends and runs of it do not count, nor does case unless asked for.
struct LabelSet: Sendable {
    /// The labels as they were written.
    let labels: [String]
    private let normalizers: [Normalizer]
    /// Normalised name → which label.
    private let places: [ScalarText: Int]
    /// The names that begin with a scalar, the longest first, each with its label.
    private let byFirst: [Unicode.Scalar: [(name: WantedText, place: Int)]]

    /// - Throws: `VerifierFailure` when a name is empty, two are alike, or one stands for a label that there is not.
    init(_ labels: [String], aliases: [String: String] = [:], ignoreCase: Bool) throws(VerifierFailure) {
        let normalizers: [Normalizer] = [.trim, .collapseWhitespace] + (ignoreCase ? [.casefold] : [])
        var places: [ScalarText: Int] = [:]
        for (place, label) in labels.enumerated() {
            let key = normalizers.applied(to: label)
            guard !key.isEmpty else { throw VerifierFailure(.configuration, option: "labels", "a label is empty") }
            if let other = places.updateValue(place, forKey: ScalarText(key)) {
                throw VerifierFailure(
                    .configuration, option: "labels",
                    "'\(labels[other])' and '\(label)' are the same label: runs of white space do not count"
                        + (ignoreCase ? ", nor does case" : ""))
            }
        }
        for (name, label) in aliases.sorted(by: { $0.key < $1.key }) {
            let key = normalizers.applied(to: name)
            guard !key.isEmpty else { throw VerifierFailure(.configuration, option: "aliases", "a name is empty") }
            guard let place = labels.firstIndex(where: { $0.isSameText(as: label) }) else {
                throw VerifierFailure(
                    .configuration, option: "aliases", "'\(name)' stands for '\(label)', which is none of the labels")
            }
            if places.updateValue(place, forKey: ScalarText(key)) != nil {
                throw VerifierFailure(.configuration, option: "aliases", "'\(name)' stands for two labels")
            }
        }
        self.labels = labels
        self.normalizers = normalizers
        self.places = places
        byFirst = Dictionary(
            grouping: places.map { (name: WantedText($0.key.text), place: $0.value) }, by: { $0.name.scalars[0] }
        ).mapValues { $0.sorted { $0.name.scalars.count > $1.name.scalars.count } }
    }

    /// A text as it is compared.
    func normalized(_ text: String) -> String { normalizers.applied(to: text) }

    /// Which label a whole text is.
    func place(of text: String) -> Int? { places[ScalarText(normalized(text))] }

    /// The different labels in a text at word boundaries, the longest first at each place, in the order of their last
    /// places.
    func places(in text: String) -> [Int] {
        let scalars = Array(normalized(text).unicodeScalars)
        var lastSeen: [Int: Int] = [:]
        var index = 0
        while index < scalars.count {
            guard let names = byFirst[scalars[index]],
                index == 0 || !scalars[index].isWord || !scalars[index - 1].isWord,
                let found = names.first(where: { $0.name.standsWhole(at: index, in: scalars) })
            else {
                index += 1
                continue
            }
            lastSeen[found.place] = index
            index += found.name.scalars.count
        }
        return lastSeen.sorted { $0.value < $1.value }.map(\.key)
    }
}
