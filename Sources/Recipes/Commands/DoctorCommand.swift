import ArgumentParser
import Foundation
import Sandbox
import TensorCore
import TextCore
import Verifiers

/// `hone doctor`: the machine, what slows it, and what is missing.
struct DoctorCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Show the machine, what slows it, and what is missing.",
        discussion: "With --sandbox, exit status 3 says that tier A does not work here.")

    @Flag(help: "Try each way to keep a model's code in, and show what works here.")
    var sandbox = false
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        if sandbox { return try showSandbox(terminal) }
        let report = MachineReport()
        if output.json { return terminal.print(report.json) }
        for (name, value) in report.lines {
            terminal.print("\(name.padding(toLength: 18, withPad: " ", startingAt: 0))\(value)")
        }
        for problem in report.problems { terminal.print("! \(problem)") }
        if report.problems.isEmpty { terminal.print("nothing is missing") }
    }

    private func showSandbox(_ terminal: Terminal) throws {
        let probes: [SandboxProbe]
        do throws(SandboxFailure) { probes = try SandboxProbe.all() } catch {
            throw CommandFailure(message: error.message, status: .inputOutput)
        }
        let best = probes.first(where: \.works)
        if output.json {
            terminal.print([
                "tier": best.map { .string($0.tier.rawValue) } ?? .null, "ways": .array(probes.map(\.json)),
                "hints": .array(SandboxProbe.hints(probes).map { .string($0) }),
            ])
        } else {
            for probe in probes {
                let time =
                    probe.works ? " (\(Int((probe.seconds * 1000).rounded())) ms to the first program's end)" : ""
                terminal.print("\(probe.works ? "✓" : "✗") \(probe)\(time)")
                for remark in probe.remarks { terminal.print("    \(remark)") }
            }
            for hint in SandboxProbe.hints(probes) { terminal.print("! \(hint)") }
            terminal.print(
                best.map { "code of a model runs in tier \($0.tier.rawValue)" }
                    ?? "code of a model cannot be run here")
        }
        if best?.tier != .a { throw ExitCode(ExitStatus.fellShort.rawValue) }
    }
}

/// What Hone runs on. Also the banner of a run reads it.
struct MachineReport {
    let processor: String
    let cores = ProcessInfo.processInfo.processorCount
    let memoryBytes = ProcessInfo.processInfo.physicalMemory
    let instructionSets = InstructionSets.available
    let problems: [String]

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        processor =
            information.split(separator: "\n").first { $0.hasPrefix("model name") }?
            .split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        var problems: [String] = []
        if instructionSets.first == "plain" {
            problems.append("no AVX2: the kernels run in plain code, several times slower than they could.")
        }
        if let wanted = environment["HONE_KERNELS"], wanted != instructionSets.first {
            problems.append("HONE_KERNELS is \(wanted): kernels for \(instructionSets.first ?? "") are left unused.")
        }
        if cores == 1 { problems.append("one processor: nothing runs in parallel.") }
        self.problems = problems
    }

    var lines: [(String, String)] {
        [
            ("hone", HoneVersion.current), ("processor", processor), ("cores", "\(cores), \(Parallel.threads) in use"),
            ("memory", "\(memoryBytes >> 30) GiB"),
            ("instruction sets", instructionSets.joined(separator: ", ") + " (in use: \(InstructionSets.current))"),
            (
                "products in bf16",
                InstructionSets.multipliesBF16 ? "by an instruction" : "emulated, slower than float32"
            ),
        ]
    }

    var json: JSON {
        [
            "version": .string(HoneVersion.current), "processor": .string(processor), "cores": .integer(cores),
            "threads": .integer(Parallel.threads), "memory_bytes": .integer(Int(clamping: memoryBytes)),
            "instruction_sets": .array(instructionSets.map { .string($0) }),
            "instruction_set": .string(InstructionSets.current),
            "multiplies_bf16": .bool(InstructionSets.multipliesBF16), "problems": .array(problems.map { .string($0) }),
        ]
    }
}
