import DPO
import LanguageModels
import ShardIO
import Training

/// Reward modelling: one number for each answer, higher for the one that is preferred.
struct RewardMethod: PairMethod {
    let rows: PreferenceRows
    private let settings: RewardSettings

    init(_ recipe: Recipe, _ settings: RewardSettings, text: ModelText) {
        self.settings = settings
        rows = PreferenceRows(recipe, text: text)
    }

    func memory(of batch: PreferenceBatch) -> ModelMemory.Batch {
        var memory = batch.answers.memory()
        // One number for each answer, and no logits.
        memory.labels = 0
        return memory
    }

    func objective(
        for model: LanguageModel, rows: inout [PreferenceExample], held: inout [PreferenceExample],
        preparation: Preparation
    ) throws -> RewardObjective {
        try RewardObjective(centering: settings.centerCoefficient)
    }
}
