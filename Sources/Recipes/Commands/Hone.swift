import ArgumentParser
import Foundation
import Verifiers

/// The commands of Hone.
///
/// A user's own executable is three lines:
///
/// ```swift
/// import Recipes
/// var registry = Registry()
/// await Hone.run(registry)
/// ```
public enum Hone {
    /// Runs the command that the program's arguments name, and ends the process.
    public static func run(_ registry: Registry = Registry()) async {
        // A reader that goes away ends the output, not the command: a run must outlive `hone train … | head`.
        signal(SIGPIPE, SIG_IGN)
        // A file that may not become larger is an error of writing it, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        // A verifier of the user's own is judged by this executable again, in a process that may crash.
        await VerifierWorker.runIfAsked(registry.verifiers)
        await Registry.$current.withValue(registry) {
            do {
                // Parsed twice, as a command may not cross over to another thread.
                if var command = try HoneCommand.parseAsRoot() as? any AsyncParsableCommand {
                    return try await command.run()
                }
                try await onOwnThread { try HoneCommand.parseAsRoot() }
            } catch {
                HoneCommand.exit(withError: error)
            }
        }
    }

    /// Runs a command that computes and waits for hours on a thread of its own, where it takes none of the few that all
    /// tasks share.
    private static func onOwnThread(_ parse: @escaping @Sendable () throws -> any ParsableCommand) async throws {
        let registry = Registry.current
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let thread = Thread {
                Registry.$current.withValue(registry) {
                    do {
                        var command = try parse()
                        try command.run()
                        continuation.resume()
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }
            }
            thread.stackSize = 64 << 20
            thread.start()
        }
    }
}

struct HoneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hone",
        abstract: "Preference and reward fine-tuning of language models that tells the truth.",
        discussion: """
            Exit status: 0 done; 3 what was measured fell short; 64 the command line is wrong; 65 data or model files \
            are malformed; 66 a file is missing; 70 a bug of Hone; 74 reading or writing failed; 75 it hung \
            and was ended; 78 the recipe is wrong; 129, 130, 143 stopped by SIGHUP, SIGINT (Ctrl-C), SIGTERM, after saving.
            """,
        version: HoneVersion.current,
        subcommands: [
            AdviseCommand.self, CheckCommand.self, EstimateCommand.self, InspectCommand.self, VerifyCommand.self,
            TrainCommand.self, EvalCommand.self, CompareCommand.self, GateCommand.self, ReportCommand.self,
            ShadowCommand.self, CanaryCommand.self, DriftCommand.self, ReplayCommand.self, GenerateCommand.self,
            ExportCommand.self, TokenizeCommand.self, TokenizerCommand.self, ModelCommand.self, DataCommand.self,
            TaskCommand.self, VerifierCommand.self, SchemaCommand.self, DoctorCommand.self,
        ])
}
