import DPO
import LanguageModels
import ShardIO
import Training

/// Reward modelling: one number for each answer, higher for the one that is preferred.
struct RewardMethod: Method {
    private let settings: RewardSettings
    private let rows: PreferenceRows

    init(_ recipe: Recipe, _ settings: RewardSettings, text: ModelText) {
        self.settings = settings
        rows = PreferenceRows(recipe, text: text)
    }

    func encode(_ record: TrainingRecord) throws -> EncodedPair { try rows.pair(record) }

    func examples(_ pair: EncodedPair, _ report: inout DataReport) -> [PreferenceExample] {
        report.add(pair)
        return pair.example.map { [$0] } ?? []
    }

    func shown(_ pair: EncodedPair) -> [ShownRow] { rows.shown(pair) }

    func check(_ examples: [PreferenceExample], for model: LanguageModel) throws { try examples.check(for: model) }

    func plan(_ recipe: Recipe, limit: Packing.MicroBatchLimit) -> BatchPlan<PreferenceExample, PreferenceBatch> {
        .pairs(globalBatchSize: recipe.train.globalBatchSize, limit: limit)
    }

    func objective(
        for model: LanguageModel, rows: inout [PreferenceExample], held: inout [PreferenceExample],
        preparation: Preparation
    ) throws -> RewardObjective {
        try RewardObjective(centering: settings.centerCoefficient)
    }

    func measure(
        _ held: [PreferenceExample], model: LanguageModel, objective: RewardObjective, stop: StopSignal
    ) throws -> [(name: String, value: Double)] {
        try objective.measure(pairs: held, model: model, stop: stop)
    }
}
