import TextCore

/// 1 when the one label in the answer is the reference. `extracted` is the label, for tables by class.
///
/// The label is looked for in the answer, or in the value at `field` when the answer is JSON. Runs of white space do
/// not count, nor does case unless asked for. With a list of labels and `match: find`, the labels are found at word boundaries, the longest
/// first at each place, and an answer that names two different ones is wrong; with `match: whole` the text must be one
/// label and nothing else.
public struct Label: ImmediateVerifier {
    /// Where in the text the label is.
    public enum Match: String, NamedChoice {
        /// The whole text is the label.
        case whole
        /// The label stands somewhere in the text.
        case find
    }

    public struct Configuration: VerifierConfiguration {
        /// The labels that there are; empty when any text is one.
        public var labels: [String] = []
        /// The path of the label when the answer is JSON, such as `intent` or `result.intent`.
        public var field: String?
        /// Where the label is; `nil` is `find` with a list of labels and without a field, else `whole`.
        public var match: Match?
        /// Whether capital and small letters are alike.
        public var ignoreCase = true
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("labels", \.labels, "The labels that there are; without them any text is one."),
            .init("field", \.field, "The path of the label when the answer is JSON, such as `intent`."),
            .init(
                "match", \.match,
                "Whether the whole text is the label, or it is found in the text (the default with `labels`)."),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
        ]
    }

    public static let name = "label"
    public static let summary = "the one label in the answer is the reference"

    private let path: [String]?
    private let match: Match
    private let normalizers: [Normalizer]
    /// Normalised label → the label as it was written.
    private let canonical: [String: String]
    /// Normalised labels, the longest first.
    private let byLength: [[Unicode.Scalar]]

    /// - Throws: `VerifierFailure` when labels are empty or alike, or there is nothing to find.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        let normalizers: [Normalizer] = [.trim, .collapseWhitespace] + (configuration.ignoreCase ? [.casefold] : [])
        var canonical: [String: String] = [:]
        for label in configuration.labels {
            let key = normalizers.applied(to: label)
            guard !key.isEmpty else { throw VerifierFailure(.configuration, option: "labels", "a label is empty") }
            if let other = canonical.updateValue(label, forKey: key) {
                throw VerifierFailure(
                    .configuration, option: "labels",
                    "'\(other)' and '\(label)' are the same label: runs of white space do not count"
                        + (configuration.ignoreCase ? ", nor does case" : ""))
            }
        }
        let asked = configuration.match ?? (canonical.isEmpty || configuration.field != nil ? .whole : .find)
        guard asked == .whole || !canonical.isEmpty else {
            throw VerifierFailure(.configuration, option: "match", "`find` needs `labels`, or there is nothing to find")
        }
        if let field = configuration.field {
            let parts = field.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            path = parts.first == "$" ? Array(parts.dropFirst()) : parts
            guard let path, !path.isEmpty, !path.contains("") else {
                throw VerifierFailure(
                    .configuration, option: "field", "'\(field)' is no path such as `intent` or `a.b`")
            }
        } else {
            path = nil
        }
        self.normalizers = normalizers
        self.canonical = canonical
        match = asked
        byLength = canonical.keys.map { Array($0.unicodeScalars) }.sorted { first, second in
            first.count != second.count
                ? first.count > second.count : first.lexicographicallyPrecedes(second) { $0.value < $1.value }
        }
    }

    public func check(_ reference: AnyOf) throws(VerifierFailure) {
        for text in reference.texts {
            let label = normalized(expected(text))
            if canonical.isEmpty ? label.isEmpty : canonical[label] == nil {
                let near = nearestName(to: expected(text), among: canonical.values.sorted())
                throw VerifierFailure(
                    .item,
                    "the reference '\(text)' is none of the labels." + (near.map { " Did you mean '\($0)'?" } ?? ""))
            }
        }
    }

    public func verify(_ rollout: Rollout, against reference: AnyOf) throws(VerifierFailure) -> Verdict {
        guard let answer = rollout.answerText else { return .fail(note: "the reasoning never ended") }
        var text = answer
        if let path {
            guard let json = try? JSON(parsing: answer) else { return .fail(note: "the answer is not JSON") }
            guard let value = Self.value(of: json, at: path) else {
                return .fail(note: "the answer has no text at '\(path.joined(separator: "."))'")
            }
            text = value
        }
        let found = labels(in: text)
        guard found.count == 1 else {
            return .fail(note: found.isEmpty ? "no label in the answer" : "the answer names \(found.count) labels")
        }
        let wanted = reference.texts.map { normalized(expected($0)) }
        return .check(wanted.contains { $0.isSameText(as: normalized(found[0])) }, extracted: found[0])
    }

    /// A reference that is itself a JSON answer is read by the same path.
    private func expected(_ reference: String) -> String {
        guard let path, let json = try? JSON(parsing: reference), json.object != nil else { return reference }
        return Self.value(of: json, at: path) ?? reference
    }

    private static func value(of json: JSON, at path: [String]) -> String? {
        path.reduce(Optional(json)) { $0?[$1] }?.scalarText
    }

    private func normalized(_ text: String) -> String { normalizers.applied(to: text) }

    /// The different labels in a text, in the order of their first places.
    private func labels(in text: String) -> [String] {
        let wholeText = normalized(text)
        if match == .whole {
            if canonical.isEmpty { return wholeText.isEmpty ? [] : [text.trimmed] }
            return canonical[wholeText].map { [$0] } ?? []
        }
        let scalars = Array(wholeText.unicodeScalars)
        var found: [String] = []
        var place = 0
        while place < scalars.count {
            guard let label = byLength.first(where: { stands($0, at: place, in: scalars, wholeWords: true) }) else {
                place += 1
                continue
            }
            let name = canonical[String(String.UnicodeScalarView(label))] ?? ""
            if !found.contains(name) { found.append(name) }
            place += label.count
        }
        return found
    }
}
