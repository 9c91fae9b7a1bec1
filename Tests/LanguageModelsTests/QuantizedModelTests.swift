import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// Models whose blocks are quantised: what bitsandbytes wrote, what Hone writes, and training beside it.
@Suite struct QuantizedModelTests {
    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/nf4")

    // MARK: bitsandbytes

    @Test(arguments: ["matrix", "ragged", "wide-blocks", "plain"])
    func quantisesAndUnpacksToTheBitsOfBitsAndBytes(name: String) throws {
        let url = Self.fixtures.appendingPathComponent("\(name).safetensors")
        let file = try SafetensorsFile(reading: url)
        let original = try file.tensor(named: "original")
        let theirs = try NF4Entry("weight", shape: original.shape) {
            file.entry(named: $0) == nil ? nil : file
        }.matrix()
        #expect(bits(Tensor(theirs)) == bits(try file.tensor(named: "dequantised")))
        let ours = try #require(theirs.quantization.quantized(original)?.quantized as? NF4Matrix)
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(ours.items("weight"), to: folder.file("x.safetensors"))
        let written = try SafetensorsFile(reading: folder.file("x.safetensors"))
        let keys = file.entries.map(\.name).filter { $0.hasPrefix("weight") }
        #expect(Set(keys) == Set(written.entries.map(\.name)))
        for key in keys {
            #expect(
                written.entry(named: key)?.shape == file.entry(named: key)?.shape || key.contains("state"), "\(key)")
            #expect(written.entry(named: key)?.type == file.entry(named: key)?.type, "\(key)")
            guard !key.contains("state") else { continue }
            #expect(try written.bytes(named: key) == file.bytes(named: key), "\(key)")
        }
        let state = NF4Entry.stateKey("weight")
        #expect(try JSON(parsing: written.bytes(named: state)) == JSON(parsing: file.bytes(named: state)))
    }

    /// What `bitsandbytes.functional.int8_vectorwise_quant` and `…_dequant` made of `original`.
    @Test func eightBitsHaveTheBitsOfBitsAndBytes() throws {
        let url = Self.fixtures.deletingLastPathComponent().appendingPathComponent("int8/matrix.safetensors")
        let file = try SafetensorsFile(reading: url)
        let original = try file.tensor(named: "original")
        let theirs = try Int8Entry("layer.weight", shape: original.shape) {
            file.entry(named: $0) == nil ? nil : file
        }.matrix()
        #expect(bits(Tensor(theirs)) == bits(try file.tensor(named: "dequantised")))
        let ours = try #require(Quantization(format: .int8).quantized(original)?.quantized as? Int8Matrix)
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write(ours.items("layer.weight"), to: folder.file("x.safetensors"))
        let written = try SafetensorsFile(reading: folder.file("x.safetensors"))
        for key in file.entries.map(\.name) where key.hasPrefix("layer") {
            #expect(written.entry(named: key)?.type == file.entry(named: key)?.type, "\(key)")
            #expect(written.entry(named: key)?.shape == file.entry(named: key)?.shape, "\(key)")
            #expect(try written.bytes(named: key) == file.bytes(named: key), "\(key)")
        }
        #expect(written.entries.count == 3)
    }

    @Test func eightBitsAreSavedAndLoadedToTheSameBits() throws {
        let source = Self.fixtures.appendingPathComponent("llama")
        let base = try TemporaryFolder()
        try ModelLoader.load(folder: source).save(to: base.url, dtype: .float32)
        let quantization = Quantization(format: .int8)
        let model = try ModelLoader.load(folder: base.url, quantization: quantization)
        #expect(model.quantization == quantization)
        let folder = try TemporaryFolder()
        try model.save(to: folder.url)
        let again = try ModelLoader.load(folder: folder.url)
        #expect(again.files.configuration["quantization_config"]?["load_in_8bit"] == true)
        for (first, second) in zip(model.baseParameters, again.baseParameters) {
            #expect(first.name == second.name && bits(first.parameter.value) == bits(second.parameter.value))
        }
        // A scale that is missing is told of by name, before anything is read.
        let weights = folder.url.appendingPathComponent("model.safetensors")
        let file = try SafetensorsFile(reading: weights)
        let name = try #require(file.entries.first { $0.type == "I8" }?.name)
        let scale = Int8Entry.scaleKey(name)
        #expect(file.entry(named: scale)?.type == "F32")
        let shape = try #require(file.entry(named: name)?.shape)
        let failure = #expect(throws: ModelError.self) {
            _ = try Int8Entry(name, shape: shape) { $0 == scale || file.entry(named: $0) == nil ? nil : file }
        }
        #expect(failure?.description.contains("tensor \(scale) F32") == true)
    }

    @Test func aFolderOfTransformersLoadsAsItIs() throws {
        let folder = Self.fixtures.appendingPathComponent("llama")
        let model = try ModelLoader.load(folder: folder)
        #expect(model.quantization == Quantization(numberType: .bfloat16))
        #expect(model.linearLayers.allSatisfy { $0.weight.value.dtype == .quantized })
        #expect(model.outputEmbedding.value.dtype == .float32)
        let reference = try SafetensorsFile(reading: folder.appendingPathComponent("reference.safetensors"))
        let logits = model.logits(hidden: model.hiddenStates(PackedTokens([try reference.integers(named: "ids")])))
        let expected = try reference.tensor(named: "logits")
        // Float32 against float32 in another order, over two blocks.
        #expect(distance(logits, expected) < 1e-4 * (expected.scalars.map(abs).max() ?? 0))
    }

    @Test func whatIsSavedLoadsToTheSameBits() throws {
        let model = try ModelLoader.load(folder: Self.fixtures.appendingPathComponent("llama"), dtype: .bfloat16)
        let folder = try TemporaryFolder()
        // In files so small that codes and their scales are in different ones.
        try model.save(to: folder.url, shardLimit: 2100)
        let again = try ModelLoader.load(folder: folder.url, dtype: .bfloat16)
        #expect(again.files.configuration["quantization_config"]?["bnb_4bit_quant_type"] == "nf4")
        #expect(again.quantization == model.quantization)
        for (first, second) in zip(model.namedParameters, again.namedParameters) {
            #expect(first.name == second.name && first.parameter.value.dtype == second.parameter.value.dtype)
            #expect(bits(first.parameter.value) == bits(second.parameter.value), "\(first.name)")
        }
        // As numbers the same values, and nothing says that they are quantised.
        let numbers = try TemporaryFolder()
        try model.save(to: numbers.url, dtype: .bfloat16)
        let plain = try ModelLoader.load(folder: numbers.url)
        #expect(plain.quantization == nil && plain.files.configuration["quantization_config"] == nil)
        for (first, second) in zip(model.namedParameters, plain.namedParameters) {
            #expect(bits(first.parameter.value) == bits(second.parameter.value), "\(first.name)")
        }
    }

    // MARK: Quantising at load

    @Test(arguments: FamilyCase.all)
    func loadingQuantisesTheBlocksAndNothingElse(family: FamilyCase) throws {
        let folder = try TemporaryFolder()
        let whole = try family.model()
        try whole.save(to: folder.url)
        let quantization = Quantization(blockSize: 32)
        let model = try ModelLoader.load(folder: folder.url, quantization: quantization)
        #expect(model.quantization == quantization)
        let quantised = Set(model.linearLayers.map { $0.path + ".weight" })
        for (first, second) in zip(whole.namedParameters, model.namedParameters) {
            let value = second.parameter.value
            #expect(quantised.contains(second.name) == (value.dtype == .quantized), "\(second.name)")
            let expected =
                value.dtype == .quantized ? quantization.quantized(first.parameter.value) : first.parameter.value
            #expect(bits(value) == bits(try #require(expected)), "\(first.name)")
        }
        #expect(model.storedByteCount < whole.storedByteCount)
    }

    @Test func aDamagedWeightIsNotQuantised() throws {
        let folder = try TemporaryFolder()
        let whole = try Self.model()
        var values = whole.linearLayers[1].weight.value.scalars
        values[5] = .nan
        whole.linearLayers[1].weight.value = Tensor(values, shape: whole.linearLayers[1].weight.value.shape)
        try whole.save(to: folder.url)
        #expect(
            message { _ = try ModelLoader.load(folder: folder.url, quantization: Quantization()) }
                == "\(folder.url.path): tensor model.layers.0.self_attn.k_proj.weight: has infinite or NaN numbers, so no "
                + "block of it can be scaled; the model is damaged")
    }

    // MARK: Training

    @Test func onlyTheAdapterHasGradientsAndTheyAreThoseOfTheUnpackedModel() throws {
        let (model, unpacked) = try (Self.quantized(), Self.quantized())
        for layer in unpacked.linearLayers { layer.weight.value = layer.weight.value.converted(to: .float32) }
        for model in [model, unpacked] {
            try model.attachAdapter(AdapterConfiguration(rank: 4), seed: 1)
            for (name, parameter) in model.trainableParameters where name.contains("lora_B") {
                parameter.value = .uniform(
                    parameter.value.shape, from: -0.1, to: 0.1, stream: RandomStream(seed: 2, purpose: name))
            }
        }
        let (first, second) = (Self.gradients(model), Self.gradients(unpacked))
        #expect(abs(first.loss - second.loss) < 1e-4)
        #expect(first.gradients.tensors.count == 2 * model.linearLayers.count)
        for (one, other) in zip(first.gradients.tensors, second.gradients.tensors) {
            let (one, other) = try (#require(one), #require(other))
            #expect((one - other).sumOfSquares < 1e-8 * other.sumOfSquares)
        }
    }

    @Test func mergingGivesNumbersAndKeepsTheLogits() throws {
        let model = try Self.quantized()
        try model.attachAdapter(AdapterConfiguration(rank: 4, targets: .names(["q_proj", "down_proj"])), seed: 1)
        for (name, parameter) in model.trainableParameters {
            parameter.value = .uniform(
                parameter.value.shape, from: -0.1, to: 0.1, stream: RandomStream(seed: 2, purpose: name))
        }
        let report = try model.mergeAdapter()
        #expect(report.largestDifference < 1e-4 * report.largestLogit && report.greedyAgreement == 1)
        for layer in model.linearLayers {
            let isMerged = layer.path.hasSuffix("q_proj") || layer.path.hasSuffix("down_proj")
            #expect(layer.weight.value.dtype == (isMerged ? .float32 : .quantized))
        }
    }

    @Test func anAdapterSaysHowItsBaseWasQuantised() throws {
        for quantization in [nil, Quantization(), Quantization(blockSize: 128, numberType: .bfloat16)] {
            let model = try Self.quantized(quantization)
            try model.attachAdapter(AdapterConfiguration(rank: 2), seed: 1)
            let folder = try TemporaryFolder()
            try model.saveAdapter(to: folder.url)
            #expect(try Quantization(ofAdapter: folder.url) == quantization)
            let other = try Self.quantized(quantization)
            try other.loadAdapter(from: folder.url)
            #expect(bits(Self.logits(model)) == bits(Self.logits(other)))
        }
    }

    @Test func aFrozenCopySharesTheCodes() throws {
        let model = try Self.quantized()
        let copy = model.frozenCopy()
        #expect(copy.quantization == model.quantization)
        #expect(bits(Self.logits(copy)) == bits(Self.logits(model)))
        copy.blend(towards: model, by: 0.5)
    }

    // MARK: Hostile files

    /// What happens to the file, and what is said of it.
    struct Damage: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let message: String
        let change: @Sendable (inout [String: (type: String, shape: [Int], bytes: [UInt8])]) -> Void

        init(
            _ name: String, _ message: String,
            _ change: @escaping @Sendable (inout [String: (type: String, shape: [Int], bytes: [UInt8])]) -> Void
        ) {
            (testDescription, self.message, self.change) = (name, message, change)
        }

        /// A change of the state's JSON.
        static func state(_ name: String, _ old: String, _ new: String, _ message: String) -> Damage {
            Damage(name, message) { tensors in
                let key = NF4Entry.stateKey(QuantizedModelTests.victim)
                let text = String(decoding: tensors[key]?.bytes ?? [], as: UTF8.self).replacing(old, with: new)
                tensors[key] = ("U8", [text.utf8.count], Array(text.utf8))
            }
        }
    }

    static let victim = "model.layers.0.self_attn.q_proj.weight"

    static let damages: [Damage] = [
        Damage("no scales", "tensor \(victim).absmax U8 [64] is missing") { $0[victim + ".absmax"] = nil },
        Damage("no map", "tensor \(victim).quant_map F32 [16] is missing") { $0[victim + ".quant_map"] = nil },
        Damage("no codes", "tensor \(victim) is missing") { $0[victim] = nil },
        Damage("no state", "tensor \(victim) is [2048, 1], and the configuration asks for [64, 64]") {
            $0[NF4Entry.stateKey(victim)] = nil
        },
        Damage("short codes", "tensor \(victim) is 2046 bytes of codes, and its state asks for 2048") {
            $0[victim] = ("U8", [2046, 1], Array(repeating: 0, count: 2046))
        },
        Damage("few scales", "tensor \(victim).absmax is U8 [63], and its state asks for U8 [64]") {
            $0[victim + ".absmax"] = ("U8", [63], Array(repeating: 0, count: 63))
        },
        Damage("scales of another type", "tensor \(victim).nested_absmax is U8 [4], and its state asks for F32 [1]") {
            $0[victim + ".nested_absmax"] = ("U8", [4], [0, 0, 0, 0])
        },
        Damage("NaN scale", "tensor \(victim).nested_absmax: has infinite or NaN numbers; the file is damaged") {
            $0[victim + ".nested_absmax"] = ("F32", [1], [0, 0, 0xC0, 0x7F])
        },
        Damage("other levels", "tensor \(victim).quant_map: is not the sixteen levels of nf4") {
            $0[victim + ".quant_map"]?.bytes[5] ^= 1
        },
        Damage("state of floats", "must be U8, the bytes of a JSON text") {
            $0[NF4Entry.stateKey(victim)] = ("F32", [1], [0, 0, 0, 0])
        },
        Damage("state is no JSON", "is not JSON") { $0[NF4Entry.stateKey(victim)] = ("U8", [3], [1, 255, 7]) },
        Damage("state is a list", "a model's configuration is an object, not") {
            $0[NF4Entry.stateKey(victim)] = ("U8", [2], Array("[]".utf8))
        },
        .state("another shape", "[64, 64]", "[64, 65]", "`shape` is [64,65], and the configuration asks for [64, 64]"),
        .state("a huge shape", "[64, 64]", "[9223372036854775807, 9223372036854775807]", "`shape` is ["),
        .state("no shape", "\"shape\"", "\"form\"", "`shape` is missing, and the configuration asks for [64, 64]"),
        .state("block size 0", "\"blocksize\": 64", "\"blocksize\": 0", "`blocksize` is 0; it must be one of [32, 64,"),
        .state("block size -64", "\"blocksize\": 64", "\"blocksize\": -64", "`blocksize` is -64; it must be one of"),
        .state(
            "a block of text", "\"blocksize\": 64", "\"blocksize\": \"64\"", "`blocksize` is \"64\"; it must be one"),
        .state(
            "outer block 3", "\"nested_blocksize\": 256", "\"nested_blocksize\": 3", "`nested_blocksize` is 3; it must"),
        .state("fp4", "\"quant_type\": \"nf4\"", "\"quant_type\": \"fp4\"", "`quant_type` is \"fp4\": Hone reads nf4"),
        .state("float8", "\"dtype\": \"bfloat16\"", "\"dtype\": \"float8\"", "`dtype` is \"float8\"; Hone has float32"),
        .state("half scales", "\"nested_dtype\": \"float32\"", "\"nested_dtype\": \"float16\"", "`nested_dtype` is"),
        .state("no offset", "\"nested_offset\"", "\"offset\"", "`nested_offset` is missing or no number"),
        Damage("scales of nothing", "tensor model.norm.weight.absmax [1] is not a weight of a llama model") {
            $0["model.norm.weight.absmax"] = ("U8", [1], [0])
        },
    ]

    @Test(arguments: damages)
    func aHostileFileIsRefused(damage: Damage) throws {
        let source = try SafetensorsFile(reading: Self.fixtures.appendingPathComponent("llama/model.safetensors"))
        var tensors: [String: (type: String, shape: [Int], bytes: [UInt8])] = [:]
        for entry in source.entries {
            tensors[entry.name] = (entry.type, entry.shape, try source.bytes(named: entry.name))
        }
        damage.change(&tensors)
        let folder = try TemporaryFolder()
        try Self.write(tensors, to: folder.file("model.safetensors"))
        let configuration = Self.fixtures.appendingPathComponent("llama/config.json")
        try FileManager.default.copyItem(at: configuration, to: folder.file("config.json"))
        let text = message { _ = try ModelLoader.load(folder: folder.url) }
        #expect(text.contains(damage.message), "\(text)")
    }

    @Test(arguments: [
        (
            #"{"quant_method": "gptq", "bits": 4}"#,
            "the weights are quantised with gptq; Hone reads those of bitsandbytes"
        ),
        (
            #"{"quant_method": "bitsandbytes", "load_in_4bit": true}"#,
            "`quantization_config.bnb_4bit_quant_type` is fp4"
        ),
        (#"{"load_in_4bit": true, "bnb_4bit_quant_type": "fp4"}"#, "`quantization_config.bnb_4bit_quant_type` is fp4"),
        (#"[1]"#, "the weights are quantised with unknown"),
    ])
    func otherQuantisersAreRefusedByName(settings: String, text: String) throws {
        var members = sampleMembers()
        members["quantization_config"] = try JSON(parsing: settings)
        let problem = message { _ = try ModelRegistry.configuration(from: .object(members)) }
        #expect(problem.contains(text) && problem.contains("`adapter: qlora` quantises it"), "\(problem)")
    }
}

extension QuantizedModelTests {
    private func sampleMembers() -> OrderedDictionary<String, JSON> {
        FamilyCase.all[0].family.sample.object ?? [:]
    }

    private static func model() throws -> LanguageModel { try FamilyCase.all[0].model() }

    /// A model with quantised blocks, from a folder.
    private static func quantized(_ quantization: Quantization? = Quantization()) throws -> LanguageModel {
        let folder = try TemporaryFolder()
        try model().save(to: folder.url)
        return try ModelLoader.load(folder: folder.url, quantization: quantization)
    }

    private static func logits(_ model: LanguageModel) -> Tensor {
        model.logits(hidden: model.hiddenStates(PackedTokens([someTokens(20)])))
    }

    private static func gradients(_ model: LanguageModel) -> (loss: Float, gradients: Gradients) {
        let parameters = model.trainableParameters.map(\.parameter)
        var gradients = Gradients(count: parameters.count)
        let ids = someTokens(40)
        let (loss, _) = valueAndGradient(of: parameters, addingTo: &gradients) {
            let hidden = model.hiddenStates(PackedTokens([Array(ids.dropLast())]))
            let labels = ids.dropFirst().map { Int32($0) }
            return (model.labelLogProbabilities(hidden: hidden, labels: labels).logProbability.sum().scaled(by: -1), 0)
        }
        return (loss, gradients)
    }

    private static func write(
        _ tensors: [String: (type: String, shape: [Int], bytes: [UInt8])], to url: URL
    ) throws {
        var members: OrderedDictionary<String, JSON> = [:]
        var data: [UInt8] = []
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            members[name] = [
                "dtype": .string(tensor.type), "shape": .array(tensor.shape.map { .integer($0) }),
                "data_offsets": [.integer(data.count), .integer(data.count + tensor.bytes.count)],
            ]
            data += tensor.bytes
        }
        let header = Array(JSON.object(members).text().utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        try Data(length + header + data).write(to: url)
    }
}
