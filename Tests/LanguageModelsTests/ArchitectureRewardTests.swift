import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// Models with a reward head, on every family, and the files of `transformers` and PEFT for them.
@Suite struct ArchitectureRewardTests {
    private let tokens = PackedTokens([someTokens(12), someTokens(5, seed: 2)])

    private func first() throws -> LanguageModel {
        try FamilyCase(family: #require(ModelRegistry.families.first)).model()
    }

    private func rewards(_ model: LanguageModel) -> Tensor { model.rewards(hidden: model.hiddenStates(tokens)) }

    /// Moves every trainable weight away from its start.
    private func train(_ model: LanguageModel) {
        for (name, parameter) in model.trainableParameters {
            let stream = RandomStream(seed: 5, purpose: name)
            parameter.value =
                parameter.value + Tensor.uniform(parameter.value.shape, from: -0.2, to: 0.2, stream: stream)
        }
    }

    private func rewrite(_ url: URL, _ change: (inout OrderedDictionary<String, JSON>) -> Void) throws {
        var members = try #require(try JSON(parsing: Data(contentsOf: url)).object)
        change(&members)
        try Data(JSON.object(members).text().utf8).write(to: url)
    }

    // MARK: The head

    @Test func aRewardIsTheProductOfStateAndHead() throws {
        let model = try first()
        #expect(!model.hasRewardHead)
        model.attachRewardHead(seed: 4)
        #expect(model.hasRewardHead && model.configuration.hasRewardHead)
        let hidden = model.hiddenStates(tokens)
        let score = try #require(model.baseParameters.first { $0.name == "score.weight" }).parameter.value
        #expect(score.shape == [1, 24] && score.dtype == .float32)
        let result = model.rewards(hidden: hidden)
        #expect(result.shape == [17])
        for row in 0..<17 {
            let products = zip(hidden.slice(row..<row + 1).scalars, score.scalars).map { Double($0) * Double($1) }
            #expect(abs(Double(result.scalars[row]) - products.reduce(0, +)) < 1e-5)
        }
    }

    @Test func theSeedAloneDecidesTheHeadAndASecondCallKeepsIt() throws {
        func head(_ seed: UInt64) throws -> Tensor {
            let model = try first()
            model.attachRewardHead(seed: seed)
            return try #require(model.baseParameters.last).parameter.value
        }
        #expect(try bits(head(1)) == bits(head(1)))
        #expect(try bits(head(1)) != bits(head(2)))
        // initializer_range is 0.2; five standard errors of a deviation from 24 numbers: 5 · 0.2 / √48.
        let value = try head(1)
        #expect(abs((value.sumOfSquares / 24).squareRoot() - 0.2) < 0.15)
        let model = try first()
        model.attachRewardHead(seed: 1)
        model.attachRewardHead(seed: 2)
        #expect(try bits(#require(model.baseParameters.last).parameter.value) == bits(value))
    }

    @Test(arguments: [false, true])
    func derivativesOfRewardsAgreeWithDifferences(_ withAdapter: Bool) throws {
        let model = try first()
        if withAdapter { try model.attachAdapter(.init(rank: 3, targets: .names(["q_proj"])), seed: 1) }
        model.attachRewardHead(seed: 4)
        model.setTrainable(withAdapter ? .adapter : .full)
        train(model)
        let weights = Tensor.uniform([17], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "w"))
        func value() -> Tensor { (rewards(model) * weights).sum() }
        let parameters = model.trainableParameters
        var gradients = Gradients(count: parameters.count)
        _ = valueAndGradient(of: parameters.map(\.parameter), addingTo: &gradients) { (value(), ()) }
        for ((name, parameter), gradient) in zip(parameters, gradients.tensors)
        where ["score", "model.norm", "2.self_attn.q_proj"].contains(where: name.contains) {
            let gradient = try #require(gradient, "\(name)")
            let direction = Tensor.uniform(
                parameter.value.shape, from: -1, to: 1, stream: RandomStream(seed: 4, purpose: name))
            let original = parameter.value
            let step: Float = 4e-3
            parameter.value = original + direction.scaled(by: step)
            let high = value().scalar
            parameter.value = original + direction.scaled(by: -step)
            let low = value().scalar
            parameter.value = original
            let along = Float((gradient * direction).total)
            #expect(abs((high - low) / (2 * step) - along) < 2e-2 + 1e-2 * abs(along), "\(name)")
        }
    }

    @Test func whatIsTrainedHoldsTheHeadUnderTheNameOfItsFile() throws {
        let model = try first()
        model.attachRewardHead(seed: 4)
        #expect(model.trainableParameters.isEmpty)
        model.setTrainable(.full)
        #expect(model.trainableParameters.last?.name == "score.weight")
        #expect(!model.trainableParameters.contains { $0.name == "lm_head.weight" })
        try model.attachAdapter(.init(rank: 2), seed: 1)
        #expect(model.trainableParameters.last?.name == "base_model.model.score.weight")
        #expect(model.trainableParameters.allSatisfy { $0.name.hasPrefix("base_model.model.") })
        #expect(Set(model.namedParameters.map { ObjectIdentifier($0.parameter) }).count == model.namedParameters.count)
        let late = try first()
        try late.attachAdapter(.init(rank: 2), seed: 1)
        late.attachRewardHead(seed: 4)
        #expect(late.trainableParameters.map(\.name) == model.trainableParameters.map(\.name))
        late.setTrainable(.none)
        #expect(late.trainableParameters.isEmpty)
    }

    @Test func aRewardModelDoesNotWrite() throws {
        let model = try first()
        try model.requireLanguageHead()
        model.attachRewardHead(seed: 4)
        let expected =
            "this is a reward model: it scores texts and has no head that predicts tokens. Use the language model "
            + "that it was trained from"
        #expect(message { try model.requireLanguageHead() } == expected)
        #expect(message { _ = try Generator(model, GenerationSettings()) } == expected)
    }

    // MARK: Whole models

    @Test(arguments: FamilyCase.all, [DType.float32, .bfloat16])
    func savingAndLoadingARewardModelKeepsEveryBit(_ family: FamilyCase, dtype: DType) throws {
        let folder = try TemporaryFolder()
        let base = try family.model()
        try base.save(to: folder.url, dtype: dtype)
        let model = try ModelLoader.load(folder: folder.url, dtype: dtype)
        model.attachRewardHead(seed: 4)
        try model.save(to: folder.url)
        let config = try JSON(parsing: Data(contentsOf: folder.file("config.json")))
        let names = try #require(config["architectures"]?.array).compactMap(\.string)
        #expect(names.count == 1 && names[0].hasSuffix("ForSequenceClassification"))
        #expect(config["id2label"] == ["0": "LABEL_0"] && config["label2id"] == ["LABEL_0": 0])
        let file = try SafetensorsFile(reading: folder.file("model.safetensors"))
        #expect(file.entry(named: "score.weight")?.shape == [1, 24] && file.entry(named: "lm_head.weight") == nil)
        let again = try ModelLoader.load(folder: folder.url, dtype: dtype)
        #expect(again.hasRewardHead && again.configuration == model.configuration)
        #expect(again.baseParameters.map(\.name) == model.configuration.weights.map(\.name))
        for ((name, first), (_, second)) in zip(model.baseParameters, again.baseParameters) {
            #expect(first.value.dtype == second.value.dtype, "\(name)")
            #expect(bits(first.value) == bits(second.value), "\(name)")
        }
        #expect(bits(rewards(model)) == bits(rewards(again)))
    }

    @Test func aTokenThatEndsTextsIsNoPaddingOfARewardModel() throws {
        let sample = try #require(ModelRegistry.families.first?.sample.object)
        func padding(_ changes: JSON) throws -> JSON? {
            var members = sample
            for (key, value) in changes.object ?? [:] { members[key] = value }
            let model = try ModelInitializer.model(configuration: .object(members), seed: 1)
            model.attachRewardHead(seed: 1)
            return model.files.configuration["pad_token_id"]
        }
        #expect(try padding([:]) == 0)
        #expect(try padding(["pad_token_id": 2]) == .null)
        #expect(try padding(["pad_token_id": 5, "eos_token_id": [2, 5]]) == .null)
        #expect(try padding(["pad_token_id": .null]) == .null)
    }

    @Test func aClassifierOfSeveralLabelsIsRefused() throws {
        let folder = try TemporaryFolder()
        let model = try first()
        model.attachRewardHead(seed: 4)
        try model.save(to: folder.url)
        try rewrite(folder.file("config.json")) { $0["id2label"] = ["0": "no", "1": "yes"] }
        let text = message { _ = try ModelLoader.load(folder: folder.url) }
        #expect(text.contains("`id2label` (or `num_labels`) gives 2 labels: a reward model has 1"), "\(text)")
        try rewrite(folder.file("config.json")) { $0["id2label"] = nil }
        #expect(message { _ = try ModelLoader.load(folder: folder.url) }.contains("gives 2 labels"))
        try rewrite(folder.file("config.json")) { $0["num_labels"] = 1 }
        #expect(try ModelLoader.load(folder: folder.url).hasRewardHead)
    }

    @Test func aHeadOfAnotherShapeOrNoneIsNamed() throws {
        let folder = try TemporaryFolder()
        let model = try first()
        model.attachRewardHead(seed: 4)
        try model.save(to: folder.url)
        var items = model.baseParameters.dropLast().map { SafetensorsWriter.Item($0.name, $0.parameter.value) }
        try SafetensorsWriter.writeModel(items, to: folder.url)
        let start = "\(folder.url.path): tensor score.weight "
        #expect(message { _ = try ModelLoader.load(folder: folder.url) } == start + "[1, 24] is missing")
        items.append(.init("score.weight", .zeros([2, 24])))
        try SafetensorsWriter.writeModel(items, to: folder.url)
        #expect(
            message { _ = try ModelLoader.load(folder: folder.url) }
                == start + "is [2, 24], and the configuration asks for [1, 24]")
    }

    // MARK: Adapters

    @Test(arguments: FamilyCase.all)
    func anAdapterBringsItsRewardHead(_ family: FamilyCase) throws {
        let folder = try TemporaryFolder()
        let model = try family.model()
        model.attachRewardHead(seed: 4)
        try model.attachAdapter(.init(rank: 3), seed: 1)
        train(model)
        try model.saveAdapter(to: folder.url)
        let config = try JSON(parsing: Data(contentsOf: folder.file("adapter_config.json")))
        #expect(config["task_type"] == "SEQ_CLS" && config["modules_to_save"] == ["score"])
        // Onto the language model it was made from, and onto a reward model with another head; PEFT lists two heads.
        try rewrite(folder.file("adapter_config.json")) { $0["modules_to_save"] = ["classifier", "score"] }
        for ownHead in [false, true] {
            let again = try family.model()
            if ownHead { again.attachRewardHead(seed: 99) }
            try again.loadAdapter(from: folder.url)
            #expect(again.hasRewardHead)
            #expect(again.trainableParameters.map(\.name) == model.trainableParameters.map(\.name))
            #expect(bits(rewards(again)) == bits(rewards(model)))
        }
    }

    @Test func mergingAnAdapterKeepsTheRewards() throws {
        let model = try first()
        model.attachRewardHead(seed: 4)
        try model.attachAdapter(.init(rank: 3), seed: 1)
        train(model)
        let before = rewards(model)
        let report = try model.mergeAdapter()
        #expect(distance(rewards(model), before) < 1e-4)
        #expect(report.largestDifference < 1e-4 && report.largestLogit > 0.01)
    }

    @Test func anAdapterWithoutItsHeadOrWithAnotherIsRefused() throws {
        let folder = try TemporaryFolder()
        let model = try first()
        model.attachRewardHead(seed: 4)
        try model.attachAdapter(.init(rank: 2, targets: .names(["q_proj"]), layers: [0]), seed: 1)
        try model.saveAdapter(to: folder.url)
        let url = folder.file("adapter_model.safetensors")
        var items = model.trainableParameters.dropLast().map { SafetensorsWriter.Item($0.name, $0.parameter.value) }
        try SafetensorsWriter.write(items, to: url)
        let other = try first()
        #expect(
            message { try other.loadAdapter(from: folder.url) }
                .hasSuffix("\ntensor base_model.model.score.weight [1, 24] is missing"))
        items.append(.init("base_model.model.score.weight", .zeros([2, 24])))
        try SafetensorsWriter.write(items, to: url)
        #expect(
            message { try other.loadAdapter(from: folder.url) }
                .hasSuffix("\ntensor base_model.model.score.weight is [2, 24], and this model asks for [1, 24]"))
        #expect(!other.hasRewardHead && other.adapter == nil)
        try rewrite(folder.file("adapter_config.json")) { $0["modules_to_save"] = ["score", "embed_tokens"] }
        #expect(message { try other.loadAdapter(from: folder.url) }.contains("`modules_to_save` is"))
    }
}
