import ArgumentParser
import Foundation
import OrderedCollections
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

    @Option(help: "A folder with a model; without it, random weights of the shape that each work has.")
    var model: String?

    @Option(help: "A Python environment with torch, transformers, peft and trl: its figures stand beside Hone's.")
    var peers: String?

    @Option(help: "The folder that holds peers/ and data/.")
    var shared: String = ProcessInfo.processInfo.environment["HONE_SHARED"] ?? "../shared"

    @Option(help: "What to measure; may be given several times. All unless given.")
    var work: [Work] = []

    @Option(help: "How numbers are multiplied, where the work has products; unless given, as its targets have it.")
    var precision: [BenchmarkPrecision] = []

    @Option(help: "Counted repetitions, after one that is not counted.")
    var repetitions = 5

    @Option(help: "Threads; the number of processors unless given.")
    var threads = 0

    @Option(
        help:
            "MB of text for shards and datacheck, 100 and 250 unless given; MB of shards for stream-memory, 2000 unless given."
    )
    var megabytes: Int?

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "Write the results as a page, and the curves of `scaling` as docs/scaling.svg beside it.")
    var markdown: String?

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
                BenchmarkModel(folder: model, shape: work[0].shape, precision: precision.first ?? .float32),
                repetitions: repetitions, threads: threads, shared: shared,
                megabytes: megabytes)
            print(measurement.json.text())
            return
        }
        let folders = ModelFolders(shared: shared)
        var report = Report()
        for work in work.isEmpty ? Work.allCases : work {
            if self.work.isEmpty, let file = work.neededFile(shared: shared),
                !FileManager.default.fileExists(atPath: file)
            {
                announce("\(work.title): left out, there is no \(file)")
                continue
            }
            for precision in wanted(work) {
                report.lines.append(try line(work, precision, folders))
            }
        }
        if let markdown { try write(report, to: URL(fileURLWithPath: markdown)) }
        print(json ? report.json.text(.pretty) : report.table)
    }

    private func wanted(_ work: Work) -> [BenchmarkPrecision] {
        precision.isEmpty || !work.hasProducts ? work.precisions : precision
    }

    /// One work with its peers right behind it.
    private func line(
        _ work: Work, _ precision: BenchmarkPrecision, _ folders: ModelFolders
    ) throws -> Report.Line {
        announce("\(work.title), \(precision.rawValue) …")
        let folder = try model ?? (work.isInTokens ? folders.path(of: work.shape) : nil)
        var arguments = [
            "--single", "--work", work.rawValue, "--precision", precision.rawValue, "--repetitions", "\(repetitions)",
            "--threads", "\(threads)", "--shared", shared,
        ]
        if let folder { arguments += ["--model", folder] }
        if let megabytes { arguments += ["--megabytes", "\(megabytes)"] }
        let measured = try Subprocess.own(arguments)
        var others: OrderedDictionary<String, JSON> = [:]
        if let peers {
            for (name, arguments) in work.peers(
                shared: shared, model: folder ?? "", precision: precision, steps: repetitions, threads: threads)
            {
                announce("\(work.title), \(precision.rawValue), \(name) …")
                others[name] = try Subprocess.python(environment: peers, arguments)
            }
        }
        return Report.Line(work: work, precision: precision, hone: measured, peers: others)
    }

    private func write(_ report: Report, to page: URL) throws {
        let date = Date.now.formatted(.iso8601.year().month().day())
        try Data(report.markdown(date: date).utf8).write(to: page)
        guard let scaling = report.lines.first(where: { $0.work == .scaling }) else { return }
        let plot = page.deletingLastPathComponent().appending(path: "docs/scaling.svg")
        try FileManager.default.createDirectory(at: plot.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(ScalingBenchmark.plot(scaling.hone).utf8).write(to: plot)
    }

    private func announce(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
