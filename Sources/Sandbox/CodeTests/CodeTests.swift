import Foundation
import TextCore
public import Verifiers

/// Runs what a model wrote and looks at what it does: what it prints, what its functions give, whether tests pass.
///
/// Every execution is one `Sandbox` program with nothing left of another. What is expected stays in this process, or, of
/// unit tests, in a process of their own: nothing that the model wrote can read it, change how it is compared, or say
/// for itself that it passed. An exit status is never a verdict; a program that writes what it should and ends with
/// another status than 0 fails.
///
/// A program that is wrong, too slow or too large has failed, and its note says how. That the sandbox failed says
/// nothing of the program, and is a failure of kind `sandbox`.
public struct CodeTests: Verifier, SelfTesting {
    /// What the value is.
    public enum Mode: String, NamedChoice {
        /// 1 when all cases pass; the first that does not ends it.
        case all
        /// The share of cases that pass, by weight.
        case fraction
    }

    public struct Configuration: VerifierConfiguration {
        public var language = CodeLanguage.python
        public var mode = Mode.all
        public var compare = OutputComparison.lines
        public var tolerance = 1e-6
        public var extract = Extraction.answer
        public var function: String?
        public var seconds = 10.0
        public var processorSeconds = 8
        public var memory = 512
        public var disk = 64
        public var processes = 32
        public var output = 16
        public var buildSeconds = 60.0
        public var slots: Int?
        public var run: [String] = []
        public var build: [String] = []
        public var file: String?
        public var product: String?
        public var readable: [String] = []
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("language", \.language, "What the code is written in; `command` runs what `run` says."),
            .init("mode", \.mode, "Whether the value is 1 or 0 (all), or the share of cases that pass."),
            .init("compare", \.compare, "When what a program writes is what it was to write."),
            .init(
                "tolerance", \.tolerance, "How far numbers with a fraction may differ, absolute or of the larger.",
                allowed: ("a number, 0 to 1", { (0...1).contains($0) })),
            .init("extract", \.extract, "Where the answer is; of blocks between fences in it, the last is the code."),
            .init("function", \.function, "The function that cases call, where the row names none."),
            .init(
                "seconds", \.seconds, "How long one execution may take.",
                allowed: ("a number above 0, at most 600", { $0 > 0 && $0 <= 600 })),
            .init(
                "cpu_seconds", \.processorSeconds, "Processor time of one execution's processes, each.",
                allowed: ("a whole number, 1 to 600", { (1...600).contains($0) })),
            .init(
                "memory", \.memory, "Memory of an execution, all its processes together, in MiB.",
                allowed: ("a whole number, 16 to 1048576", { (16...1_048_576).contains($0) })),
            .init(
                "disk", \.disk, "What an execution may write to files, in MiB.",
                allowed: ("a whole number, 1 to 65536", { (1...65_536).contains($0) })),
            .init(
                "processes", \.processes, "Processes and threads of an execution at the same time.",
                allowed: ("a whole number, 1 to 4096", { (1...4096).contains($0) })),
            .init(
                "output", \.output, "What an execution may print before it is ended, in MiB.",
                allowed: ("a whole number, 1 to 1024", { (1...1024).contains($0) })),
            .init(
                "build_seconds", \.buildSeconds, "How long a build may take.",
                allowed: ("a number above 0, at most 3600", { $0 > 0 && $0 <= 3600 })),
            .init(
                "slots", \.slots, "Executions at the same time; as many as there are cores, where none is given.",
                allowed: ("a whole number, 1 to 64", { $0.map { (1...64).contains($0) } ?? true })),
            .init("run", \.run, "Of language command: the program that runs the code, with its arguments."),
            .init("build", \.build, "Of language command: the program that builds it; empty for none."),
            .init("file", \.file, "Of language command: the file that the code is written to."),
            .init("product", \.product, "Of language command: the file that a build leaves and `run` needs."),
            .init("readable", \.readable, "More files and folders that the code may read."),
        ]
    }

    public static let name = "code_tests"
    public static let summary = "the code does what test cases say, run in a sandbox"
    public static var traits: VerifierTraits {
        var traits = VerifierTraits()
        traits.isBlocking = true
        traits.runsUntrustedCode = true
        traits.keepsDeadlines = true
        traits.timeout = .seconds(120)
        return traits
    }

    let configuration: Configuration
    let toolchain: Toolchain
    /// Where the code runs.
    public let sandbox: Sandbox

    public init(_ configuration: Configuration) throws(VerifierFailure) {
        try self.init(configuration, in: VerifierEnvironment())
    }

    /// - Throws: `VerifierFailure` of kind `configuration` when the language's programs are missing, options do not go
    ///   together, or no sandbox of `environment.minimumTier` works here.
    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        var toolchain = try Toolchain.find(configuration.language, environment.variables)
        try Self.complete(&toolchain, configuration, environment)
        let readable = toolchain.readable + configuration.readable.map { environment.url($0).path }
        do throws(SandboxFailure) {
            let sandbox = try Sandbox(
                minimum: environment.minimumTier, readable: readable, slots: configuration.slots)
            self.init(configuration, toolchain, sandbox)
        } catch {
            throw VerifierFailure(.configuration, error.message)
        }
    }

    private init(_ configuration: Configuration, _ toolchain: Toolchain, _ sandbox: Sandbox) {
        self.configuration = configuration
        self.toolchain = toolchain
        self.sandbox = sandbox
    }

    /// The same language in the same sandbox, with other options.
    package func with(_ configuration: Configuration) -> CodeTests {
        CodeTests(configuration, toolchain, sandbox)
    }

    /// In a sandbox that somebody else made.
    package init(
        _ configuration: Configuration, in environment: VerifierEnvironment, sandbox: Sandbox
    ) throws(VerifierFailure) {
        var toolchain = try Toolchain.find(configuration.language, environment.variables)
        try Self.complete(&toolchain, configuration, environment)
        self.init(configuration, toolchain, sandbox)
    }

    /// What options say of the programs of a language.
    private static func complete(
        _ toolchain: inout Toolchain, _ configuration: Configuration, _ environment: VerifierEnvironment
    ) throws(VerifierFailure) {
        guard configuration.language == .command else {
            for (option, isGiven) in [
                ("run", !configuration.run.isEmpty), ("build", !configuration.build.isEmpty),
                ("file", configuration.file != nil), ("product", configuration.product != nil),
            ] where isGiven {
                throw VerifierFailure(
                    .configuration, option: option, "it belongs to `language: command`; remove it or the language")
            }
            return
        }
        guard let program = configuration.run.first else {
            throw VerifierFailure(
                .configuration, option: "run", "say what runs the code, such as run: [ruby, main.rb] with file: main.rb"
            )
        }
        guard let file = configuration.file, !file.contains("/"), !file.hasPrefix("."), !file.isEmpty else {
            throw VerifierFailure(
                .configuration, option: "file", "say which file the code is written to, such as file: main.rb")
        }
        toolchain.file = file
        toolchain.product = configuration.product
        toolchain.run = [try path(program, option: "run", environment)] + configuration.run.dropFirst()
        if let builder = configuration.build.first {
            toolchain.build = [try path(builder, option: "build", environment)] + configuration.build.dropFirst()
        }
    }

    private static func path(
        _ program: String, option: String, _ environment: VerifierEnvironment
    ) throws(VerifierFailure) -> String {
        if program.hasPrefix("./") || program.hasPrefix("/") { return program }
        guard let path = Toolchain.program(program, environment.variables) else {
            throw VerifierFailure(.configuration, option: option, "there is no program '\(program)' on the path")
        }
        return path
    }

    public func check(_ reference: CodeReference) throws(VerifierFailure) {
        if let problem = reference.problem { throw VerifierFailure(.item, problem) }
        switch reference.tests {
        case .programs: break
        case .calls(let function, _):
            guard let name = function ?? configuration.function else {
                throw VerifierFailure(.item, "no function is named; add `function` to the row or to the options")
            }
            guard name.first?.isNumber == false, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else {
                throw VerifierFailure(.item, "'\(name)' is no name of a function")
            }
            if configuration.language == .command {
                throw VerifierFailure(
                    .item, "functions are called in python and swift only; a program of `command` gets `input`")
            }
        case .units:
            if configuration.language != .python {
                throw VerifierFailure(
                    .item, "unit tests are run in python only; write `cases` with `input` and `output`, or with `args`")
            }
        }
    }

    public func probes(for reference: CodeReference) -> [VerifierProbe] {
        var probes = [VerifierProbe("nothing", answer: "", passes: false)]
        if configuration.language == .python {
            probes += [
                VerifierProbe("exit 0", answer: "import sys\nsys.exit(0)\n", passes: false),
                VerifierProbe("exit at once", answer: "import os\nos._exit(0)\n", passes: false),
                VerifierProbe(
                    "forged report",
                    answer:
                        "import os\nprint('PASSED')\ntry:\n    os.write(3, b'{\"results\": [{\"passed\": true}]}')\n"
                        + "except OSError:\n    pass\nos._exit(0)\n", passes: false),
            ]
        }
        if let solution = reference.solution { probes.append(VerifierProbe("gold", answer: solution, passes: true)) }
        return probes
    }

    public func verify(
        _ rollout: Rollout, against reference: CodeReference, in context: VerificationContext
    ) async throws(VerifierFailure) -> Verdict {
        guard let answer = configuration.extract.text(in: rollout) else {
            return .fail(note: configuration.extract.absence(in: rollout))
        }
        let code = reference.prefix + CodeExtraction.code(in: answer, fences: configuration.language.fences)
        guard !code.allSatisfy(\.isWhitespace) else { return .fail(note: "there is no code") }
        var trial = CodeTrial(self, reference, code: code, allowance: allowance(context))
        do throws(SandboxFailure) {
            try await trial.run()
        } catch {
            throw VerifierFailure(.sandbox, error.message)
        }
        context.metric("executions", Double(trial.executions))
        context.metric("execution_seconds", trial.seconds)
        return trial.verdict
    }

    /// Seconds that all executions may take together.
    private func allowance(_ context: VerificationContext) -> Double {
        guard let deadline = context.deadline else { return .infinity }
        let left = (deadline - ContinuousClock.now).components
        return Double(left.seconds) + Double(left.attoseconds) * 1e-18
    }
}

extension VerifierRegistry {
    /// Adds the verifiers that run what a model wrote.
    ///
    /// - Precondition: their names are free.
    public mutating func registerCodeTests() {
        let options = CodeTests.Configuration.options.map {
            OptionDescription(name: $0.name, summary: $0.summary, expectation: $0.expectation, isPath: $0.isPath)
        }
        register(CodeTests.name, summary: CodeTests.summary, options: options) {
            (json: JSON, environment: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier in
            let verifier = try CodeTests(CodeTests.Configuration(options: json), in: environment)
            var traits = CodeTests.traits
            traits.sandbox = verifier.sandbox.tier
            return AnyVerifier(verifier).with(traits)
        }
    }
}
