import ArgumentParser
import TextCore

/// `hone schema`: what editors need to complete and check recipes.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of recipes, for editors.",
        discussion: "With the YAML extension of an editor: `# yaml-language-server: $schema=hone.schema.json`.")

    func run() { print(Recipe.jsonSchema.text(.pretty)) }
}
