import OrderedCollections
public import TextCore

/// How far the set of labels in the answer is the reference's set.
///
/// The answer is a JSON list, or labels parted by commas, semicolons or line breaks; with `match: find` the known labels
/// are found in it at word boundaries. Runs of white space do not count, nor does case unless asked for; a label that is
/// named twice counts once, and one that is not in the list of labels counts as a wrong one. With s labels shared, a in
/// the answer and r in the reference, `f1` is 2s / (a + r), `jaccard` s / (a + r - s), and `exact` 1 where the sets are
/// the same. Nothing asked for and nothing named is worth 1. Only the same set passes.
public struct MultilabelF1: ImmediateVerifier, SelfTesting {
    /// How two sets are compared.
    public enum Mode: String, NamedChoice {
        case f1
        case jaccard
        case exact
    }

    /// How the answer names its labels.
    public enum Match: String, NamedChoice {
        /// Each part of a list is a label.
        case list
        /// The known labels are found in the text.
        case find
    }

    public struct Configuration: VerifierConfiguration {
        /// How the sets are compared.
        public var mode = Mode.f1
        /// The labels that there are; empty when any text is one.
        public var labels: [String] = []
        /// Other names for labels: name → label.
        public var aliases = NamedValues<String>()
        /// How the answer names its labels.
        public var match = Match.list
        /// Whether capital and small letters are alike.
        public var ignoreCase = true
        /// Where the answer stands.
        public var extract = Extraction.answer
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("mode", \.mode, "Whether F1, the Jaccard index, or only the exact set counts."),
            .init("labels", \.labels, "The labels that there are; without them any text is one."),
            .init("aliases", \.aliases, "Other names for labels, such as {\"money back\": refund}."),
            .init("match", \.match, "Whether the answer is a list of labels, or they are found in the text."),
            .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
            .init("extract", \.extract, "Where the answer stands."),
        ]
    }

    /// The labels of a row, perhaps none: a list of texts, or one text that is read like an answer.
    public struct Reference: JSONReadable, Hashable {
        public static let expectation = "a list of labels, or a text such as `red, blue`"
        /// The labels, or the one text.
        public var texts: [String]
        /// Whether the texts are labels already.
        public var isList: Bool

        public init?(json: JSON) {
            if let elements = json.array {
                texts = elements.compactMap(\.scalarText)
                isList = true
                guard texts.count == elements.count else { return nil }
            } else {
                guard let text = json.string else { return nil }
                texts = [text]
                isList = false
            }
        }
    }

    public static let name = "multilabel_f1"
    public static let summary = "the labels in the answer are the reference's (F1, Jaccard or exact)"
    private let configuration: Configuration
    private let labels: LabelSet

    /// - Throws: `VerifierFailure` when labels are empty or alike, or there is nothing to find.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        guard configuration.match == .list || !configuration.labels.isEmpty else {
            throw VerifierFailure(.configuration, option: "match", "`find` needs `labels`, or there is nothing to find")
        }
        labels = try LabelSet(
            configuration.labels, aliases: configuration.aliases.values, ignoreCase: configuration.ignoreCase)
        self.configuration = configuration
    }

    public func check(_ reference: Reference) throws(VerifierFailure) {
        guard !labels.labels.isEmpty else { return }
        let texts = reference.isList ? reference.texts : reference.texts.flatMap(parts)
        for text in texts where labels.place(of: text) == nil {
            let near = nearestName(to: text, among: labels.labels.sorted())
            throw VerifierFailure(
                .item, "the reference '\(text)' is none of the labels." + (near.map { " Did you mean '\($0)'?" } ?? ""))
        }
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        let extract = configuration.extract
        guard let answer = extract.text(in: rollout) else { return .fail(note: extract.absence(in: rollout)) }
        let named = named(in: answer)
        let wanted = wanted(reference)
        let shared = named.intersection(wanted).count
        let isSame = named == wanted
        let value: Double =
            if isSame { 1 } else {
                switch configuration.mode {
                case .f1: Double(2 * shared) / Double(named.count + wanted.count)
                case .jaccard: Double(shared) / Double(named.count + wanted.count - shared)
                case .exact: 0
                }
            }
        return .score(
            Score(
                value, passed: isSame,
                parts: [
                    "precision": named.isEmpty ? (wanted.isEmpty ? 1 : 0) : Double(shared) / Double(named.count),
                    "recall": wanted.isEmpty ? (named.isEmpty ? 1 : 0) : Double(shared) / Double(wanted.count),
                ], extracted: named.sorted().map(\.text).joined(separator: ", ")))
    }

    private func wanted(_ reference: Reference) -> Set<ScalarText> {
        let texts = reference.isList ? reference.texts : reference.texts.flatMap(parts)
        return Set(texts.map(canonical).filter { !$0.isEmpty }.map { ScalarText($0) })
    }

    private func named(in answer: String) -> Set<ScalarText> {
        switch configuration.match {
        case .find: Set(labels.places(in: answer).map { ScalarText(labels.labels[$0]) })
        case .list: Set(parts(answer).map { ScalarText(canonical($0)) })
        }
    }

    /// The label that a text is, or the text normalised.
    private func canonical(_ text: String) -> String {
        labels.place(of: text).map { labels.labels[$0] } ?? labels.normalized(text)
    }

    /// The parts of a list that are not empty.
    private func parts(_ text: String) -> [String] {
        if let elements = (try? JSON(parsing: text))?.array {
            // What is no text in a list of labels is a wrong one.
            return elements.map { $0.scalarText ?? $0.text() }.filter { !$0.trimmed.isEmpty }
        }
        return text.unicodeScalars.split { $0 == "," || $0 == ";" || $0 == "\n" || $0 == "\r" }
            .map { String($0).trimmed }.filter { !$0.isEmpty }
    }

    public func probes(for reference: Reference) -> [VerifierProbe] {
        let wanted = wanted(reference).sorted().map(\.text)
        let gold = configuration.match == .list ? JSON.array(wanted.map { .string($0) }).text() : nil
        var probes = TextProbes.probes(
            gold: [gold ?? wanted.joined(separator: ", ")], extract: configuration.extract, refusesMore: false)
        if wanted.isEmpty {
            probes.removeAll { !$0.passes }
        } else if let answer = configuration.extract.written(
            (wanted + ["something else"]).joined(separator: ", ")),
            configuration.match == .list
        {
            probes.append(VerifierProbe("gold and more", answer: answer, passes: false))
        }
        if wanted.count < labels.labels.count,
            let answer = configuration.extract.written(labels.labels.joined(separator: ", "))
        {
            probes.append(VerifierProbe("all labels", answer: answer, passes: false))
        }
        return probes
    }
}
