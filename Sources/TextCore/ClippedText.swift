extension StringProtocol {
    /// The first scalars of a text, with `…` behind them where there are more.
    ///
    /// Messages repeat what was read, and what was read may be a gigabyte in one character.
    package func clipped(to count: Int) -> String {
        // A text of few bytes has no more scalars than that, and most texts are such.
        guard utf8.count > count else { return String(self) }
        let scalars = unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: count, limitedBy: scalars.endIndex),
            end < scalars.endIndex
        else { return String(self) }
        return String(self[..<end]) + "…"
    }
}

extension String {
    /// The text with escapes in place of scalars that command a terminal or turn the direction of what follows; ends of
    /// lines and tabs stay.
    ///
    /// Names in a file end up in messages, and a message must not clear the screen.
    package var printable: String {
        guard unicodeScalars.contains(where: \.commandsTerminal) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.commandsTerminal {
                text += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    fileprivate var commandsTerminal: Bool {
        switch value {
        case 0x09, 0x0A: false
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
