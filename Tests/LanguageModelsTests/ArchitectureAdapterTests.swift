import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TestSupport
import Testing
import TextCore

/// Low-rank adapters on every family, and PEFT's files.
@Suite struct ArchitectureAdapterTests {
    enum Kind: CaseIterable { case lora, rankStabilized, dora }

    private func configuration(_ kind: Kind, dropout: Double = 0) -> AdapterConfiguration {
        AdapterConfiguration(
            rank: 3, alpha: 5, dropout: dropout, usesRankStabilization: kind == .rankStabilized,
            usesMagnitude: kind == .dora)
    }

    /// Numbers in B and in the lengths that are not those of the start.
    private func train(_ model: LanguageModel) {
        for (name, parameter) in model.trainableParameters {
            let stream = RandomStream(seed: 5, purpose: name)
            parameter.value =
                parameter.value + Tensor.uniform(parameter.value.shape, from: -0.2, to: 0.2, stream: stream)
        }
    }

    private let tokens = PackedTokens([someTokens(12), someTokens(5, seed: 2)])

    @Test(arguments: FamilyCase.all, Kind.allCases)
    func aNewAdapterChangesNothingAndADisabledOneIsTheBase(_ family: FamilyCase, kind: Kind) throws {
        let model = try family.model()
        let base = model.hiddenStates(tokens)
        try model.attachAdapter(configuration(kind), seed: 1)
        // A row's length divided by itself may be off by one rounding.
        #expect(distance(model.hiddenStates(tokens), base) <= (kind == .dora ? 1e-5 : 0))
        train(model)
        #expect(distance(model.hiddenStates(tokens), base) > 1e-3)
        var options = ForwardOptions()
        options.adapterEnabled = false
        #expect(bits(model.hiddenStates(tokens, options: options)) == bits(base))
    }

    @Test(arguments: FamilyCase.all, Kind.allCases)
    func mergingKeepsTheLogits(_ family: FamilyCase, kind: Kind) throws {
        let model = try family.model()
        try model.attachAdapter(configuration(kind), seed: 1)
        train(model)
        let before = model.logits(hidden: model.hiddenStates(tokens))
        let report = try model.mergeAdapter()
        #expect(model.adapter == nil)
        #expect(distance(model.logits(hidden: model.hiddenStates(tokens)), before) < 1e-4)
        #expect(report.largestDifference < 1e-4 && report.largestLogit > 0.1)
        #expect(report.greedyAgreement == 1 && abs(report.meanDivergence) < 1e-6)
        #expect(message { try model.mergeAdapter() } == "there is no adapter to merge")
    }

    @Test(arguments: FamilyCase.all, Kind.allCases)
    func savingAndLoadingAnAdapterKeepsEveryBit(_ family: FamilyCase, kind: Kind) throws {
        let folder = try TemporaryFolder()
        let model = try family.model()
        try model.attachAdapter(configuration(kind), seed: 1)
        train(model)
        try model.saveAdapter(to: folder.url)
        let again = try family.model()
        try again.loadAdapter(from: folder.url)
        #expect(again.trainableParameters.map(\.name) == model.trainableParameters.map(\.name))
        for ((name, first), (_, second)) in zip(model.namedParameters, again.namedParameters) {
            #expect(bits(first.value) == bits(second.value), "\(name)")
        }
        #expect(bits(model.hiddenStates(tokens)) == bits(again.hiddenStates(tokens)))
    }

    @Test(arguments: Kind.allCases, [0, 0.25])
    func derivativesAgreeWithDifferences(_ kind: Kind, dropout: Double) throws {
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        try model.attachAdapter(configuration(kind, dropout: dropout), seed: 1)
        train(model)
        var options = ForwardOptions()
        options.dropoutStream = RandomStream(seed: 1, purpose: "dropout")
        let weights = Tensor.uniform(
            [tokens.ids.count, 24], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "w"))
        func value() -> Tensor { (model.hiddenStates(tokens, options: options) * weights).sum() }
        let parameters = model.trainableParameters
        #expect(parameters.allSatisfy { $0.name.hasPrefix("base_model.model.model.layers.") })
        var gradients = Gradients(count: parameters.count)
        _ = valueAndGradient(of: parameters.map(\.parameter), addingTo: &gradients) { (value(), ()) }
        for ((name, parameter), gradient) in zip(parameters, gradients.tensors) where name.contains("layers.2.") {
            // DoRA takes the lengths as constants, so its A and B have another derivative than the function.
            if kind == .dora, !name.hasSuffix("magnitude_vector") { continue }
            let gradient = try #require(gradient)
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

    @Test func dropoutDependsOnItsStreamAndNeedsOne() throws {
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        try model.attachAdapter(configuration(.lora, dropout: 0.5), seed: 1)
        train(model)
        func states(_ step: Int?) -> [UInt32] {
            var options = ForwardOptions()
            options.dropoutStream = step.map { RandomStream(seed: 1, purpose: "dropout", step: $0) }
            return bits(model.hiddenStates(tokens, options: options))
        }
        #expect(states(nil) == states(nil))
        #expect(states(1) == states(1))
        #expect(states(1) != states(2))
        #expect(states(1) != states(nil))
    }

    @Test func targetsAreFoundAsPEFTFindsThem() throws {
        func paths(_ configuration: AdapterConfiguration) throws -> [String] {
            let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
            try model.attachAdapter(configuration, seed: 1)
            return try #require(model.adapter).paths
        }
        #expect(try paths(.init(targets: .allLinear)).count == 21)
        #expect(try paths(.init(targets: .names(["q_proj", "self_attn.v_proj"]))).count == 6)
        #expect(
            try paths(.init(targets: .names(["model.layers.1.mlp.up_proj"]))) == ["model.layers.1.mlp.up_proj"])
        #expect(
            try paths(.init(targets: .pattern(#".*\.(0|2)\.mlp\.(up|down)_proj"#)))
                == [0, 2].flatMap { ["model.layers.\($0).mlp.up_proj", "model.layers.\($0).mlp.down_proj"] })
        #expect(try paths(.init(excluded: .names(["mlp.up_proj", "down_proj"]), layers: [1])).count == 5)
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        try model.attachAdapter(
            .init(
                rank: 4, targets: .names(["q_proj", "k_proj"]), rankPattern: ["0.self_attn.q_proj": 2, "k_proj": 3]),
            seed: 1)
        #expect(
            model.trainableParameters.filter { $0.name.hasSuffix("lora_A.weight") }.map { $0.parameter.value.shape[0] }
                == [2, 3, 4, 3, 4, 3])
        let scales = model.linearLayers.compactMap { $0.adapter?.scale }
        let ranks: [Float] = [2, 3, 4, 3, 4, 3]
        #expect(scales == ranks.map { 8 / $0 })
    }

    private static let impossible: [(AdapterConfiguration, String)] = [
        (
            AdapterConfiguration(targets: .names(["qproj"])),
            "target_modules names qproj, which is no linear layer; there are q_proj, k_proj, v_proj, o_proj, "
                + "gate_proj, up_proj, down_proj. Did you mean q_proj?"
        ),
        (
            AdapterConfiguration(targets: .pattern("q_proj")),
            "target_modules: the pattern q_proj matches the whole path of no linear layer; paths are such as "
                + "model.layers.0.self_attn.q_proj"
        ),
        (
            AdapterConfiguration(targets: .names(["lm_head"])),
            "target_modules names lm_head: Hone adapts the linear layers of the blocks, not embeddings or the head"
        ),
        (AdapterConfiguration(excluded: .pattern(".*")), "after exclusions no layer is left that gets an adapter"),
        (AdapterConfiguration(rank: 0), "a rank of 0 is not from 1 to 65536"),
        (AdapterConfiguration(dropout: 1), "an adapter dropout of 1.0 is not in [0, 1)"),
        (AdapterConfiguration(alpha: -1), "an alpha of -1.0 is not above 0"),
        (AdapterConfiguration(layers: [3]), "layers_to_transform names layer 3 of a model of 3 layers"),
        (
            AdapterConfiguration(rankPattern: ["x_proj": 2]),
            "rank_pattern: x_proj matches the end of the path of no linear layer"
        ),
    ]

    @Test(arguments: impossible)
    func aSettingThatCannotBeIsExplained(_ configuration: AdapterConfiguration, _ expected: String) throws {
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        #expect(message { try model.attachAdapter(configuration, seed: 1) } == expected)
        #expect(model.adapter == nil && model.linearLayers.allSatisfy { $0.adapter == nil })
    }

    @Test func everySemanticKeyThatIsNotComputedIsRefusedByName() throws {
        let folder = try TemporaryFolder()
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        try model.attachAdapter(.init(rank: 2), seed: 1)
        try model.saveAdapter(to: folder.url)
        model.removeAdapter()
        let file = folder.file("adapter_config.json")
        let original = try #require(try JSON(parsing: Data(contentsOf: file)).object)
        let changes: [(String, JSON)] = [
            ("peft_type", "IA3"), ("task_type", "TOKEN_CLS"), ("bias", "all"), ("init_lora_weights", "pissa"),
            ("fan_in_fan_out", true), ("modules_to_save", ["lm_head"]), ("lora_bias", true), ("use_qalora", true),
            ("layer_replication", [[0, 2]]), ("some_future_setting", 3), ("layers_pattern", "h"), ("r", 0),
            ("target_modules", 5), ("rank_pattern", ["q_proj": "a"]),
        ]
        for (key, value) in changes {
            var members = original
            members[key] = value
            try Data(JSON.object(members).text().utf8).write(to: file)
            let text = message { try model.loadAdapter(from: folder.url) }
            #expect(text.contains("`\(key)"), "\(text)")
            #expect(model.adapter == nil)
        }
        var members = original
        let off: [(String, JSON)] = [("alora_invocation_tokens", .null), ("loftq_config", [:]), ("use_bdlora", false)]
        for (key, value) in off {
            members[key] = value
        }
        try Data(JSON.object(members).text().utf8).write(to: file)
        try model.loadAdapter(from: folder.url)
        #expect(message { try model.loadAdapter(from: folder.url) }.contains("has an adapter already"))
    }

    @Test func tensorsThatDoNotFitTheAdapterAreNamedTogether() throws {
        let folder = try TemporaryFolder()
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        try model.attachAdapter(.init(rank: 2, targets: .names(["q_proj"]), layers: [0]), seed: 1)
        try model.saveAdapter(to: folder.url)
        model.removeAdapter()
        let path = "base_model.model.model.layers.0.self_attn.q_proj"
        try SafetensorsWriter.write(
            [.init(path + ".lora_A.weight", .zeros([3, 24])), .init("x", .zeros([1]))],
            to: folder.file("adapter_model.safetensors"))
        #expect(
            message { try model.loadAdapter(from: folder.url) } == """
                \(folder.file("adapter_model.safetensors").path): the adapter does not fit this model; use the model \
                that it was trained on:
                tensor \(path).lora_A.weight is [3, 24], and this model asks for [2, 24]
                tensor \(path).lora_B.weight [32, 2] is missing
                tensor x [1] belongs to no layer of this model that the configuration targets
                """)
    }

    @Test func anAdapterThatPEFTWroteLoads() throws {
        guard let base = try SharedFolder.url("models/stories260K"),
            let folder = try SharedFolder.url("goldens/trl/adapter-init")
        else { return }
        let model = try ModelLoader.load(folder: base)
        let before = model.hiddenStates(PackedTokens([Array(1..<40)]))
        try model.loadAdapter(from: folder)
        #expect(model.adapter?.paths.count == model.linearLayers.count)
        #expect(model.adapter?.configuration.rank == 8 && model.adapter?.configuration.alpha == 16)
        #expect(bits(model.hiddenStates(PackedTokens([Array(1..<40)]))) == bits(before), "B is zero at the start")
        let copy = try TemporaryFolder()
        try model.saveAdapter(to: copy.url)
        let again = try ModelLoader.load(folder: base)
        try again.loadAdapter(from: copy.url)
        #expect(
            again.trainableParameters.map { bits($0.parameter.value) }
                == model.trainableParameters.map { bits($0.parameter.value) })
    }

    /// Adapters at the end of runs of TRL, with the logits that the trained model gave for a prompt.
    @Test func adaptersThatTRLTrainedGiveItsLogits() throws {
        guard let base = try SharedFolder.url("models/stories260K"), let traces = try SharedFolder.url("goldens/trl")
        else { return }
        let suffix = ".adapter.safetensors"
        let names = try FileManager.default.contentsOfDirectory(atPath: traces.path).filter { $0.hasSuffix(suffix) }
        #expect(!names.isEmpty)
        for name in names.sorted() {
            let folder = try TemporaryFolder()
            let manager = FileManager.default
            try manager.copyItem(
                at: traces.appendingPathComponent("adapter-init/adapter_config.json"),
                to: folder.file("adapter_config.json"))
            try manager.copyItem(
                at: traces.appendingPathComponent(name), to: folder.file("adapter_model.safetensors"))
            let trace = traces.appendingPathComponent(name.replacingOccurrences(of: suffix, with: ".json"))
            let probe = try #require(try JSON(parsing: Data(contentsOf: trace))["probe"])
            let ids = try #require(probe["input_ids"]?.array).compactMap(\.int)
            let expected = try #require(probe["last_logits"]?.array).compactMap(\.double).map { Float($0) }
            let model = try ModelLoader.load(folder: base)
            let last = ids.count - 1..<ids.count
            func logits() -> Tensor { model.logits(hidden: model.hiddenStates(PackedTokens([ids])).slice(last)) }
            let without = distance(logits(), Tensor(expected, shape: [1, expected.count]))
            try model.loadAdapter(from: folder.url)
            let with = distance(logits(), Tensor(expected, shape: [1, expected.count]))
            #expect(with < 1e-3 && without > 1e-2, "\(name): \(with) with the adapter, \(without) without")
        }
    }
}
