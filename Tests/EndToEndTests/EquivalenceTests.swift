import Foundation
import OrderedCollections
import Testing
import TextCore

/// Runs that must learn the same although they compute it in another way.
@Suite struct EquivalenceTests {
    /// The largest difference of two runs' weights.
    private func difference(_ first: [String: [Float]], _ second: [String: [Float]]) throws -> Float {
        #expect(first.keys.sorted() == second.keys.sorted())
        return try first.map { name, numbers in
            zip(numbers, try #require(second[name])).map { abs($0 - $1) }.max() ?? 0
        }.max() ?? .infinity
    }

    /// Compares the losses and norms of every step within what float32 sums in another order may differ.
    private func expectSameSteps(_ first: [Int: JSON], _ second: [Int: JSON]) throws {
        #expect(first.count == second.count && !first.isEmpty)
        for (step, metrics) in first {
            for name in ["loss", "grad_norm", "entropy", "mean_token_accuracy", "num_tokens", "learning_rate"] {
                let value = try #require(metrics[name]?.double)
                let other = try #require(second[step]?[name]?.double)
                #expect(abs(value - other) <= 1e-5 * max(1, abs(value)), "step \(step): \(name) \(value), \(other)")
            }
        }
    }

    @Test func `eight rows at once, twice four and eight times one train the same model`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe()
        try workspace.train("--set", "train.micro_batch_size=8", "--set", "output_dir=runs/8")
        for rows in ["4", "1", "auto"] {
            try workspace.train("--set", "train.micro_batch_size=\(rows)", "--set", "output_dir=runs/\(rows)")
            try expectSameSteps(try workspace.steps("runs/8"), try workspace.steps("runs/\(rows)"))
            // Not to the bit: the sums over tokens are then taken in another order. Adam divides each gradient by its
            // own size, so that the rounding of a very small one can show up as a part of the learning rate, 1e-3.
            let weights = try difference(workspace.finalNumbers("runs/8"), workspace.finalNumbers("runs/\(rows)"))
            print("micro_batch_size \(rows): weights differ by at most \(weights)")
            #expect(weights <= 1e-4)
        }
    }

    @Test func `packing with one document to a row changes no bit`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(rowCount: workspace.rows.count)
        let inspected = try workspace.hone("inspect", "recipe.yaml", "--rows", "1000", "--json").json()
        let lengths = try #require(inspected["rows"]?.array).map { $0["ids"]?.array?.count ?? 0 }
        let limit = try #require(lengths.max())
        // Rows of more than half a packed row, the longest first: packing then has nothing to join and nothing to sort.
        let chosen = zip(lengths, workspace.rows).filter { $0.0 * 2 > limit }.sorted { $0.0 > $1.0 }.map(\.1)
        #expect(chosen.count >= 16)
        try workspace.writeRecipe(["sequence.max_length": .integer(limit), "data.shuffle": false], rows: chosen)
        try workspace.train()
        try workspace.train("--set", "sequence.packing=true", "--set", "output_dir=runs/packed")
        #expect(try workspace.steps() == workspace.steps("runs/packed"))
        #expect(try workspace.finalWeights() == workspace.finalWeights("runs/packed"))
    }

    @Test func `packed rows train the model that one row at a time trains`() throws {
        guard let workspace = try Workspace() else { return }
        // All documents in every step, so that both runs see the same ones whatever the order.
        try workspace.writeRecipe(["train.global_batch_size": 64, "train.micro_batch_size": 1])
        try workspace.train()
        try workspace.train("--set", "sequence.packing=true", "--set", "output_dir=runs/packed")
        try expectSameSteps(try workspace.steps(), try workspace.steps("runs/packed"))
        let weights = try difference(workspace.finalNumbers(), workspace.finalNumbers("runs/packed"))
        print("packed: weights differ by at most \(weights)")
        #expect(weights <= 1e-4)
    }

    @Test func `one, two and four threads give the same bits`() throws {
        guard let workspace = try Workspace() else { return }
        try workspace.writeRecipe(["train.max_steps": 3])
        try workspace.train("--threads", "1", "--set", "output_dir=runs/1")
        for threads in ["2", "4"] {
            try workspace.train("--threads", threads, "--set", "output_dir=runs/\(threads)")
            #expect(try workspace.steps("runs/1") == workspace.steps("runs/\(threads)"))
            #expect(try workspace.finalWeights("runs/1") == workspace.finalWeights("runs/\(threads)"))
        }
    }

    @Test func `every instruction set gives the same bits`() throws {
        guard let workspace = try Workspace() else { return }
        let doctor = try workspace.hone("doctor", "--json").json()
        let sets = try #require(doctor["instruction_sets"]?.array).compactMap(\.string)
        #expect(sets.contains("plain"))
        try workspace.writeRecipe(["train.max_steps": 2, "train.global_batch_size": 4], rowCount: 8)
        for name in sets {
            try workspace.train("--set", "output_dir=runs/\(name)", environment: ["HONE_KERNELS": name])
            let start = try #require(try workspace.events("runs/\(name)").first { $0["type"] == "start" })
            #expect(start["instruction_set"]?.string == name)
            #expect(try workspace.finalWeights("runs/\(sets[0])") == workspace.finalWeights("runs/\(name)"))
        }
    }
}
