import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import Testing

/// Writes models and adapters for `Tests/Fixtures/generate/check_written_folders.py`, which loads them with
/// `transformers` and `peft`; run only when `HONE_WRITE_FOLDERS` names where.
@Suite struct ReferenceFolderTests {
    static let destination = ProcessInfo.processInfo.environment["HONE_WRITE_FOLDERS"]

    @Test(.enabled(if: destination != nil), arguments: FamilyCase.all)
    func foldersForTheReferenceAreWritten(_ family: FamilyCase) throws {
        let folder = URL(fileURLWithPath: try #require(Self.destination)).appendingPathComponent(
            family.family.modelType)
        let model = try family.model()
        let ids = someTokens(24)
        func writeLogits(to url: URL) throws {
            let logits = model.logits(hidden: model.hiddenStates(PackedTokens([ids])))
            let tokens = Tensor(ids.map { Float($0) }, shape: [ids.count])
            try SafetensorsWriter.write([.init("input_ids", tokens), .init("logits", logits)], to: url)
        }
        try model.save(to: folder, shardLimit: 12_000)
        try writeLogits(to: folder.appendingPathComponent("logits.safetensors"))
        let adapters: [(String, AdapterConfiguration)] = [
            ("adapter-lora", .init(rank: 3, alpha: 5, rankPattern: ["down_proj": 2])),
            ("adapter-rslora", .init(rank: 4, layers: [0, 2], usesRankStabilization: true)),
            (
                "adapter-dora",
                .init(rank: 3, targets: .pattern(#".*\.(o|down)_proj"#), usesMagnitude: true)
            ),
        ]
        for (name, configuration) in adapters {
            try model.attachAdapter(configuration, seed: 1)
            for (name, parameter) in model.trainableParameters {
                let stream = RandomStream(seed: 5, purpose: name)
                parameter.value =
                    parameter.value + Tensor.uniform(parameter.value.shape, from: -0.2, to: 0.2, stream: stream)
            }
            let place = folder.appendingPathComponent(name)
            try model.saveAdapter(to: place)
            try writeLogits(to: place.appendingPathComponent("logits.safetensors"))
            model.removeAdapter()
        }
        // The reward model and an adapter for the language model above, each with the reward of the last token.
        func writeReward(to url: URL) throws {
            let rewards = model.rewards(hidden: model.hiddenStates(PackedTokens([ids])))
            let tokens = Tensor(ids.map { Float($0) }, shape: [ids.count])
            let last = rewards.slice(ids.count - 1..<ids.count)
            try SafetensorsWriter.write([.init("input_ids", tokens), .init("reward", last)], to: url)
        }
        model.attachRewardHead(seed: 4)
        let reward = folder.appendingPathComponent("reward")
        try model.save(to: reward, shardLimit: 12_000)
        try writeReward(to: reward.appendingPathComponent("reward.safetensors"))
        try model.attachAdapter(.init(rank: 3, alpha: 5), seed: 1)
        for (name, parameter) in model.trainableParameters {
            let stream = RandomStream(seed: 5, purpose: name)
            parameter.value =
                parameter.value + Tensor.uniform(parameter.value.shape, from: -0.2, to: 0.2, stream: stream)
        }
        let place = folder.appendingPathComponent("reward-adapter")
        try model.saveAdapter(to: place)
        try writeReward(to: place.appendingPathComponent("reward.safetensors"))
    }
}
