import Foundation
import OrderedCollections
import TextCore

/// The command line of `hone-fuzz`.
struct Commands {
    private let command: String
    private var names: [String] = []
    private var options: [String: String] = [:]

    static let usage = """
        hone-fuzz list                                  the targets
        hone-fuzz folder TARGET                         its folder in the corpus
        hone-fuzz read TARGET FILE...                   reads files, one line of JSON about each
        hone-fuzz run [TARGET...] [--seconds 60] [--seed 1] [--jobs 2] [--corpus DIR] [--findings DIR]
                                                        reads changed inputs until the time is up
        hone-fuzz write [--corpus DIR]                  writes the samples of every target
        """

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        guard let command = rest.popFirst() else { throw FuzzError("no command\n" + Self.usage) }
        self.command = command
        while let argument = rest.popFirst() {
            if argument.hasPrefix("--") {
                guard let value = rest.popFirst() else { throw FuzzError("\(argument) needs a value") }
                options[String(argument.dropFirst(2))] = value
            } else {
                names.append(argument)
            }
        }
    }

    func run() throws -> Int32 {
        switch command {
        case "list": InputTarget.all.forEach { print($0.name) }
        case "folder": print(try InputTarget.named(names.first ?? "").corpus)
        case "read":
            guard let name = names.first else { throw FuzzError("no target\n" + Self.usage) }
            return try Reading(InputTarget.named(name)).run(names.dropFirst().map { URL(fileURLWithPath: $0) })
        case "run": return try supervisor().run(names.isEmpty ? InputTarget.all : names.map(InputTarget.named))
        case "work":
            guard let name = names.first, let scratch = options["scratch"] else { throw FuzzError(Self.usage) }
            return try Worker(
                InputTarget.named(name), seed: UInt64(try number("seed", 1)),
                seconds: Double(try number("seconds", 10)),
                corpus: corpus, scratch: URL(fileURLWithPath: scratch)
            ).run()
        case "write": try writeSamples()
        default: throw FuzzError("there is no command '\(command)'\n" + Self.usage)
        }
        return 0
    }

    private func number(_ option: String, _ fallback: Int) throws -> Int {
        guard let text = options[option] else { return fallback }
        guard let number = Int(text), number >= 0 else { throw FuzzError("--\(option) \(text) is no whole number") }
        return number
    }

    private var corpus: URL {
        options["corpus"].map { URL(fileURLWithPath: $0) }
            ?? PackageFolder.url.appending(path: "Tests/Fixtures/hostile")
    }

    private func supervisor() throws -> Supervisor {
        Supervisor(
            seconds: Double(try number("seconds", 60)), seed: try number("seed", 1),
            jobs: max(1, try number("jobs", 2)),
            corpus: corpus,
            findings: options["findings"].map { URL(fileURLWithPath: $0) }
                ?? PackageFolder.url.appending(path: ".build/fuzz-findings"))
    }

    /// Files that a fuzzer without our mutator can begin with.
    private func writeSamples() throws {
        for target in InputTarget.all {
            let folder = corpus.appending(path: target.corpus)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for (index, sample) in try target.samples().enumerated() {
                try Input.write(sample, to: folder.appending(path: "sample-\(target.name)-\(index)"))
                if let seal = target.seal {
                    try Input.write(seal(sample), to: folder.appending(path: "sealed-\(target.name)-\(index)"))
                }
            }
        }
    }
}

/// Reads files one after the other and says of each what became of it, how long it took and what the process held.
struct Reading {
    private let target: InputTarget

    init(_ target: InputTarget) throws { self.target = target }

    func run(_ files: [URL]) throws -> Int32 {
        var status: Int32 = 0
        for file in files {
            let scratch = try ScratchFolder()
            var line: [(String, JSON)] = [("file", .string(file.lastPathComponent))]
            // Where the file is read in place, no copy of it counts as the reader's memory.
            let input = try place(file, in: scratch.url)
            ProcessPeak.forget()
            let (start, resident) = (ProcessPeak.seconds, ProcessPeak.resident)
            do {
                let outcome = try Outcome(reading: input, target)
                line.append(("outcome", outcome.error == nil ? "accepted" : "refused"))
                if let error = outcome.error {
                    line += [("error", .string(error)), ("message", .string(outcome.message))]
                }
            } catch {
                line += [("outcome", "fault"), ("message", .string("\(error)"))]
                status = 1
            }
            line += [
                ("seconds", .number(ProcessPeak.seconds - start)), ("peak", .integer(ProcessPeak.bytes)),
                ("growth", .integer(max(0, ProcessPeak.bytes - resident))),
            ]
            print(JSON.object(.init(line) { $1 }).text())
        }
        return status
    }

    /// A large file is linked to, so that it is never whole in memory.
    private func place(_ file: URL, in folder: URL) throws -> Input {
        let size = (try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int) ?? 0
        guard size > 1 << 20 || !Self.isRegular(file) else {
            return Input([UInt8](try Data(contentsOf: file)), target, in: folder)
        }
        let input = Input([], target, in: folder, isPlaced: true)
        guard symlink(file.path, input.file.path) == 0 else { throw FuzzError("cannot link to \(file.path)") }
        return input
    }

    private static func isRegular(_ file: URL) -> Bool {
        var status = stat()
        return stat(file.path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}

/// A folder that is removed with its content.
final class ScratchFolder {
    let url: URL

    /// - Parameter parent: the folder around it; else in memory, where the system has a file system there.
    init(in parent: URL? = nil) throws {
        let memory = URL(fileURLWithPath: "/dev/shm")
        let parent =
            parent ?? (access(memory.path, W_OK) == 0 ? memory : FileManager.default.temporaryDirectory)
        url = parent.appending(path: "hone-fuzz-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}
