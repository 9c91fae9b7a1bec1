/// What a verifier says about one rollout: a score, or that it cannot say.
///
/// A verifier that fails has not scored 0: it throws a `VerifierFailure`.
public enum Verdict: Sendable, Hashable {
    /// The rollout was judged.
    case score(Score)
    /// The verifier has nothing to say about this rollout, and why.
    case abstain(reason: String)

    /// Full marks.
    public static func pass(extracted: String? = nil, note: String? = nil) -> Verdict {
        .score(Score(1, passed: true, extracted: extracted, note: note))
    }

    /// No marks.
    public static func fail(extracted: String? = nil, note: String? = nil) -> Verdict {
        .score(Score(0, passed: false, extracted: extracted, note: note))
    }

    /// 1 when `condition` holds, else 0.
    public static func check(_ condition: Bool, extracted: String? = nil, note: String? = nil) -> Verdict {
        condition ? pass(extracted: extracted, note: note) : fail(extracted: extracted, note: note)
    }

    /// The score, unless the verifier abstained.
    public var score: Score? { if case .score(let score) = self { score } else { nil } }
}

/// A judged rollout.
public struct Score: Sendable, Hashable {
    /// The value, finite; [0, 1] for the verifiers that compare with a reference.
    public var value: Double
    /// Whether the rollout solves its task, where the verifier can tell; counts towards pass rates.
    public var passed: Bool?
    /// Named parts of the value, for reports.
    public var parts: [String: Double]
    /// What the verifier took for the answer, such as the label or the number.
    public var extracted: String?
    /// Why the score is what it is, for people.
    public var note: String?

    /// - Parameter value: the value; whether it is finite is checked where the verifier is called.
    public init(
        _ value: Double, passed: Bool? = nil, parts: [String: Double] = [:], extracted: String? = nil,
        note: String? = nil
    ) {
        self.value = value
        self.passed = passed
        self.parts = parts
        self.extracted = extracted
        self.note = note
    }
}
