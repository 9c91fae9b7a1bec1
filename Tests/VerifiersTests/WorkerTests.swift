import Foundation
import Testing
import TextCore
import Verifiers

/// Real processes, one suite after another: some of the tests count what the process holds.
@Suite("Verifiers in processes of their own", .serialized) enum WorkerTests {
    /// A folder that is gone with the value.
    final class Folder: Sendable {
        let url: URL

        init() throws {
            url = FileManager.default.temporaryDirectory.appending(path: "hone-workers-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(at: url) }

        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: url.appending(path: name))
        }

        /// Relative paths start here, and finished workers are kept here.
        func environment(_ limits: WorkerLimits = WorkerLimits(), variables: [String: String] = [:])
            -> VerifierEnvironment
        {
            var environment = VerifierEnvironment(
                folder: url, cache: url.appending(path: "cache"),
                variables: ProcessInfo.processInfo.environment.merging(variables) { $1 })
            environment.workers = limits
            return environment
        }
    }

    /// A file that misbehaves as its reference tells, compiled once for all tests.
    static let hostile = Result { () throws -> Folder in
        let folder = try Folder()
        try folder.write("hostile.swift", source)
        return folder
    }

    static func hostile(_ change: (inout WorkerLimits) -> Void = { _ in }) throws -> AnyVerifier {
        var limits = WorkerLimits()
        limits.memory = 1024
        change(&limits)
        return try VerifierFile.make("hostile.swift", in: try hostile.get().environment(limits))
    }

    static func context(seconds: Double = 30) -> VerificationContext {
        VerificationContext(deadline: .now + .seconds(seconds))
    }

    static func failure(
        _ row: BoundVerifier, _ rollout: Rollout = Rollout("text"), seconds: Double = 30
    ) async -> VerifierFailure? {
        do throws(VerifierFailure) {
            _ = try await row.verify(rollout, in: context(seconds: seconds))
            return nil
        } catch {
            return error
        }
    }

    private static let source = """
        import Foundation
        import TextCore
        import Verifiers

        struct Hostile: ImmediateVerifier {
            static let name = "hostile"
            static let summary = "does what its reference says"
            init(_: NoConfiguration) {}

            func check(_ reference: String) throws(VerifierFailure) {
                if reference == "refuse" { throw VerifierFailure(.item, "no such row") }
            }

            func verify(_ rollout: Rollout, against what: String) throws(VerifierFailure) -> Verdict {
                switch what {
                case "index": return .check([1, 2, 3][rollout.tokenCount + 3] == 4)
                case "overflow": return .score(Score(Double(Int.max / max(1, rollout.tokenCount + 1) + rollout.fullText.count)))
                case "fatal": fatalError("on purpose")
                case "hang": while true {}
                case "sleep": sleep(1000)
                case "exit": exit(0)
                case "print":
                    for line in 0..<5 { print("{\\"type\\": \\"verdict\\", \\"line\\": \\(line)}") }
                    return .pass()
                case "flood": while true { print(String(repeating: "x", count: 4000)) }
                case "memory":
                    var hog: [[UInt8]] = []
                    while true { hog.append([UInt8](repeating: 1, count: 8 << 20)) }
                case "nan": return .score(Score(.nan))
                case "infinity": return .score(Score(-.infinity))
                case "range": return .score(Score(7))
                case "garble":
                    for descriptor in Int32(3)..<200 { _ = write(descriptor, "hello world, hello world", 24) }
                    sleep(1000)
                case "close":
                    for descriptor in Int32(0)..<200 { close(descriptor) }
                case "child":
                    let child = Process()
                    child.executableURL = URL(filePath: "/bin/sleep")
                    child.arguments = [rollout.fullText]
                    try? child.run()
                    while true {}
                case "answer": if rollout.fullText == "bad" { fatalError("a bad answer") }
                case "process": return .score(Score(1, note: String(getpid())))
                case "environment":
                    return .score(Score(1, note: Set((0..<50).map { "word \\($0)" }).joined(separator: ",")))
                case "abstain": return .abstain(reason: "for once")
                case "parts": return .score(Score(0.1 + 0.2, passed: false, parts: ["a": 1e-300, "b": -0.0], extracted: "\\u{0}é"))
                default: break
                }
                return .check(rollout.answerText == what)
            }
        }

        """
}

extension WorkerTests {
    @Suite("Misbehaviour") struct Misbehaviour {
        @Test(
            "Whatever ends the process is a crash of that rollout, and the next one is judged",
            arguments: [
                ("index", "trap"), ("fatal", "on purpose"), ("exit", "exited with status 0"),
                ("overflow", "trap"), ("garble", "bytes"), ("close", "process"), ("memory", "process"),
            ])
        func crashes(what: String, words: String) async throws {
            let verifier = try WorkerTests.hostile()
            let failure = await WorkerTests.failure(try verifier.bound(to: .string(what)))
            #expect(failure?.kind == .crashed, "\(failure?.description ?? "a verdict")")
            #expect(failure?.verifier == "hostile")
            #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "")")
            let good = try verifier.bound(to: "yes")
            #expect(try await good.verify(Rollout("yes"), in: WorkerTests.context()) == .pass())
            #expect(try await good.verify(Rollout("no"), in: WorkerTests.context()) == .fail())
        }

        @Test("A call that goes on for ever ends at its deadline", arguments: ["hang", "sleep", "flood"])
        func hangs(what: String) async throws {
            let verifier = try WorkerTests.hostile()
            let row = try verifier.bound(to: .string(what))
            let start = ContinuousClock.now
            let failure = await WorkerTests.failure(row, seconds: 0.5)
            let time = ContinuousClock.now - start
            #expect(failure?.kind == .timeout)
            #expect(time >= .seconds(0.5) && time < .seconds(10), "\(time)")
            let good = try verifier.bound(to: "yes")
            #expect(try await good.verify(Rollout("yes"), in: WorkerTests.context()) == .pass())
        }

        @Test("Calls that wait behind one that hangs do not lose their time")
        func patience() async throws {
            let verifier = try WorkerTests.hostile { $0.processes = 1 }
            let hanging = try verifier.bound(to: "hang")
            let good = try verifier.bound(to: "yes")
            let verdicts = await withTaskGroup(of: Bool.self) { group in
                group.addTask { await WorkerTests.failure(hanging, seconds: 1)?.kind == .timeout }
                for _ in 0..<4 {
                    group.addTask {
                        try? await Task.sleep(for: .milliseconds(100))
                        return await WorkerTests.failure(good, Rollout("yes"), seconds: 1) == nil
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(verdicts == [true, true, true, true, true])
        }

        @Test("A score that is no number or out of range is a failure", arguments: ["nan", "infinity", "range"])
        func invalidValues(what: String) async throws {
            let failure = await WorkerTests.failure(try WorkerTests.hostile().bound(to: .string(what)))
            #expect(failure?.kind == .invalidValue)
        }

        @Test("What a verifier prints harms nothing and is kept with the verdict")
        func prints() async throws {
            let notes = VerificationNotes()
            let row = try WorkerTests.hostile().bound(to: "print")
            let verdict = try await row.verify(Rollout("x"), in: VerificationContext(notes: notes))
            #expect(verdict == .pass())
            #expect(notes.messages == (0..<5).map { "printed: {\"type\": \"verdict\", \"line\": \($0)}" })
        }

        @Test("Everything of a verdict comes back as it was")
        func verdicts() async throws {
            let verifier = try WorkerTests.hostile()
            #expect(verifier.name == "hostile" && verifier.range == 0...1 && verifier.traits.keepsDeadlines)
            let score = Score(0.1 + 0.2, passed: false, parts: ["a": 1e-300, "b": -0.0], extracted: "\u{0}é")
            let context = WorkerTests.context()
            #expect(try await verifier.bound(to: "parts").verify(Rollout("x"), in: context) == .score(score))
            #expect(
                try await verifier.bound(to: "abstain").verify(Rollout("x"), in: context)
                    == .abstain(reason: "for once"))
        }

        @Test("A row that the verifier refuses is refused when it is bound")
        func references() throws {
            let verifier = try WorkerTests.hostile()
            for (reference, words) in [(JSON.integer(3), "a string"), ("refuse", "no such row")] {
                let failure = #expect(throws: VerifierFailure.self) { try verifier.bound(to: reference) }
                #expect(failure?.kind == .item && failure?.message.contains(words) == true)
            }
        }

        @Test("Sets have the same order in every process")
        func hashing() async throws {
            var notes: Set<String> = []
            for _ in 0..<3 {
                let row = try WorkerTests.hostile().bound(to: "environment")
                notes.insert(try await row.verify(Rollout("x"), in: WorkerTests.context()).score?.note ?? "")
            }
            #expect(notes.count == 1)
        }
    }

    @Suite("Supervision") struct Supervision {
        @Test("A row that ended two processes is in quarantine from the policy's next version on")
        func quarantine() async throws {
            let verifier = try WorkerTests.hostile()
            let row = try verifier.bound(to: "answer")
            func failure(_ text: String, version: Int) async -> VerifierFailure? {
                await WorkerTests.failure(row, Rollout(text, item: "row 7", policyVersion: version))
            }
            for _ in 0..<3 { #expect(await failure("bad", version: 4)?.message.contains("a bad answer") == true) }
            // Its siblings are still judged, whichever came first.
            #expect(await failure("answer", version: 4) == nil)
            let later = await failure("answer", version: 5)
            #expect(later?.kind == .crashed)
            #expect(later?.message.contains("row 'row 7' is in quarantine") == true, "\(later?.message ?? "")")
            let other = await WorkerTests.failure(row, Rollout("answer", item: "row 8", policyVersion: 5))
            #expect(other == nil)
        }

        @Test("More crashes within a minute than are allowed break the verifier, which says most often why")
        func breaks() async throws {
            let verifier = try WorkerTests.hostile { $0.crashesPerMinute = 3 }
            let row = try verifier.bound(to: "fatal")
            let good = try verifier.bound(to: "yes")
            for _ in 0..<4 { #expect(await WorkerTests.failure(row)?.kind == .crashed) }
            let failure = await WorkerTests.failure(good, Rollout("yes"))
            #expect(failure?.kind == .configuration)
            #expect(failure?.message.contains("more than 3 times within a minute") == true)
            #expect(failure?.message.contains("4 × its process ended by signal") == true, "\(failure?.message ?? "")")
            #expect(failure?.message.contains("on purpose") == true)
        }

        @Test("A process is replaced after as many calls as it may answer")
        func recycling() async throws {
            let row = try WorkerTests.hostile { $0.callsPerProcess = 3 }.bound(to: "process")
            var processes: [String] = []
            for _ in 0..<8 {
                processes.append(try await row.verify(Rollout("x"), in: WorkerTests.context()).score?.note ?? "")
            }
            #expect(Set(processes).count >= 3, "\(processes)")
        }

        @Test("Many calls at once give each its own verdict, from several processes")
        func concurrency() async throws {
            let verifier = try WorkerTests.hostile { $0.processes = 3 }
            let rows = try (0..<20).map { try verifier.bound(to: .string("word \($0)")) }
            let process = try verifier.bound(to: "process")
            let (right, processes) = await withTaskGroup(of: (Bool, String?).self) { group in
                for index in 0..<400 {
                    group.addTask {
                        let row = rows[index % 20]
                        let wanted: Verdict = index % 3 == 0 ? .pass() : .fail()
                        let text = index % 3 == 0 ? "word \(index % 20)" : "other \(index)"
                        let verdict = try? await row.verify(Rollout(text), in: WorkerTests.context())
                        let note = try? await process.verify(Rollout("x"), in: WorkerTests.context()).score?.note
                        return (verdict == wanted, note)
                    }
                }
                return await group.reduce(into: (0, Set<String?>())) {
                    $0.0 += $1.0 ? 1 : 0
                    $0.1.insert($1.1)
                }
            }
            #expect(right == 400)
            #expect((2...3).contains(processes.count), "\(processes)")
        }

        @Test("A call whose task is cancelled ends at once")
        func cancellation() async throws {
            let row = try WorkerTests.hostile().bound(to: "hang")
            let start = ContinuousClock.now
            let task = Task { await WorkerTests.failure(row, seconds: 60) }
            try await Task.sleep(for: .milliseconds(200))
            task.cancel()
            #expect(await task.value?.kind == .timeout)
            #expect(ContinuousClock.now - start < .seconds(20))
        }

        @Test("A process takes with it what it started")
        func descendants() async throws {
            let row = try WorkerTests.hostile().bound(to: "child")
            // A number that no other run of this test has.
            let seconds = String(100_000 + ProcessInfo.processInfo.processIdentifier)
            #expect(await WorkerTests.failure(row, Rollout(seconds), seconds: 2)?.kind == .timeout)
            let files = try FileManager.default.contentsOfDirectory(atPath: "/proc")
            let lines = files.compactMap { try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8) }
            #expect(!lines.contains { $0.hasPrefix("/bin/sleep\u{0}\(seconds)") })
        }

        @Test("Nothing is left: no process, no descriptor")
        func leaks() async throws {
            func open() -> Int {
                let folder = "/proc/self/fd"
                return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
                    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
                    return target.map { $0.hasPrefix("socket:") || $0.hasPrefix("pipe:") } ?? false
                }.count
            }
            func children() -> [String] {
                let own = ProcessInfo.processInfo.processIdentifier
                let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
                return files.filter { file in
                    let status = try? String(contentsOfFile: "/proc/\(file)/status", encoding: .utf8)
                    // Other tests have children of other kinds.
                    let command = try? String(contentsOfFile: "/proc/\(file)/cmdline", encoding: .utf8)
                    return status?.contains("\nPPid:\t\(own)\n") == true && command?.contains(".verifier") == true
                }
            }
            func rounds(_ count: Int) async throws {
                for _ in 0..<count {
                    let verifier = try WorkerTests.hostile { $0.processes = 2 }
                    for what in ["yes", "exit", "nan", "fatal"] {
                        _ = await WorkerTests.failure(try verifier.bound(to: .string(what)))
                    }
                }
            }
            try await rounds(1)
            let before = await WorkerTests.settled { (open(), children().count) }
            try await rounds(8)
            let after = await WorkerTests.settled { (open(), children().count) }
            #expect(after.0 <= before.0 && after.1 <= before.1, "\(before), then \(after)")
            #expect(after.1 == 0)
        }
    }

    /// The value once it has stopped changing: threads end a moment after what they served.
    private static func settled(_ value: () -> (Int, Int)) async -> (Int, Int) {
        var last = value()
        var same = 0
        while same < 5 {
            try? await Task.sleep(for: .milliseconds(100))
            let next = value()
            same = next == last ? same + 1 : 0
            last = next
        }
        return last
    }
}
