import Recipes
import Testing

/// `train.memory_limit`.
@Suite struct MemoryAmountTests {
    private func limit(_ text: String) throws -> MemoryAmount? {
        let workspace = try Workspace()
        return try workspace.load(start + "train: {memory_limit: \(text)}\n").recipe.train.memoryLimit
    }

    @Test(arguments: [
        ("8GiB", MemoryAmount.bytes(8 << 30)), ("500 MB", .bytes(500_000_000)), ("1.5gib", .bytes(3 << 29)),
        ("75%", .share(0.75)), ("0.5", .share(0.5)), ("1", .share(1)),
    ])
    func sizesAndSharesAreRead(_ text: String, _ amount: MemoryAmount) throws {
        #expect(try limit(text) == amount)
    }

    @Test(arguments: ["8", "-1GiB", "0%", "120%", "8 apples", "0.0", "[1]", "99999999999999TiB"])
    func otherAmountsAreRefused(_ text: String) throws {
        let workspace = try Workspace()
        let problems = workspace.problems(start + "train: {memory_limit: \(text)}\n")
        #expect(problems.count == 1 && problems[0].contains("train.memory_limit"), "\(problems)")
    }

    @Test func aLimitChangesNoFingerprint() throws {
        let workspace = try Workspace()
        let one = try workspace.load(start)
        let other = try workspace.load(start + "train: {memory_limit: 8GiB}\n")
        #expect(one.fingerprint == other.fingerprint)
        #expect(other.resolved().text.contains("memory_limit: 8192MiB"))
    }
}
