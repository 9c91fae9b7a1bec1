import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TextCore
import Tokenization

/// From the model and adapter sections of a recipe to a model that is ready to train.
enum ModelAssembly {
    /// Loads or makes the model, attaches its adapter, and says what is trained.
    ///
    /// - Throws: `ModelError`, or `RecipeError` for settings that only the model shows to be impossible.
    static func model(_ loaded: LoadedRecipe, text: ModelText) throws -> LanguageModel {
        let recipe = loaded.recipe
        let model: LanguageModel
        if let path = recipe.model.path {
            let type = baseType(recipe)
            model = try ModelLoader.load(
                folder: path.url, dtype: type, quantization: recipe.adapter.quantization(numberType: type),
                precision: recipe.precision)
            try checkQuantization(model, loaded)
            // A reward model has no logits to train.
            if recipe.method != .reward { try model.requireLanguageHead(location: path.absolute) }
        } else {
            guard let initial = recipe.model.initial else { preconditionFailure("a checked recipe has a model") }
            model = try ModelInitializer.model(
                configuration: try ModelText.configuration(initial.config.url, for: text.tokenizer),
                vocabularySize: text.tokenizer.vocabularySize, seed: UInt64(recipe.seed),
                location: initial.config.absolute)
            model.precision = recipe.precision
        }
        defer { if recipe.method == .reward { model.attachRewardHead(seed: UInt64(recipe.seed)) } }
        guard recipe.adapter.type != .full else {
            model.setTrainable(.full)
            return model
        }
        if let folder = recipe.adapter.initFrom {
            try model.loadAdapter(from: folder.url)
        } else {
            try model.attachAdapter(recipe.adapter.configuration, seed: UInt64(recipe.seed))
        }
        model.setTrainable(.adapter)
        return model
    }

    /// What the model is, without its weights.
    ///
    /// - Throws: `ModelError`, `CommandFailure` for a configuration that cannot be read.
    static func configuration(_ loaded: LoadedRecipe, text: ModelText) throws -> DecoderConfiguration {
        var configuration: DecoderConfiguration
        if let path = loaded.recipe.model.path {
            configuration = try ModelLoader.configuration(folder: path.url).configuration
        } else {
            guard let initial = loaded.recipe.model.initial else { preconditionFailure("a checked recipe has a model") }
            // The vocabulary is the tokenizer's, whether the file names one or not.
            var members = try ModelText.configuration(initial.config.url, for: text.tokenizer).object ?? [:]
            members["vocab_size"] = .integer(text.tokenizer.vocabularySize)
            configuration = try ModelRegistry.configuration(
                from: .object(members), location: initial.config.absolute)
        }
        if loaded.recipe.method == .reward { configuration.hasRewardHead = true }
        return configuration
    }

    /// The type of frozen weights; trained ones are always `float32`, as updates smaller than a step of bf16 would be
    /// lost.
    private static func baseType(_ recipe: Recipe) -> DType {
        recipe.precision == .bfloat16 && recipe.adapter.type != .full ? .bfloat16 : .float32
    }

    /// A folder may hold quantised weights of its own.
    private static func checkQuantization(_ model: LanguageModel, _ loaded: LoadedRecipe) throws {
        guard let quantization = model.quantization else { return }
        let (adapter, bits) = (loaded.recipe.adapter, quantization.format.bits)
        let path = loaded.recipe.model.path?.absolute ?? ""
        if adapter.type == .full {
            throw loaded.problem(
                at: "adapter.type", "adapter.type is full, but the weights of \(path) are in \(bits) bits",
                why: "Updates are far smaller than the steps between \(1 << bits) levels",
                fix: "Write `adapter: qlora`, or take the model that is not quantised")
        }
        if adapter.type == .qlora, adapter.baseBits != bits {
            throw loaded.problem(
                at: "adapter.base_bits",
                "adapter.base_bits is \(adapter.baseBits), but the weights of \(path) are quantised already, to "
                    + "\(bits) bits",
                why: "They are used as they are", fix: "Write `base_bits: \(bits)`")
        }
        if adapter.type == .qlora, quantization.format == .nf4, adapter.groupSize != quantization.blockSize {
            throw loaded.problem(
                at: "adapter.group_size",
                "adapter.group_size is \(adapter.groupSize), but the weights of \(path) are quantised already, in blocks "
                    + "of \(quantization.blockSize)",
                why: "They are used as they are", fix: "Write `group_size: \(quantization.blockSize)`")
        }
    }
}

extension Recipe {
    /// What products with weights are computed in.
    var precision: Precision {
        model.dtype == .bf16 || model.dtype == .auto && adapter.type == .qlora ? .bfloat16 : .float32
    }
}

extension AdapterSettings {
    /// How the base is quantised; `nil` if it is not.
    func quantization(numberType: DType) -> Quantization? {
        guard type == .qlora else { return nil }
        return Quantization(format: baseBits == 4 ? .nf4 : .int8, blockSize: groupSize, numberType: numberType)
    }

    /// The same in PEFT's words.
    var configuration: AdapterConfiguration {
        let targets: AdapterConfiguration.Targets =
            switch targetModules {
            case .allLinear: .allLinear
            case .names(let names): .names(names)
            case .pattern(let pattern): .pattern(pattern)
            }
        let indices: [Int]? = if case .indices(let indices) = layers { indices } else { nil }
        return AdapterConfiguration(
            rank: rank, alpha: alpha, dropout: dropout, targets: targets, layers: indices,
            usesRankStabilization: rslora, usesMagnitude: type == .dora)
    }
}
