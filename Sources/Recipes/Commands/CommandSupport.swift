import ArgumentParser
import Foundation
import TensorCore
import TextCore

#if canImport(Glibc)
    import Glibc
#endif

/// The version of Hone.
public enum HoneVersion {
    /// As `hone --version` prints it.
    public static let current = "0.1.0"
}

/// What a command's exit status says; the numbers are those of `sysexits.h` where it has one.
public enum ExitStatus: Int32, Sendable, CaseIterable {
    /// All went well.
    case success = 0
    /// The command worked, and what it measured fell short.
    case fellShort = 3
    /// The command line is wrong.
    case usage = 64
    /// Data or a model's files are malformed.
    case data = 65
    /// A file or folder is missing.
    case missing = 66
    /// A bug of Hone.
    case software = 70
    /// Reading or writing failed, for instance on a full disk.
    case inputOutput = 74
    /// The recipe is wrong.
    case configuration = 78
    /// Ended by the watchdog, as nothing moved any more; to go on may help.
    case hung = 75
    /// The terminal hung up.
    case hungUp = 129
    /// Stopped by SIGINT (Ctrl-C), after saving.
    case interrupted = 130
    /// Stopped by SIGTERM, after saving.
    case terminated = 143
}

/// A message for people and scripts, and the exit status it ends the command with.
struct CommandFailure: Error, CustomStringConvertible {
    let message: String
    let status: ExitStatus
    var json: JSON?

    var description: String { message }
}

/// Options of every command that reports.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print one JSON object to standard output, for scripts.")
    var json = false
    @Flag(help: "Print results only.")
    var quiet = false
    @Option(help: ArgumentHelp("Threads of the kernels; results do not depend on it.", valueName: "count"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...64).contains(threads) { throw ValidationError("--threads takes 1 to 64") }
    }
}

/// A command that reports to a terminal, a pipe or a script.
protocol ReportingCommand: ParsableCommand {
    var output: OutputOptions { get }
    func run(_ terminal: Terminal) throws
}

extension ReportingCommand {
    mutating func run() throws {
        let terminal = output.begin()
        do { try run(terminal) } catch { throw output.explained(error, on: terminal) }
    }
}

/// A reporting command whose work is made of tasks.
protocol ConcurrentCommand: AsyncParsableCommand {
    var output: OutputOptions { get }
    func run(_ terminal: Terminal) async throws
}

extension ConcurrentCommand {
    mutating func run() async throws {
        let terminal = output.begin()
        do { try await run(terminal) } catch { throw output.explained(error, on: terminal) }
    }
}

extension OutputOptions {
    fileprivate func begin() -> Terminal {
        if let threads { Parallel.setThreads(threads) }
        return Terminal(json: json, quiet: quiet)
    }

    /// Says what went wrong, and gives the exit status.
    fileprivate func explained(_ error: any Error, on terminal: Terminal) -> ExitCode {
        if let error = error as? ExitCode { return error }
        let failure = CommandFailure(describing: error)
        if json {
            terminal.print(["error": failure.json ?? ["message": .string(failure.message)]])
        } else {
            terminal.error(failure.message)
        }
        return ExitCode(failure.status.rawValue)
    }
}

/// Where a command's words go: results to standard output, everything else to standard error.
struct Terminal {
    let json: Bool
    let quiet: Bool
    /// Whether a person is looking at the results.
    let isInteractive = isatty(STDOUT_FILENO) == 1
    /// Whether colours help: a terminal, and `NO_COLOR` is not set.
    var hasColour: Bool { isInteractive && ProcessInfo.processInfo.environment["NO_COLOR"] == nil }

    /// Writes part of a result at once.
    func write(_ text: String) { Self.write(text, to: STDOUT_FILENO) }

    /// Writes a result.
    func print(_ line: String) { Self.write(line + "\n", to: STDOUT_FILENO) }

    /// Writes a result, and says whether anybody still reads: `hone … | head` has had enough after ten lines.
    func printIfRead(_ line: String) -> Bool { Self.write(line + "\n", to: STDOUT_FILENO) }

    /// Writes a result for scripts.
    func print(_ value: JSON) { print(value.text(.pretty)) }

    /// Writes a remark, unless `--quiet` or `--json` is given.
    func note(_ line: String) { if !quiet && !json { Self.write(line + "\n", to: STDERR_FILENO) } }

    /// Writes a warning, whatever the options.
    func warn(_ line: String) { Self.write("warning: \(line.printable)\n", to: STDERR_FILENO) }

    /// Writes an error, whatever the options.
    func error(_ line: String) { Self.write("error: \(line.printable)\n", to: STDERR_FILENO) }

    /// Writes all of `text`; a reader that has gone away ends the output, not the command.
    @discardableResult
    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                bytes = bytes.dropFirst(written)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
