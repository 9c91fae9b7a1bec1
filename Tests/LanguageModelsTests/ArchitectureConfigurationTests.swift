import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// Configurations that must be understood in every form, or refused with a message.
@Suite struct ArchitectureConfigurationTests {
    private func sample(_ type: String, _ changes: JSON = [:], without: [String] = []) throws -> JSON {
        let family = try #require(ModelRegistry.families.first { $0.modelType == type })
        var members = try #require(family.sample.object)
        for key in without { members[key] = nil }
        for (key, value) in changes.object ?? [:] { members[key] = value }
        return .object(members)
    }

    private func problem(_ json: JSON) -> String { message { _ = try ModelRegistry.configuration(from: json) } }

    @Test func bothFormsOfRotaryParametersMeanTheSame() throws {
        let scaling: JSON = [
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        ]
        let old = try sample("llama", ["rope_theta": 5000.0, "rope_scaling": scaling])
        var parameters = try #require(scaling.object)
        parameters["rope_theta"] = 5000.0
        let new = try sample(
            "llama", ["rope_parameters": .object(parameters)], without: ["rope_theta", "rope_scaling"])
        #expect(try ModelRegistry.configuration(from: old) == ModelRegistry.configuration(from: new))
        let linear = try ModelRegistry.configuration(
            from: sample("llama", ["rope_scaling": ["type": "linear", "factor": 4]]))
        let plain = try ModelRegistry.configuration(from: sample("llama", ["rope_scaling": .null]))
        let quarter = try #require(plain.layers[0].rotary).inverseFrequencies.map { $0 / 4 }
        #expect(linear.layers[0].rotary?.inverseFrequencies == quarter)
    }

    @Test func gemma3RotatesWindowedLayersByTheirOwnBaseInBothForms() throws {
        let old = try ModelRegistry.configuration(
            from: sample(
                "gemma3_text",
                [
                    "rope_theta": 1e6, "rope_local_base_freq": 9000.0,
                    "rope_scaling": ["rope_type": "linear", "factor": 8.0],
                ]))
        let new = try ModelRegistry.configuration(
            from: sample(
                "gemma3_text",
                [
                    "rope_parameters": [
                        "full_attention": ["rope_type": "linear", "factor": 8.0, "rope_theta": 1e6],
                        "sliding_attention": ["rope_type": "default", "rope_theta": 9000.0],
                    ]
                ]))
        #expect(old == new)
        #expect(old.layers.map { $0.rotary?.theta } == [9000, 1e6, 9000])
        #expect(old.layers.map(\.window) == [5, nil, 5])
    }

    @Test func silentConfigurationsTieAsTheirFamilyDoes() throws {
        let tied = try ModelRegistry.families.map(\.modelType).filter {
            try ModelRegistry.configuration(from: sample($0, without: ["tie_word_embeddings"])).tiesEmbeddings
        }
        #expect(tied == ["smollm3", "gemma2", "gemma3_text"])
    }

    @Test func anUnknownFamilyIsNamedWithTheKnownOnes() throws {
        #expect(
            problem(["model_type": "qwen4"])
                == "config.json: model_type \"qwen4\" is not a family that Hone has: llama, mistral, qwen2, qwen3, "
                + "smollm3, gemma2, gemma3_text, phi3, olmo2. Did you mean \"qwen2\"?")
        #expect(problem(["a": 1]).contains("`model_type` is missing"))
        #expect(problem([1]).contains("`model_type` is missing"))
    }

    @Test func allProblemsOfAConfigurationComeAtOnce() throws {
        let text = problem(
            try sample(
                "llama",
                [
                    "hidden_size": "big", "num_hidden_layers": 1e300, "attention_dropout": 0.1, "hidden_act": "gelu",
                    "rope_scaling": ["rope_type": "yarn", "factor": 4], "quantization_config": ["bits": 4],
                ], without: ["vocab_size"]))
        for part in [
            "`hidden_size` must be a whole number from 1 to 16777216, not \"big\"",
            "`num_hidden_layers` must be a whole number from 1 to 4096, not 1e+300", "`attention_dropout` is 0.1",
            "`hidden_act` is \"gelu\"", "`rope_scaling.rope_type` is \"yarn\"", "`quantization_config` says",
            "`vocab_size` is missing",
        ] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
    }

    private static let wrong: [(String, String, String)] = [
        ("llama", #"{"num_key_value_heads": 3}"#, "`num_attention_heads` 4 is not a multiple"),
        ("llama", #"{"sliding_window": 8}"#, "`sliding_window` is 8"),
        (
            "llama", #"{"layer_types": ["full_attention", "chunked_attention", "full_attention"]}"#,
            "\"chunked_attention\""
        ),
        ("llama", #"{"rope_scaling": {"rope_type": "llama3", "factor": 8}}"#, "`rope_scaling.low_freq_factor`"),
        (
            "llama", #"{"rope_scaling": {"rope_type": "linear", "factor": 2, "attention_factor": 2}}"#,
            "attention_factor"
        ),
        ("llama", #"{"rope_scaling": 5}"#, "`rope_scaling` must be an object"),
        ("llama", #"{"head_dim": 7}"#, "are no pairs"),
        ("llama", #"{"hidden_size": 0}"#, "`hidden_size` must be"),
        ("llama", #"{"rms_norm_eps": -1}"#, "`rms_norm_eps` must be above 0"),
        ("llama", #"{"tie_word_embeddings": 1}"#, "`tie_word_embeddings` must be true or false"),
        ("qwen3", #"{"layer_types": ["full_attention"]}"#, "`layer_types` must be a list of 3 names"),
        ("smollm3", #"{"no_rope_layers": [1, 2, 0]}"#, "`no_rope_layers` must be a list of 3 numbers"),
        ("gemma3_text", #"{"use_bidirectional_attention": true}"#, "causal decoders only"),
        ("gemma2", #"{"final_logit_softcapping": 0}"#, "`final_logit_softcapping` must be above 0"),
        ("phi3", #"{"rope_scaling": {"type": "longrope", "short_factor": [1]}}"#, "\"longrope\""),
        ("phi3", #"{"partial_rotary_factor": 2}"#, "`partial_rotary_factor`"),
        ("olmo2", #"{"clip_qkv": 8}"#, "`clip_qkv` is 8"),
    ]

    @Test(arguments: wrong)
    func aWrongOrUnsupportedSettingIsNamed(_ type: String, _ changes: String, _ part: String) throws {
        let text = problem(try sample(type, JSON(parsing: changes)))
        #expect(text.contains(part), "\(text)")
    }

    @Test func tensorsThatAreMissingUnknownOrOfAnotherShapeAreNamedTogether() throws {
        let folder = try TemporaryFolder()
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        try model.save(to: folder.url)
        var items = model.baseParameters.map { SafetensorsWriter.Item($0.name, $0.parameter.value) }
        items.removeAll { $0.name == "model.norm.weight" || $0.name == "lm_head.weight" }
        items.append(SafetensorsWriter.Item("lm_head.weight", .zeros([53, 23])))
        items.append(SafetensorsWriter.Item("model.extra.weight", .zeros([2])))
        items.append(SafetensorsWriter.Item("model.layers.0.self_attn.rotary_emb.inv_freq", .zeros([4])))
        try SafetensorsWriter.writeModel(items, to: folder.url)
        #expect(
            message { _ = try ModelLoader.load(folder: folder.url) } == """
                \(folder.url.path): tensor model.norm.weight [24] is missing
                tensor lm_head.weight is [53, 23], and the configuration asks for [53, 24]
                tensor model.extra.weight [2] is not a weight of a llama model
                """)
    }

    @Test func theHeadOfATiedModelMayBeThereIfItIsTheEmbedding() throws {
        let folder = try TemporaryFolder()
        let family = try #require(ModelRegistry.families.first { $0.modelType == "gemma2" })
        let model = try FamilyCase(family: family).model()
        try model.save(to: folder.url)
        let items = model.baseParameters.map { SafetensorsWriter.Item($0.name, $0.parameter.value) }
        let embedding = model.outputEmbedding.value
        try SafetensorsWriter.writeModel(items + [.init("lm_head.weight", embedding)], to: folder.url)
        #expect(try ModelLoader.load(folder: folder.url).baseParameters.count == items.count)
        try SafetensorsWriter.writeModel(
            items + [.init("lm_head.weight", embedding.scaled(by: 2))], to: folder.url)
        #expect(message { _ = try ModelLoader.load(folder: folder.url) }.contains("lm_head.weight differs"))
    }

    @Test func aFolderWithoutItsFilesSaysWhichIsMissing() throws {
        let folder = try TemporaryFolder()
        #expect(message { _ = try ModelLoader.load(folder: folder.url) }.contains("config.json: cannot be opened"))
        try Data("{\"model_type\": \"llama\",\n oops}".utf8).write(to: folder.file("config.json"))
        #expect(message { _ = try ModelLoader.load(folder: folder.url) }.contains("config.json:2:2: not JSON"))
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        try model.save(to: folder.url)
        try FileManager.default.removeItem(at: folder.file("model.safetensors"))
        #expect(message { _ = try ModelLoader.load(folder: folder.url) }.contains("has neither model.safetensors"))
    }
}
