import Foundation
import Testing
import TextCore

/// I9: recipes.
@Suite struct RecipeFileTests {
    @Test("I9 yaml.recipe_abuse: line and column, and what was meant, within 50 ms")
    func recipeCorpus() throws {
        try HostileCorpus("recipes", target: "recipe").check(seconds: 0.05, growth: 32, count: 40)
    }

    @Test("I9 yaml.recipe_abuse: nests of 100,000 levels and files of a mebibyte end in an error")
    func largeRecipes() throws {
        let folder = try TemporaryFolder()
        func repeated(_ text: String, to size: Int = 1 << 20) -> [UInt8] {
            Array(String(repeating: text, count: size / text.utf8.count).utf8)
        }
        let files = [
            try folder.write("nest.yaml", repeated("[", to: 100_000)),
            try folder.write("nest-of-objects.yaml", repeated("{a: ", to: 400_000)),
            try folder.write(
                "keys.yaml", Array("schema: 1\n".utf8), Array((0..<80_000).map { "key\($0): 1\n" }.joined().utf8)),
            try folder.write("list.yaml", Array("schema: 1\nname: [".utf8), repeated("a,")),
            try folder.write("text.yaml", Array("schema: 1\nname: ".utf8), repeated("x", to: 1_000_000)),
            try folder.write("anchors.yaml", Array((0..<40_000).map { "a\($0): &a\($0) x\n" }.joined().utf8)),
            try folder.write("tags.yaml", Array((0..<40_000).map { "a\($0): !x y\n" }.joined().utf8)),
            try folder.write("over.yaml", repeated(" ", to: (1 << 20) + 8)),
        ]
        let readings = try HostileCorpus.read("recipe", files)
        for reading in readings {
            #expect(reading.outcome == "refused", "\(reading)")
            // Reading a mebibyte of YAML takes longer than the errors do.
            #expect(reading.seconds <= 5 && reading.growth <= 256 << 20, "\(reading)")
        }
        print(HostileCorpus.summary("recipes of 1 MiB", readings))
    }
}
