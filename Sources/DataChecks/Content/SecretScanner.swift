/// Finds keys and personal data in texts by shapes that leave little to chance: check digits where a number has them,
/// published prefixes of keys, and no placeholders or examples.
struct SecretScanner {
    /// One that was found.
    struct Match: Equatable {
        var kind: SecretKind
        /// Bytes of the text.
        var range: Range<Int>
    }

    private let bytes: UnsafeBufferPointer<UInt8>

    /// What a text holds, in the order of its place.
    static func matches(in text: String) -> [Match] {
        var text = text
        return text.withUTF8 { SecretScanner(bytes: $0).matches() }
    }

    /// The text with all but the first two characters of each replaced.
    static func masked(_ text: String) -> String { masked(text, matches(in: text)) }

    static func masked(_ text: String, _ matches: [Match]) -> String {
        guard !matches.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var output: [UInt8] = []
        var start = 0
        for match in matches where match.range.lowerBound >= start {
            output += bytes[start..<match.range.lowerBound]
            output += bytes[match.range].prefix(2)
            output += "…".utf8
            start = match.range.upperBound
        }
        output += bytes[start...]
        return String(decoding: output, as: UTF8.self)
    }

    private func matches() -> [Match] {
        var matches: [Match] = []
        var index = 0
        while index < bytes.count {
            if let match = match(at: index) {
                matches.append(match)
                index = max(match.range.upperBound, index + 1)
            } else {
                index += 1
            }
        }
        return matches
    }

    private func match(at index: Int) -> Match? {
        let byte = bytes[index]
        switch byte {
        case UInt8(ascii: "@"): return email(at: index)
        case UInt8(ascii: "-"): return privateKey(at: index)
        case UInt8(ascii: "+"): return internationalPhone(at: index)
        case UInt8(ascii: "("): return americanPhone(at: index)
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            guard !isWord(index - 1), !isOne(of: ".-,", index - 1) || isOne(of: " ", index - 2) else { return nil }
            return card(at: index) ?? socialSecurity(at: index) ?? americanPhone(at: index) ?? address(at: index)
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
            guard !isWord(index - 1), !isOne(of: "-", index - 1) else { return nil }
            return key(at: index) ?? webToken(at: index) ?? bankAccount(at: index)
        default: return nil
        }
    }

    // MARK: characters

    private func isDigit(_ index: Int) -> Bool {
        index >= 0 && index < bytes.count && bytes[index] >= 0x30 && bytes[index] <= 0x39
    }

    private func isUpper(_ index: Int) -> Bool {
        index >= 0 && index < bytes.count && bytes[index] >= 0x41 && bytes[index] <= 0x5A
    }

    private func isAlphanumeric(_ index: Int) -> Bool {
        guard index >= 0, index < bytes.count else { return false }
        return isDigit(index) || (0x41...0x5A).contains(bytes[index] & 0xDF)
    }

    private func isWord(_ index: Int) -> Bool {
        isAlphanumeric(index) || index >= 0 && index < bytes.count && (bytes[index] == 0x5F || bytes[index] >= 0x80)
    }

    private func isOne(of marks: StaticString, _ index: Int) -> Bool {
        guard index >= 0, index < bytes.count else { return false }
        return marks.withUTF8Buffer { $0.contains(bytes[index]) }
    }

    private func begins(_ prefix: some Collection<UInt8>, at index: Int) -> Bool {
        index >= 0 && index + prefix.count <= bytes.count
            && bytes[index..<(index + prefix.count)].elementsEqual(prefix)
    }

    private func digit(_ index: Int) -> Int { Int(bytes[index] &- 0x30) }

    // MARK: keys

    private func privateKey(at index: Int) -> Match? {
        let begin = Array("-----BEGIN ".utf8)
        guard begins(begin, at: index) else { return nil }
        let line = bytes[index...].prefix(64)
        let text = String(decoding: line, as: UTF8.self)
        guard let end = text.firstRange(of: "PRIVATE KEY-----") else { return nil }
        // A heading without a key below it is an explanation.
        let body = index + text[..<end.upperBound].utf8.count
        var letters = 0
        var place = body
        while place < bytes.count, letters < 100, isAlphanumeric(place) || isOne(of: "+/=\n\r \\", place) {
            if isAlphanumeric(place) { letters += 1 }
            place += 1
        }
        guard letters >= 40 else { return nil }
        while place < bytes.count, isAlphanumeric(place) || isOne(of: "+/=\n\r\\", place) { place += 1 }
        return Match(kind: .privateKey, range: index..<place)
    }

    private func key(at index: Int) -> Match? {
        switch bytes[index] {
        case UInt8(ascii: "A"), UInt8(ascii: "g"), UInt8(ascii: "x"), UInt8(ascii: "s"), UInt8(ascii: "r"),
            UInt8(ascii: "h"), UInt8(ascii: "n"), UInt8(ascii: "S"):
            break
        default: return nil
        }
        for shape in KeyShape.all where begins(shape.prefix, at: index) {
            let start = index + shape.prefix.count
            var end = start
            let limit = start + shape.length.upperBound
            while end <= limit, isAlphanumeric(end) || shape.hasMarks && isOne(of: "-_.", end) { end += 1 }
            while end > start, isOne(of: "-_.", end - 1) { end -= 1 }
            guard shape.length.contains(end - start), !isWord(end), isRandom(start..<end) else { continue }
            return Match(kind: .apiKey, range: index..<end)
        }
        return nil
    }

    /// Whether characters look drawn by chance: many different ones, digits among them, and no word for a placeholder.
    private func isRandom(_ range: Range<Int>) -> Bool {
        var seen: UInt64 = 0
        var hasDigit = false
        for index in range {
            seen |= 1 << UInt64(bytes[index] & 63)
            hasDigit = hasDigit || isDigit(index)
        }
        guard hasDigit, seen.nonzeroBitCount >= 8 else { return false }
        let text = String(decoding: bytes[range], as: UTF8.self).lowercased()
        return !["example", "xxxx", "your", "1234567890", "abcdef", "placeholder", "0000"].contains {
            text.contains($0)
        }
    }

    private func webToken(at index: Int) -> Match? {
        guard begins("eyJ".utf8, at: index) else { return nil }
        var parts: [Int] = []
        var end = index
        for _ in 0..<3 {
            let start = end
            while isAlphanumeric(end) || isOne(of: "-_", end) { end += 1 }
            parts.append(end - start)
            guard isOne(of: ".", end), parts.count < 3 else { break }
            end += 1
        }
        guard parts.count == 3, parts[0] >= 15, parts[1] >= 15, parts[2] >= 20 else { return nil }
        return Match(kind: .webToken, range: index..<end)
    }

    // MARK: numbers

    /// Digits from `index` on, with the same single mark between groups.
    private func digits(at index: Int, limit: Int, marks: StaticString) -> (digits: [Int], end: Int)? {
        var digits: [Int] = []
        var mark: UInt8?
        var end = index
        while end < bytes.count, digits.count <= limit {
            if isDigit(end) {
                digits.append(digit(end))
                end += 1
            } else if isOne(of: marks, end), isDigit(end + 1), mark == nil || mark == bytes[end] {
                mark = bytes[end]
                end += 1
            } else {
                break
            }
        }
        guard !isWord(end), !(isOne(of: "-.,", end) && isDigit(end + 1)) else { return nil }
        return (digits, end)
    }

    private func card(at index: Int) -> Match? {
        guard let (digits, end) = digits(at: index, limit: 19, marks: " -"), (13...19).contains(digits.count),
            Self.isCardPrefix(digits), Self.hasLuhnDigit(digits), !Self.isTestCard(digits)
        else { return nil }
        return Match(kind: .card, range: index..<end)
    }

    /// Whether an issuer's numbers begin and are as long as this (ISO/IEC 7812; the networks' ranges).
    private static func isCardPrefix(_ digits: [Int]) -> Bool {
        let two = digits[0] * 10 + digits[1]
        let four = two * 100 + digits[2] * 10 + digits[3]
        switch digits.count {
        case 13, 19: return digits[0] == 4
        case 14: return two == 36 || two == 38 || (3000...3059).contains(four)
        case 15: return two == 34 || two == 37
        case 16:
            return digits[0] == 4 || (51...55).contains(two) || (2221...2720).contains(four) || four == 6011
                || two == 65 || (3528...3589).contains(four)
        default: return false
        }
    }

    /// Whether the last digit is right (Luhn, 1960).
    static func hasLuhnDigit(_ digits: [Int]) -> Bool {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let value = place & 1 == 1 ? digit * 2 : digit
            sum += value > 9 ? value - 9 : value
        }
        return sum % 10 == 0
    }

    /// Numbers that payment services give out to try with have few different digits.
    private static func isTestCard(_ digits: [Int]) -> Bool {
        Set(digits).count <= 4
    }

    private func socialSecurity(at index: Int) -> Match? {
        let end = index + 11
        guard end <= bytes.count, !isWord(end), !isOne(of: "-", end),
            (0..<11).allSatisfy({ $0 == 3 || $0 == 6 ? bytes[index + $0] == 0x2D : isDigit(index + $0) })
        else { return nil }
        let area = digit(index) * 100 + digit(index + 1) * 10 + digit(index + 2)
        let group = digit(index + 4) * 10 + digit(index + 5)
        let serial = (7..<11).reduce(0) { $0 * 10 + digit(index + $1) }
        guard area != 0, area != 666, area < 900, group != 0, serial != 0 else { return nil }
        // The numbers of advertisements and of counting.
        guard !(area == 123 && group == 45), !(area == 78 && group == 5) else { return nil }
        return Match(kind: .socialSecurity, range: index..<end)
    }

    private func internationalPhone(at index: Int) -> Match? {
        guard isDigit(index + 1), digit(index + 1) != 0, !isWord(index - 1), !isOne(of: ")", index - 1) else {
            return nil
        }
        var digits: [Int] = []
        var end = index + 1
        while end < bytes.count, digits.count <= 15 {
            if isDigit(end) {
                digits.append(digit(end))
                end += 1
            } else if isOne(of: " -.()", end), isDigit(end + 1) || isOne(of: "( ", end + 1) && isDigit(end + 2) {
                end += 1
            } else {
                break
            }
        }
        guard (10...15).contains(digits.count), !isWord(end), Set(digits).count >= 4 else { return nil }
        if digits[0] == 1 {
            guard digits.count == 11, Self.isAmerican(Array(digits[1...])) else { return nil }
        }
        return Match(kind: .phone, range: index..<end)
    }

    /// `(212) 456-7890`, `212-456-7890`, `212.456.7890`.
    private func americanPhone(at index: Int) -> Match? {
        var place = index
        let isBracketed = bytes[index] == UInt8(ascii: "(")
        if isBracketed { place += 1 }
        guard isDigit(place), isDigit(place + 1), isDigit(place + 2) else { return nil }
        var digits = [digit(place), digit(place + 1), digit(place + 2)]
        place += 3
        if isBracketed {
            guard isOne(of: ")", place) else { return nil }
            place += 1
            if isOne(of: " ", place) { place += 1 }
        } else {
            guard isOne(of: "-.", place) else { return nil }
            place += 1
        }
        for offset in 0..<8 {
            if offset == 3 {
                guard isOne(of: isBracketed ? "-. " : "-.", place) else { return nil }
            } else {
                guard isDigit(place) else { return nil }
                digits.append(digit(place))
            }
            place += 1
        }
        guard !isWord(place), !(isOne(of: "-.", place) && isDigit(place + 1)), Self.isAmerican(digits) else {
            return nil
        }
        return Match(kind: .phone, range: index..<place)
    }

    /// Whether ten digits can be a number in the North American plan, and not one kept for stories (555).
    private static func isAmerican(_ digits: [Int]) -> Bool {
        digits.count == 10 && digits[0] >= 2 && digits[3] >= 2 && !(digits[1] == 1 && digits[2] == 1)
            && Array(digits[3..<6]) != [5, 5, 5] && Set(digits).count >= 4
    }

    private func address(at index: Int) -> Match? {
        var parts: [Int] = []
        var end = index
        while parts.count < 4 {
            let start = end
            var value = 0
            while isDigit(end), end - start < 3 {
                value = value * 10 + digit(end)
                end += 1
            }
            guard end > start, value <= 255, end - start == 1 || bytes[start] != 0x30 else { return nil }
            parts.append(value)
            if parts.count < 4 {
                guard isOne(of: ".", end) else { return nil }
                end += 1
            }
        }
        guard !isWord(end), !(isOne(of: ".-", end) && isAlphanumeric(end + 1)), Self.isPublic(parts) else { return nil }
        return Match(kind: .address, range: index..<end)
    }

    /// Whether an address is of the public internet, and no version number: those seldom have a part above 31.
    private static func isPublic(_ parts: [Int]) -> Bool {
        switch (parts[0], parts[1]) {
        case (0, _), (10, _), (127, _), (169, 254), (192, 168), (172, 16...31), (198, 18...19), (224..., _):
            return false
        case (192, 0), (198, 51), (203, 0): return false
        default: break
        }
        return parts.count { $0 > 31 } >= 2 && Set(parts).count > 1
    }

    private func bankAccount(at index: Int) -> Match? {
        guard isUpper(index), isUpper(index + 1), isDigit(index + 2), isDigit(index + 3) else { return nil }
        let country = String(decoding: bytes[index...(index + 1)], as: UTF8.self)
        guard let length = Self.accountLengths[country] else { return nil }
        var characters: [UInt8] = []
        var end = index
        while characters.count < length, end < bytes.count {
            if isDigit(end) || isUpper(end) {
                characters.append(bytes[end])
            } else if bytes[end] != 0x20 || !(isDigit(end + 1) || isUpper(end + 1)) {
                return nil
            }
            end += 1
        }
        guard characters.count == length, !isWord(end), Set(characters[4...]).count >= 4 else { return nil }
        // ISO 13616: the first four characters behind the others, letters as 10 ... 35, is 1 modulo 97.
        var remainder = 0
        for byte in characters[4...] + characters[..<4] {
            remainder = byte <= 0x39 ? remainder * 10 + Int(byte - 0x30) : remainder * 100 + Int(byte - 55)
            remainder %= 97
        }
        return remainder == 1 ? Match(kind: .bankAccount, range: index..<end) : nil
    }

    /// Characters of an IBAN by country (the registry of SWIFT).
    private static let accountLengths: [String: Int] = [
        "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "CH": 21,
        "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18,
        "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23,
        "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27,
        "MD": 24, "ME": 22, "MK": 19, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
        "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29,
        "VA": 22, "XK": 20,
    ]

    // MARK: e-mail

    private func email(at index: Int) -> Match? {
        var start = index
        while isAlphanumeric(start - 1) || isOne(of: "._%+-", start - 1) { start -= 1 }
        while start < index, isOne(of: ".-", start) { start += 1 }
        guard start < index, isAlphanumeric(index - 1) || isOne(of: "_+-", index - 1) else { return nil }
        var end = index + 1
        var dot = -1
        while isAlphanumeric(end) || isOne(of: ".-", end) && isAlphanumeric(end + 1) {
            if bytes[end] == 0x2E { dot = end }
            end += 1
        }
        guard dot > index + 1, end - dot > 2, (dot + 1..<end).allSatisfy({ !isDigit($0) }) else { return nil }
        let domain = String(decoding: bytes[(index + 1)..<end], as: UTF8.self).lowercased()
        let examples = ["example.com", "example.org", "example.net", "domain.com", "email.com"]
        guard !examples.contains(where: { domain == $0 || domain.hasSuffix("." + $0) }),
            ![".example", ".test", ".invalid", ".localhost", ".png", ".jpg"].contains(where: domain.hasSuffix)
        else { return nil }
        return Match(kind: .email, range: start..<end)
    }
}
