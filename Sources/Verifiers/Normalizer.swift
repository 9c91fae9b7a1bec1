import Foundation

/// A change to a text before it is compared. Several apply in the order in which they are listed.
public enum Normalizer: String, NamedChoice {
    /// Composed and decomposed characters become alike (Unicode's form C).
    case nfc
    /// White space at both ends goes.
    case trim
    /// Each run of white space becomes one space.
    case collapseWhitespace = "collapse_ws"
    /// Capital letters become small.
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
        case .casefold: text.lowercased()
        case .stripPunctuation: Self.filtered(text) { !$0.isPunctuation }
        case .stripArticles:
            text.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
                .map(String.init).filter { !["a", "an", "the"].contains($0.lowercased()) }.joined(separator: " ")
        }
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
    var isPunctuation: Bool {
        switch properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            true
        default: false
        }
    }

    /// A letter, a digit or an underscore: what a word is made of.
    var isWord: Bool { self == "_" || properties.isAlphabetic || properties.numericType != nil }
}

extension String {
    /// This text without white space at both ends.
    var trimmed: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }

    /// Whether both texts have the same scalars. (`==` takes é for e and an accent.)
    func isSameText(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
