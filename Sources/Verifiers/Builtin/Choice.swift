import OrderedCollections
public import TextCore

/// 1 when the answer chooses the right option of a multiple-choice question. `extracted` is the letter.
///
/// An answer chooses, in this order,
/// 1. by being one letter, whatever its case and the marks around it: `b`, `(B)`, `**B**.`;
/// 2. with `allow_text`, by being the text of exactly one option, with or without that option's own letter in front;
/// 3. by its standalone capital letters. Those of the last clause that has any must be one and the same: `A or B` chooses
///    nothing. Clauses end at `.`, `!`, `?`, `;` and line breaks. Bare letters on a row of clauses are a list, which
///    chooses nothing either. `A` and `I` before a word in small letters are words, unless that word is one such as `is`,
///    `or`, `because`.
///
/// A text that chooses nothing is worth 0.
public struct Choice: ImmediateVerifier, SelfTesting {
    public struct Configuration: VerifierConfiguration {
        /// The options' texts, where they are the same for all rows.
        public var options: [String] = []
        /// The options' letters; `nil` is as many of A, B, C … as there are options, or ABCD where they are not known.
        public var letters: String?
        /// Whether the text of an option chooses it.
        public var allowText = true
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("options", \.options, "The options' texts, where they are the same for all rows."),
            .init(
                "letters", \.letters, "The options' letters; A, B, C … by default.",
                allowed: ("2 to 26 different capital letters", { $0.map(Choice.areLetters) ?? true })),
            .init("allow_text", \.allowText, "Whether the text of an option chooses it."),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    /// The right option: its letter, its place from 0, its text, or an object with that as `answer` and the row's texts
    /// as `options`.
    public struct Reference: JSONReadable, Hashable {
        public static let expectation =
            "a letter, a place from 0, the text of an option, or an object with `answer` and `options`"
        /// The letter, place or text.
        public var answer: JSON
        /// The texts of the row's options, where it has its own.
        public var options: [String]?

        public init?(json: JSON) {
            if json.object != nil {
                guard let answer = json["answer"], answer.scalarText != nil,
                    let options = json["options"].flatMap({ [String](json: $0) })
                else { return nil }
                (self.answer, self.options) = (answer, options)
            } else {
                guard json.scalarText != nil else { return nil }
                (answer, options) = (json, nil)
            }
        }
    }

    public static let name = "choice"
    public static let summary = "the answer chooses the right option of a multiple-choice question"
    private let configuration: Configuration

    /// - Throws: `VerifierFailure` when there are not as many letters as options.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        self.configuration = configuration
        let count = configuration.options.count
        guard count == 0 || (2...26).contains(count) else {
            throw VerifierFailure(.configuration, option: "options", "\(count) options; 2 to 26 are possible")
        }
        if let letters = configuration.letters, count > 0, letters.unicodeScalars.count != count {
            throw VerifierFailure(
                .configuration, option: "letters", "\(letters.unicodeScalars.count) letters for \(count) options")
        }
    }

    fileprivate static func areLetters(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        return (2...26).contains(scalars.count) && Set(scalars).count == scalars.count
            && scalars.allSatisfy { ("A"..."Z").contains($0) }
    }

    public func check(_ reference: Reference) throws(VerifierFailure) { _ = try question(reference) }

    private func question(_ reference: Reference) throws(VerifierFailure) -> Question {
        let options = reference.options ?? configuration.options
        let letters = Array((configuration.letters ?? "ABCDEFGHIJKLMNOPQRSTUVWXYZ").unicodeScalars)
        let count = options.isEmpty ? (configuration.letters == nil ? 4 : letters.count) : options.count
        guard count >= 2, count <= letters.count else {
            throw VerifierFailure(.item, "\(count) options; 2 to \(letters.count) are possible")
        }
        var question = Question(
            letters: Array(letters.prefix(count)), options: options.map(Question.normalized), right: 0)
        let place: Int?
        if let number = reference.answer.int {
            place = number
        } else {
            let text = reference.answer.scalarText?.trimmed ?? ""
            place =
                question.letters.firstIndex { String($0) == text } ?? question.place(ofText: text)
                ?? question.bareLetter(text)
        }
        guard let place, question.letters.indices.contains(place) else {
            throw VerifierFailure(
                .item,
                "'\(reference.answer.text())' is no letter, no place from 0, and no text of exactly one of the \(count) options"
            )
        }
        question.right = place
        return question
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        let question = try question(reference)
        let extract = configuration.extract
        guard let answer = extract.text(in: rollout) else { return .fail(note: extract.absence(in: rollout)) }
        let chosen = question.chosen(in: answer, allowText: configuration.allowText)
        guard chosen.count == 1, let place = chosen.first else {
            let letters = chosen.sorted().map { String(question.letters[$0]) }.joined(separator: ", ")
            return .fail(note: chosen.isEmpty ? "the answer chooses nothing" : "the answer is ambiguous: \(letters)")
        }
        return .check(place == question.right, extracted: String(question.letters[place]))
    }

    public func probes(for reference: Reference) -> [VerifierProbe] {
        guard let question = try? question(reference) else { return [] }
        let right = String(question.letters[question.right])
        var probes = TextProbes.probes(gold: [right], extract: configuration.extract, refusesMore: false)
        let letters = question.letters.map { String($0) }
        let other = letters[(question.right + 1) % letters.count]
        for (name, text) in [
            ("all letters", letters.joined(separator: ", ")), ("all letters in lines", letters.joined(separator: "\n")),
            ("two letters", "\(right) or \(other)"), ("another letter", other),
        ] {
            guard let answer = configuration.extract.written(text) else { continue }
            probes.append(VerifierProbe(name, answer: answer, passes: false))
        }
        return probes
    }
}

/// A multiple-choice question.
private struct Question {
    var letters: [Unicode.Scalar]
    /// The options' texts, normalised; empty where they are not known.
    var options: [String]
    var right: Int

    /// Words that may follow the letter A where it is the name of an option.
    private static let wordsAfterLetter: Set<String> = [
        "is", "was", "and", "or", "because", "since", "as", "would", "should", "seems", "but", "than", "nor", "not",
        "has", "are",
    ]
    /// Words that may follow the letter I where it is the name of an option: far fewer, for it is a pronoun.
    private static let wordsAfterI: Set<String> = ["is", "and", "or", "because", "nor"]

    static func normalized(_ text: String) -> String {
        var text = [Normalizer.trim, .collapseWhitespace, .casefold].applied(to: text)
        if text.hasSuffix("."), text.count > 1 { text.removeLast() }
        return text
    }

    /// The options that a text chooses; one, or it chooses none.
    func chosen(in text: String, allowText: Bool) -> Set<Int> {
        if let place = bareLetter(text) { return [place] }
        if allowText, !options.isEmpty {
            let wanted = Self.normalized(text)
            let places = options.indices.filter { options[$0].isSameText(as: wanted) }
            if !places.isEmpty { return Set(places) }
            if let (place, rest) = leadingLetter(of: text), let other = self.place(ofText: rest) {
                return [place, other]
            }
        }
        return lettersInClauses(of: text)
    }

    /// The only option with a text.
    func place(ofText text: String) -> Int? {
        let wanted = Self.normalized(text)
        let places = options.indices.filter { options[$0].isSameText(as: wanted) }
        return places.count == 1 ? places[0] : nil
    }

    /// The option whose letter is all that a text holds besides marks.
    func bareLetter(_ text: String) -> Int? {
        let marks = text.unicodeScalars.filter { !$0.properties.isWhitespace && !$0.isPunctuation && $0 != "$" }
        guard marks.count == 1, let only = marks.first, only.isASCII else { return nil }
        return letters.firstIndex { $0 == only || $0.properties.lowercaseMapping == String(only) }
    }

    /// `B) Rome`, `(B) Rome`, `B: Rome`, `B. Rome` → B and `Rome`.
    private func leadingLetter(of text: String) -> (place: Int, rest: String)? {
        var scalars = Array(text.trimmed.unicodeScalars)
        if scalars.first == "(" { scalars.removeFirst() }
        guard scalars.count > 2, let place = letters.firstIndex(of: scalars[0]),
            [")", ":", "."].contains(scalars[1])
        else { return nil }
        return (place, String(String.UnicodeScalarView(scalars.dropFirst(2))))
    }

    private func lettersInClauses(of text: String) -> Set<Int> {
        let scalars = Array(text.unicodeScalars)
        var chosen: Set<Int> = []
        // From the back, until a clause that is more than a letter.
        var end = scalars.count
        while end > 0 {
            var start = end
            while start > 0, !Self.endsClause(scalars[start - 1]) { start -= 1 }
            let found = standaloneLetters(in: scalars, from: start, to: end)
            if !found.isEmpty {
                let isBare = scalars[start..<end].count(where: \.isWord) == 1
                if !chosen.isEmpty, !isBare { return chosen }
                chosen.formUnion(found)
                if !isBare { return chosen }
            }
            end = start - 1
        }
        return chosen
    }

    private static func endsClause(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "." || scalar == "!" || scalar == "?" || scalar == ";" || scalar == "\n" || scalar == "\r"
    }

    private func standaloneLetters(in scalars: [Unicode.Scalar], from start: Int, to end: Int) -> Set<Int> {
        var found: Set<Int> = []
        for index in start..<max(start, end) {
            guard let place = letters.firstIndex(of: scalars[index]),
                !touches(scalars, index, by: -1), !touches(scalars, index, by: 1),
                !isWordOfItsOwn(scalars, index)
            else { continue }
            found.insert(place)
        }
        return found
    }

    /// Whether a word goes on beside a letter, over a hyphen or an apostrophe too: `A-level`, `I'm`, `plan-B`.
    private func touches(_ scalars: [Unicode.Scalar], _ index: Int, by step: Int) -> Bool {
        guard scalars.indices.contains(index + step) else { return false }
        let neighbour = scalars[index + step]
        if neighbour.isWord { return true }
        guard neighbour == "-" || neighbour == "'" || neighbour == "\u{2019}",
            scalars.indices.contains(index + 2 * step)
        else { return false }
        return scalars[index + 2 * step].isWord
    }

    /// Whether the A at `index` is an article, or the I a pronoun.
    private func isWordOfItsOwn(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
        guard scalars[index] == "A" || scalars[index] == "I", index + 2 < scalars.count, scalars[index + 1] == " ",
            scalars[index + 2].properties.isLowercase
        else { return false }
        let word = scalars[(index + 2)...].prefix(20).prefix { $0.properties.isAlphabetic }
        let known = scalars[index] == "A" ? Self.wordsAfterLetter : Self.wordsAfterI
        return !known.contains(String(String.UnicodeScalarView(word)))
    }
}
