import TensorCore

extension PreferenceLoss {
    /// max(0, 1 − β(l_c − l_r)), and cross-entropy over the chosen answers: CPO with the loss of SLiC.
    public static let cpoHinge = PreferenceLoss(
        "cpo_hinge", summary: "CPO with a hinge: nothing more to gain once the chosen answer is ahead by 1/β",
        needsReference: false, options: .ofRatios, defaultSFTWeight: 1
    ) { terms, settings in
        terms.policy.difference.scaled(by: Float(-settings.beta), plus: 1).relu()
    }
}
