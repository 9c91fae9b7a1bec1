import Foundation
import Recipes
import Testing
import TextCore
import Training

@Suite struct DecodingTests {
    @Test func theSmallestRecipeHasEveryDefault() throws {
        let workspace = try Workspace()
        let recipe = try workspace.load(start).recipe
        #expect(recipe.name == "recipe")
        #expect(recipe.seed == 42)
        #expect(recipe.outputFolder.absolute == workspace.folder + "/runs/recipe")
        #expect(recipe.model.path?.absolute == workspace.folder + "/model")
        #expect(recipe.model.dtype == .auto && recipe.model.chatTemplate == .auto)
        #expect(recipe.adapter.type == .lora && recipe.adapter.rank == 16 && recipe.adapter.alpha == 32)
        #expect(recipe.adapter.targetModules == .allLinear && recipe.adapter.layers == .all)
        #expect(recipe.method == .sft && recipe.sft == SFTSettings())
        #expect(recipe.data.train.map(\.path.absolute) == [workspace.folder + "/rows.jsonl"])
        #expect(recipe.sequence.maxLength == 2048 && recipe.sequence.onOverflow == .error)
        #expect(recipe.train.length == .epochs(1) && recipe.train.warmup == .ratio(0.03))
        #expect(recipe.train.microBatchSize == .auto && recipe.train.globalBatchSize == 16)
        #expect(recipe.train.accumulationSteps == nil)
        #expect(recipe.train.learningRate == 1e-4 && recipe.train.scheduler.type == .cosine)
        #expect(recipe.checkpoint.cadence == .perEpoch(1) && recipe.checkpoint.resume == .never)
        #expect(recipe.evaluation.cadence == .perEpoch(1) && recipe.evaluation.atStart)
    }

    @Test func everySectionDecodes() throws {
        let workspace = try Workspace()
        try workspace.write("{{ messages }}", to: "template.jinja")
        try workspace.write("", to: "run/checkpoints/step-5/MANIFEST.json")
        let recipe = try workspace.load(
            """
            schema: 1
            name: all of it
            seed: 7
            output_dir: ../elsewhere
            model: {path: ./model/, dtype: float32, chat_template: template.jinja}
            adapter:
              type: dora
              rank: 8
              dropout: 0.05
              target_modules: [q_proj, v_proj]
              layers: [0, 3]
              rslora: true
            method: sft
            sft: {train_on: last_assistant, loss: dft, neftune_alpha: 5}
            data:
              train:
                - rows.jsonl
                - {path: rows.jsonl, format: text, columns: {prompt: q, completion: a}, max_samples: 10}
              eval: rows.jsonl
              shuffle: false
            sequence: {max_length: 512, packing: true, on_overflow: truncate}
            train:
              max_steps: 100
              micro_batch_size: 4
              gradient_accumulation_steps: 3
              learning_rate: 3e-4
              betas: [0.9, 0.95]
              lr_scheduler: linear
              warmup_steps: 2
              weight_decay: 0.1
              gradient_checkpointing: false
            logging: {every_steps: 5, samples_every: 50}
            checkpoint: {every_steps: 10, keep_last: 3, resume: run/checkpoints/step-5}
            evaluation:
              per_epoch: 2
              at_start: false
              suites:
                - {name: a, path: rows.jsonl, verifier: regex, pattern: ^b, generate: {max_new_tokens: 5, stop: ["\\n"]}}
                - {name: b, path: rows.jsonl, metric: perplexity, max_samples: 5}
            """
        ).recipe
        #expect(recipe.outputFolder.absolute == (workspace.folder as NSString).deletingLastPathComponent + "/elsewhere")
        #expect(recipe.model.path?.absolute == workspace.folder + "/model")
        #expect(recipe.model.chatTemplate == .file(RecipePath(workspace.folder + "/template.jinja")))
        #expect(recipe.adapter.alpha == 16 && recipe.adapter.layers == .indices([0, 3]))
        #expect(recipe.adapter.targetModules == .names(["q_proj", "v_proj"]))
        #expect(recipe.sft?.trainOn == .lastAssistant && recipe.sft?.neftuneAlpha == 5)
        #expect(recipe.data.train.count == 2 && recipe.data.train[1].columns["completion"] == "a")
        #expect(recipe.data.eval.count == 1)
        #expect(recipe.train.length == .steps(100) && recipe.train.warmup == .steps(2))
        #expect(recipe.train.globalBatchSize == 12 && recipe.train.accumulationSteps == 3)
        #expect(recipe.train.betas == [0.9, 0.95] && recipe.train.gradientCheckpointing == .off)
        #expect(recipe.train.scheduler.type == .linear)
        #expect(recipe.checkpoint.resume == .from(RecipePath(workspace.folder + "/run/checkpoints/step-5")))
        #expect(recipe.evaluation.cadence == .perEpoch(2))
        #expect(
            recipe.evaluation.suites[0].verifier?.name == "regex" && recipe.evaluation.suites[0].generate.stop == ["\n"]
        )
        #expect(recipe.evaluation.suites[1].metric == .perplexity && recipe.evaluation.suites[1].verifier == nil)
    }

    @Test(arguments: [
        ("model: {path: model}", "{}"), ("model: model", "adapter: lora"),
        ("model: {path: model}", "adapter: {type: lora}"),
    ])
    func shorthandsMeanTheSameAsTheLongForm(model: String, adapter: String) throws {
        let workspace = try Workspace()
        let short = try workspace.load(start).recipe
        let adapterLine = adapter == "{}" ? "" : adapter + "\n"
        for data in ["rows.jsonl", "[rows.jsonl]", "{train: rows.jsonl}", "{train: [{path: rows.jsonl}]}", "{path: x}"]
        {
            let text = "schema: 1\n\(model)\n\(adapterLine)data: \(data)\n"
            if data == "{path: x}" {
                #expect(!workspace.problems(text).isEmpty)
            } else {
                #expect(try workspace.load(text).recipe == short)
            }
        }
    }

    @Test func theLearningRateFollowsTheAdapterUnlessWritten() throws {
        let workspace = try Workspace()
        #expect(try workspace.load(start + "adapter: full\n").recipe.train.learningRate == 2e-5)
        #expect(try workspace.load(start + "adapter: dora\n").recipe.train.learningRate == 1e-4)
        #expect(try workspace.load(start + "adapter: full\ntrain: {learning_rate: 1}\n").recipe.train.learningRate == 1)
        let new = try workspace.load(
            "schema: 1\nmodel: {init: {config: rows.jsonl, tokenizer: model}}\ndata: rows.jsonl\n"
        ).recipe
        #expect(new.adapter.type == .full && new.train.learningRate == 1e-3)
    }

    @Test func theGlobalBatchIsAMultipleOfTheMicroBatch() throws {
        let workspace = try Workspace()
        func batch(_ train: String) throws -> Int {
            try workspace.load(start + "train: {\(train)}\n").recipe.train.globalBatchSize
        }
        #expect(try batch("micro_batch_size: 3") == 18)
        #expect(try batch("micro_batch_size: 32") == 32)
        #expect(try batch("micro_batch_size: 4, global_batch_size: 12") == 12)
        #expect(try batch("micro_batch_size: auto, global_batch_size: 7") == 7)
    }

    @Test func valuesThatMeanWithoutAFeatureAreAccepted() throws {
        let workspace = try Workspace()
        let text =
            "schema: 1\nmodel: {path: model, add_tokens: []}\n"
            + "data: {train: [{path: rows.jsonl, weight: 1}], streaming: false, mix: concat, dedup: none}\ngate:\n"
        #expect(try workspace.load(text).recipe == workspace.load(start).recipe)
    }

    @Test func checksOfOtherLayersReportWithTheRestAndInOrder() throws {
        let workspace = try Workspace()
        let check = RecipeCheck { recipe, findings in
            for (index, source) in recipe.data.train.enumerated() where source.format != "auto" {
                findings.report(
                    at: "data.train.\(index).format", "no format '\(source.format)'", why: "It decides what a row is",
                    fix: "Write `auto`")
            }
            findings.report(at: "seed", "a second complaint about the seed", why: "None", fix: "None")
        }
        let text = "schema: 1\nmodel: model\nseed: x\ndata: [{path: rows.jsonl, format: odd}]\nzebra: 1\n"
        let problems = workspace.problems(text, checks: [check])
        #expect(problems.count == 3)
        #expect(problems[0].hasPrefix("recipe.yaml:3:7: seed must be an integer"))
        #expect(problems[1] == "recipe.yaml:4:35: no format 'odd'. It decides what a row is. Write `auto`.")
        #expect(problems[2].hasPrefix("recipe.yaml:5:1: unknown key 'zebra'"))
    }

    @Test func aMissingRecipeNamesTheNearestFile() throws {
        let workspace = try Workspace()
        try workspace.write(start, to: "tiny.yaml")
        #expect(try LoadedRecipe.load(workspace.folder + "/tiny.yaml").recipe.name == "tiny")
        let error = #expect(throws: RecipeError.self) { try LoadedRecipe.load(workspace.folder + "/tinny.yaml") }
        #expect(error?.description.hasSuffix("Nothing says what to train. Did you mean 'tiny.yaml'?") == true)
        #expect(throws: RecipeError.self) { try LoadedRecipe.load(workspace.folder) }
        #expect(throws: RecipeError.self) { try LoadedRecipe.load("/dev/zero") }
    }

    @Test func errorsAreAlsoJSON() throws {
        let workspace = try Workspace()
        let error = #expect(throws: RecipeError.self) { try workspace.load(start + "zebra: 1\n") }
        let problem = error?.json["problems"]?.array?.first
        #expect(problem?["file"]?.string == "recipe.yaml")
        #expect(problem?["line"]?.int == 4 && problem?["column"]?.int == 1)
        #expect(problem?["what"]?.string == "unknown key 'zebra' at the top of the recipe")
    }

    @Test func everyRecipeOfTheRepositoryDecodes() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("recipes").path
        let names = (FileManager.default.enumerator(atPath: root)?.allObjects ?? []).compactMap { $0 as? String }
        for name in names.sorted() where name.hasSuffix(".yaml") {
            _ = try LoadedRecipe(RecipeDocument.load(root + "/" + name), checksFiles: false)
        }
    }
}
