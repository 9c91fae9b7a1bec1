public import TextCore

/// 1 when a pattern matches the answer: as often as asked, or with a group that is the reference.
///
/// Matching takes time proportional to the answer whatever the pattern (`LinearRegex` in its Perl syntax).
public struct RegexMatch: ImmediateVerifier {
    /// How the pattern must match.
    public enum Mode: String, NamedChoice {
        /// Somewhere in the answer.
        case search
        /// The whole answer, but for white space at both ends.
        case full
        /// The first match's first group, or the match where there is no group, is the reference.
        case capture
    }

    public struct Configuration: VerifierConfiguration {
        /// The pattern; must be given.
        public var pattern = ""
        /// How it must match.
        public var mode = Mode.search
        /// With `search`, the fewest matches that do, at least 1.
        public var minimumCount = 1
        /// With `search`, the most matches that do; `nil` for no limit.
        public var maximumCount: Int?
        /// Whether capital and small letters are alike.
        public var ignoreCase = false
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("pattern", \.pattern, "What the answer must match."),
            .init("mode", \.mode, "Whether it must match somewhere, match the whole, or capture the reference."),
            .init(
                "min_count", \.minimumCount, "With `search`, the fewest matches that do.",
                allowed: ("a whole number of at least 0", { $0 >= 0 })),
            .init(
                "max_count", \.maximumCount, "With `search`, the most matches that do.",
                allowed: ("a whole number of at least 0", { $0.map { $0 >= 0 } ?? true })),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
        ]
    }

    public static let name = "regex"
    public static let summary = "a pattern matches the answer, or captures the reference from it"
    private let configuration: Configuration
    private let regex: LinearRegex

    /// - Throws: `VerifierFailure` when the pattern is missing or malformed, or the counts contradict each other.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        guard !configuration.pattern.isEmpty else {
            throw VerifierFailure(.configuration, option: "pattern", "a pattern must be given, such as \"^yes\"")
        }
        if let most = configuration.maximumCount, most < configuration.minimumCount {
            throw VerifierFailure(
                .configuration, option: "max_count", "\(most) is less than min_count, \(configuration.minimumCount)")
        }
        var pattern = configuration.pattern
        do throws(RegexError) {
            // The pattern alone comes first, so that an error names a place in what the user wrote.
            _ = try LinearRegex(pattern)
            if configuration.mode == .full { pattern = "\\A(?:\(pattern))\\z" }
            if configuration.ignoreCase { pattern = "(?i:\(pattern))" }
            regex = try LinearRegex(pattern)
        } catch {
            throw VerifierFailure(.configuration, option: "pattern", error.description)
        }
        self.configuration = configuration
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
        if configuration.mode == .capture, reference.anyOf == nil {
            throw VerifierFailure(.item, "mode capture compares with a reference, and the row has none")
        }
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        guard let answer = rollout.answerText else { return .fail(note: "the reasoning never ended") }
        switch configuration.mode {
        case .full:
            let text = answer.trimmed
            return .check(regex.matches(anywhereIn: text), extracted: text)
        case .search:
            let matches = regex.matches(in: answer)
            let most = configuration.maximumCount ?? .max
            return .check(
                matches.count >= configuration.minimumCount && matches.count <= most,
                extracted: matches.first.flatMap { text(answer, at: $0) }, note: "\(matches.count) matches")
        case .capture:
            guard let match = regex.firstMatch(in: answer) else { return .fail(note: "the pattern does not match") }
            let range = regex.groupCount > 0 ? match.groups.dropFirst().first.flatMap { $0 } : match.range
            guard let range, let captured = text(answer, at: range) else {
                return .fail(note: "the pattern matches without its first group")
            }
            let normalizers: [Normalizer] = configuration.ignoreCase ? [.trim, .casefold] : [.trim]
            let wanted = (reference.anyOf?.texts ?? []).map { normalizers.applied(to: $0) }
            let found = normalizers.applied(to: captured)
            return .check(wanted.contains { $0.isSameText(as: found) }, extracted: captured)
        }
    }

    private func text(_ answer: String, at bytes: Range<Int>) -> String? {
        String(validating: Array(answer.utf8)[bytes], as: UTF8.self)
    }
}
