/// The options of the verifiers that compare texts scalar by scalar.
public struct EditConfiguration: VerifierConfiguration {
    /// What is done to both texts first, in this order.
    public var normalize: [Normalizer] = [.trim]
    /// Whether capital and small letters are alike.
    public var ignoreCase = false
    /// The least value that passes.
    public var passAt: Double?
    /// Where the answer stands.
    public var extract = Extraction.answer
    public init() {}

    public static let options: [ConfigurationOption<Self>] = [
        .init("normalize", \.normalize, "What is done to both texts first, in this order."),
        .init("ignore_case", \.ignoreCase, "Whether capital and small letters are alike."),
        .init("pass_at", \.passAt, PassMark.summary, allowed: PassMark.allowed),
        .init("extract", \.extract, "Where the answer stands."),
    ]

    func scalars(_ text: String) -> [Unicode.Scalar] {
        let normalizers = normalize + (ignoreCase ? [.casefold] : [])
        return Array(normalizers.applied(to: text).unicodeScalars)
    }
}

/// The Levenshtein ratio of answer and reference: 1 - d / max(|a|, |b|), with d the insertions, deletions and
/// substitutions of scalars that turn one into the other. The best of the references counts.
public struct EditSimilarity: TextSimilarity {
    public typealias Configuration = EditConfiguration
    public static let name = "edit"
    public static let summary = "how few edits turn the answer into the reference (Levenshtein ratio)"
    private let configuration: EditConfiguration
    var extract: Extraction { configuration.extract }
    var passAt: Double? { configuration.passAt }

    public init(_ configuration: EditConfiguration) { self.configuration = configuration }

    func isUsable(_ reference: String) -> Bool { !configuration.scalars(reference).isEmpty }

    func similarity(of answer: String, to references: [String]) -> Double {
        let mine = configuration.scalars(answer)
        return references.map { reference in
            let other = configuration.scalars(reference)
            let distance = BitParallel(other).editDistance(to: mine)
            return 1 - Double(distance) / Double(max(mine.count, other.count, 1))
        }.max() ?? 0
    }
}

/// RapidFuzz's `ratio` of answer and reference, divided by 100: 1 - d / (|a| + |b|), with d the insertions and deletions
/// of scalars that turn one into the other. The best of the references counts.
public struct FuzzyMatch: TextSimilarity {
    public typealias Configuration = EditConfiguration
    public static let name = "fuzzy"
    public static let summary =
        "how few insertions and deletions turn the answer into the reference (RapidFuzz's ratio)"
    private let configuration: EditConfiguration
    var extract: Extraction { configuration.extract }
    var passAt: Double? { configuration.passAt }

    public init(_ configuration: EditConfiguration) { self.configuration = configuration }

    func isUsable(_ reference: String) -> Bool { !configuration.scalars(reference).isEmpty }

    func similarity(of answer: String, to references: [String]) -> Double {
        let mine = configuration.scalars(answer)
        return references.map { reference in
            let other = configuration.scalars(reference)
            let shared = BitParallel(other).commonSubsequence(with: mine)
            return Double(2 * shared) / Double(max(mine.count + other.count, 1))
        }.max() ?? 0
    }
}
