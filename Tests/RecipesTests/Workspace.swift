import Foundation
import Recipes

/// A folder of its own for one test, with a model folder and rows to name; removed with the value.
final class Workspace {
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/recipes-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder + "/model", withIntermediateDirectories: true)
        try write("{\"prompt\": \"a\", \"completion\": \"b\"}\n", to: "rows.jsonl")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func write(_ text: String, to name: String) throws {
        let path = folder + "/" + name
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    func load(
        _ text: String, overrides: [String] = [], environment: [String: String] = [:], checks: [RecipeCheck] = []
    ) throws(RecipeError) -> LoadedRecipe {
        let document = try RecipeDocument.parse(
            text, directory: folder, overrides: overrides, environment: environment)
        return try LoadedRecipe(document, checks: checks)
    }

    /// What is wrong with a recipe, the folder's path written as `DIR`.
    func problems(
        _ text: String, overrides: [String] = [], environment: [String: String] = [:], checks: [RecipeCheck] = []
    ) -> [String] {
        do throws(RecipeError) {
            _ = try load(text, overrides: overrides, environment: environment, checks: checks)
            return []
        } catch {
            return error.problems.map { $0.description.replacingOccurrences(of: folder, with: "DIR") }
        }
    }
}

/// The three lines every legal recipe needs, for tests of what follows them.
let start = "schema: 1\nmodel: model\ndata: rows.jsonl\n"
