import TensorCore

extension PreferenceLoss {
    /// −(1 − ε) ln σ(β(l_c − l_r)) − ε ln σ(−β(l_c − l_r)), and cross-entropy over the chosen answers (Xu et al.,
    /// "Contrastive preference optimization", 2024).
    public static let cpo = PreferenceLoss(
        "cpo", summary: "CPO: DPO without a reference, with cross-entropy over the chosen answers",
        needsReference: false, options: .ofRatios.union([.labelSmoothing]), defaultSFTWeight: 1, check: checkSmoothing
    ) { terms, settings in
        terms.policy.difference.scaled(by: Float(settings.beta)).smoothedLogistic(settings.labelSmoothing)
    }
}
