import TextCore
import Verifiers

/// One answer while its cases are tried.
struct CodeTrial {
    private let verifier: CodeTests
    private let reference: CodeReference
    private let code: String
    /// Seconds left for executions.
    private var allowance: Double
    /// What became of the cases so far: nothing for one that passed, or why it did not.
    private var problems: [String?] = []
    private(set) var executions = 0
    /// Seconds on the clock of all executions.
    private(set) var seconds = 0.0

    init(_ verifier: CodeTests, _ reference: CodeReference, code: String, allowance: Double) {
        self.verifier = verifier
        self.reference = reference
        self.code = code
        self.allowance = allowance
    }

    private var configuration: CodeTests.Configuration { verifier.configuration }
    private var toolchain: Toolchain { verifier.toolchain }

    private var limits: SandboxLimits {
        var limits = SandboxLimits()
        limits.seconds = configuration.seconds
        limits.processorSeconds = configuration.processorSeconds
        limits.memory = configuration.memory << 20
        // A process may reserve more than it uses.
        limits.addressSpace = configuration.language == .command ? 0 : max(2 << 30, configuration.memory << 22)
        limits.disk = configuration.disk << 20
        limits.processes = configuration.processes
        limits.output = configuration.output << 20
        return limits
    }

    mutating func run() async throws(SandboxFailure) {
        switch reference.tests {
        case .programs(let cases):
            var sources = [SandboxedProgram.File(toolchain.file, code)]
            if configuration.language == .python { sources.append(python("run.py", PythonSources.program)) }
            guard let files = try await built(sources) else { return }
            for one in cases {
                guard mayGoOn else { return }
                problems.append(try await problem(of: one, files))
            }
        case .calls(let function, let cases):
            let name = function ?? configuration.function ?? ""
            guard let files = try await built(sources(calling: name)) else { return }
            for one in cases {
                guard mayGoOn else { return }
                problems.append(try await problem(of: one, function: name, files))
            }
        case .units(let tests, let entryPoint, let setup):
            try await runUnits(tests, entryPoint: entryPoint, setup: setup)
        }
    }

    /// Whether the next case matters, and there is time for it.
    private var mayGoOn: Bool {
        guard allowance > 0 else { return false }
        return configuration.mode == .fraction || problems.allSatisfy { $0 == nil }
    }

    private mutating func note(_ result: ProgramResult) {
        executions += 1
        seconds += result.seconds
        allowance -= result.seconds
    }

    // MARK: Building

    private func python(_ name: String, _ source: String) -> SandboxedProgram.File {
        .init(name, PythonSources.start(toolchain.packages) + source)
    }

    private func sources(calling function: String) -> [SandboxedProgram.File] {
        switch configuration.language {
        case .python: [.init(toolchain.file, code), python("host.py", PythonSources.host)]
        // Code at the top level of `main.swift` is the caller's.
        case .swift: [.init("answer.swift", code), .init("main.swift", SwiftSources.caller(of: function))]
        case .command: []
        }
    }

    /// The files that executions need; `nil` when the build failed, which is then said.
    private mutating func built(_ files: [SandboxedProgram.File]) async throws(SandboxFailure) -> [SandboxedProgram
        .File]?
    {
        guard let build = toolchain.build else { return files }
        var limits = SandboxLimits.building
        limits.seconds = configuration.buildSeconds
        let sources = configuration.language == .swift ? files.map(\.name) : []
        let program = SandboxedProgram(
            build + sources, files: files, returned: toolchain.product, limits: limits)
        let result = try await verifier.sandbox.run(program)
        executions += 1
        guard result.isSuccess else {
            return refused(
                "the build \(result.end): " + (result.error.written > 0 ? result.error : result.output).shown(300))
        }
        guard let product = toolchain.product else { return files }
        guard let bytes = result.file else { return refused("the build left no \(product)") }
        return [.init(product, bytes, isExecutable: true)]
    }

    private mutating func refused(_ message: String) -> [SandboxedProgram.File]? {
        problems = [String?](repeating: message, count: reference.count)
        return nil
    }

    // MARK: Executing

    private mutating func problem(
        of one: CodeReference.ProgramCase, _ files: [SandboxedProgram.File]
    ) async throws(SandboxFailure) -> String? {
        let arguments = configuration.language == .python ? toolchain.run + ["run.py"] : toolchain.run
        var limits = limits
        // What is right must be there as a whole to be compared, also with more white space in it.
        limits.kept = max(limits.kept, one.output.utf8.count)
        let result = try await verifier.sandbox.run(
            SandboxedProgram(arguments, files: files, input: Array(one.input.utf8), limits: limits))
        note(result)
        guard result.isSuccess else { return ending(result) }
        guard let output = result.output.whole else { return "wrong: wrote far more than is expected" }
        if configuration.compare.accepts(output, one.output, tolerance: configuration.tolerance) { return nil }
        return "wrong: wrote \"\(CapturedText.shown(output))\""
    }

    private mutating func problem(
        of one: CodeReference.CallCase, function: String, _ files: [SandboxedProgram.File]
    ) async throws(SandboxFailure) -> String? {
        let question: JSON = ["function": .string(function), "args": .array(one.arguments), "kwargs": one.named]
        let arguments = configuration.language == .python ? toolchain.run + ["host.py"] : toolchain.run
        let result = try await verifier.sandbox.run(
            SandboxedProgram(arguments, files: files, input: question.utf8(), limits: limits))
        note(result)
        guard result.isSuccess else { return ending(result) }
        guard let value = (try? JSON(parsing: result.report))?["value"] else { return "the function gave no value" }
        if OutputComparison.isSame(value, one.expected, tolerance: configuration.tolerance) { return nil }
        return "wrong: gave \(CapturedText.shown(value.utf8()))"
    }

    private mutating func runUnits(
        _ tests: [String], entryPoint: String?, setup: String
    ) async throws(SandboxFailure) {
        let question: JSON = [
            "tests": .array(tests.map { .string($0) }), "setup": .string(setup), "module": .null,
            "entry_point": (entryPoint ?? configuration.function).map { .string($0) } ?? .null,
        ]
        let tester = SandboxedProgram(
            toolchain.run + ["tests.py"], files: [python("tests.py", PythonSources.tester)], input: question.utf8(),
            limits: limits)
        let host = SandboxedProgram(
            toolchain.run + ["host.py", "serve"], files: sources(calling: ""), limits: limits)
        let (result, answer) = try await verifier.sandbox.run(tester, with: host)
        note(result)
        let verdicts = (try? JSON(parsing: result.report))?["results"]?.array ?? []
        guard result.isSuccess, verdicts.count == tests.count else {
            _ = refused("the tests \(result.end)" + (answer.end == .dismissed ? "" : "; the answer \(answer.end)"))
            return
        }
        problems = verdicts.map { verdict in
            if verdict["passed"]?.bool == true { return nil }
            let message = CapturedText.shown(Array((verdict["message"]?.string ?? "").utf8), limit: 200)
            return answer.end == .dismissed || answer.isSuccess ? message : "\(message) (the answer \(answer.end))"
        }
    }

    private func ending(_ result: ProgramResult) -> String {
        let words = result.error.written > 0 ? ": " + lastLine(result.error) : ""
        return "\(result.end)\(words)"
    }

    private func lastLine(_ text: CapturedText) -> String {
        let end = text.tail.isEmpty ? text.head : text.tail
        let line = end.suffix(2000).split(separator: UInt8(ascii: "\n")).last ?? []
        return CapturedText.shown(Array(line))
    }

    // MARK: The verdict

    var verdict: Verdict {
        let count = reference.count
        let total = (0..<count).reduce(0) { $0 + reference.weight($1) }
        let earned = problems.indices.reduce(0) { $0 + (problems[$1] == nil ? reference.weight($1) : 0) }
        let isWhole = problems.count == count && problems.allSatisfy { $0 == nil }
        let share = isWhole ? 1 : total > 0 ? min(1, max(0, earned / total)) : 0
        var note: String?
        if let first = problems.firstIndex(where: { $0 != nil }), let problem = problems[first] {
            note = "case \(first + 1) of \(count): \(problem)"
        } else if !isWhole {
            note = "after \(problems.count) of \(count) cases the time for all was over"
        }
        return .score(
            Score(
                configuration.mode == .all ? (isWhole ? 1 : 0) : share, passed: isWhole, parts: ["cases": share],
                extracted: nil, note: note))
    }
}
