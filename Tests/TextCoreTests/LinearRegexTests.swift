import Testing
import TextCore

@Suite struct LinearRegexTests {
    static func all(_ pattern: String, _ text: String, _ syntax: LinearRegex.Syntax = .perl) throws -> [String] {
        let bytes = Array(text.utf8)
        return try LinearRegex(pattern, syntax: syntax).matches(in: text).map {
            String(decoding: bytes[$0], as: UTF8.self)
        }
    }

    static func groups(_ pattern: String, _ text: String) throws -> [String?] {
        let bytes = Array(text.utf8)
        return try LinearRegex(pattern).firstMatch(in: text)?.groups.map {
            $0.map { String(decoding: bytes[$0], as: UTF8.self) }
        } ?? []
    }

    @Test func `earlier branches and greedy repetitions win`() throws {
        #expect(try Self.all("a|ab", "abab") == ["a", "a"])
        #expect(try Self.all("ab|a", "aba") == ["ab", "a"])
        #expect(try Self.all("a*", "aabaa") == ["aa", "aa"])
        #expect(try Self.all("a+?", "aaa") == ["a", "a", "a"])
        #expect(try Self.all("a{2,3}", "aaaaa") == ["aaa", "aa"])
        #expect(try Self.all("a{2,3}?", "aaaaa") == ["aa", "aa"])
        #expect(try Self.all("x*", "ab") == ["", "", ""])
        #expect(try Self.all("(?:a|ab)(?:c|bcd)", "abcd") == ["abcd"])
        #expect(try Self.all("a{,2}b", "aaab") == ["aab"])
        #expect(try Self.all("a{x}", "a{x}") == ["a{x}"])
    }

    @Test func `groups are those of the first match`() throws {
        #expect(try Self.groups("(a+)(b*)", "xaab") == ["aab", "aa", "b"])
        #expect(try Self.groups("(a)|(b)", "b") == ["b", nil, "b"])
        #expect(try Self.groups("(?<year>\\d{4})-(\\d\\d)", "on 2024-05-06") == ["2024-05", "2024", "05"])
        #expect(try Self.groups("(?:(a)|b)*", "ab") == ["ab", "a"])
        #expect(try Self.groups("(a*)(a*)", "aa") == ["aa", "aa", ""])
        #expect(try LinearRegex("(a)(b)").groupCount == 2)
        #expect(try LinearRegex("b").firstMatch(in: "aba", from: 2) == nil)
    }

    @Test func `classes, properties and escapes`() throws {
        #expect(try Self.all(#"[a-c\d-]+"#, "xab-1y") == ["ab-1"])
        #expect(try Self.all(#"[^\s\p{L}\p{N}]+"#, "a!?1 é…") == ["!?", "…"])
        #expect(try Self.all(#"\p{Lu}\p{Ll}+"#, "Émile or Zoë") == ["Émile", "Zoë"])
        #expect(try Self.all(#"\P{L}+"#, "ab12cd") == ["12"])
        #expect(try Self.all(#"\p{^L}+"#, "ab12cd") == ["12"])
        #expect(try Self.all(#"\d+"#, "١٢ 34") == ["١٢", "34"])
        #expect(try Self.all(#"\w+"#, "naïve_x y") == ["naïve_x", "y"])
        #expect(try Self.all(#"[[:alpha:]]+"#, "ab1") == ["ab"])
        #expect(try Self.all(#"\x41\u0042\x{1F600}"#, "AB😀") == ["AB😀"])
        #expect(try Self.all(#"\p{Han}+"#, "漢字かな") == ["漢字"])
        #expect(try Self.all(#"[\w&&[^\d]]+"#, "ab12", .oniguruma) == ["ab"])
        #expect(try Self.all(#"[]a]+"#, "a]b") == ["a]"])
        #expect(try Self.all(".", "a\nb") == ["a", "b"])
        #expect(try Self.all("(?s).", "a\nb").count == 3)
    }

    @Test func `case is ignored where asked, by Unicode's mappings`() throws {
        #expect(try Self.all("(?i:'s|'ll)", "'S 'lL 's") == ["'S", "'lL", "'s"])
        #expect(try Self.all("(?i:s)", "ſ") == ["ſ"])
        #expect(try Self.all("(?i)ÉK", "éK ÉK") == ["éK", "ÉK"])
        #expect(try Self.all("(?i:a)b", "AB Ab") == ["Ab"])
        #expect(try Self.all("(?i)[a-c]+", "aBCd") == ["aBC"])
        #expect(try Self.all("(a(?i)b)c", "aBC aBc") == ["aBc"])
    }

    @Test func `anchors and boundaries`() throws {
        #expect(try Self.all("^a", "a\na") == ["a"])
        #expect(try Self.all("(?m)^a$", "a\na\nb") == ["a", "a"])
        #expect(try Self.all("^a$", "a\na", .oniguruma) == ["a", "a"])
        #expect(try Self.all(#"\bab\b"#, "ab abc (ab)") == ["ab", "ab"])
        #expect(try Self.all(#"\Ba"#, "aa ba") == ["a", "a"])
        #expect(try Self.all(#"\Aa|b\z"#, "abab") == ["a", "b"])
        #expect(try LinearRegex(#"\bb"#).firstMatch(in: "ab b", from: 1)?.range == 3..<4)
    }

    @Test func `lookahead at one scalar`() throws {
        #expect(try Self.all(#"\s+(?!\S)|\s+"#, "a   b ") == ["  ", " ", " "])
        #expect(try Self.all(#"a(?=b)"#, "ab ac") == ["a"])
        #expect(try Self.all(#"a(?=b|$)"#, "ab ac a") == ["a", "a"])
        #expect(try Self.all(#"a(?!b+)"#, "ab ac") == ["a"])
        #expect(try Self.all(#"a(?!)|b(?=)"#, "ab") == ["b"])
    }

    @Test func `possessive repetition of a class does not give back`() throws {
        #expect(try Self.all("a++a", "aaa").isEmpty)
        #expect(try Self.all("a++b", "aab") == ["aab"])
        #expect(try Self.all("a?+a", "a").isEmpty)
        #expect(try Self.all("[ab]*+c", "abac") == ["abac"])
        #expect(try Self.all("a{1,2}+a", "aaa") == ["aaa"])
        #expect(try Self.all("a{1,2}+a", "aa").isEmpty)
        // Oniguruma repeats the repetition.
        #expect(try Self.all("a{1,2}+a", "aaaa", .oniguruma) == ["aaaa"])
    }

    @Test(arguments: [
        ("(a", "`(` is never closed", 0), ("a)", "`)` without `(`", 1), ("[a", "`[` is never closed", 0),
        ("*a", "`*` repeats nothing", 0), ("a(?<=b)", "lookbehind is not supported", 1),
        (#"(a)\1"#, "a back-reference is not supported", 3), (#"\p{Nope}"#, "unknown property `\\p{Nope}`", 0),
        (#"\y"#, "the escape `\\y` is not supported", 0), ("(?=ab)", "a lookahead is supported when", 0),
        ("(ab)++", "a possessive repetition is supported of a single class", 0), ("a{1001}", "more than 1000", 5),
        ("a{3,2}", "maximum is below its minimum", 6), ("[b-a]", "runs backwards", 1), ("(?>a)", "atomic group", 0),
        ("(?x)a", "the group option `x` is not supported", 2), (#"a\"#, "the pattern ends after `\\`", 1),
        ("a****************", "too many quantifiers", 6), (#"\x{110000}"#, "the number of a scalar", 0),
    ])
    func `what is not supported is an error with its place`(pattern: String, message: String, position: Int) throws {
        let error = #expect(throws: RegexError.self) { try LinearRegex(pattern) }
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        #expect(error?.position == position)
    }

    @Test func `size is limited`() throws {
        #expect(throws: RegexError.self) { try LinearRegex("((a{100}){100}){100}") }
        let deep = String(repeating: "(", count: 5000) + "a" + String(repeating: ")", count: 5000)
        let error = #expect(throws: RegexError.self) { try LinearRegex(deep) }
        #expect(error?.message == "groups nested deeper than 100")
        #expect(throws: RegexError.self) { try LinearRegex(String(repeating: "[", count: 70_000)) }
    }

    /// Ten times the text may take ten times as long, with room for noise, but not a hundred times.
    @Test(arguments: [
        "(a*)*b", "(a|aa)+$", "(a?){50}a{50}b", "(.*)(.*)(.*)x", "a|a*b", "(?:a|b|ab)*c", "([a-z]+)*=",
        #"\s*[\r\n]+|a+x"#,
        "(a|b)*a(a|b){14}c",
    ])
    func `time is linear on hostile text`(pattern: String) throws {
        let regex = try LinearRegex(pattern)
        let clock = ContinuousClock()
        func time(_ count: Int) -> Duration {
            let text = String(repeating: "a", count: count)
            return (0..<3).map { _ in clock.measure { _ = regex.matches(in: text) } }.min() ?? .zero
        }
        let small = time(20_000)
        let large = time(200_000)
        #expect(large < small * 40 + .milliseconds(20), "\(small) then \(large)")
    }

    /// A plain backtracking-free oracle on small texts: the automaton's match is the machine's, which finds the groups.
    @Test(arguments: ["a|ab|(abc)", "(a*?)(b|ab)c?", #"(\w+?)\b"#, "(?:(a)|(b)|c)*d?", "(|a)+", "(a|)+b", "((a?)b?)*"])
    func `the whole match is that of the groups' machine`(pattern: String) throws {
        let regex = try LinearRegex(pattern)
        let alphabet: [Character] = ["a", "b", "c", "d", " "]
        for number in 0..<3125 {
            var rest = number
            let text = String(
                (0..<5).map { _ in
                    defer { rest /= 5 }
                    return alphabet[rest % 5]
                })
            guard let match = regex.firstMatch(in: text) else { continue }
            #expect(match.groups.first == .some(match.range))
        }
    }
}
