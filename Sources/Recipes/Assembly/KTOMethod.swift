import DPO
import Evaluation
import LanguageModels
import ShardIO
import Training

/// Preference optimisation on single answers with labels.
struct KTOMethod: Method {
    private let settings: KTOSettings
    private let rows: PreferenceRows
    private let maxLength: Int

    init(_ recipe: Recipe, _ settings: KTOSettings, text: ModelText) {
        self.settings = settings
        rows = PreferenceRows(recipe, text: text)
        maxLength = recipe.sequence.maxLength
    }

    func encode(_ record: TrainingRecord) throws -> [EncodedUnpaired] { try rows.unpaired(record) }

    func examples(_ encoded: [EncodedUnpaired], _ report: inout DataReport) -> [UnpairedExample] {
        for row in encoded { report.add(row) }
        return encoded.compactMap(\.example)
    }

    func shown(_ encoded: [EncodedUnpaired]) -> [ShownRow] {
        encoded.map { row in
            guard let example = row.example else { return rows.left(out: row.fault) }
            return rows.shown(
                example.isDesirable ? "wanted" : "unwanted", prompt: example.prompt, answer: example.completion)
        }
    }

    func check(_ examples: [UnpairedExample], for model: LanguageModel) throws {
        for example in examples {
            try model.check((example.prompt + example.completion).map { Int($0) }, location: example.source)
        }
    }

    func plan(_ recipe: Recipe, limit: Packing.MicroBatchLimit) -> BatchPlan<UnpairedExample, UnpairedBatch> {
        BatchPlan(
            globalBatchSize: recipe.train.globalBatchSize, limit: limit, length: \.tokenCount, name: \.source,
            collate: { [maxLength, pairing] groups, _ in
                UnpairedBatch.microBatches(
                    Array(groups.joined()), limit: limit, pairing: pairing, maxLength: maxLength)
            })
    }

    func memory(of batch: UnpairedBatch) -> ModelMemory.Batch { batch.answers.memory() }

    private var pairing: UnpairedBatch.Pairing { settings.pairing == .otherPrompt ? .otherPrompt : .previousRow }

    func objective(
        for model: LanguageModel, rows: inout [UnpairedExample], held: inout [UnpairedExample],
        preparation: Preparation
    ) throws -> KTOObjective {
        var objective = DPO.KTOSettings()
        objective.loss = settings.loss == .kto ? .kto : .apoZeroUnpaired
        objective.beta = settings.beta
        objective.desirableWeight = settings.desirableWeight
        objective.undesirableWeight = settings.undesirableWeight
        let desirable = rows.count { $0.isDesirable }
        if !rows.isEmpty,
            let remark = objective.imbalance(desirable: desirable, undesirable: rows.count - desirable)
        {
            preparation.terminal.warn(remark)
        }
        return try KTOObjective(
            settings: objective,
            reference: try ReferenceAssembly.policy(settings.reference, model: model, preparation))
    }

    func measure(
        _ held: [UnpairedExample], model: LanguageModel, objective: KTOObjective, stop: StopSignal
    ) throws -> HeldResult {
        try self.held(
            UnpairedBatch.microBatches(held, limit: .tokens(4096), pairing: pairing, maxLength: maxLength),
            rows: held.map { ($0.source, $0.prompt.listed + " | " + $0.completion.listed) }, model: model,
            objective: objective, stop: stop)
    }
}
