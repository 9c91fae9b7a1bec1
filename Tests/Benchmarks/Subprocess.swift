import Foundation
import TextCore

/// A program that prints one JSON object.
enum Subprocess {
    /// A process that failed, with what to do.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// This program again.
    static func own(_ arguments: [String]) throws -> JSON {
        let path = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return try run(path, arguments)
    }

    /// A script in a Python environment.
    static func python(environment: String, _ arguments: [String]) throws -> JSON {
        try run(environment + "/bin/python", arguments)
    }

    private static func run(_ path: String, _ arguments: [String]) throws -> JSON {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        // Settings of OpenBLAS in the environment can halve its speed.
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("OPENBLAS_") }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let command = ([path] + arguments).joined(separator: " ")
        guard process.terminationStatus == 0 else {
            throw Failure(
                description: "`\(command)` ended with status \(process.terminationStatus); its message is above")
        }
        let last = String(decoding: data, as: UTF8.self).split(separator: "\n").last ?? ""
        do {
            return try JSON(parsing: String(last))
        } catch {
            throw Failure(description: "`\(command)` printed no JSON (\(error)): \(last)")
        }
    }
}
