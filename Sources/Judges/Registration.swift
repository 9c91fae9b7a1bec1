public import Verifiers

extension VerifierRegistry {
    /// Adds the verifiers that ask others over the network. They are a module of their own so that a worker, which is
    /// linked from `Verifiers` alone, stays small.
    ///
    /// - Precondition: their names are free.
    public mutating func registerJudges() {
        register(JudgeScore.self)
        register(JudgeLabel.self)
        register(PairwiseJudge.self)
        register(HTTPGrader.self)
    }
}
