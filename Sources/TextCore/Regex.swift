/// Why a pattern is no regular expression that `LinearRegex` runs, and where.
public struct RegexError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, in one clause.
    public let message: String
    /// Scalars of the pattern before the offending one.
    public let position: Int
    /// The pattern.
    public let pattern: String

    public var description: String {
        "\(message) (at character \(position + 1) of the pattern \(pattern.clipped(to: 200)))"
    }
}

/// A regular expression that matches in time proportional to the text, whatever the text and the pattern.
///
/// Matching finds what a backtracking matcher finds first: the leftmost match, and of those that start there the one
/// that earlier branches and greedy repetitions prefer. Understood are alternation, groups (plain, named,
/// `(?:…)`, `(?i:…)`, `(?i)`), classes with ranges and negation, `\p{…}` with general categories, `\s \d \w` and their
/// negations over all of Unicode, `? * + {m,n}` greedy, lazy and (of one class) possessive, `^ $ \A \z \b \B`, and
/// lookahead at one scalar such as `(?!\S)`. Back-references, lookbehind and longer lookahead are errors.
/// The machine's program is at most 20,000 instructions.
public struct LinearRegex: Sendable {
    /// Where dialects differ.
    public enum Syntax: Sendable {
        /// As Perl, Python and most others: `^` and `$` are the ends of the text (of a line after `(?m)`),
        /// `{m,n}+` is possessive, `(?s)` lets `.` match a newline.
        case perl
        /// As Oniguruma's Ruby syntax, which Hugging Face tokenizers use: `^` and `$` are the ends of a line,
        /// `{m,n}+` repeats a repetition, `(?m)` lets `.` match a newline, classes nest and intersect with `&&`.
        case oniguruma
    }

    /// A place where the pattern matches, in bytes of the UTF-8 text.
    public struct Match: Sendable, Hashable {
        /// The bytes that matched.
        public let range: Range<Int>
        /// The bytes of each group, the whole match first; `nil` for a group that took no part.
        public let groups: [Range<Int>?]
    }

    /// The pattern this was made from.
    public let pattern: String
    /// Groups that capture, not counting the whole match.
    public let groupCount: Int
    private let program: RegexProgram
    private let automaton: RegexAutomaton?

    /// Compiles `pattern`.
    ///
    /// - Throws: `RegexError` for a pattern that is malformed, unsupported or too large.
    public init(_ pattern: String, syntax: Syntax = .perl) throws(RegexError) {
        var parser = RegexParser(pattern: pattern, syntax: syntax)
        let node = try parser.parse()
        self.pattern = pattern
        groupCount = parser.captureCount
        program = try RegexProgram(node, captureCount: parser.captureCount, parser: parser)
        automaton = RegexAutomaton(program)
    }

    /// The leftmost match at or after byte `start`, with its groups.
    public func firstMatch(in text: String, from start: Int = 0) -> Match? {
        var text = text
        return text.withUTF8 { firstMatch(in: $0, from: start) }
    }

    /// The leftmost match at or after byte `start` of UTF-8 text, with its groups.
    ///
    /// - Precondition: `0 <= start <= bytes.count`.
    public func firstMatch(in bytes: UnsafeBufferPointer<UInt8>, from start: Int = 0) -> Match? {
        precondition((0...bytes.count).contains(start), "start \(start) is not in 0...\(bytes.count)")
        var searcher = Searcher(regex: self, bytes: bytes)
        guard let range = searcher.firstRange(from: start) else { return nil }
        guard groupCount > 0 else { return Match(range: range, groups: [range]) }
        var machine = RegexMachine(program: program, bytes: bytes, slotCount: program.slotCount)
        guard let slots = machine.match(from: range.lowerBound, anchored: true) else {
            preconditionFailure("the automaton and the machine disagree on \(pattern)")
        }
        let groups = (0...groupCount).map { group -> Range<Int>? in
            let (first, last) = (slots[2 * group], slots[2 * group + 1])
            return first >= 0 && last >= first ? first..<last : nil
        }
        return Match(range: range, groups: groups)
    }

    /// All matches from left to right that do not overlap, as bytes of the text's UTF-8.
    ///
    /// An empty match right after another match is left out.
    public func matches(in text: String) -> [Range<Int>] {
        var text = text
        return text.withUTF8 { matches(in: $0) }
    }

    /// All matches from left to right that do not overlap, in UTF-8 text (see `matches(in:)` for `String`).
    public func matches(in bytes: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        var searcher = Searcher(regex: self, bytes: bytes)
        var ranges: [Range<Int>] = []
        var position = 0
        while position <= bytes.count, let range = searcher.firstRange(from: position) {
            if !range.isEmpty {
                ranges.append(range)
                position = range.upperBound
                continue
            }
            if ranges.last?.upperBound != range.lowerBound { ranges.append(range) }
            let width = program.classes.next(in: bytes, at: range.upperBound).width
            position = range.upperBound + max(width, 1)
        }
        return ranges
    }

    /// Whether the pattern matches anywhere in `text`.
    public func matches(anywhereIn text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var searcher = Searcher(regex: self, bytes: bytes)
            return searcher.firstRange(from: 0) != nil
        }
    }

    /// One pass over one text; what it learns about vain attempts serves the later ones.
    private struct Searcher {
        let regex: LinearRegex
        let bytes: UnsafeBufferPointer<UInt8>
        var failures = RegexAutomaton.Failures()

        init(regex: LinearRegex, bytes: UnsafeBufferPointer<UInt8>) {
            self.regex = regex
            self.bytes = bytes
        }

        mutating func firstRange(from start: Int) -> Range<Int>? {
            guard let automaton = regex.automaton else {
                var machine = RegexMachine(program: regex.program, bytes: bytes, slotCount: 2)
                return machine.match(from: start, anchored: false).map { $0[0]..<$0[1] }
            }
            var position = start
            while position <= bytes.count {
                if let end = automaton.matchEnd(
                    in: bytes, from: position, program: regex.program, failures: &failures)
                {
                    return position..<end
                }
                position += max(regex.program.classes.next(in: bytes, at: position).width, 1)
            }
            return nil
        }
    }
}
