import Foundation
public import Verifiers

/// What a model's code is written in.
public enum CodeLanguage: String, NamedChoice {
    /// Python, with what is installed where `python3` is found.
    case python
    /// Swift, with the compiler that is found.
    case swift
    /// Whatever `run` and `build` say.
    case command

    /// The words of a fence that mark this language.
    var fences: [String] {
        switch self {
        case .python: ["python", "py", "python3"]
        case .swift: ["swift"]
        case .command: []
        }
    }
}

/// How code of a language is built and run.
struct Toolchain: Sendable {
    /// Builds `file`; `nil` where nothing is built.
    var build: [String]?
    /// What a build leaves behind.
    var product: String?
    /// Runs it.
    var run: [String]
    /// The file that the code is written to.
    var file: String
    /// Folders that it needs, beside those of the system.
    var readable: [String]
    /// Of Python: where installed packages are.
    var packages: [String] = []

    /// Finds the programs that a language needs.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration` when one is nowhere.
    static func find(
        _ language: CodeLanguage, _ variables: [String: String]
    ) throws(VerifierFailure) -> Toolchain {
        switch language {
        case .python: return try python(variables)
        case .swift: return try swift(variables)
        case .command: return Toolchain(run: [], file: "main", readable: [])
        }
    }

    private static func python(_ variables: [String: String]) throws(VerifierFailure) -> Toolchain {
        let name = "python3"
        // What is on the path may be a script that chooses one; it is asked which.
        let script = """
            import sys
            print(sys.executable, sys.prefix, sys.base_prefix, sys.base_exec_prefix, sep="\\n")
            print(*[path for path in sys.path if path.endswith("-packages")], sep="\\n")
            """
        guard let path = program(name, variables) else {
            throw VerifierFailure(
                .configuration, option: "language",
                "there is no \(name) on the path. Install it, or write `language: swift` or `language: command`")
        }
        let lines = said(by: path, ["-I", "-c", script], variables)
        guard lines.count >= 4, let interpreter = lines.first, interpreter.hasPrefix("/") else {
            throw VerifierFailure(.configuration, option: "language", "\(path) does not say where Python is")
        }
        // Module `site` takes four times as long as all else where packages bring files of their own for it; what programs
        // need of it, `PythonSources.start` does. No compiled files, and what PYTHONHASHSEED says holds.
        return Toolchain(
            run: [interpreter, "-S", "-s", "-B"], file: "answer.py",
            readable: [folder(of: resolved(interpreter))] + Array(lines.dropFirst()),
            packages: Array(lines.dropFirst(4)))
    }

    private static func swift(_ variables: [String: String]) throws(VerifierFailure) -> Toolchain {
        guard let path = program("swiftc", variables).map(resolved) else {
            throw VerifierFailure(.configuration, option: "language", "there is no swiftc on the path")
        }
        // …/usr/bin/swift-frontend, beside …/usr/lib.
        let usr = folder(of: folder(of: path))
        let compiler = "\(usr)/bin/swiftc"
        return Toolchain(
            build: [compiler, "-O", "-module-cache-path", "cache", "-o", "program"], product: "program",
            run: ["./program"], file: "main.swift", readable: [usr])
    }

    static func folder(of path: String) -> String { (path as NSString).deletingLastPathComponent }

    static func resolved(_ path: String) -> String {
        URL(filePath: path).resolvingSymlinksInPath().path(percentEncoded: false)
    }

    /// Where a program is found; `nil` when it is nowhere.
    static func program(_ name: String, _ variables: [String: String]) -> String? {
        if name.contains("/") { return name }
        return (variables["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").lazy
            .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// The lines that a program of the user's prints.
    private static func said(by path: String, _ arguments: [String], _ variables: [String: String]) -> [String] {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = variables
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return [] }
        let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
