import TensorCore

extension PolicyLoss {
    /// −A ln π: the plain gradient of the expected reward (Williams, 1992).
    public static let reinforce = PolicyLoss(
        "reinforce", summary: "ln π weighted by the advantage; no ratio, so one step for each batch of answers"
    ) { terms, _ in
        (terms.logProbability * terms.advantages).scaled(by: -1)
    }
}
