import OrderedCollections
import TextCore

/// 1 when the one label in the answer is the reference. `extracted` is the label, for tables by class.
///
/// The label is looked for in the answer, or in the value at `field` when the answer is JSON. Runs of white space do
/// not count, nor does case unless asked for. With a list of labels and `match: find`, the labels are found at word
/// boundaries, the longest first at each place, and an answer that names two different ones is wrong (with
/// `exclusive: false` the last one counts); with `match: whole` the text must be one label and nothing else. Aliases are
/// found like labels and count as the label they stand for.
///
/// A wrong label is worth 0, or what `partial` says. `ordinal`: 1 - |i - j| / (K - 1) for the places i and j in the list
/// of K labels. `hierarchical`: labels are paths such as `animal/dog`, and the value is the number of parts that both
/// share from the front, over that of the longer. The value is multiplied by the reference's weight where `weights` has
/// one. Only the right label passes.
public struct Label: ImmediateVerifier, SelfTesting {
    /// Where in the text the label is.
    public enum Match: String, NamedChoice {
        /// The whole text is the label.
        case whole
        /// The label stands somewhere in the text.
        case find
    }

    /// What a wrong label is worth.
    public enum Partial: String, NamedChoice {
        /// Nothing.
        case none
        /// The more, the nearer both are in the list of labels.
        case ordinal
        /// The more, the more parts of the path both share.
        case hierarchical
    }

    public struct Configuration: VerifierConfiguration {
        /// The labels that there are; empty when any text is one.
        public var labels: [String] = []
        /// Other names for labels: name → label.
        public var aliases = NamedValues<String>()
        /// The path of the label when the answer is JSON, such as `intent` or `result.intent`.
        public var field: String?
        /// Where the label is; `nil` is `find` with a list of labels and without a field, else `whole`.
        public var match: Match?
        /// Whether an answer with two different labels is wrong; else the last one counts.
        public var exclusive = true
        /// What a wrong label is worth.
        public var partial = Partial.none
        /// What parts the path of a label, with `partial: hierarchical`.
        public var separator = "/"
        /// What each reference's value is multiplied by, in [0, 1]; 1 for labels left out.
        public var weights = NamedValues<Double>()
        /// Whether capital and small letters are alike.
        public var ignoreCase = true
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("labels", \.labels, "The labels that there are; without them any text is one."),
            .init("aliases", \.aliases, "Other names for labels, such as {\"money back\": refund}."),
            .init("field", \.field, "The path of the label when the answer is JSON, such as `intent`."),
            .init(
                "match", \.match,
                "Whether the whole text is the label, or it is found in the text (the default with `labels`)."),
            .init("exclusive", \.exclusive, "Whether two different labels are wrong; else the last one counts."),
            .init("partial", \.partial, "What a wrong label is worth: nothing, or by the order or the path of labels."),
            .init(
                "separator", \.separator, "What parts the path of a label, with `partial: hierarchical`.",
                allowed: ("a text that is not empty", { !$0.isEmpty })),
            .init(
                "weights", \.weights, "What each reference's value is multiplied by.",
                allowed: (
                    "an object, each value a number from 0 to 1",
                    { $0.values.values.allSatisfy { (0...1).contains($0) } }
                )),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    public static let name = "label"
    public static let summary = "the one label in the answer is the reference"

    private let configuration: Configuration
    private let labels: LabelSet
    private let path: [String]?
    private let match: Match
    /// Normalised label → weight.
    private let weights: [ScalarText: Double]

    /// - Throws: `VerifierFailure` when labels are empty or alike, or there is nothing to find.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        let labels = try LabelSet(
            configuration.labels, aliases: configuration.aliases.values, ignoreCase: configuration.ignoreCase)
        let isOpen = configuration.labels.isEmpty
        match = configuration.match ?? (isOpen || configuration.field != nil ? .whole : .find)
        guard match == .whole || !isOpen else {
            throw VerifierFailure(.configuration, option: "match", "`find` needs `labels`, or there is nothing to find")
        }
        if configuration.partial == .ordinal, configuration.labels.count < 2 {
            throw VerifierFailure(
                .configuration, option: "partial", "`ordinal` needs `labels` in their order, at least two")
        }
        path = try configuration.field.map { (field: String) throws(VerifierFailure) in try Self.path(field) }
        var weights: [ScalarText: Double] = [:]
        for (label, weight) in configuration.weights.values {
            guard isOpen || labels.place(of: label) != nil else {
                throw VerifierFailure(.configuration, option: "weights", "'\(label)' is none of the labels")
            }
            weights[ScalarText(labels.normalized(label))] = weight
        }
        self.weights = weights
        self.labels = labels
        self.configuration = configuration
    }

    private static func path(_ field: String) throws(VerifierFailure) -> [String] {
        let parts = field.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let path = parts.first == "$" ? Array(parts.dropFirst()) : parts
        guard !path.isEmpty, !path.contains("") else {
            throw VerifierFailure(.configuration, option: "field", "'\(field)' is no path such as `intent` or `a.b`")
        }
        return path
    }

    private var isOpen: Bool { labels.labels.isEmpty }

    public func check(_ reference: AnyOf) throws(VerifierFailure) {
        for text in reference.texts {
            let label = expected(text)
            if isOpen ? labels.normalized(label).isEmpty : labels.place(of: label) == nil {
                let near = nearestName(to: label, among: labels.labels.sorted())
                throw VerifierFailure(
                    .item,
                    "the reference '\(text)' is none of the labels." + (near.map { " Did you mean '\($0)'?" } ?? ""))
            }
        }
    }

    public func verify(_ rollout: Rollout, against reference: AnyOf) throws(VerifierFailure) -> Verdict {
        let extract = configuration.extract
        guard let answer = extract.text(in: rollout) else { return .fail(note: extract.absence(in: rollout)) }
        var text = answer
        if let path {
            guard let json = try? JSON(parsing: answer) else { return .fail(note: "the answer is not JSON") }
            guard let value = Self.value(of: json, at: path) else {
                return .fail(note: "the answer has no text at '\(path.joined(separator: "."))'")
            }
            text = value
        }
        let found = found(in: text)
        guard let label = found.last, found.count == 1 || !configuration.exclusive else {
            return .fail(note: found.isEmpty ? "no label in the answer" : "the answer names \(found.count) labels")
        }
        var best: (value: Double, passed: Bool) = (0, false)
        for wanted in reference.texts.map(canonical) {
            let passed = labels.normalized(wanted).isSameText(as: labels.normalized(label))
            let value = (passed ? 1 : partial(label, wanted)) * (weights[ScalarText(labels.normalized(wanted))] ?? 1)
            if (passed && !best.passed) || (passed == best.passed && value > best.value) { best = (value, passed) }
        }
        return .score(Score(best.value, passed: best.passed, extracted: label))
    }

    /// What `label` is worth where another is wanted.
    private func partial(_ label: String, _ wanted: String) -> Double {
        switch configuration.partial {
        case .none: return 0
        case .ordinal:
            guard let first = labels.place(of: label), let second = labels.place(of: wanted) else { return 0 }
            return 1 - Double(abs(first - second)) / Double(labels.labels.count - 1)
        case .hierarchical:
            let first = parts(of: label)
            let second = parts(of: wanted)
            let shared = zip(first, second).prefix { $0.isSameText(as: $1) }.count
            return Double(shared) / Double(max(first.count, second.count))
        }
    }

    private func parts(of label: String) -> [String] {
        label.split(separator: configuration.separator, omittingEmptySubsequences: false)
            .map { labels.normalized(String($0)) }
    }

    /// A reference as the label it is: read by the path where it is itself a JSON answer, an alias replaced.
    private func canonical(_ reference: String) -> String {
        let label = expected(reference)
        return labels.place(of: label).map { labels.labels[$0] } ?? label
    }

    private func expected(_ reference: String) -> String {
        guard let path, let json = try? JSON(parsing: reference), json.object != nil else { return reference }
        return Self.value(of: json, at: path) ?? reference
    }

    private static func value(of json: JSON, at path: [String]) -> String? {
        path.reduce(Optional(json)) { $0?[$1] }?.scalarText
    }

    /// The different labels in a text, the one named last being the last.
    private func found(in text: String) -> [String] {
        if match == .find { return labels.places(in: text).map { labels.labels[$0] } }
        if isOpen { return labels.normalized(text).isEmpty ? [] : [text.trimmed] }
        return labels.place(of: text).map { [labels.labels[$0]] } ?? []
    }

    public func probes(for reference: AnyOf) -> [VerifierProbe] {
        let gold = reference.texts.map { written(canonical($0)) }
        // Behind a right label that is found, words do not make it wrong.
        var probes = TextProbes.probes(gold: gold, extract: configuration.extract, refusesMore: match == .whole)
        let every = labels.labels.joined(separator: ", ")
        if labels.labels.count > 1, configuration.exclusive, let answer = configuration.extract.written(written(every))
        {
            probes.append(VerifierProbe("all labels", answer: answer, passes: false))
        }
        return probes
    }

    /// A label as the answer that holds it at the path.
    private func written(_ label: String) -> String {
        guard let path else { return label }
        return path.reversed().reduce(JSON.string(label)) { JSON.object([$1: $0]) }.text()
    }
}
