import ArgumentParser
import Foundation
import TextCore
import Verifiers

/// Becomes a worker where a verifier is to run in one, and measures otherwise.
@main
enum Main {
    static func main() async {
        await VerifierWorker.runIfAsked(.builtin)
        HoneBench.main()
    }
}

/// Times fixed work and prints one table, with a peer beside it where one is given.
///
/// Every line of the table is measured in a process of its own, so that its peak memory is its own, and a peer's run
/// follows Hone's at once, so that both see the same machine.
struct HoneBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hone-bench",
        abstract: "Times training and decoding of a small model, against the machine and against a peer.")

    @Option(help: "A folder with a model; without it, one of the shape of SmolLM2-135M with random weights.")
    var model: String?

    @Option(help: "A Python environment with torch, transformers, peft and trl: its figures stand beside Hone's.")
    var peers: String?

    @Option(help: "The folder that holds peers/ and data/.")
    var shared: String = ProcessInfo.processInfo.environment["HONE_SHARED"] ?? "../shared"

    @Option(help: "What to measure; may be given several times. All unless given.")
    var work: [Work] = []

    @Option(help: "Counted repetitions, after one that is not counted.")
    var repetitions = 5

    @Option(help: "Threads; the number of processors unless given.")
    var threads = 0

    @Option(help: "MB of text for shards, 100 unless given; MB of shards for stream-memory, 2000 unless given.")
    var megabytes: Int?

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Flag(help: .hidden)
    var single = false

    @Option(help: .hidden)
    var read: String?

    func validate() throws {
        guard repetitions >= 1 else { throw ValidationError("--repetitions is at least 1") }
        guard (0...64).contains(threads) else { throw ValidationError("--threads is from 0 to 64") }
        guard megabytes.map({ (1...100_000).contains($0) }) ?? true else {
            throw ValidationError("--megabytes is from 1 to 100000")
        }
        guard !single || work.count == 1 else { throw ValidationError("--single measures one --work") }
    }

    func run() throws {
        if let read {
            print(try StreamMemory(reading: read).json.text())
            return
        }
        if single {
            let measurement = try work[0].measure(
                BenchmarkModel(folder: model), repetitions: repetitions, threads: threads, shared: shared,
                megabytes: megabytes)
            print(measurement.json.text())
            return
        }
        let made = try FolderForPeer(model: model, isNeeded: peers != nil, shared: shared)
        defer { made.remove() }
        var report = Report()
        for work in work.isEmpty ? Work.allCases : work {
            if self.work.isEmpty, let file = work.neededFile(shared: shared),
                !FileManager.default.fileExists(atPath: file)
            {
                announce("\(work.title): left out, there is no \(file)")
                continue
            }
            announce("\(work.title) …")
            let measured = try Subprocess.own(arguments(for: work, model: made.path))
            var peer: JSON?
            if let peers, let path = made.path,
                let arguments = work.peerArguments(shared: shared, model: path, steps: repetitions)
            {
                announce("\(work.title), \(URL(fileURLWithPath: arguments[0]).lastPathComponent) …")
                peer = try Subprocess.python(environment: peers, arguments)
            }
            report.lines.append(Report.Line(work: work, hone: measured, peer: peer))
        }
        print(json ? report.json.text(.pretty) : report.table)
    }

    private func arguments(for work: Work, model: String?) -> [String] {
        var list = [
            "--single", "--work", work.rawValue, "--repetitions", "\(repetitions)", "--threads", "\(threads)",
            "--shared", shared,
        ]
        if let model { list += ["--model", model] }
        if let megabytes { list += ["--megabytes", "\(megabytes)"] }
        return list
    }

    private func announce(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
