import Foundation
import Recipes
import Testing

@Suite struct OverrideTests {
    private func recipe(_ overrides: String..., text: String = start) throws -> Recipe {
        try Workspace().load(text, overrides: overrides).recipe
    }

    @Test func valuesAreSetAddedAndRemoved() throws {
        #expect(try recipe("train.learning_rate=1e-3").train.learningRate == 1e-3)
        #expect(try recipe("name=a=b").name == "a=b")
        #expect(try recipe("data.train.0.max_samples=3").data.train[0].maxSamples == 3)
        #expect(try recipe("data.train+=rows.jsonl").data.train.count == 2)
        #expect(try recipe("data.train+={path: rows.jsonl, max_samples: 2}").data.train[1].maxSamples == 2)
        #expect(try recipe("data.train+=[rows.jsonl, rows.jsonl]").data.train.count == 3)
        #expect(try recipe("data.eval+=rows.jsonl").data.eval.count == 1)
        #expect(try recipe("data.train.0={path: rows.jsonl, format: text}").data.train[0].format == "text")
        #expect(try recipe("adapter=full").adapter.type == .full)
        #expect(try recipe("adapter.rank=4", text: start + "adapter: dora\n").adapter.type == .dora)
        #expect(try recipe("~seed", text: start + "seed: 1\n").seed == 42)
        #expect(try recipe("data.train+=rows.jsonl", "~data.train.0").data.train.count == 1)
        #expect(try recipe("train.betas=[0.5, 0.6]").train.betas == [0.5, 0.6])
        #expect(try recipe("sft.neftune_alpha=", text: start + "sft: {neftune_alpha: 3}\n").sft?.neftuneAlpha == nil)
    }

    @Test func theLaterOfTwoWinsAndAnExclusiveKeyReplacesItsRival() throws {
        #expect(try recipe("seed=1", "seed=2").seed == 2)
        let text = start + "train: {epochs: 3, warmup_ratio: 0.1}\n"
        let short = try recipe("train.max_steps=5", "train.warmup_steps=0", text: text)
        #expect(short.train.length == .steps(5) && short.train.warmup == .steps(0))
    }

    @Test(arguments: [
        (
            "seed",
            "--set:1:1: the override 'seed' has no '='. It does not say which value to set. Write `--set key=value`, `--set list+=value` or `--set ~key`."
        ),
        (
            "=3",
            "--set:1:1: the override '=3' names no key. It does not say which value to set. Write the whole key with dots: `--set train.learning_rate=1e-4`."
        ),
        (
            "train.learning_rate=fast",
            "--set:1:21: train.learning_rate must be a number, not the string 'fast'. Another type would have to be guessed at. Write for example `learning_rate: 1e-4`."
        ),
        (
            "train.lerning_rate=1",
            "--set:1:1: unknown key 'lerning_rate' in train. Nothing reads it, so what it asks for would not happen. Did you mean 'learning_rate'?"
        ),
        (
            "data.train.3.path=x",
            "--set:1:1: the override 'data.train.3.path=x' cannot be applied: '3' is no index of the list 'data.train'; it has the indices 0 to 0. Running without it would not be what was asked for. Use an index it has, or `+=` to add an element."
        ),
        (
            "~sead",
            "--set:1:1: the override '~sead' cannot be applied: there is no 'sead' to remove. Running without it would not be what was asked for. Leave this override out."
        ),
        (
            "~modle",
            "--set:1:1: the override '~modle' cannot be applied: there is no 'modle' to remove. Running without it would not be what was asked for. Did you mean 'model'?"
        ),
        (
            "schema.x=1",
            "--set:1:1: the override 'schema.x=1' cannot be applied: 'schema' is the integer 1, which has no 'x' in it. Running without it would not be what was asked for. Set 'schema' itself, or remove the last part of the key."
        ),
        (
            "schema+=1",
            "--set:1:1: the override 'schema+=1' cannot be applied: 'schema' is the integer 1, not a list, so nothing can be added to it. Running without it would not be what was asked for. Write `=` instead of `+=`."
        ),
        (
            "seed=[1",
            "--set:1:8: broken YAML: while parsing a flow sequence, did not find expected ',' or ']'. Nothing after this place can be read. Close the bracket or quote that was opened before."
        ),
        (
            "extends=other.yaml",
            "--set:1:9: `extends` cannot be set on the command line. The base has to be read before the overrides. Write it in the recipe."
        ),
    ])
    func mistakesNameTheArgument(text: String, message: String) throws {
        #expect(try Workspace().problems(start, overrides: [text]) == [message])
    }

    @Test func mistakesInSeveralArgumentsAreReportedTogether() throws {
        let problems = try Workspace().problems(start + "zebra: 1\n", overrides: ["seed", "~x", "seed=3"])
        #expect(problems.map { $0.prefix(8) } == ["--set:1:", "--set:2:"])
        let later = try Workspace().problems(start + "zebra: 1\n", overrides: ["seed=1", "train.epochs=-2"])
        #expect(later.count == 2 && later[0].hasPrefix("recipe.yaml:4:1:") && later[1].hasPrefix("--set:2:14:"))
    }
}

@Suite struct ExtendsTests {
    @Test func blocksMergeListsAreReplacedAndPathsStartFromTheirFile() throws {
        let workspace = try Workspace()
        try workspace.write(
            "schema: 1\nmodel: ../model\nadapter: {type: dora, rank: 4}\ntrain: {epochs: 2, betas: [0.1, 0.2]}\n"
                + "data: {train: [../rows.jsonl, ../rows.jsonl], val_fraction: 0.5}\n", to: "bases/base.yaml")
        try workspace.write("extends: base.yaml\nseed: 9\n", to: "bases/middle.yaml")
        try workspace.write("{}", to: "own.jsonl")
        try workspace.write(
            "extends: bases/middle.yaml\nadapter: {rank: 2}\ndata: own.jsonl\ntrain: {max_steps: 3, betas: [0.3, 0.4]}\n",
            to: "child.yaml")
        let loaded = try LoadedRecipe.load(workspace.folder + "/child.yaml")
        let recipe = loaded.recipe
        #expect(recipe.model.path?.absolute == workspace.folder + "/model")
        #expect(recipe.adapter.type == .dora && recipe.adapter.rank == 2 && recipe.seed == 9)
        #expect(recipe.data.train.map(\.path.absolute) == [workspace.folder + "/own.jsonl"])
        #expect(recipe.data.valFraction == 0.5 && recipe.train.betas == [0.3, 0.4])
        #expect(recipe.train.length == .steps(3))
        #expect(
            loaded.document.files.map { ($0 as NSString).lastPathComponent } == [
                "child.yaml", "middle.yaml", "base.yaml",
            ])
        #expect(recipe.name == "child")
        #expect(loaded.position(of: "data.val_fraction").source.name == workspace.folder + "/bases/base.yaml")
    }

    @Test func problemsKeepTheFileTheyCameFrom() throws {
        let workspace = try Workspace()
        try workspace.write("schema: 1\nmodel: model\nzebra: 1\n", to: "base.yaml")
        let problems = workspace.problems("lion: 1\nextends: base.yaml\ndata: rows.jsonl\n")
        #expect(problems.map { $0.prefix(14) } == ["recipe.yaml:1:", "base.yaml:3:1:"])
    }

    @Test func circlesAndMissingBasesAreErrors() throws {
        let workspace = try Workspace()
        try workspace.write("extends: b.yaml\n", to: "a.yaml")
        try workspace.write("extends: ./a.yaml\n", to: "b.yaml")
        #expect(
            workspace.problems("extends: a.yaml\n") == [
                "b.yaml:1:10: extends goes in a circle: recipe.yaml → a.yaml → b.yaml → a.yaml. "
                    + "The recipe would never be complete. Remove one `extends`."
            ])
        #expect(
            workspace.problems("extends: c.yaml\n") == [
                "recipe.yaml:1:10: there is no recipe 'DIR/c.yaml'. Nothing says what to train. Did you mean 'a.yaml'?"
            ])
        #expect(workspace.problems("extends: 3\n").first?.hasPrefix("recipe.yaml:1:10: extends must be a path") == true)
    }

    @Test func aLongChainIsRefused() throws {
        let workspace = try Workspace()
        for index in 0..<40 { try workspace.write("extends: \(index + 1).yaml\n", to: "\(index).yaml") }
        #expect(workspace.problems("extends: 0.yaml\n").first?.contains("more than 16 files") == true)
    }
}

@Suite struct ReferenceTests {
    @Test func referencesAreReplaced() throws {
        let workspace = try Workspace()
        let text =
            "schema: 1\nname: trial-${env:N}\nmodel: \"${env:HERE}/model\"\ndata: {train: \"${env:ROWS}.jsonl\"}\n"
            + "seed: ${env:N}\noutput_dir: out/${name}\nadapter: {rank: \"${env:N}\", target_modules: 'a$${b}'}\n"
        let environment = ["N": "12", "HERE": workspace.folder, "ROWS": "rows"]
        let recipe = try workspace.load(text, environment: environment).recipe
        #expect(recipe.name == "trial-12" && recipe.seed == 12 && recipe.adapter.rank == 12)
        #expect(recipe.outputFolder.absolute == workspace.folder + "/out/trial-12")
        #expect(recipe.model.path?.absolute == workspace.folder + "/model")
        #expect(recipe.adapter.targetModules == .pattern("a${b}"))
    }

    @Test func aNameCannotReferToItself() throws {
        #expect(try Workspace().problems(start + "name: a${name}\n").first?.contains("'${name}' is unknown") == true)
    }

    @Test func secretsAreNeverWrittenAndTheResolvedRecipeStillRuns() throws {
        let workspace = try Workspace()
        let secret = "s3cr3t-${x}-value"
        try workspace.write("{}", to: "\(secret).jsonl")
        let text =
            "schema: 1\nname: \"${env:TOKEN}\"\nmodel: model\ndata: {train: \"${env:TOKEN}.jsonl\", group_by: \"${env:TOKEN}\", "
            + "val_fraction: 0.5}\nseed: ${env:SEED}\n"
            + "evaluation: {suites: [{name: a, path: rows.jsonl, verifier: exact, generate: {stop: [\"x${env:TOKEN}\"]}}]}\n"
        let environment = ["TOKEN": secret, "SEED": "987654"]
        let loaded = try workspace.load(text, environment: environment)
        #expect(loaded.recipe.data.groupBy == secret)
        let resolved = loaded.resolved()
        #expect(!resolved.text.contains("s3cr3t") && !resolved.text.contains("987654"))
        #expect(resolved.text.contains("${env:TOKEN}"))
        let again = try workspace.load(resolved.text, environment: environment)
        #expect(again.recipe == loaded.recipe)
        #expect(!again.resolved().text.contains("s3cr3t"))
    }

    @Test func messagesDoNotShowWhatAReferenceStandsFor() throws {
        let problems = try Workspace().problems(
            start + "seed: ${env:TOKEN}\nadapter: \"${env:TOKEN}\"\nmethod: \"${env:TOKEN}\"\n"
                + "checkpoint: {resume: \"${env:TOKEN}\"}\ntrain: {epochs: \"${env:MANY}\"}\n",
            environment: ["TOKEN": "hunter22", "MANY": "98765432"])
        #expect(problems.count == 5)
        #expect(!problems.joined().contains("hunter22") && !problems.joined().contains("98765432"))
    }
}
