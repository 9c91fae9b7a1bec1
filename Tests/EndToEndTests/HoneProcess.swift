import Foundation
import TextCore

#if canImport(Glibc)
    import Glibc
#endif

/// What a command left behind.
struct HoneResult: CustomStringConvertible {
    /// The exit status; `nil` when a signal ended the process.
    let status: Int32?
    /// The signal that ended it.
    let signal: Int32?
    /// Whether it had to be killed because its time was up.
    let timedOut: Bool
    let output: String
    let errors: String

    var description: String {
        let end = timedOut ? "time is up" : signal.map { "signal \($0)" } ?? "status \(status ?? -1)"
        return "\(end)\nstdout: \(output.suffix(2000))\nstderr: \(errors.suffix(2000))"
    }

    /// Standard output as one JSON value.
    func json() throws -> JSON { try JSON(parsing: output) }
}

/// A process of the built executable `hone`, or of a shell that runs it.
///
/// Output goes to files, not pipes, so that a process is never held up by a test that does not read.
final class HoneProcess {
    private let process = Process()
    private let ended = DispatchSemaphore(value: 0)
    private let folder: URL

    /// Starts `hone` with arguments.
    ///
    /// - Parameters:
    ///   - folder: the working folder.
    ///   - environment: variables beside those of the test.
    ///   - input: what standard input holds; nothing by default.
    convenience init(
        _ arguments: [String], in folder: URL, environment: [String: String] = [:], input: String = ""
    ) throws {
        try self.init(Self.executable(), arguments, in: folder, environment: environment, input: input)
    }

    /// Starts `hone-bench` with arguments.
    convenience init(benchmark arguments: [String], in folder: URL) throws {
        try self.init(Self.built("hone-bench"), arguments, in: folder, environment: [:], input: "")
    }

    /// Starts `script` in a shell where `$HONE` is the executable.
    convenience init(shell script: String, in folder: URL) throws {
        try self.init(
            URL(fileURLWithPath: "/bin/bash"), ["-c", script], in: folder,
            environment: ["HONE": try Self.executable().path], input: "")
    }

    private init(
        _ executable: URL, _ arguments: [String], in folder: URL, environment: [String: String], input: String
    ) throws {
        self.folder = folder.appending(path: ".process-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        try Data(input.utf8).write(to: self.folder.appending(path: "in"))
        for name in ["out", "err"] { try Data().write(to: self.folder.appending(path: name)) }
        process.executableURL = executable
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = try FileHandle(forReadingFrom: self.folder.appending(path: "in"))
        process.standardOutput = try FileHandle(forWritingTo: self.folder.appending(path: "out"))
        process.standardError = try FileHandle(forWritingTo: self.folder.appending(path: "err"))
        process.terminationHandler = { [ended] _ in ended.signal() }
        try process.run()
    }

    /// The executable: `$HONE_EXECUTABLE`, else the one that was built beside the tests.
    static func executable() throws -> URL {
        if let path = ProcessInfo.processInfo.environment["HONE_EXECUTABLE"] { return URL(fileURLWithPath: path) }
        return try built("hone")
    }

    /// An executable that was built beside the tests.
    private static func built(_ name: String) throws -> URL {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let url = URL(fileURLWithPath: tests).deletingLastPathComponent().appending(path: name)
        guard FileManager.default.isExecutableFile(atPath: url.path) else {
            throw HoneProcessError(message: "\(url.path) is not built; build it, or name hone in HONE_EXECUTABLE")
        }
        return url
    }

    /// Sends SIGINT, as Ctrl-C does.
    func interrupt() { send(SIGINT) }

    /// Sends a signal.
    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits until the process catches signals, or has ended.
    func waitForHandlers() { while isRunning, !handlesInterrupts { usleep(500) } }

    /// Ends the process at once, with no chance to tidy up.
    func destroy() { kill(process.processIdentifier, SIGKILL) }

    /// Whether the process catches SIGINT: from then on an interruption is its to handle.
    var handlesInterrupts: Bool {
        let status = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
        let mask = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t").last
        return mask.flatMap { UInt64($0, radix: 16) }.map { $0 >> UInt64(SIGINT - 1) & 1 == 1 } ?? false
    }

    /// Interrupts until the process ends, for commands in which a second interruption loses nothing: the first may
    /// come before the process is ready for it.
    func interruptUntilEnd() throws -> HoneResult {
        while isRunning, !handlesInterrupts { usleep(1000) }
        for _ in 0..<20 where isRunning {
            usleep(100_000)
            interrupt()
            if ended.wait(timeout: .now() + 2) == .success { ended.signal() }
        }
        return try result(timeLimit: 5)
    }

    /// Whether anything was printed so far.
    var hasOutput: Bool { (try? !Data(contentsOf: folder.appending(path: "out")).isEmpty) ?? false }

    var isRunning: Bool { process.isRunning }

    /// Waits for the end; after `timeLimit` seconds the process is killed.
    func result(timeLimit: Double = 60) throws -> HoneResult {
        var timedOut = false
        if ended.wait(timeout: .now() + timeLimit) == .timedOut {
            timedOut = true
            kill(process.processIdentifier, SIGKILL)
            ended.wait()
        }
        let exited = process.terminationReason == .exit
        defer { try? FileManager.default.removeItem(at: folder) }
        return HoneResult(
            status: exited ? process.terminationStatus : nil, signal: exited ? nil : process.terminationStatus,
            timedOut: timedOut, output: try text("out"), errors: try text("err"))
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
    }
}

/// Why `hone` could not be started or did not get where a test waits for it.
struct HoneProcessError: Error, CustomStringConvertible {
    let message: String

    var description: String { message }
}
