import Foundation
import Testing
import TextCore

/// What a step costs, in numbers that no machine changes: nothing is computed twice, or for nothing.
@Suite struct WorkCounterTests {
    /// The model's linear layers, by layer: inputs and outputs of each.
    private struct Shape {
        let layers: [[(inputs: Int, outputs: Int)]]
        let width, vocabulary: Int

        init(_ model: URL) throws {
            let configuration = try JSON(parsing: Data(contentsOf: model.appending(path: "config.json")))
            func size(_ name: String) throws -> Int { try #require(configuration[name]?.int) }
            width = try size("hidden_size")
            vocabulary = try size("vocab_size")
            let keys = try width / size("num_attention_heads") * size("num_key_value_heads")
            let inner = try size("intermediate_size")
            let layer = [
                (width, width), (width, keys), (width, keys), (width, width), (width, inner), (width, inner),
                (inner, width),
            ]
            layers = Array(repeating: layer, count: try size("num_hidden_layers"))
        }

        /// Multiplications of a token with every weight of the linear layers.
        var linear: Int { layers.joined().reduce(0) { $0 + $1.inputs * $1.outputs } }
        /// The same with low-rank differences of rank 1.
        var lowRank: Int { layers.joined().reduce(0) { $0 + $1.inputs + $1.outputs } }
        /// Queries, keys and values of the first layer, whose input nothing trains when the embedding is frozen.
        var first: [(inputs: Int, outputs: Int)] { Array(layers[0].prefix(3)) }
    }

    /// Tokens and the event's counters of each step.
    private func steps(_ workspace: Workspace, _ changes: [String: JSON]) throws -> [(tokens: Int, event: JSON)] {
        var recipe: [String: JSON] = ["logging.every_steps": 1, "data.shuffle": false]
        for (name, value) in changes { recipe[name] = value }
        try workspace.writeRecipe(recipe, rowCount: 8)
        try workspace.train("--overwrite")
        var seen = 0
        return try workspace.events().filter { $0["type"]?.string == "step" }.map { event in
            let tokens = try #require(event["metrics"]?["num_tokens"]?.int)
            defer { seen = tokens }
            return (tokens - seen, event)
        }
    }

    @Test func `a step multiplies once forward, once for each gradient that is asked for, and no more`() throws {
        guard let workspace = try Workspace() else { return }
        let shape = try Shape(workspace.model)
        var labels: Int?
        for (tokens, event) in try steps(workspace, ["sft.train_on": "all"]) {
            let work = try #require(event["work"]?["multiplications"]?.int)
            let head = work - 3 * tokens * shape.linear
            #expect(head % (3 * shape.width * shape.vocabulary) == 0)
            labels = head / (3 * shape.width * shape.vocabulary)
            #expect((1..<tokens).contains(try #require(labels)))
        }
        let (rank, count) = (4, try #require(labels))
        let adapter: JSON = ["type": "lora", "rank": .integer(rank)]
        for (tokens, event) in try steps(workspace, ["sft.train_on": "all", "adapter": adapter]) {
            let base = 2 * tokens * shape.linear - tokens * shape.first.reduce(0) { $0 + $1.inputs * $1.outputs }
            let difference = rank * tokens * (3 * shape.lowRank - shape.first.reduce(0) { $0 + $1.inputs })
            let head = 2 * count * shape.width * shape.vocabulary
            #expect(event["work"]?["multiplications"]?.int == base + difference + head)
        }
    }

    @Test func `steps of equal size ask the system for no memory after the first`() throws {
        guard let workspace = try Workspace() else { return }
        let allocations = try steps(workspace, ["adapter": "full"]).map {
            try #require($0.event["memory"]?["allocations"]?.int)
        }
        #expect(allocations[0] > 0)
        #expect(allocations.dropFirst(2).allSatisfy { $0 == 0 }, "\(allocations)")
    }
}
