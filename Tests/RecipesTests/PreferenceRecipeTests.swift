import DPO
import Foundation
import LanguageModels
import Recipes
import TensorCore
import Testing
import TextCore

/// What a recipe of a preference method says, and what is refused.
@Suite struct PreferenceRecipeTests {
    private func dpo(_ text: String, in workspace: Workspace? = nil) throws -> DPOSettings {
        try #require(try (workspace ?? Workspace()).load(start + text).recipe.dpo)
    }

    @Test func aRecipeWithTheMethodAloneHasEveryDefault() throws {
        let recipe = try Workspace().load(start + "method: dpo\n").recipe
        let block = try #require(recipe.dpo)
        #expect(recipe.method == .dpo && recipe.sft == nil && recipe.kto == nil && recipe.reward == nil)
        #expect(block.losses == [PreferenceLossName("sigmoid")] && block.lossWeights == [1])
        #expect(block.beta == 0.1 && block.labelSmoothing == 0 && block.fDivergence == .reverseKL)
        #expect(block.ldAlpha == nil && !block.wpo && block.sftWeight == 0 && block.sftMean == .step)
        #expect(block.reference == .adapterOff && block.precomputeReference == .on && block.syncReference == nil)
        #expect(recipe.train.learningRate == 1e-5)
        #expect(recipe.data.maxInvalid == 0.05 && recipe.data.mix == .concat && recipe.data.exhausted == nil)
    }

    @Test func everyOptionDecodes() throws {
        let block = try dpo(
            """
            adapter: full
            method: dpo
            dpo:
              loss: [exo_pair, discopop]
              loss_weights: [0.8, 0.2]
              beta: 0.5
              label_smoothing: 0.1
              f_divergence: alpha_divergence
              f_alpha: 0.25
              discopop_tau: 0.1
              ld_alpha: 0.5
              wpo: true
              sft_weight: 0.05
              sft_mean: micro_batch
              reference: ./model
              sync_reference: {every_steps: 10, alpha: 0.5}
            """)
        #expect(block.losses.map(\.name) == ["exo_pair", "discopop"] && block.lossWeights == [0.8, 0.2])
        #expect(block.beta == 0.5 && block.labelSmoothing == 0.1 && block.fDivergence == .alpha)
        #expect(block.fAlpha == 0.25 && block.discopopTau == 0.1 && block.ldAlpha == 0.5 && block.wpo)
        #expect(block.sftWeight == 0.05 && block.sftMean == .microBatch)
        guard case .model(let path) = block.reference else { return #expect(Bool(false), "\(block.reference)") }
        #expect(path.name == "model" && block.precomputeReference == .off)
        #expect(block.syncReference?.everySteps == 10 && block.syncReference?.alpha == 0.5)
    }

    @Test(arguments: ["ipo", "orpo", "simpo", "cpo"])
    func aShorthandIsTheLossOfThatName(name: String) throws {
        let workspace = try Workspace()
        let short = try workspace.load(start + "method: \(name)\ndpo: {beta: 2}\n")
        let long = try workspace.load(start + "method: dpo\ndpo: {loss: \(name), beta: 2}\n")
        #expect(short.recipe == long.recipe && short.fingerprint == long.fingerprint)
        #expect(short.resolved().text.contains("method: dpo\n") && short.resolved().text.contains("loss: [\(name)]"))
        #expect(short.recipe.dpo?.reference == (name == "ipo" ? .adapterOff : .noReference))
        #expect(short.recipe.dpo?.sftWeight == (name == "cpo" ? 1 : 0))
        #expect(try workspace.load(start + "method: \(name)\ndpo: {loss: \(name)}\n").recipe.dpo?.losses.count == 1)
        let other = workspace.problems(start + "method: \(name)\ndpo: {loss: sigmoid}\n")
        #expect(other.count == 1 && other[0].contains("`method: \(name)` already says which loss"))
    }

    @Test func theReferenceFollowsTheAdapter() throws {
        let workspace = try Workspace()
        try workspace.write("{}", to: "start/adapter_config.json")
        #expect(try dpo("method: dpo\nadapter: full\n", in: workspace).reference == .initial)
        #expect(try dpo("method: dpo\nadapter: {init_from: start}\n", in: workspace).reference == .initial)
        #expect(try dpo("method: dpo\n", in: workspace).reference == .adapterOff)
        #expect(try dpo("method: simpo\n", in: workspace).reference == .noReference)
        #expect(try dpo("method: simpo\n", in: workspace).precomputeReference == .off)
        #expect(try dpo("method: simpo\ndpo: {reference: none}\n", in: workspace).reference == .noReference)
        let kto = try workspace.load(start + "method: kto\nadapter: full\n").recipe.kto
        #expect(kto?.reference == .initial && kto?.loss == .kto)
    }

    @Test func anAdapterThatWasTrainedIsNoReferenceWhenTurnedOff() throws {
        let workspace = try Workspace()
        func writeAdapter(_ up: [Float]) throws {
            try workspace.write("{}", to: "start/adapter_config.json")
            try SafetensorsWriter.write(
                [
                    SafetensorsWriter.Item("base_model.model.q.lora_A.weight", Tensor([1, 2, 3, 4], shape: [2, 2])),
                    SafetensorsWriter.Item("base_model.model.q.lora_B.weight", Tensor(up, shape: [2, 2])),
                ], to: URL(fileURLWithPath: workspace.folder + "/start/adapter_model.safetensors"))
        }
        let text = "method: dpo\nadapter: {init_from: start}\ndpo: {reference: adapter_off}\n"
        try writeAdapter([0, 0, 0, 0])
        #expect(try dpo(text, in: workspace).reference == .adapterOff)
        try writeAdapter([0, 0, 1e-9, 0])
        let problems = workspace.problems(start + text)
        #expect(problems.count == 1)
        #expect(
            problems.first?.hasPrefix("recipe.yaml:6:18: dpo.reference is adapter_off, but adapter.init_from") == true)
        #expect(problems.first?.contains("`reference: init`") == true)
        #expect(problems.first?.contains("`reference: base`") == true)
        let base = try dpo("method: dpo\nadapter: {init_from: start}\ndpo: {reference: base}\n", in: workspace)
        #expect(base.reference == .base)
    }

    @Test func learningRatesFollowTheMethod() throws {
        let workspace = try Workspace()
        func rate(_ text: String) throws -> Double { try workspace.load(start + text).recipe.train.learningRate }
        #expect(try rate("method: dpo\nadapter: full\n") == 1e-6 && rate("method: dpo\n") == 1e-5)
        #expect(try rate("method: kto\nadapter: full\n") == 1e-6 && rate("method: simpo\n") == 1e-5)
        #expect(try rate("method: reward\nadapter: full\n") == 1e-5 && rate("method: reward\n") == 1e-4)
        #expect(try rate("method: reward\ntrain: {learning_rate: 1e-3}\n") == 1e-3)
    }

    @Test func kTOAndRewardDecode() throws {
        let workspace = try Workspace()
        let kto = try workspace.load(
            start + "method: kto\nkto: {loss: apo_zero_unpaired, beta: 0.2, desirable_weight: 2, reference: base}\n"
        ).recipe.kto
        #expect(kto?.loss == .apoZeroUnpaired && kto?.beta == 0.2 && kto?.desirableWeight == 2)
        #expect(kto?.undesirableWeight == 1 && kto?.reference == .base)
        let reward = try workspace.load(start + "method: reward\nreward: {center_coef: 0.01}\n").recipe.reward
        #expect(reward?.loss == .bradleyTerry && reward?.head == .scalar && reward?.centerCoefficient == 0.01)
    }

    @Test func rowsAreMixedFilteredAndStreamed() throws {
        let workspace = try Workspace()
        let data = try workspace.load(
            """
            schema: 1
            model: model
            method: dpo
            data:
              train:
                - {path: rows.jsonl, weight: 0.7, filter: {lang: en, n: {min: 1, max: 2.5}, s: [a, b], t: {matches: "^x"}}}
                - {path: rows.jsonl, weight: 0.3, filter: {flag: {exists: false}, k: {not: [1, 2]}}}
              mix: weighted
              exhausted: drop
              streaming: true
              cache: kept
              on_corrupt: quarantine
              max_invalid: 0
            train: {max_steps: 10}
            """
        ).recipe.data
        #expect(data.mix == .weighted && data.exhausted == .drop && data.streaming)
        #expect(data.train.map(\.weight) == [0.7, 0.3])
        #expect(data.onCorrupt == .quarantine && data.maxBad == 0.001 && data.maxInvalid == 0)
        #expect(data.cache.folder(environment: [:])?.absolute == workspace.folder + "/kept")
        #expect(
            data.train[0].filter?.json == [
                "lang": "en", "n": ["min": 1, "max": 2.5], "s": ["a", "b"], "t": ["matches": "^x"],
            ])
        #expect(data.train[1].filter?.json == ["flag": ["exists": false], "k": ["not": [1, 2]]])
    }

    @Test func theCacheIsWhereTheEnvironmentSays() {
        #expect(CacheChoice.off.folder(environment: ["HONE_CACHE": "/a"]) == nil)
        #expect(CacheChoice.auto.folder(environment: ["HONE_CACHE": "/a", "XDG_CACHE_HOME": "/b"])?.absolute == "/a")
        #expect(CacheChoice.auto.folder(environment: ["XDG_CACHE_HOME": "/b"])?.absolute == "/b/hone")
        #expect(CacheChoice.auto.folder(environment: [:])?.absolute.hasSuffix("/.cache/hone") == true)
    }

    @Test(arguments: [
        "method: dpo\n",
        "method: dpo\ndpo: {loss: [sigmoid, bco_pair, sft], loss_weights: [0.8, 0.2, 1]}\n",
        "method: dpo\nadapter: full\ndpo: {loss: robust, label_smoothing: 0.1, sync_reference: {alpha: 1}}\n",
        "method: simpo\ndpo: {gamma: 1.5, beta: 2, sft_weight: 0.1}\n", "method: cpo\n", "method: orpo\n",
        "method: dpo\ndpo: {f_divergence: alpha_divergence, wpo: true, ld_alpha: 0, reference: ./model}\n",
        "method: kto\nkto: {reference: ./model}\n", "method: reward\nreward: {center_coef: 0.5}\n",
    ])
    func theResolvedRecipeReadsBackEqual(text: String) throws {
        let workspace = try Workspace()
        let loaded = try workspace.load(start + text)
        try workspace.write(loaded.resolved().text, to: "runs/resolved.yaml")
        let again = try LoadedRecipe.load(workspace.folder + "/runs/resolved.yaml")
        #expect(again.recipe == loaded.recipe && again.fingerprint == loaded.fingerprint)
    }

    @Test func mixedDataReadBackEqual() throws {
        let workspace = try Workspace()
        let loaded = try workspace.load(
            """
            schema: 1
            model: model
            data:
              train:
                - {path: rows.jsonl, weight: 1, filter: {a.b: [x, "1", 2, true], "c d": {min: 1.5, not: 3}}}
              mix: weighted
              on_corrupt: quarantine
              cache: none
            """)
        #expect(try workspace.load(loaded.resolved().text).recipe == loaded.recipe)
    }

    @Test func everyLossOfTheTableIsAccepted() throws {
        let workspace = try Workspace()
        #expect(PreferenceLossRegistry.standard.names.count >= 18)
        for name in PreferenceLossRegistry.standard.names {
            let smoothing = name == "exo_pair" ? ", label_smoothing: 0.1" : ""
            let block = try dpo("method: dpo\ndpo: {loss: \(name)\(smoothing)}\n", in: workspace)
            #expect(block.losses.map(\.name) == [name])
            #expect(block.lossSettings.problems().isEmpty)
        }
    }

    /// What a recipe may combine, the objective takes; what it refuses, the recipe refuses first, in its own words.
    @Test func recipesAndObjectivesRefuseTheSameMixtures() throws {
        let workspace = try Workspace()
        let names = PreferenceLossRegistry.standard.names
        for first in names {
            for second in names where first < second {
                for extra in ["", ", wpo: true", ", f_divergence: js_divergence"] {
                    let text = "method: dpo\ndpo: {loss: [\(first), \(second)], label_smoothing: 0.1\(extra)}\n"
                    var settings = LossSettings([.init(first), .init(second)])
                    settings.labelSmoothing = 0.1
                    settings.weighting = extra.contains("wpo")
                    settings.divergence = extra.contains("js") ? .jensenShannon : .reverseKL
                    let isFine = settings.problems().isEmpty
                    #expect(workspace.problems(start + text).isEmpty == isFine, "\(text): \(settings.problems())")
                }
            }
        }
    }

    @Test func theSettingsReachTheObjective() throws {
        let settings = try dpo(
            "method: dpo\ndpo: {loss: [robust, sft], loss_weights: [0.5, 2], beta: 0.3, label_smoothing: 0.2, f_divergence: alpha_divergence, f_alpha: 0.7, ld_alpha: 0.4}\n"
        ).lossSettings
        var expected = LossSettings([.init("robust", weight: 0.5), .init("sft", weight: 2)])
        expected.beta = 0.3
        expected.labelSmoothing = 0.2
        expected.divergence = .alpha
        expected.divergenceAlpha = 0.7
        expected.lengthDiscount = 0.4
        expected.sftWeight = 0
        #expect(settings == expected)
        let simpo = try dpo("method: simpo\ndpo: {gamma: 1, alphapo_alpha: 0.25, sft_weight: 0.1}\n").lossSettings
        #expect(simpo.gamma == 1 && simpo.alphaPO == 0.25 && simpo.sftWeight == 0.1 && simpo.losses == [.init("simpo")])
    }

    @Test func anOwnLossIsANameOfTheRecipe() throws {
        var registry = Registry()
        registry.losses.register(
            PreferenceLoss("lead", summary: "the difference itself", options: [.labelSmoothing]) { terms, _ in
                terms.scoreDifference
            })
        let workspace = try Workspace()
        let text = start + "method: dpo\ndpo: {loss: lead, label_smoothing: 0.3}\n"
        let loaded = try Registry.$current.withValue(registry) { try workspace.load(text) }
        #expect(loaded.recipe.dpo?.losses.map(\.name) == ["lead"])
        #expect(workspace.problems(text).count == 1)
    }
}

/// Slips in recipes of preference methods, with everything that is said about each.
@Suite struct BadPreferenceRecipeTests {
    /// Lists of losses that follow from the registry, with what stands for them in the expected messages.
    private static let lists: [(text: String, sign: String)] = {
        let losses = PreferenceLossRegistry.standard.losses
        func joined(_ isMeant: (PreferenceLoss) -> Bool) -> String {
            losses.filter(isMeant).map(\.name).joined(separator: ", ")
        }
        var lists = [(joined { _ in true }, "EVERY LOSS")]
        for option in LossOption.allCases {
            lists.append((joined { $0.options.contains(option) }, "READERS OF \(option.rawValue)"))
        }
        return lists.filter { $0.0.contains(", ") }.sorted { $0.0.count > $1.0.count }
    }()

    @Test(arguments: BadRecipe.preferences) func isRefusedWithEveryProblemAndItsFix(_ bad: BadRecipe) throws {
        let problems = try Workspace().problems(bad.text).map { problem in
            Self.lists.reduce(problem) { $0.replacing($1.text, with: $1.sign) }
        }
        #expect(problems == bad.messages)
    }

    @Test(arguments: [
        ("dpo", "loss_type", "Did you mean 'loss'? (TRL name)"),
        ("kto", "loss_type", "Did you mean 'loss'? (TRL name)"),
        ("dpo", "f_divergence_type", "Did you mean 'f_divergence'? (TRL name)"),
        ("dpo", "ref_model", "Did you mean 'reference'? (TRL name)"),
        ("dpo", "sync_ref_model", "Did you mean 'sync_reference'? (TRL name)"),
        ("dpo", "ref_model_mixup_alpha", "'ref_model_mixup_alpha' is `dpo.sync_reference.alpha` here (TRL name)"),
        ("dpo", "precompute_ref_log_probs", "Did you mean 'precompute_reference'? (TRL name)"),
        ("dpo", "use_weighting", "Did you mean 'wpo'? (TRL name)"),
        ("dpo", "rpo_alpha", "Did you mean 'sft_weight'? (TRL name)"),
        ("dpo", "simpo_gamma", "Did you mean 'gamma'? (TRL name)"),
        ("dpo", "pref_beta", "Did you mean 'beta'? (LLaMA-Factory name)"),
        ("dpo", "pref_ftx", "Did you mean 'sft_weight'? (LLaMA-Factory name)"),
        ("kto", "rl_beta", "Did you mean 'beta'? (axolotl name)"),
        ("kto", "kto_desirable_weight", "Did you mean 'desirable_weight'? (axolotl name)"),
        ("reward", "center_rewards_coefficient", "Did you mean 'center_coef'? (TRL name)"),
        ("train", "label_smoothing", "'label_smoothing' belongs in dpo"),
        ("train", "beta", "'beta' belongs in dpo or kto"),
        (
            "train", "loss_type",
            "'loss_type' is `sft.loss` or `dpo.loss` or `kto.loss` or `reward.loss` or `rft.loss` here (TRL name)"
        ),
        ("data", "interleave_probs", "'interleave_probs' is `data.train.weight` here (LLaMA-Factory name)"),
        ("data", "mix_strategy", "Did you mean 'mix'? (LLaMA-Factory name)"),
    ])
    func namesOfOtherToolsAreUnderstood(section: String, key: String, hint: String) throws {
        let method = ["dpo", "kto", "reward"].contains(section) ? section : "sft"
        let data =
            section == "data" ? "data: {train: rows.jsonl, \(key): 1}" : "data: rows.jsonl\n\(section): {\(key): 1}"
        let problems = try Workspace().problems("schema: 1\nmodel: model\nmethod: \(method)\n\(data)\n")
        #expect(problems.count == 1 && problems[0].contains(hint), "\(problems)")
    }
}
