public import TextCore

/// 1 when a pattern matches the answer: somewhere, as a whole, as often as asked, or with a group that is the reference.
///
/// An answer of nothing but white space never passes, whatever the pattern. Matching takes time proportional to the answer whatever the pattern (`LinearRegex` in its Perl syntax).
public struct RegexMatch: ImmediateVerifier, SelfTesting {
    /// How the pattern must match.
    public enum Mode: String, NamedChoice {
        /// Somewhere in the answer.
        case partial
        /// The whole answer, but for white space at both ends.
        case full
        /// As often as `min_count` and `max_count` say.
        case count
        /// The first match's first group, or the match where there is no group, is the reference.
        case capture
    }

    public struct Configuration: VerifierConfiguration {
        /// The pattern; must be given.
        public var pattern = ""
        /// How it must match; `nil` is `count` where a count is given, else `partial`.
        public var mode: Mode?
        /// With `count`, the fewest matches that do; `nil` for 1.
        public var minimumCount: Int?
        /// With `count`, the most matches that do; `nil` for no limit.
        public var maximumCount: Int?
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("pattern", \.pattern, "What the answer must match."),
            .init(
                "mode", \.mode,
                "Whether it must match somewhere, match the whole, match so often, or capture the reference."),
            .init(
                "min_count", \.minimumCount, "With `count`, the fewest matches that do.",
                allowed: ("a whole number of at least 0", { $0.map { $0 >= 0 } ?? true })),
            .init(
                "max_count", \.maximumCount, "With `count`, the most matches that do.",
                allowed: ("a whole number of at least 0", { $0.map { $0 >= 0 } ?? true })),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    public static let name = "regex"
    public static let summary = "a pattern matches the answer, or captures the reference from it"
    private let mode: Mode
    private let counts: ClosedRange<Int>
    private let ignoreCase: Bool
    private let extract: Extraction
    private let regex: LinearRegex

    /// - Throws: `VerifierFailure` when the pattern is missing or malformed, or the counts contradict each other.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        guard !configuration.pattern.isEmpty else {
            throw VerifierFailure(.configuration, option: "pattern", "a pattern must be given, such as \"^yes\"")
        }
        let isCounted = configuration.minimumCount != nil || configuration.maximumCount != nil
        let mode = configuration.mode ?? (isCounted ? .count : .partial)
        guard mode == .count || !isCounted else {
            throw VerifierFailure(
                .configuration, option: configuration.minimumCount == nil ? "max_count" : "min_count",
                "matches are counted with `mode: count` only, not with `\(mode.rawValue)`")
        }
        let fewest = configuration.minimumCount ?? 1
        let most = configuration.maximumCount ?? .max
        guard fewest <= most else {
            throw VerifierFailure(.configuration, option: "max_count", "\(most) is less than min_count, \(fewest)")
        }
        counts = fewest...most
        var pattern = configuration.pattern
        do throws(RegexError) {
            // The pattern alone comes first, so that an error names a place in what the user wrote.
            _ = try LinearRegex(pattern)
            if mode == .full { pattern = "\\A(?:\(pattern))\\z" }
            if configuration.ignoreCase { pattern = "(?i:\(pattern))" }
            regex = try LinearRegex(pattern)
        } catch {
            throw VerifierFailure(.configuration, option: "pattern", error.description)
        }
        self.mode = mode
        ignoreCase = configuration.ignoreCase
        extract = configuration.extract
    }

    /// The text that is to be captured; rows of the other modes need none.
    public struct Reference: JSONReadable, Hashable {
        public static let expectation = "a string, a list of strings, or nothing"
        /// The texts any of which will do; `nil` when the row names none.
        public var anyOf: AnyOf?

        public init?(json: JSON) {
            anyOf = AnyOf(json: json)
            guard anyOf != nil || json.isNull else { return nil }
        }
    }

    public func check(_ reference: Reference) throws(VerifierFailure) {
        if mode == .capture, reference.anyOf == nil {
            throw VerifierFailure(.item, "mode capture compares with a reference, and the row has none")
        }
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        guard let answer = extract.text(in: rollout) else { return .fail(note: extract.absence(in: rollout)) }
        guard !answer.trimmed.isEmpty else { return .fail(note: "the answer is empty") }
        switch mode {
        case .full:
            let text = answer.trimmed
            return .check(regex.matches(anywhereIn: text), extracted: text)
        case .partial:
            let match = regex.firstMatch(in: answer)
            return .check(match != nil, extracted: match.flatMap { text(answer, at: $0.range) })
        case .count:
            let matches = regex.matches(in: answer)
            return .check(
                counts.contains(matches.count), extracted: matches.first.flatMap { text(answer, at: $0) },
                note: "\(matches.count) matches")
        case .capture:
            guard let match = regex.firstMatch(in: answer) else { return .fail(note: "the pattern does not match") }
            let range = regex.groupCount > 0 ? match.groups.dropFirst().first.flatMap { $0 } : match.range
            guard let range, let captured = text(answer, at: range) else {
                return .fail(note: "the pattern matches without its first group")
            }
            let normalizers: [Normalizer] = ignoreCase ? [.trim, .casefold] : [.trim]
            let wanted = (reference.anyOf?.texts ?? []).map { normalizers.applied(to: $0) }
            let found = normalizers.applied(to: captured)
            return .check(wanted.contains { $0.isSameText(as: found) }, extracted: captured)
        }
    }

    public func probes(for reference: Reference) -> [VerifierProbe] {
        // What a pattern matches is not known from it; a captured text by itself often is, and is tried where it is.
        let texts = mode == .capture ? reference.anyOf?.texts ?? [] : []
        let gold = texts.filter {
            !$0.trimmed.isEmpty && (try? verify(Rollout($0), against: reference))?.score?.value == 1
        }
        return TextProbes.probes(gold: gold, extract: extract, refusesMore: false)
    }

    private func text(_ answer: String, at bytes: Range<Int>) -> String? {
        String(validating: Array(answer.utf8)[bytes], as: UTF8.self)
    }
}
