/// What all measures of similarity have in common: where the answer stands, when it passes, how large it may be.
protocol TextSimilarity: ImmediateVerifier, SelfTesting where Reference == AnyOf {
    /// Where the answer stands.
    var extract: Extraction { get }
    /// The least value that passes; `nil` where none is said to.
    var passAt: Double? { get }

    /// Whether a reference has anything to compare.
    func isUsable(_ reference: String) -> Bool

    /// How alike an answer that is not blank and the references are, in [0, 1].
    func similarity(of answer: String, to references: [String]) -> Double
}

/// Sizes beyond which texts are not compared, so that no row takes more than seconds.
enum SimilarityLimits {
    /// Scalars in a reference.
    static let reference = 20_000
    /// Scalars in an answer. One that is longer is at least fifty times as long as any reference, and scores 0.
    static let answer = 1_000_000
}

extension TextSimilarity {
    public func check(_ reference: AnyOf) throws(VerifierFailure) {
        for text in reference.texts {
            guard isUsable(text) else {
                throw VerifierFailure(.item, "the reference '\(text.prefix(80))' has nothing that could be compared")
            }
            guard text.unicodeScalars.count <= SimilarityLimits.reference else {
                throw VerifierFailure(
                    .item,
                    "the reference has \(text.unicodeScalars.count) scalars; up to \(SimilarityLimits.reference) are compared"
                )
            }
        }
    }

    public func verify(_ rollout: Rollout, against reference: AnyOf) throws(VerifierFailure) -> Verdict {
        guard let answer = extract.text(in: rollout) else { return .fail(note: extract.absence(in: rollout)) }
        func nothing(_ note: String) -> Verdict {
            .score(Score(0, passed: passAt == nil ? nil : false, note: note))
        }
        guard !answer.trimmed.isEmpty else { return nothing("the answer is empty") }
        guard answer.unicodeScalars.count <= SimilarityLimits.answer else {
            return nothing("the answer has more than \(SimilarityLimits.answer) scalars")
        }
        // What rounding adds is not more than alike.
        let value = min(max(similarity(of: answer, to: reference.texts), 0), 1)
        return .score(Score(value, passed: passAt.map { value >= $0 }))
    }

    public func probes(for reference: AnyOf) -> [VerifierProbe] {
        TextProbes.probes(gold: reference.texts, extract: extract, refusesMore: passAt ?? 1 == 1)
    }
}

/// What a recipe says the least value is that passes.
enum PassMark {
    static let summary = "The least value that passes; without it no answer is said to pass or to fail."
    static let allowed: (words: String, check: @Sendable (Double?) -> Bool) = (
        "a number above 0, at most 1", { $0.map { $0 > 0 && $0 <= 1 } ?? true }
    )
}

/// The harmonic mean of precision and recall; 0 where both are.
func harmonicMean(_ precision: Double, _ recall: Double) -> Double {
    precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0
}
