import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TextCore

/// Weights, and the JSON beside them.
extension InputTarget {
    static let models = [safetensors, safetensorsHeader, modelConfiguration, weightIndex, quantizedWeights, adapter]

    private static func readAll(_ url: URL) throws {
        let file = try SafetensorsFile(reading: url)
        for entry in file.entries {
            switch entry.type {
            case "F32", "F16", "BF16": _ = try file.tensor(named: entry.name, dtype: .float32)
            case "I32", "I64": _ = try file.integers(named: entry.name)
            default: _ = try file.bytes(named: entry.name)
            }
        }
    }

    static let safetensors = InputTarget(
        name: "safetensors", corpus: "safetensors", fileName: "model.safetensors", form: .bytes,
        samples: { [try PackageFolder.fixture("nf4/plain.safetensors")] },
        read: { input in
            try input.write()
            try readAll(input.file)
        })

    static let safetensorsHeader = InputTarget(
        name: "safetensors-header", corpus: "safetensors-header", fileName: "model.safetensors", form: .json,
        samples: {
            [
                Array(
                    #"""
                    {"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
                    "b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"I64","shape":[],"data_offsets":[32,40]},
                    "d":{"dtype":"U8","shape":[0,7],"data_offsets":[40,40]}}
                    """#.utf8)
            ]
        },
        seal: { header in
            // As many bytes behind the header as its last tensor asks for, where that is a file at all.
            let members = (try? JSON(parsing: header))?.object ?? [:]
            let ends = members.values.compactMap { $0["data_offsets"]?.array?.last?.int }
            let size = ends.max().map { (0...8192).contains($0) ? $0 : 40 } ?? 0
            return littleEndian(UInt64(header.count)) + header + [UInt8](repeating: 0x3F, count: size)
        },
        read: { input in
            try input.write()
            try readAll(input.file)
        })

    static let modelConfiguration = InputTarget(
        name: "model-config", corpus: "model-config", fileName: "config.json", form: .json,
        samples: { ModelRegistry.families.map { Array($0.sample.text().utf8) } },
        read: { input in
            let json = try JSON(parsing: input.bytes)
            let configuration = try ModelRegistry.configuration(from: json)
            guard configuration.layers.count <= 64 else { return }
            for weight in configuration.weights where weight.shape.contains(where: { $0 < 1 }) {
                throw FuzzError("weight \(weight.name) of shape \(weight.shape)")
            }
        })

    /// A model of one block whose weights lie in two files.
    private static let shardedModel: (configuration: [UInt8], index: [UInt8], shards: [[UInt8]])? = {
        guard let family = ModelRegistry.families.first(where: { $0.modelType == "llama" }),
            case .object(var members) = family.sample
        else { return nil }
        (members["num_hidden_layers"], members["attention_bias"], members["mlp_bias"]) = (1, false, false)
        guard let configuration = try? ModelRegistry.configuration(from: .object(members)) else { return nil }
        var shards: [[UInt8]] = []
        var map: [(String, JSON)] = []
        let weights = configuration.weights
        for (number, part) in [weights.prefix(4), weights.dropFirst(4)].enumerated() {
            var header: [(String, JSON)] = []
            var end = 0
            for weight in part {
                let start = end
                end += 4 * weight.shape.reduce(1, *)
                header.append(
                    (
                        weight.name,
                        [
                            "dtype": "F32", "shape": .array(weight.shape.map { .integer($0) }),
                            "data_offsets": [.integer(start), .integer(end)],
                        ]
                    ))
                map.append((weight.name, .string("model-\(number).safetensors")))
            }
            let text = Array(JSON.object(.init(header) { $1 }).text().utf8)
            shards.append(littleEndian(UInt64(text.count)) + text + [UInt8](repeating: 0, count: end))
        }
        let index: JSON = ["metadata": ["total_size": 1], "weight_map": .object(.init(map) { $1 })]
        return (Array(JSON.object(members).text().utf8), Array(index.text().utf8), shards)
    }()

    static let weightIndex = InputTarget(
        name: "weight-index", corpus: "weight-index", fileName: "model.safetensors.index.json", form: .json,
        samples: { [shardedModel?.index ?? []] },
        read: { input in
            try input.write()
            guard let model = shardedModel else { throw FuzzError("no model for the index") }
            try input.write(model.configuration, to: "config.json")
            for (number, shard) in model.shards.enumerated() {
                try input.write(shard, to: "model-\(number).safetensors")
            }
            _ = try ModelLoader.load(folder: input.folder)
        })

    static let quantizedWeights = InputTarget(
        name: "nf4", corpus: "nf4", fileName: "model.safetensors", form: .bytes,
        samples: { [try PackageFolder.fixture("nf4/llama/model.safetensors")] },
        read: { input in
            try input.write()
            try input.write(try PackageFolder.fixture("nf4/llama/config.json"), to: "config.json")
            _ = try ModelLoader.load(folder: input.folder)
        })

    static let adapter = InputTarget(
        name: "adapter", corpus: "adapter", fileName: "adapter_config.json", form: .json,
        samples: {
            [
                Array(
                    #"""
                    {"peft_type":"LORA","task_type":"CAUSAL_LM","r":2,"lora_alpha":4,"lora_dropout":0.0,"bias":"none",
                    "target_modules":["q_proj","v_proj"],"exclude_modules":null,"layers_to_transform":[0],"use_rslora":false,
                    "rank_pattern":{"q_proj":3},"alpha_pattern":{"v_proj":8.5},"use_dora":false}
                    """#.utf8)
            ]
        },
        read: { input in
            try input.write()
            guard let family = ModelRegistry.families.first else { return }
            let model = try ModelInitializer.model(configuration: family.sample, seed: 1)
            try input.write(littleEndian(2) + Array("{}".utf8), to: "adapter_model.safetensors")
            let configuration = try AdapterConfiguration(folder: input.folder)
            guard configuration.rank <= 64, configuration.rankPattern.values.allSatisfy({ $0 <= 64 }) else { return }
            try model.attachAdapter(configuration, seed: 1)
            try model.loadAdapter(from: input.folder)
        })
}

func littleEndian(_ number: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) } }
