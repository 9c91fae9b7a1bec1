import Recipes
import Testing

@Suite struct EarlyStoppingTests {
    @Test func readsWhatIsWatched() throws {
        let document = try RecipeDocument.parse(
            """
            schema: 1
            model: m
            data: rows.jsonl
            evaluation: {early_stopping: {metric: suites.test.accuracy, patience: 2, min_delta: 0.01}}
            """, name: "r.yaml")
        let stopping = try LoadedRecipe(document, checksFiles: false).recipe.evaluation.earlyStopping
        #expect(stopping?.metric == "suites.test.accuracy")
        #expect(stopping?.patience == 2)
        #expect(stopping?.minDelta == 0.01)
    }

    @Test func refusesNoPatience() {
        let error = #expect(throws: RecipeError.self) {
            let document = try RecipeDocument.parse(
                "{schema: 1, model: m, data: d.jsonl, evaluation: {early_stopping: {patience: 0}}}", name: "r.yaml")
            _ = try LoadedRecipe(document, checksFiles: false)
        }
        #expect(error?.problems.first?.what.contains("evaluation.early_stopping.patience") == true)
    }
}
