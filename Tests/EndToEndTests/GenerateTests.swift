import Foundation
import TestSupport
import Testing
import TextCore

/// `hone generate` on the shared folder's pretrained model.
@Suite struct GenerateTests {
    @Test func `greedy text from the start token is the one that the model's author published`() throws {
        guard let workspace = try Workspace(), let page = try SharedFolder.url("goldens/README.md") else { return }
        // The page's only block quote is the text.
        let published = try String(contentsOf: page, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix("> ") }.map { $0.dropFirst(2) }.joined(separator: "\n")
        #expect(published.count > 500)
        let result = try workspace.hone(
            "generate", "--model", workspace.model.path, "--greedy", "--max-new-tokens", "256")
        #expect(result.status == 0)
        #expect(result.output == published + "\n")
    }

    @Test func `the same seed draws the same text and another seed another`() throws {
        guard let workspace = try Workspace() else { return }
        func text(seed: Int) throws -> String? {
            try workspace.hone(
                "generate", "--model", workspace.model.path, "--max-new-tokens", "40", "--seed", "\(seed)", "--json"
            ).json()["text"]?.string
        }
        let first = try text(seed: 1)
        #expect(try first != nil && first == text(seed: 1))
        #expect(try first != text(seed: 2))
    }

    @Test func `a chat answers every line in turn`() throws {
        guard let workspace = try Workspace() else { return }
        let result = try workspace.hone(
            "generate", "--model", workspace.model.path, "--chat", "--greedy", "--max-new-tokens", "12",
            input: "Tell me about a cat.\nAnd a dog?\n")
        #expect(result.status == 0, "\(result)")
        #expect(result.output.split(separator: "\n").count >= 2)
    }
}
