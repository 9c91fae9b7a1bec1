import Foundation
import Synchronization
import TextCore

/// Runs workers, some at a time, and keeps every input that one of them died of.
struct Supervisor: Sendable {
    let seconds: Double
    let seed: Int
    let jobs: Int
    let corpus: URL
    let findings: URL

    private struct Total {
        var lines: [String: JSON] = [:]
        var findings: [String] = []
    }

    /// - Returns: The exit status: 1 when something was found.
    func run(_ targets: [InputTarget]) throws -> Int32 {
        try FileManager.default.createDirectory(at: findings, withIntermediateDirectories: true)
        let queue = Mutex(targets[...])
        let total = Mutex(Total())
        let share = seconds * Double(min(jobs, targets.count)) / Double(targets.count)
        let threads = (0..<min(jobs, targets.count)).map { _ in
            let ended = DispatchSemaphore(value: 0)
            Thread {
                while let target = queue.withLock({ $0.popFirst() }) {
                    do {
                        try work(target, until: .now + .seconds(share), total)
                    } catch {
                        total.withLock { $0.findings.append("\(target.name): the fuzzer itself failed: \(error)") }
                    }
                }
                ended.signal()
            }.start()
            return ended
        }
        threads.forEach { $0.wait() }
        return total.withLock { total in
            for target in targets { if let line = total.lines[target.name] { print(line.text()) } }
            total.findings.forEach { print($0) }
            return total.findings.isEmpty ? 0 : 1
        }
    }

    /// Works on a target until the time is up; after a finding with another seed.
    private func work(_ target: InputTarget, until end: ContinuousClock.Instant, _ total: borrowing Mutex<Total>) throws
    {
        var (inputs, refused, slowest, peak, tries) = (0, 0, 0.0, 0, 0)
        repeat {
            let scratch = try ScratchFolder()
            let left = max(1, Int(((end - .now) / .seconds(1)).rounded()))
            let worker = try start(target, seconds: left, seed: seed + 7919 * tries, in: scratch.url)
            worker.waitUntilExit()
            tries += 1
            let report = (try? Data(contentsOf: scratch.url.appending(path: Worker.reportName)))
                .flatMap { try? JSON(parsing: [UInt8]($0)) }
            if worker.terminationReason == .exit, worker.terminationStatus == 0, let report {
                inputs += report["inputs"]?.int ?? 0
                refused += report["refused"]?.int ?? 0
                slowest = max(slowest, report["slowest"]?.double ?? 0)
                peak = max(peak, report["peak"]?.int ?? 0)
            } else {
                let cause =
                    report?["found"]?.string
                    ?? (worker.terminationReason == .exit
                        ? "the process ends with status \(worker.terminationStatus)"
                        : "the process is ended by signal \(worker.terminationStatus)")
                let kept = try keep(scratch.url.appending(path: Worker.inputName), of: target)
                total.withLock {
                    $0.findings.append("\(target.name): \(cause)\n  hone-fuzz read \(target.name) \(kept.path)")
                }
            }
        } while ContinuousClock.now < end && tries < 20
        total.withLock {
            $0.lines[target.name] = [
                "target": .string(target.name), "inputs": .integer(inputs), "refused": .integer(refused),
                "slowest_ms": .integer(Int(slowest * 1000)), "peak_mib": .integer(peak >> 20),
            ]
        }
    }

    private func start(_ target: InputTarget, seconds: Int, seed: Int, in scratch: URL) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = [
            "work", target.name, "--seed", "\(seed)", "--seconds", "\(seconds)", "--corpus", corpus.path, "--scratch",
            scratch.path,
        ]
        process.standardInput = FileHandle.nullDevice
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        try process.run()
        return process
    }

    private func keep(_ input: URL, of target: InputTarget) throws -> URL {
        let bytes = [UInt8](try Data(contentsOf: input))
        let name = "\(target.name)-\(SHA256.digest(of: bytes).hexadecimal.prefix(12))"
        let kept = findings.appending(path: name)
        try Input.write(bytes, to: kept)
        return kept
    }
}
