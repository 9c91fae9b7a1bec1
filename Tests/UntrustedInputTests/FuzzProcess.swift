import Foundation
import TextCore

/// The built executable `hone-fuzz`, in which readers of outside input run so that a trap ends it and not the tests.
enum FuzzProcess {
    struct Result {
        let status: Int32
        let lines: [JSON]
        let text: String
    }

    /// Runs it to its end.
    static func run(_ arguments: [String]) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-untrusted-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (output, errors) = (folder.appending(path: "out"), folder.appending(path: "err"))
        for file in [output, errors] { try Data().write(to: file) }
        let process = Process()
        process.executableURL = try executable()
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
        let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        return Result(
            status: status, lines: text.split(separator: "\n").compactMap { try? JSON(parsing: String($0)) },
            text: text + String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }

    /// The executable: `$HONE_FUZZ_EXECUTABLE`, else the one that was built beside the tests.
    private static func executable() throws -> URL {
        if let path = ProcessInfo.processInfo.environment["HONE_FUZZ_EXECUTABLE"] { return URL(fileURLWithPath: path) }
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let file = URL(fileURLWithPath: tests).deletingLastPathComponent().appending(path: "hone-fuzz")
        guard FileManager.default.isExecutableFile(atPath: file.path) else {
            throw FuzzProcessError(message: "\(file.path) is not built; build it, or name it in HONE_FUZZ_EXECUTABLE")
        }
        return file
    }
}

struct FuzzProcessError: Error { let message: String }

/// The folder with `Package.swift`.
enum PackageFolder {
    static let url = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}
