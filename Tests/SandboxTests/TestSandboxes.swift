import Foundation
import Sandbox
import TextCore
import Verifiers

/// Sandboxes and programs that several tests use. They are made once: every one is a process.
enum TestSandboxes {
    /// Ways to the strongest tier here: as root and as a user, where this is root; else as a user alone.
    static let strongest: [SandboxWay] = Sandbox.ways.filter { $0.tier == .a }

    /// A sandbox of a way; `nil`, with a printed line, where the machine does not let it.
    static func sandbox(_ way: SandboxWay, slots: Int = 2) throws -> Sandbox? {
        switch Result(catching: { () throws(SandboxFailure) in
            try Sandbox(minimum: way.tier, slots: slots, ways: [way])
        }) {
        case .success(let sandbox): return sandbox
        case .failure(let failure):
            if ProcessInfo.processInfo.environment["HONE_REQUIRE_SANDBOX"] != nil { throw failure }
            print("skipped: \(failure.message)")
            return nil
        }
    }

    /// Python of the system, which every user may read; `nil` where there is none.
    static let systemPython = ["/usr/bin/python3"].first { FileManager.default.isExecutableFile(atPath: $0) }

    /// A program in Python, with short limits.
    static func python(_ source: String, input: String = "", seconds: Double = 20) -> SandboxedProgram? {
        guard let systemPython else {
            print("skipped: there is no /usr/bin/python3")
            return nil
        }
        var program = SandboxedProgram(
            [systemPython, "-s", "-B", "main.py"], files: [.init("main.py", source)], input: Array(input.utf8))
        program.limits.seconds = seconds
        return program
    }

    /// A program of a shell.
    static func shell(_ script: String, seconds: Double = 20) -> SandboxedProgram {
        var program = SandboxedProgram(["/bin/sh", "-c", script])
        program.limits.seconds = seconds
        return program
    }

    /// What `code_tests` says of an answer, as a run would ask it.
    static func verdict(
        _ answer: String, _ reference: JSON, _ options: JSON = [:], sandbox: Sandbox? = nil
    ) async throws -> Score? {
        let verifier = try verifier(options, sandbox: sandbox)
        let row = try AnyVerifier(verifier).bound(to: reference)
        return try await row.verify(Rollout(answer), in: VerificationContext()).score
    }

    /// A verifier of Python, which takes a while to find; made once.
    private static let ofPython = Result { try CodeTests(CodeTests.Configuration()) }

    static func verifier(_ options: JSON = [:], sandbox: Sandbox? = nil) throws -> CodeTests {
        let configuration = try CodeTests.Configuration(options: options)
        if let sandbox { return try CodeTests(configuration, in: VerifierEnvironment(), sandbox: sandbox) }
        if configuration.language == .python, configuration.run.isEmpty, configuration.slots == nil {
            return try ofPython.get().with(configuration)
        }
        return try CodeTests(configuration, in: VerifierEnvironment())
    }
}

/// What this process has, to see what a test leaves behind.
struct Footprint: CustomStringConvertible {
    var descriptors: Int
    var mounts: Int
    var folders: [String]

    static func now() -> Footprint {
        let own = ProcessInfo.processInfo.processIdentifier
        let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
        return Footprint(
            descriptors: names("/proc/self/fd").count, mounts: mounts.split(separator: "\n").count,
            folders: names(FileManager.default.temporaryDirectory.path)
                .filter { $0.hasPrefix("hone-sandbox-\(own)-") }.sorted())
    }

    private static func names(_ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }

    /// The processes that descend from a sandbox's supervisors.
    static func descendants(of sandbox: Sandbox) -> [String] {
        let supervisors = Set(sandbox.idleProcesses)
        var parents: [Int32: (parent: Int32, name: String)] = [:]
        for name in names("/proc") {
            guard let process = Int32(name),
                let text = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
                let end = text.lastIndex(of: ")")
            else { continue }
            let fields = text[text.index(after: end)...].split(separator: " ")
            guard fields.count > 1, let parent = Int32(fields[1]) else { continue }
            parents[process] = (parent, String(text[..<end]))
        }
        let found = parents.filter { _, entry in
            var above = entry.parent
            for _ in 0..<64 where !supervisors.contains(above) { above = parents[above]?.parent ?? 0 }
            return supervisors.contains(above)
        }
        return found.map(\.value.name).sorted()
    }

    /// Whether no `sleep` of so many seconds is left anywhere, or is not after a while.
    static func isGone(sleeping seconds: Int) async throws -> Bool {
        for _ in 0..<250 {
            let isLeft = names("/proc").contains { name in
                (try? String(contentsOfFile: "/proc/\(name)/cmdline", encoding: .utf8)) == "sleep\0\(seconds)\0"
            }
            if !isLeft { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    var description: String { "\(descriptors) descriptors, \(mounts) mounts, folders: \(folders)" }
}

/// Memory of this process, in KiB.
func residentMemory() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
}
