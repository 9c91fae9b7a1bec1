/// How a text is cut into the units that a similarity counts.
public enum TextTokenizer: String, NamedChoice {
    /// mteval-v13a, as sacreBLEU has it: ASCII punctuation stands alone, full stops and commas within numbers excepted.
    case mteval13a = "13a"
    /// mteval-v14's international one, as sacreBLEU has it: punctuation and symbols of all scripts stand alone.
    case international = "intl"
    /// What white space parts.
    case none
    /// Each scalar that is not white space.
    case char
    /// ROUGE's, as rouge-score has it: runs of a to z and 0 to 9 after capitals became small. Other scripts have none.
    case rouge
    /// Runs of letters, digits and underscores of any script, after case folding.
    case unicode

    /// The units of a text.
    func units(of text: String) -> [ScalarText] {
        switch self {
        case .mteval13a: return split(Self.separated13a(Array(text.unicodeScalars)))
        case .international: return split(Self.separatedInternationally(Array(text.unicodeScalars)))
        case .none: return split(Array(text.unicodeScalars))
        case .char:
            return text.unicodeScalars.filter { !Self.isSpace($0) }.map { ScalarText(CollectionOfOne($0)) }
        case .rouge:
            return text.lowercased().unicodeScalars.split { !("a"..."z").contains($0) && !("0"..."9").contains($0) }
                .map { ScalarText($0) }
        case .unicode:
            return Normalizer.casefold.applied(to: text).unicodeScalars.split { !$0.isWord }.map { ScalarText($0) }
        }
    }

    private func split(_ scalars: [Unicode.Scalar]) -> [ScalarText] {
        scalars.split(whereSeparator: Self.isSpace).map { ScalarText($0) }
    }

    /// White space as Python has it, which knows four separators more than Unicode.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    private static func separated13a(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        // The end's white space goes first, so that a dash at the end joins nothing.
        var text = Array(text[..<(text.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? 0)])
        text = replacing("<skipped>", by: "", in: text)
        text = replacing("-\n", by: "", in: text)
        text = text.map { $0 == "\n" ? " " : $0 }
        for (entity, plain) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
            text = replacing(entity, by: plain, in: text)
        }
        text = [" "] + text + [" "]
        var spaced: [Unicode.Scalar] = []
        for scalar in text {
            // Of ASCII's marks all but the apostrophe, the comma, the dash and the full stop.
            switch scalar.value {
            case 0x20...0x26, 0x28...0x2B, 0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E:
                spaced += [" ", scalar, " "]
            default: spaced.append(scalar)
            }
        }
        let isMark: (Unicode.Scalar) -> Bool = { $0 == "." || $0 == "," }
        spaced = pairs(in: spaced, { !isDigit($0) && isMark($1) }) { [$0, " ", $1, " "] }
        spaced = pairs(in: spaced, { isMark($0) && !isDigit($1) }) { [" ", $0, " ", $1] }
        return pairs(in: spaced, { isDigit($0) && $1 == "-" }) { [$0, " ", $1, " "] }
    }

    private static func separatedInternationally(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        func isNumber(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.properties.generalCategory {
            case .decimalNumber, .letterNumber, .otherNumber: true
            default: false
            }
        }
        func isSymbol(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.properties.generalCategory {
            case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: true
            default: false
            }
        }
        var text = Array(text[..<(text.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? 0)])
        text = pairs(in: text, { !isNumber($0) && $1.isPunctuation }) { [$0, " ", $1, " "] }
        text = pairs(in: text, { $0.isPunctuation && !isNumber($1) }) { [" ", $0, " ", $1] }
        return text.flatMap { isSymbol($0) ? [" ", $0, " "] : [$0] }
    }

    /// Replaces each pair that fits, from left to right, none overlapping another.
    private static func pairs(
        in text: [Unicode.Scalar], _ fits: (Unicode.Scalar, Unicode.Scalar) -> Bool,
        _ replacement: (Unicode.Scalar, Unicode.Scalar) -> [Unicode.Scalar]
    ) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count + text.count / 4)
        var index = 0
        while index < text.count {
            if index + 1 < text.count, fits(text[index], text[index + 1]) {
                result += replacement(text[index], text[index + 1])
                index += 2
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    private static func replacing(
        _ wanted: String, by plain: String, in text: [Unicode.Scalar]
    ) -> [Unicode.Scalar] {
        let wanted = Array(wanted.unicodeScalars)
        var result: [Unicode.Scalar] = []
        var index = 0
        while index < text.count {
            if text[index] == wanted[0], text[index...].starts(with: wanted) {
                result += Array(plain.unicodeScalars)
                index += wanted.count
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }
}
