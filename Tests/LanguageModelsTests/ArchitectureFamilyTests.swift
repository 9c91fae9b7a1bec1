import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// What must hold for every family in the registry.
@Suite struct ArchitectureFamilyTests {
    @Test(arguments: FamilyCase.all, [nil, 9000])
    func savingAndLoadingKeepsEveryBit(_ family: FamilyCase, shardLimit: Int?) throws {
        let folder = try TemporaryFolder()
        let model = try family.model()
        try model.save(to: folder.url, shardLimit: shardLimit ?? .max)
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
        #expect(files.contains("model.safetensors") == (shardLimit == nil))
        let again = try ModelLoader.load(folder: folder.url)
        #expect(again.configuration == model.configuration)
        #expect(again.baseParameters.map(\.name) == model.baseParameters.map(\.name))
        for ((name, first), (_, second)) in zip(model.baseParameters, again.baseParameters) {
            #expect(bits(first.value) == bits(second.value), "\(name)")
        }
        let tokens = PackedTokens([someTokens(9)])
        #expect(bits(model.hiddenStates(tokens)) == bits(again.hiddenStates(tokens)))
    }

    @Test(arguments: FamilyCase.all)
    func namesVisitedAreThoseOfTheConfiguration(_ family: FamilyCase) throws {
        let model = try family.model()
        #expect(model.baseParameters.map(\.name) == model.configuration.weights.map(\.name))
        #expect(model.baseParameters.map(\.parameter.value.shape) == model.configuration.weights.map(\.shape))
        #expect(Set(model.baseParameters.map(\.name)).count == model.baseParameters.count)
    }

    @Test(arguments: FamilyCase.all)
    func aLaterTokenDoesNotChangeEarlierStates(_ family: FamilyCase) throws {
        let model = try family.model()
        var ids = someTokens(20)
        let before = model.hiddenStates(PackedTokens([ids]))
        ids[13] = (ids[13] + 1) % 53
        let after = model.hiddenStates(PackedTokens([ids]))
        #expect(bits(before.slice(0..<13)) == bits(after.slice(0..<13)))
        #expect(bits(before.slice(13..<14)) != bits(after.slice(13..<14)))
    }

    @Test(arguments: FamilyCase.all)
    func everyEarlierTokenInReachCounts(_ family: FamilyCase) throws {
        let model = try family.model()
        var ids = someTokens(20)
        let before = model.hiddenStates(PackedTokens([ids]))
        ids[17] = (ids[17] + 1) % 53
        let after = model.hiddenStates(PackedTokens([ids]))
        #expect(bits(before.slice(19..<20)) != bits(after.slice(19..<20)))
    }

    @Test(arguments: FamilyCase.all)
    func cachedStatesAreThoseOfAFullForwardPass(_ family: FamilyCase) throws {
        let model = try family.model()
        let sequences = [someTokens(21), someTokens(14, seed: 2)]
        let whole = sequences.map { model.hiddenStates(PackedTokens([$0])) }
        var caches = sequences.map { _ in KVCache(model.configuration) }
        var done = [0, 0]
        // Prompts and single tokens mixed: what one sequence brings must not matter to the other.
        for counts in [[5, 1], [1, 6], [1, 1], [9, 1], [1, 5], [4, 0]] {
            let active = counts.indices.filter { counts[$0] > 0 }
            let new = active.map { Array(sequences[$0][done[$0]..<done[$0] + counts[$0]]) }
            var some = active.map { caches[$0] }
            let hidden = model.hiddenStates(appending: new, to: &some)
            var start = 0
            for (place, index) in active.enumerated() {
                caches[index] = some[place]
                let part = hidden.slice(start..<start + counts[index])
                #expect(distance(part, whole[index].slice(done[index]..<done[index] + counts[index])) < 1e-5)
                start += counts[index]
                done[index] += counts[index]
                #expect(caches[index].count == done[index])
            }
        }
        #expect(done == [21, 14])
    }

    // Attention gives each document the same bits however it is packed. The products before and after it may add in
    // another order for another number of rows, so the whole model agrees within rounding.
    @Test(arguments: FamilyCase.all)
    func packedDocumentsAreAsEachAlone(_ family: FamilyCase) throws {
        let model = try family.model()
        let documents = [someTokens(7), someTokens(1, seed: 2), someTokens(33, seed: 3)]
        let packed = model.hiddenStates(PackedTokens(documents))
        var start = 0
        for document in documents {
            let alone = model.hiddenStates(PackedTokens([document]))
            #expect(distance(alone, packed.slice(start..<start + document.count)) < 1e-5)
            start += document.count
        }
    }

    @Test(arguments: FamilyCase.all)
    func threadsDoNotChangeABit(_ family: FamilyCase) throws {
        let model = try family.model()
        let tokens = PackedTokens([someTokens(40), someTokens(11, seed: 2)])
        let results = [1, 2, 4].map { threads in
            Parallel.setThreads(threads)
            return bits(model.hiddenStates(tokens))
        }
        Parallel.setThreads(0)
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test(arguments: FamilyCase.all)
    func weightsStoredInSixteenBitsRun(_ family: FamilyCase) throws {
        let folder = try TemporaryFolder()
        let model = try family.model()
        try model.save(to: folder.url, dtype: .bfloat16)
        let half = try ModelLoader.load(folder: folder.url, dtype: .bfloat16, precision: .float32)
        let full = try ModelLoader.load(folder: folder.url)
        #expect(half.files.configuration["dtype"] == "bfloat16")
        let tokens = PackedTokens([someTokens(9)])
        let difference = distance(half.hiddenStates(tokens), full.hiddenStates(tokens))
        // The same weights; only Gemma's √D is rounded to their type as well.
        #expect(difference < (model.configuration.scalesEmbedding ? 0.1 : 1e-4))
        // Products in bf16 as well: what is stored in float32 is rounded, so both are the same bits.
        let narrow = try ModelLoader.load(folder: folder.url, dtype: .bfloat16)
        let master = try ModelLoader.load(folder: folder.url, precision: .bfloat16)
        #expect(narrow.precision == .bfloat16 && master.precision == .bfloat16 && full.precision == .float32)
        let rounded = narrow.hiddenStates(tokens)
        #expect(distance(rounded, full.hiddenStates(tokens)) < 0.15)
        #expect(distance(rounded, full.hiddenStates(tokens)) > 0)
        if !model.configuration.scalesEmbedding { #expect(bits(rounded) == bits(master.hiddenStates(tokens))) }
        master.setTrainable(.full)
        var gradients = Gradients(count: master.trainableParameters.count)
        _ = valueAndGradient(of: master.trainableParameters.map(\.parameter), addingTo: &gradients) {
            (master.hiddenStates(tokens).squared().sum(), ())
        }
        #expect(gradients.norm > 0 && gradients.norm.isFinite)
    }

    @Test func aSeedAloneDecidesAModelFromScratch() throws {
        let sample = try #require(ModelRegistry.families.first).sample
        func weights(_ seed: UInt64) throws -> [[UInt32]] {
            try ModelInitializer.model(configuration: sample, vocabularySize: 300, seed: seed).baseParameters
                .map { bits($0.parameter.value) }
        }
        #expect(try weights(1) == weights(1))
        #expect(try weights(1) != weights(2))
        let model = try ModelInitializer.model(configuration: sample, vocabularySize: 300, seed: 1)
        #expect(model.outputEmbedding.value.shape == [300, 24])
        #expect(model.files.configuration["vocab_size"] == 300)
        let embedding = model.outputEmbedding.value
        let deviation = (embedding.sumOfSquares / Double(embedding.count)).squareRoot()
        #expect(abs(deviation - 0.2) < 0.02)
    }

    @Test func aModelTooLargeForTheMachineIsRefusedBeforeItIsMade() throws {
        var members = try #require(ModelRegistry.families.first?.sample.object)
        for key in ["hidden_size", "vocab_size", "intermediate_size"] { members[key] = .integer(1 << 24) }
        let text = message { _ = try ModelInitializer.model(configuration: .object(members), seed: 1) }
        #expect(text.contains("more than this machine's memory"), "\(text)")
    }
}
