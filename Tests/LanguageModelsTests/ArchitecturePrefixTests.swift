import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// A prompt shared by its completions against one row for each completion, on every family.
@Suite struct ArchitecturePrefixTests {
    private static let prompt = someTokens(37)
    private static let chosen = someTokens(9, seed: 2)
    private static let rejected = someTokens(2, seed: 3)
    private static let other = someTokens(11, seed: 4)

    private let shared = PackedTokens(
        ids: prompt + chosen + other + rejected, lengths: [37, 9, 11, 2], prefixes: [nil, 0, nil, 0])
    private let apart = PackedTokens([prompt + chosen, prompt + rejected, other])

    /// Where in the shared layout each row of the layout apart is.
    private let places = Array(0..<46) + Array(0..<37) + [57, 58] + Array(46..<57)

    private func options(checkpointing: Bool) -> ForwardOptions {
        var options = ForwardOptions()
        options.checkpointing = checkpointing
        return options
    }

    @Test(arguments: FamilyCase.all)
    func aSharedPromptGivesTheStatesOfRowsApart(_ family: FamilyCase) throws {
        let model = try family.model()
        let together = embedding(model.hiddenStates(shared), places)
        #expect(distance(together, model.hiddenStates(apart)) < 1e-5)
    }

    @Test(arguments: FamilyCase.all, [false, true])
    func aSharedPromptGivesTheGradientsOfRowsApart(_ family: FamilyCase, checkpointing: Bool) throws {
        let model = try family.model()
        model.setTrainable(.full)
        let parameters = model.trainableParameters
        // Labels of the completions alone: the first is predicted by the last token of the prompt.
        let completions = Self.chosen + Self.rejected
        func gradients(_ tokens: PackedTokens, _ positions: [Int]) -> (Float, [Tensor?]) {
            var gradients = Gradients(count: parameters.count)
            let (loss, _) = valueAndGradient(of: parameters.map(\.parameter), addingTo: &gradients) {
                let hidden = model.hiddenStates(tokens, options: options(checkpointing: checkpointing))
                let scores = model.labelLogProbabilities(
                    hidden: embedding(hidden, positions), labels: completions.map { Int32($0) })
                return ((scores.logProbability * scores.entropy).sum().scaled(by: 0.1), ())
            }
            return (loss, gradients.tensors)
        }
        let (loss, together) = gradients(shared, Array(36..<45) + [36, 57])
        let (wanted, separate) = gradients(apart, Array(36..<45) + [82, 83])
        #expect(abs(loss - wanted) < 1e-5)
        for ((name, _), (first, second)) in zip(parameters, zip(together, separate)) {
            let (first, second) = (try #require(first), try #require(second))
            // Relative to the gradient's size: sums over rows are taken in another order.
            let size = max(1, second.scalars.map(abs).max() ?? 0)
            #expect(distance(first, second) < 1e-5 * size, "\(name)")
        }
    }

    @Test(arguments: FamilyCase.all)
    func threadsDoNotChangeABitOfASharedPrompt(_ family: FamilyCase) throws {
        let model = try family.model()
        model.setTrainable(.full)
        let parameters = model.trainableParameters.map(\.parameter)
        let results = [1, 2, 4].map { threads in
            Parallel.setThreads(threads)
            var gradients = Gradients(count: parameters.count)
            let (_, hidden) = valueAndGradient(of: parameters, addingTo: &gradients) {
                let hidden = model.hiddenStates(shared)
                return (hidden.squared().sum(), hidden.detached)
            }
            return [bits(hidden)] + gradients.tensors.map { $0.map(bits) ?? [] }
        }
        Parallel.setThreads(0)
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test func anAdapterWorksOnASharedPrompt() throws {
        let model = try FamilyCase(family: #require(ModelRegistry.families.first)).model()
        try model.attachAdapter(AdapterConfiguration(rank: 3, dropout: 0.5), seed: 1)
        for (name, parameter) in model.trainableParameters {
            parameter.value = .uniform(
                parameter.value.shape, from: -0.3, to: 0.3, stream: RandomStream(seed: 5, purpose: name))
        }
        let together = embedding(model.hiddenStates(shared), places)
        #expect(distance(together, model.hiddenStates(apart)) < 1e-5)
        var options = ForwardOptions()
        options.dropoutStream = RandomStream(seed: 1, purpose: "dropout")
        #expect(distance(model.hiddenStates(shared, options: options), model.hiddenStates(shared)) > 1e-3)
    }

    @Test func batchesWithAndWithoutPrefixesDiffer() {
        let plain = PackedTokens(ids: [1, 2, 3], lengths: [2, 1])
        #expect(plain.prefixes == [nil, nil])
        #expect(plain == PackedTokens([[1, 2], [3]]))
        #expect(plain != PackedTokens(ids: [1, 2, 3], lengths: [2, 1], prefixes: [nil, 0]))
    }
}
