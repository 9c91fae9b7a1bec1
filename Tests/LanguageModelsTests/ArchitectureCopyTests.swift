import LanguageModels
import OrderedCollections
import TensorCore
import Testing
import TextCore

/// Frozen copies of a model, as a reference policy needs them.
@Suite struct ArchitectureCopyTests {
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

    /// One step of training as the optimiser makes it: in place.
    private func step(_ model: LanguageModel) {
        let settings = AdamWStep(learningRate: 0.1, betas: (0.9, 0.99), epsilon: 1e-8, weightDecay: 0, step: 1)
        for (name, parameter) in model.trainableParameters {
            let gradient = Tensor.uniform(
                parameter.value.shape, from: -1, to: 1, stream: RandomStream(seed: 6, purpose: name))
            var (first, second) = (Tensor.zeros(gradient.shape), Tensor.zeros(gradient.shape))
            parameter.update { settings.update(&$0, gradient: gradient, firstMoment: &first, secondMoment: &second) }
        }
    }

    @Test(arguments: FamilyCase.all, [false, true])
    func aFrozenCopyStaysWhatTheModelWas(_ family: FamilyCase, withAdapter: Bool) throws {
        let model = try family.model()
        model.attachRewardHead(seed: 4)
        if withAdapter {
            try model.attachAdapter(.init(rank: 3, usesMagnitude: true), seed: 1)
        } else {
            model.setTrainable(.full)
        }
        train(model)
        let before = bits(rewards(model))
        let copy = model.frozenCopy()
        #expect(bits(rewards(copy)) == before && copy.trainableParameters.isEmpty)
        #expect(copy.namedParameters.map(\.name) == model.namedParameters.map(\.name))
        step(model)
        #expect(bits(rewards(model)) != before)
        #expect(bits(rewards(copy)) == before)
    }

    @Test(arguments: [0, 0.6, 1] as [Float])
    func blendingMovesEveryWeightByItsPart(_ alpha: Float) throws {
        for withAdapter in [false, true] {
            let model = try first()
            if withAdapter { try model.attachAdapter(.init(rank: 3), seed: 1) } else { model.setTrainable(.full) }
            let reference = model.frozenCopy()
            step(model)
            let start = reference.namedParameters.map(\.parameter.value)
            reference.blend(towards: model, by: alpha)
            for (index, (name, parameter)) in reference.namedParameters.enumerated() {
                let target = model.namedParameters[index].parameter.value.scalars
                let expected = zip(start[index].scalars, target).map { (1 - alpha) * $0 + alpha * $1 }
                #expect(distance(parameter.value, Tensor(expected, shape: start[index].shape)) < 1e-6, "\(name)")
            }
            let hidden = bits(reference.hiddenStates(tokens))
            if alpha == 1 { #expect(hidden == bits(model.hiddenStates(tokens))) }
            // The two have nothing in common that training could change.
            step(model)
            #expect(bits(reference.hiddenStates(tokens)) == hidden)
        }
    }
}
