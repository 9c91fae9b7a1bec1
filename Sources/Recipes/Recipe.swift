import Foundation
import OrderedCollections
public import TextCore

/// What a run is to do, every value typed and every default filled in.
///
/// A recipe is read with `LoadedRecipe.load`; this type says what the recipe language has, section by section.
public struct Recipe: Sendable, Hashable {
    /// Version of the recipe language.
    public var schema = LanguageVersion.one
    /// Name of the run; of the recipe's file, where none is written.
    public var name = ""
    /// Key of every random number of the run.
    public var seed = 42
    /// The run folder.
    public var outputFolder = RecipePath("/runs")
    public var model = ModelSettings()
    public var adapter = AdapterSettings()
    public var method = TrainingMethod.sft
    /// The block of `method: sft`; `nil` for other methods.
    public var sft: SFTSettings?
    /// The block of `method: dpo`; `nil` for other methods.
    public var dpo: DPOSettings?
    /// The block of `method: kto`; `nil` for other methods.
    public var kto: KTOSettings?
    /// The block of `method: reward`; `nil` for other methods.
    public var reward: RewardSettings?
    /// The block of `method: rft`; `nil` for other methods.
    public var rft: RFTSettings?
    /// How answers are written; `nil` for methods other than rft.
    public var rollout: RolloutSettings?
    /// What judges answers; empty for methods other than rft.
    public var rewards: [RewardEntry] = []
    public var sandbox = SandboxSettings()
    public var data = DataSettings()
    public var sequence = SequenceSettings()
    public var train = TrainSettings()
    public var logging = LoggingSettings()
    public var checkpoint = CheckpointSettings()
    public var faults = FaultSettings()
    public var evaluation = EvaluationSettings()
    /// What must hold before the model is shipped; `nil` for nothing.
    public var gate: GateSettings?

    public init() {}
}

/// Versions of the recipe language that can be read.
public enum LanguageVersion: Int, Sendable, Hashable {
    case one = 1
}

extension LanguageVersion: RecipeValue {
    package static var shape: ValueShape { .scalar(schema: ["const": 1], expected: "the version 1") }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> LanguageVersion? {
        if case .integer(let number) = node.scalar, let version = LanguageVersion(rawValue: number) { return version }
        decoder.report(
            node, "schema is \(node.shown), but this version of Hone reads schema 1",
            why: "Keys of another schema may mean something else",
            fix: "Write `schema: 1` and mend what is then reported")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .integer(rawValue) }
}

extension Recipe: RecipeSection {
    package static let table = SectionTable<Recipe>(
        "A recipe of Hone: what to train, on what, and how to judge it.",
        planned: [
            PlannedField("export", instead: "Remove the block and run `hone export` after the training"),
            PlannedField("distributed", instead: "Remove the block; this version trains in one process"),
            PlannedField("distill", instead: "Remove the block"),
        ],
        fields: [
            Field(
                "schema", \.schema, "Version of the recipe language, which is 1.", isRequired: true),
            Field(
                "name", \.name, "Name of the run.", derivation: "the recipe's file name without its extension",
                changesResults: false),
            Field(
                consumed: "extends", shape: RecipePath.shape,
                "A recipe whose values hold where this one has none; blocks merge, lists are replaced."),
            Field("seed", \.seed, "Key of every random number of the run.", in: .notNegative),
            Field(
                "output_dir", \.outputFolder, "The run folder, from the recipe's folder.", derivation: "runs/{name}",
                changesResults: false),
            Field("model", \.model, "The model to start from."),
            Field("adapter", \.adapter, "Which weights are trained."),
            Field("method", \.method, "What the model is trained for."),
            Field("sft", \.sft, "Options of method sft."),
            Field("dpo", \.dpo, "Options of method dpo and of its shorthands."),
            Field("kto", \.kto, "Options of method kto."),
            Field("reward", \.reward, "Options of method reward."),
            Field("rft", \.rft, "Options of method rft."),
            Field("rollout", \.rollout, "Of method rft: how answers are written."),
            Field("rewards", \.rewards, "Of method rft: the verifiers that judge answers.", acceptsOne: true),
            Field("sandbox", \.sandbox, "Where code that a model wrote may be run.", changesResults: false),
            Field("data", \.data, "Rows to train on and to hold out."),
            Field("sequence", \.sequence, "How rows become sequences of tokens."),
            Field("train", \.train, "Length, batches, optimiser and schedule."),
            Field("logging", \.logging, "What is reported while training.", changesResults: false),
            Field("checkpoint", \.checkpoint, "What is saved while training, and how a run goes on."),
            Field("faults", \.faults, "What is done when numbers or the run itself go wrong."),
            Field("evaluation", \.evaluation, "What the model is judged by, and when."),
            Field("gate", \.gate, "What must hold before the model is shipped.", changesResults: false),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        finishName(decoder)
        finishMethod(decoder)
        if model.initial != nil {
            let written = AdapterSettings.table.schema.names.filter { decoder.isWritten("adapter.\($0)") }
            if adapter.type != .full, let first = written.first {
                decoder.report(
                    "adapter.\(first)", "adapter.\(first) asks for an adapter, but model.init makes new weights",
                    why: "A random model would stay random under its adapter", fix: "Write `adapter: full`")
            }
            adapter = AdapterSettings()
            adapter.type = .full
        }
        finishReference(decoder)
        checkRows(decoder)
        checkDecontamination(decoder)
        checkGate(decoder)
        if !decoder.isWritten("train.learning_rate") { train.learningRate = defaultLearningRate }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        guard method == .rft, case .mapping(let pairs) = resolved(purpose, without: ["train"]) else {
            return resolved(purpose, without: [])
        }
        // Prompts and answers of a step are counted in rft; a batch of rows beside them would be refused.
        let place = pairs.firstIndex { $0.key == "logging" || $0.key == "checkpoint" } ?? pairs.count
        var all = pairs
        let batches = train.resolved(purpose, without: ["global_batch_size"])
        all.insert(ResolvedValue.Pair(key: "train", value: batches), at: place)
        return .mapping(all)
    }

    private mutating func finishName(_ decoder: RecipeDecoder) {
        if name.isEmpty, !decoder.isWritten("name") {
            name = Recipe.defaultName(for: decoder.root.position.source.name)
        }
        let isPlain =
            !name.isEmpty && !name.hasPrefix(".") && name.unicodeScalars.count <= 128
            && name.unicodeScalars.allSatisfy { $0 != "/" && $0.value >= 0x20 && $0.value != 0x7F }
        if !isPlain {
            decoder.report(
                "name", "name cannot name a folder", why: "The run folder is named after it",
                fix: "Use letters, digits, '-', '_' and '.', not '.' first")
            name = "run"
        }
        if !decoder.isWritten("output_dir") {
            outputFolder = RecipePath("runs/\(name)", relativeTo: decoder.root.position.source.directory)
        }
    }

    /// The name of a run whose recipe has none: the file's, without folder and extension.
    package static func defaultName(for file: String) -> String {
        let last = file.split(separator: "/").last.map(String.init) ?? "run"
        let stem =
            ["yaml", "yml"].contains((last as NSString).pathExtension) ? (last as NSString).deletingPathExtension : last
        return stem.isEmpty || stem.hasPrefix(".") ? "run" : stem
    }

    /// The JSON Schema (draft 2020-12) of recipes, for editors.
    public static var jsonSchema: JSON {
        guard case .object(var object) = table.schema.schema else { return table.schema.schema }
        object["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        object["title"] = "Hone recipe"
        return .object(object)
    }
}
