import Foundation

/// A change to a text before it is compared. Several apply in the order in which they are listed.
public enum Normalizer: String, NamedChoice {
    /// Composed and decomposed characters become alike (Unicode's form C).
    case nfc
    /// White space at both ends goes.
    case trim
    /// Each run of white space becomes one space.
    case collapseWhitespace = "collapse_ws"
    /// Capital and small letters become alike: `STRASSE` and `straße`, `Σ`, `σ` and `ς`.
    case casefold
    /// Punctuation goes.
    case stripPunctuation = "strip_punct"
    /// The words `a`, `an` and `the` go.
    case stripArticles = "strip_articles"

    func applied(to text: String) -> String {
        switch self {
        case .nfc: text.precomposedStringWithCanonicalMapping
        case .trim: text.trimmed
        case .collapseWhitespace: collapsed(text)
        case .casefold: folded(text)
        case .stripPunctuation: Self.filtered(text) { !$0.isPunctuation }
        case .stripArticles:
            withoutArticles(text)
        }
    }

    /// Unicode's full case folding: what is small of a scalar's capitals, but for ẞ, and for Cherokee, where the capitals
    /// are what others become.
    private func folded(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.lowercased() }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard scalar.properties.changesWhenCaseFolded else {
                result.append(scalar)
                continue
            }
            let capitals = scalar.properties.uppercaseMapping.unicodeScalars
            switch scalar.value {
            case 0x1E9E: result.append(contentsOf: "ss".unicodeScalars)
            case 0x13F8...0x13FD, 0xAB70...0xABBF: result.append(contentsOf: capitals)
            default:
                for capital in capitals {
                    result.append(contentsOf: capital.properties.lowercaseMapping.unicodeScalars)
                }
            }
        }
        return String(result)
    }

    /// The text without the words; the white space around them stays.
    private func withoutArticles(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var word = String.UnicodeScalarView()
        func keep() {
            if !["a", "an", "the"].contains(String(word).lowercased()) { result.append(contentsOf: word) }
            word = String.UnicodeScalarView()
        }
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace {
                keep()
                result.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        keep()
        return String(result)
    }

    private func collapsed(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var inSpace = false
        for scalar in text.unicodeScalars {
            let isSpace = scalar.properties.isWhitespace
            if !isSpace { result.append(scalar) } else if !inSpace { result.append(" ") }
            inSpace = isSpace
        }
        return String(result)
    }

    private static func filtered(_ text: String, _ keep: (Unicode.Scalar) -> Bool) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter(keep)))
    }
}

extension [Normalizer] {
    func applied(to text: String) -> String { reduce(text) { $1.applied(to: $0) } }
}

extension Unicode.Scalar {
    package var isPunctuation: Bool {
        switch properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            true
        default: false
        }
    }

    /// A letter, a digit or an underscore: what a word is made of.
    package var isWord: Bool { self == "_" || properties.isAlphabetic || properties.numericType != nil }
}

extension String {
    /// This text without white space at both ends.
    package var trimmed: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }

    /// Whether both texts have the same scalars. (`==` takes é for e and an accent.)
    package func isSameText(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
