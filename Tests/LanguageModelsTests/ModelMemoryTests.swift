import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// The memory of a step that follows from the configuration, against what the pool counts. Each case runs in a process of
/// its own, as the pool is shared by everything in a process.
@Suite struct ModelMemoryTests {
    @Test func trainingEveryWeightTakesWhatTheFormulaSays() async {
        await #expect(processExitsWith: .success) { try Comparison.run(.full) }
    }

    @Test func trainingAnAdapterTakesWhatTheFormulaSays() async {
        await #expect(processExitsWith: .success) { try Comparison.run(.adapter(AdapterConfiguration(rank: 8))) }
    }

    @Test func adaptersOfOtherKindsTakeWhatTheFormulaSays() async {
        await #expect(processExitsWith: .success) {
            try Comparison.run(
                .adapter(AdapterConfiguration(rank: 4, dropout: 0.1, targets: .names(["q_proj", "o_proj"]))))
            try Comparison.run(.adapter(AdapterConfiguration(rank: 4, usesMagnitude: true)))
        }
    }

    @Test func weightsAndMomentsAreThoseOfTheModel() throws {
        for family in ModelRegistry.families {
            let model = try ModelInitializer.model(configuration: family.sample, seed: 1)
            try model.attachAdapter(AdapterConfiguration(rank: 3), seed: 1)
            let memory = try ModelMemory(
                model.configuration, training: .adapter(AdapterConfiguration(rank: 3)), storage: .float32)
            let base = model.baseParameters.reduce(0) { $0 + $1.parameter.value.count }
            let trained = model.trainableParameters.reduce(0) { $0 + $1.parameter.value.count }
            #expect(memory.weightBytes == 4 * base && memory.parameterCount == base, "\(family.modelType)")
            #expect(memory.momentBytes == 8 * trained && memory.adapterBytes == 4 * trained, "\(family.modelType)")
        }
    }
}

/// Steps of tiny models of every family, counted and worked out.
private enum Comparison {
    static func run(_ training: ModelMemory.Training) throws {
        for family in ModelRegistry.families {
            if case .adapter(let adapter) = training, case .names = adapter.targets, family.modelType == "phi3" {
                continue
            }
            for (tokens, labels) in [(400, 399), (900, 60)] {
                for checkpointing in [false, true] {
                    for accumulates in [false, true] {
                        try compare(
                            family, training, tokens: tokens, labels: labels, checkpointing: checkpointing,
                            accumulates: accumulates)
                    }
                }
            }
        }
    }

    private static func compare(
        _ family: ModelFamily, _ training: ModelMemory.Training, tokens: Int, labels: Int, checkpointing: Bool,
        accumulates: Bool
    ) throws {
        // Wide enough that matrices, not the odd numbers beside them, decide.
        var members = family.sample.object ?? [:]
        for (name, value) in [("hidden_size", 96), ("intermediate_size", 256), ("vocab_size", 700), ("head_dim", 24)] {
            members[name] = .integer(value)
        }
        members["max_position_embeddings"] = 1024
        let model = try ModelInitializer.model(configuration: .object(members), seed: 1)
        if case .adapter(let adapter) = training {
            try model.attachAdapter(adapter, seed: 1)
        } else {
            model.setTrainable(.full)
        }
        let memory = try ModelMemory(model.configuration, training: training, storage: .float32)
        let batch = ModelMemory.Batch(tokens: tokens, labels: labels)
        let expected = memory.step(batch, checkpointing: checkpointing, accumulates: accumulates).bytes
        let counted = counted(
            model, tokens: tokens, labels: labels, checkpointing: checkpointing, accumulates: accumulates)
        let error = Double(expected) / Double(counted) - 1
        #expect(
            abs(error) < 0.1,
            """
            \(family.modelType), \(training), \(tokens) tokens, checkpointing \(checkpointing), \
            accumulates \(accumulates): \(expected) expected, \(counted) counted
            """)
    }

    private static func counted(
        _ model: LanguageModel, tokens: Int, labels: Int, checkpointing: Bool, accumulates: Bool
    ) -> Int {
        let parameters = model.trainableParameters.map(\.parameter)
        var options = ForwardOptions()
        options.checkpointing = checkpointing
        options.dropoutStream = RandomStream(seed: 1, purpose: "dropout")
        let ids = (0..<tokens).map { $0 * 31 % 700 }
        let targets = (0..<labels).map { Int32(($0 * 17 + 5) % 700) }
        func step(_ gradients: inout Gradients) {
            _ = valueAndGradient(of: parameters, addingTo: &gradients) {
                let hidden = model.hiddenStates(PackedTokens([ids]), options: options)
                let scored = model.labelLogProbabilities(
                    hidden: embedding(hidden, Array(0..<labels)), labels: targets, expectsUniformGradient: true)
                return (scored.logProbability.sum(), 0)
            }
        }
        // What is made once, such as tables, is made before.
        var warm = Gradients(count: parameters.count)
        step(&warm)
        if !accumulates { warm = Gradients(count: parameters.count) }
        let held = accumulates ? parameters.reduce(0) { $0 + BufferPool.capacity(for: 4 * $1.value.count) } : 0
        let before = BufferPool.shared.counters.liveBytes - held
        BufferPool.shared.resetPeak()
        step(&warm)
        return BufferPool.shared.counters.peakLiveBytes - before
    }
}
