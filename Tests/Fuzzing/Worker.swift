import Foundation
import TextCore

/// Reads changed inputs of one target in a process that may die of them.
struct Worker {
    private let target: InputTarget
    private let seed: UInt64
    private let seconds: Double
    private let corpus: URL
    private let scratch: URL

    /// The status of a process that found something and said what.
    static let foundStatus: Int32 = 65
    static let inputName = "input"
    static let reportName = "report.json"

    init(_ target: InputTarget, seed: UInt64, seconds: Double, corpus: URL, scratch: URL) throws {
        (self.target, self.seed, self.seconds) = (target, seed, seconds)
        (self.corpus, self.scratch) = (corpus, scratch)
    }

    func run() throws -> Int32 {
        let seeds = try target.samples() + Self.files(corpus.appending(path: target.corpus))
        var mutator = Mutator(target: target, random: Randomness(seed: seed), seeds: seeds)
        // Inside the supervisor's, which removes it when this process cannot.
        let folder = try ScratchFolder(in: scratch)
        let scratch = scratch
        let watchdog = Watchdog { message in
            Self.note(["found": .string(message)], in: scratch)
            _exit(Self.foundStatus)
        }
        var (inputs, refused, slowest) = (0, 0, 0.0)
        let end = ContinuousClock.now + .seconds(seconds)
        // Files of the corpus go in as they are between changed ones: some of them are the slowest of all.
        var waiting = seeds[...]
        while ContinuousClock.now < end {
            let bytes = (inputs % 2 == 0 ? waiting.popFirst() : nil) ?? mutator.input()
            let input = Input(bytes, target, in: folder.url)
            try Input.write(bytes, to: scratch.appending(path: Self.inputName))
            // To make an input may take more memory than to read it; that is not the reader's.
            let allowed = max(target.memoryLimit << 20, ProcessPeak.largest)
            let start = ProcessPeak.seconds
            watchdog.begin()
            do {
                if try Outcome(reading: input, target).error != nil { refused += 1 }
            } catch {
                return found("\(error)")
            }
            watchdog.end()
            slowest = max(slowest, ProcessPeak.seconds - start)
            inputs += 1
            if ProcessPeak.largest > allowed {
                return found("holds \(ProcessPeak.largest >> 20) MiB, and \(target.memoryLimit) are allowed")
            }
        }
        Self.note(
            [
                "inputs": .integer(inputs), "refused": .integer(refused), "slowest": .number(slowest),
                "peak": .integer(ProcessPeak.bytes),
            ], in: scratch)
        return 0
    }

    private func found(_ message: String) -> Int32 {
        Self.note(["found": .string(message)], in: scratch)
        return Self.foundStatus
    }

    private static func note(_ json: JSON, in scratch: URL) {
        try? Input.write(Array(json.text().utf8), to: scratch.appending(path: reportName))
    }

    /// The files of a folder and those below, by name; a fuzzer's inputs are small.
    static func files(_ folder: URL) -> [[UInt8]] {
        let names = (FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []).sorted()
        return names.filter { !$0.hasSuffix("cases.json") }.compactMap { name in
            (try? Data(contentsOf: folder.appending(path: name))).map { [UInt8]($0) }
        }.filter { $0.count <= 4 * Mutator.largestInput }
    }
}
