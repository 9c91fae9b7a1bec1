import TensorCore

extension PreferenceLoss {
    /// As `aot`, for ratios of chosen and of rejected answers that need not belong together.
    public static let aotUnpaired = PreferenceLoss(
        "aot_unpaired", summary: "AOT: sorted ratios of chosen against sorted ratios of rejected answers",
        options: [.labelSmoothing, .lengthDiscount, .sftWeight], dependsOnMicroBatch: true, check: checkSmoothing
    ) { terms, settings in
        terms.ratios.map { $0.sortedAscending() }.difference
            .scaled(by: Float(settings.beta)).smoothedLogistic(settings.labelSmoothing)
    }
}
