import DPO
import Evaluation
import Foundation
import LanguageModels
import ShardIO
import TensorCore
import TextCore
import Training

/// A method that trains on pairs of answers: it says what is minimised, and the rest is the same for all.
protocol PairMethod: Method
where Example == PreferenceExample, Encoded == EncodedPair, Goal.Batch == PreferenceBatch {
    /// From records to tokens.
    var rows: PreferenceRows { get }
}

extension PairMethod {
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

    func memory(of batch: PreferenceBatch) -> ModelMemory.Batch { batch.answers.memory(includesPrompts: true) }

    func measure(
        _ held: [PreferenceExample], model: LanguageModel, objective: Goal, stop: StopSignal
    ) throws -> HeldResult {
        try self.held(
            PreferenceBatch.microBatches(held, limit: .tokens(4096)),
            rows: held.map {
                ($0.source, [$0.prompt, $0.chosen, $0.rejected].map(\.listed).joined(separator: " | "))
            }, model: model, objective: objective, stop: stop)
    }
}

/// Preference optimisation on pairs.
struct DPOMethod: PairMethod {
    let rows: PreferenceRows
    private let recipe: Recipe
    private let settings: DPOSettings

    init(_ recipe: Recipe, _ settings: DPOSettings, text: ModelText) {
        self.recipe = recipe
        self.settings = settings
        rows = PreferenceRows(recipe, text: text)
    }

    func objective(
        for model: LanguageModel, rows: inout [PreferenceExample], held: inout [PreferenceExample],
        preparation: Preparation
    ) throws -> PreferenceObjective {
        let reference = try ReferenceAssembly.policy(settings.reference, model: model, preparation)
        let direct = try PreferenceObjective(
            settings: settings.lossSettings, reference: reference,
            synchronization: settings.syncReference.map {
                ReferenceSynchronization(everySteps: $0.everySteps, alpha: $0.alpha)
            }, tokenMean: settings.sftMean == .step ? .step : .microBatch)
        // What is streamed, or moves, is computed when it is needed.
        guard settings.precomputeReference != .off, !preparation.isStreaming, settings.syncReference == nil,
            direct.needsReference
        else { return direct }
        var parts = [rows, held]
        let cache = ReferenceCache(
            folder: recipe.data.cache.folder()?.url,
            reference: try ReferenceAssembly.identity(
                settings.reference, lengthDiscount: settings.ldAlpha, preparation))
        let fromCache = try cache.fill(&parts) { examples in
            try ReferenceAssembly.compute(examples, direct, model: model, preparation)
        }
        (rows, held) = (parts[0], parts[1])
        preparation.terminal.note(
            "reference  \(grouped(rows.count + held.count)) pairs, "
                + (fromCache ? "from \(recipe.data.cache.folder()?.absolute ?? "")" : "computed once"))
        return try PreferenceObjective(
            settings: settings.lossSettings, reference: .cached,
            tokenMean: settings.sftMean == .step ? .step : .microBatch)
    }
}

extension [PreferenceExample] {
    /// - Throws: `ModelError` that names the first pair that the model cannot read.
    func check(for model: LanguageModel) throws {
        for example in self {
            for answer in [example.chosen, example.rejected] {
                try model.check((example.prompt + answer).map { Int($0) }, location: example.source)
            }
        }
    }
}

extension PreferenceRows {
    /// Both answers of a pair.
    func shown(_ pair: EncodedPair) -> [ShownRow] {
        guard let example = pair.example else { return [left(out: pair.fault)] }
        return [
            shown("chosen", prompt: example.prompt, answer: example.chosen),
            shown("rejected", prompt: example.prompt, answer: example.rejected),
        ]
    }
}

/// From the choice of a reference to the reference.
enum ReferenceAssembly {
    /// The policy that a recipe compares with; the model is as it is before the first step.
    static func policy(
        _ choice: ReferenceChoice, model: LanguageModel, _ preparation: Preparation
    ) throws -> ReferencePolicy {
        switch choice {
        case .noReference: return .none
        case .adapterOff: return .adapterOff
        // Training never touches the base beneath an adapter.
        case .base: return model.adapter == nil ? .model(model.frozenCopy()) : .adapterOff
        case .initial: return .model(model.frozenCopy())
        case .model(let path):
            let other = try ModelLoader.load(
                folder: path.url, dtype: .float32, precision: preparation.loaded.recipe.precision)
            guard other.configuration.vocabularySize == model.configuration.vocabularySize else {
                throw preparation.loaded.problem(
                    at: "\(preparation.loaded.recipe.method.rawValue).reference",
                    "the reference \(path) has a vocabulary of \(other.configuration.vocabularySize) tokens, the model one "
                        + "of \(model.configuration.vocabularySize)",
                    why: "Log-probabilities of different tokens cannot be compared",
                    fix: "Name a model with the same tokenizer")
            }
            other.setTrainable(.none)
            return .model(other)
        }
    }

    /// Everything that the log-probabilities of a pair's tokens depend on.
    static func identity(
        _ choice: ReferenceChoice, lengthDiscount: Double?, _ preparation: Preparation
    ) throws -> JSON {
        let hashes = preparation.fingerprint.json
        var weights: [JSON] = [hashes["model"] ?? .null]
        switch choice {
        case .initial: weights.append(hashes["adapter"] ?? .null)
        case .model(let path): weights = [try Fingerprint.hashes(Fingerprint.weightFiles(in: path.absolute))]
        case .adapterOff, .base, .noReference: break
        }
        return [
            "hone": hashes["hone"] ?? .null, "weights": .array(weights),
            // What the base is quantised to is another model.
            "quantization": preparation.loaded.recipe.adapter.quantization(numberType: .float32).map {
                .string("\($0.format.rawValue) \($0.blockSize)")
            } ?? .null,
            "dtype": .string(preparation.loaded.recipe.model.dtype.rawValue),
            "ld_alpha": lengthDiscount.map { .number($0) } ?? .null,
        ]
    }

    /// What the reference says of some pairs, with a line on how far it is.
    static func compute(
        _ examples: [PreferenceExample], _ objective: PreferenceObjective, model: LanguageModel,
        _ preparation: Preparation
    ) throws -> [ReferenceLogProbabilities] {
        var values: [ReferenceLogProbabilities] = []
        for batch in PreferenceBatch.microBatches(examples, limit: .tokens(4096)) {
            if preparation.stop.isRequested { throw CancellationError() }
            values += try objective.referenceLogProbabilities(batch, model: model)
        }
        return values
    }
}

extension BatchPlan where Example == PreferenceExample, Batch == PreferenceBatch {
    /// Pairs in micro-batches that know what the whole step has.
    static func pairs(globalBatchSize: Int, limit: Packing.MicroBatchLimit) -> BatchPlan {
        BatchPlan(
            globalBatchSize: globalBatchSize, limit: limit, length: \.tokenCount, name: \.source,
            collate: { groups, cut in
                let totals = PreferenceBatch.StepTotals(groups.joined())
                return cut.map { PreferenceBatch(Array(groups[$0].joined()), totals: totals) }
            })
    }
}
