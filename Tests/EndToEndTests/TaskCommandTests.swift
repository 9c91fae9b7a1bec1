import Foundation
import Testing
import TextCore

/// `hone task`: questions made by rules, as a user types it.
@Suite struct TaskCommandTests {
    private func hone(_ arguments: String...) throws -> HoneResult {
        try HoneProcess(arguments, in: FileManager.default.temporaryDirectory).result()
    }

    private func rows(_ text: String) throws -> [JSON] {
        try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
    }

    @Test func everyTaskIsListedWithItsLevels() throws {
        let listed = try hone("task", "list", "--json").json()["tasks"]?.array ?? []
        let names = listed.compactMap { $0["name"]?.string }
        #expect(names.count >= 15 && names.count == listed.count && Set(names).count == names.count)
        #expect(Set(["reverse_text", "chain_sum", "sorting", "countdown"]).isSubset(of: names))
        #expect(listed.allSatisfy { ($0["levels"]?.array?.count ?? 0) > 0 && $0["chance"]?.string?.isEmpty == false })
        let one = try hone("task", "list", "sorting")
        #expect(one.status == 0 && one.output.contains("  level 1: shortest 3, longest 3, most 20, descending 0\n"))
    }

    @Test func theSameOptionsGiveTheSameRowsAndMoreRowsBeginWithThem() throws {
        let few = try hone("task", "sample", "countdown", "--level", "2", "--count", "20", "--seed", "7")
        let more = try hone("task", "sample", "countdown", "--level", "2", "--count", "30", "--seed", "7")
        #expect(few.status == 0 && more.output.hasPrefix(few.output) && few.output != more.output)
        let other = try hone("task", "sample", "countdown", "--level", "2", "--count", "20", "--seed", "8")
        #expect(Set(try rows(few.output)).isDisjoint(with: try rows(other.output)))
    }

    @Test(arguments: ["prompt", "chat-prompt", "sft", "chat-sft"])
    func aRowHasWhatItsFormatSaysAndWhatVerifiersNeed(format: String) throws {
        let written = try hone("task", "sample", "palindrome", "--level", "1,3", "--count", "9", "--format", format)
        let rows = try rows(written.output)
        #expect(rows.map { $0["level"]?.int } == [1, 3, 1, 3, 1, 3, 1, 3, 1])
        for row in rows {
            #expect(row["prompt"]?.string != nil || format.hasPrefix("chat"))
            #expect((row["prompt"]?.array != nil) == (format == "chat-prompt"))
            #expect((row["completion"] == row["answer"]) == (format == "sft"))
            #expect((row["messages"]?.array?.count == 2) == (format == "chat-sft"))
            let answer = try #require(row["answer"]?.string)
            let letters = try #require(row["state"]?["letters"]?.string)
            #expect(answer == String(answer.reversed()) && answer.sorted() == letters.sorted())
        }
    }

    @Test func aFileSaysHowManyQuestionsThereWere() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "task-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: file) }
        let result = try hone("task", "sample", "chain_sum", "--count", "1000", "-o", file.path, "--json")
        let count = try #require(try result.json()["rows"]?.int)
        #expect(try rows(String(contentsOf: file, encoding: .utf8)).count == count && count < 100)
        #expect(
            result.errors.contains("warning: level 1 of chain_sum has hardly more than \(count) different questions"))
    }

    @Test func aWrongNameOrLevelIsNamed() throws {
        let name = try hone("task", "sample", "sorted")
        #expect(name.status == 64 && name.errors.contains("there is no task 'sorted'"))
        let level = try hone("task", "sample", "gcd", "--level", "1,9")
        #expect(level.status == 64 && level.errors.contains("--level 1,9: gcd has levels 1 to 3"))
        #expect(try hone("task", "sample", "gcd", "--split", "test").status == 64)
    }
}
