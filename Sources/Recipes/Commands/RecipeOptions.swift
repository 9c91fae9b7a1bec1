import ArgumentParser
import Foundation

/// The recipe of a command and the values that replace some of its.
struct RecipeOptions: ParsableArguments {
    @Argument(help: "The recipe, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
    var recipe: String

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp(
            "Replace a value: train.learning_rate=1e-4, data.train.0.path=x, list+=value, or ~key to remove.",
            valueName: "key=value"))
    var overrides: [String] = []

    func load() throws -> LoadedRecipe { try LoadedRecipe.load(recipe, overrides: overrides) }
}
