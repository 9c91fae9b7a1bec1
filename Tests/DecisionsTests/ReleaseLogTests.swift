import Decisions
import Foundation
import Reports
import Statistics
import Testing
import TextCore

/// Logs as files: what is read, what is refused, what is said.
@Suite final class ReleaseLogTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "release-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func file(_ name: String, _ lines: [String]) throws -> String {
        let url = folder.appending(path: name)
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: url)
        return url.path
    }

    private func rows(_ count: Int, arm: String? = nil, passes: Double, seed: UInt64, errors: Double = 0) -> [String] {
        var random = CounterRandom(seed)
        return (0..<count).map { row in
            let passed = random.share() < passes
            let error = random.share() < errors
            return
                #"{"id": "r\#(row)", \#(arm.map { #""arm": "\#($0)", "# } ?? "")"passed": \#(passed), "latency_ms": \#(100 + row % 50), "#
                + #""cost": 0.001, "tokens": \#(row % 7), "error": \#(error ? #""timeout""# : "null")}"#
        }
    }

    private func message(_ body: () throws -> ReleaseComparison) -> String {
        do {
            _ = try body()
            return "nothing was thrown"
        } catch { return "\(error)" }
    }

    @Test func pairsAreFoundWhateverTheOrder() throws {
        let control = rows(2_000, passes: 0.8, seed: 1)
        let candidate = rows(2_000, passes: 0.8, seed: 1)
        var random = CounterRandom(9)
        let shuffled = random.permutation(1_990).map { candidate[$0] }
        let comparison = try ReleaseComparison.shadow(
            control: file("a.jsonl", control), candidate: file("b.jsonl", shuffled), rules: ReleaseRules())
        #expect(comparison.monitor.candidate.requests == 1_990 && comparison.onlyControl == 10)
        #expect(comparison.onlyCandidate == 0 && comparison.monitor.tests[0].sequence.mean == 0)
        #expect(
            comparison.monitor.decision == .ship && comparison.summary.hasPrefix("ship: every rule is shown to hold"))
        #expect(comparison.cautions.contains { $0.hasPrefix("10 requests are only in the control's log") })
        guard case .verdict(.good, "Ship", _) = comparison.blocks[0] else {
            Issue.record("\(comparison.blocks[0])")
            return
        }
        #expect(comparison.json["decision"]?.string == "ship" && comparison.json["only_control"]?.int == 10)
        #expect(
            comparison.blocks.contains { if case .chart(let chart) = $0 { chart.series.count == 4 } else { false } })
    }

    @Test func splitTrafficIsToldApartByArmAndAWorseOneIsRolledBack() throws {
        let arms = [rows(3_000, arm: "old", passes: 0.8, seed: 2), rows(3_000, arm: "new", passes: 0.6, seed: 3)]
        var lines = (0..<3_000).flatMap { [arms[0][$0], arms[1][$0]] }
        lines.insert(#"{"arm": "third", "passed": true}"#, at: 10)
        let log = try file("log.jsonl", lines)
        let comparison = try ReleaseComparison.canary(log: log, control: "old", candidate: "new", rules: ReleaseRules())
        #expect(comparison.monitor.decision == .rollBack && (comparison.monitor.decidedAt ?? 9_999) < 3_000)
        #expect(comparison.otherArms == ["third": 1] && comparison.cautions[0].contains("third (1)"))
        #expect(comparison.printedLines.contains { $0.hasPrefix("  OVER  score, candidate less control: -0.") })
        // The same in two files, in step and by time.
        let files = [try file("old.jsonl", arms[0]), try file("new.jsonl", arms[1])]
        let two = try ReleaseComparison.canary(control: files[0], candidate: files[1], rules: ReleaseRules())
        #expect(two.monitor.tests[0].sequence.mean == comparison.monitor.tests[0].sequence.mean)
        func timed(_ lines: [String], from start: Int, step: Int) -> [String] {
            lines.enumerated().map { "{\"time\": \(start + step * $0.offset), " + $0.element.dropFirst() }
        }
        let byTime = try ReleaseComparison.canary(
            control: file("t1.jsonl", timed(arms[0], from: 0, step: 1)),
            candidate: file("t2.jsonl", timed(Array(arms[1].prefix(300)), from: 0, step: 10)), rules: ReleaseRules())
        // One request of the candidate meets the mean of ten.
        #expect((290...310).contains(byTime.monitor.tests[0].sequence.count) && byTime.monitor.tests[0].unpaired < 60)
        #expect(message { try ReleaseComparison.canary(log: log, rules: ReleaseRules()) }.contains("the arms are "))
    }

    @Test func limitsAreJudgedOnTheirOwn() throws {
        var rules = ReleaseRules()
        rules.comparesQuality = false
        rules.maxErrorRate = 0.05
        rules.maxP95Latency = 120
        rules.maxCost = 0.01
        let log = try file(
            "log.jsonl",
            rows(500, arm: "control", passes: 1, seed: 4) + rows(2_000, arm: "candidate", passes: 1, seed: 5))
        let slow = try ReleaseComparison.canary(log: log, rules: rules)
        #expect(slow.monitor.decision == .rollBack && slow.summary.contains("share of requests above 120 ms is 0.58"))
        rules.maxP95Latency = 150
        let good = try ReleaseComparison.canary(log: log, rules: rules)
        #expect(good.monitor.decision == .ship)
        let p95 = good.monitor.candidate.latency.quantile(0.95) ?? 0
        #expect(abs(p95 - 147) < 2 && good.monitor.candidate.latency.quantile(0.5).map { abs($0 - 124.5) < 2 } == true)
        #expect(good.monitor.candidate.meanCost.map { abs($0 - 0.001) < 1e-12 } == true)
        rules.maxCost = 0.0005
        #expect(try ReleaseComparison.canary(log: log, rules: rules).monitor.decision == .rollBack)
    }

    @Test func labelsAreComparedWithWhatIsExpectedAndWithEachOther() throws {
        func lines(_ shift: Int) -> [String] {
            (0..<1_000).map {
                #"{"request": \#($0), "answer": "c\#(($0 + ($0 % 10 == 0 ? shift : 0)) % 5)", "truth": "c\#($0 % 5)"}"#
            }
        }
        var columns = ReleaseColumns()
        for name in ["id=request", "label=answer", "expected=truth"] { try columns.rename(name) }
        var rules = ReleaseRules()
        rules.minAgreement = 0.8
        let comparison = try ReleaseComparison.shadow(
            control: file("a.jsonl", lines(0)), candidate: file("b.jsonl", lines(1)), rules: rules, columns: columns)
        #expect(comparison.monitor.tests.map { $0.sequence.mean.rounded(3) } == ["-0.100", "0.900"])
        #expect(comparison.monitor.tests[1].heldAt != nil && comparison.monitor.decision == .rollBack)
        #expect(comparison.monitor.disagreements == [["c0", "c1"]: 100])
        #expect(throws: ReleaseLogError.self) { try columns.rename("scroe=x") }
        #expect(throws: ReleaseLogError.self) { try columns.rename("score") }
    }

    @Test func badLinesAreCountedNamedAndTooManyRefused() throws {
        var lines = rows(500, passes: 0.9, seed: 6)
        let bad = [
            (100, #"{"id": "x", "score": 1.5}"#, "outside 0.0 ... 1.0"), (101, "{", "no JSON"),
            (102, "[1]", "an array"),
            (103, #"{"score": 1}"#, "no id"), (104, #"{"id": "r3", "passed": true}"#, "second time"),
            (105, #"{"id": "y", "passed": "no"}"#, "neither true nor false"),
            (106, #"{"id": "z", "latency_ms": -1}"#, "0 or more"),
        ]
        for (place, line, _) in bad { lines.insert(line, at: place) }
        lines.insert("   ", at: 50)
        let paths = [try file("a.jsonl", lines), try file("b.jsonl", rows(500, passes: 0.9, seed: 6))]
        var rules = ReleaseRules()
        let comparison = try ReleaseComparison.shadow(control: paths[0], candidate: paths[1], rules: rules)
        #expect(comparison.badLines == 7 && comparison.lines == 1_007)
        for (found, (place, _, message)) in zip(comparison.firstBadLines, bad) {
            // The blank line shifts what follows by one; lines count from 1.
            #expect(found.line == place + 2 && found.message.contains(message), "\(found)")
        }
        rules.maxBadLines = 0.001
        let few = message { try ReleaseComparison.shadow(control: paths[0], candidate: paths[1], rules: rules) }
        #expect(few.contains("7 of 1007 lines are no rows") && few.contains("a.jsonl:102:"), "\(few)")
    }

    @Test func whatIsMissingIsSaid() throws {
        let empty = try file("empty.jsonl", [])
        let bare = try file(
            "bare.jsonl", (0..<50).map { #"{"id": \#($0), "arm": "\#($0 % 2 == 0 ? "control" : "candidate")"}"# })
        let other = try file("other.jsonl", (100..<150).map { #"{"id": \#($0), "passed": true}"# })
        var latency = ReleaseRules()
        latency.comparesQuality = false
        latency.maxP95Latency = 5
        var nothing = ReleaseRules()
        nothing.comparesQuality = false
        var wrong = ReleaseRules()
        wrong.margin = 2
        let cases: [(() throws -> ReleaseComparison, String)] = [
            ({ try .canary(log: empty, rules: ReleaseRules()) }, "the log is empty"),
            (
                { try .canary(log: bare, rules: ReleaseRules()) },
                "for the score, candidate less control no rows have score"
            ),
            ({ try .canary(log: bare, rules: latency) }, "no rows have latency_ms"),
            (
                { try .shadow(control: bare, candidate: other, rules: ReleaseRules()) },
                "no request is in both logs (50 only in"
            ),
            ({ try .canary(log: self.folder.path, rules: ReleaseRules()) }, "this is a folder"),
            ({ try .canary(log: "/none.jsonl", rules: ReleaseRules()) }, "No such file"),
            ({ try .canary(log: bare, rules: nothing) }, "nothing to decide by"),
            ({ try .canary(log: bare, rules: wrong) }, "margin"),
        ]
        for (body, expected) in cases {
            let said = message(body)
            #expect(said.contains(expected), "\(said)")
        }
    }

    @Test func linesLongerThanApieceAreReadAndEndlessOnesRefused() throws {
        let padding = String(repeating: "x", count: 3 << 20)
        let long = rows(40, passes: 1, seed: 7).map { String($0.dropLast()) + #", "text": "\#(padding)"}"# }
        let path = try file("long.jsonl", Array(long.prefix(3)) + rows(300, passes: 1, seed: 7).dropFirst(3))
        let plain = try file("plain.jsonl", rows(300, passes: 1, seed: 7))
        let comparison = try ReleaseComparison.shadow(control: path, candidate: plain, rules: ReleaseRules())
        #expect(comparison.monitor.candidate.requests == 300 && comparison.badLines == 0)
        let endless = try file(
            "endless.jsonl", ["{" + String(repeating: " ", count: 20 << 20)] + rows(300, passes: 1, seed: 7))
        let other = try ReleaseComparison.shadow(control: endless, candidate: plain, rules: ReleaseRules())
        #expect(other.badLines == 1 && other.firstBadLines[0].message == "longer than 16 MiB")
        #expect(other.monitor.candidate.requests == 300)
    }

    @Test func damagedLogsAreReadOrRefusedAndNeverEndTheProcess() throws {
        let lines = rows(30, arm: "control", passes: 0.5, seed: 8) + rows(30, arm: "candidate", passes: 0.5, seed: 9)
        let whole = Array((lines.joined(separator: "\n") + "\n").utf8)
        let other = try file("other.jsonl", rows(30, passes: 0.5, seed: 8))
        var rules = ReleaseRules()
        rules.maxBadLines = 0.5
        rules.maxCost = 1
        var (read, refused) = (0, 0)
        for run in 0..<200 {
            var random = CounterRandom(41, UInt64(run))
            var bytes = whole
            for _ in 0..<1 + random.below(60) {
                let place = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes[place] = UInt8(random.below(256))
                case 1: bytes.remove(at: place)
                case 2:
                    bytes.insert(contentsOf: Array("1e999-{}[]\"\n,:null".utf8).prefix(1 + random.below(9)), at: place)
                default: bytes.removeSubrange(place..<min(bytes.count, place + random.below(40)))
                }
            }
            let path = folder.appending(path: "damaged.jsonl")
            try Data(bytes).write(to: path)
            do {
                let comparison =
                    run % 2 == 0
                    ? try ReleaseComparison.canary(log: path.path, rules: rules)
                    : try ReleaseComparison.shadow(control: other, candidate: path.path, rules: rules)
                #expect(comparison.json.object != nil && !comparison.blocks.isEmpty)
                read += 1
            } catch {
                #expect(!error.message.isEmpty)
                refused += 1
            }
        }
        print("damaged logs: \(read) read, \(refused) refused")
        #expect(read > 20 && refused > 5)
    }

    /// A million requests of each kind, when long tests are asked for.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["HONE_SOAK"] == "1"))
    func aMillionRequestsTakeSecondsAndLittleMemory() throws {
        let paths = [folder.appending(path: "a.jsonl").path, folder.appending(path: "b.jsonl").path]
        var random = CounterRandom(1)
        for path in paths {
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            let file = try #require(FileHandle(forWritingAtPath: path))
            for part in 0..<100 {
                let lines = (0..<10_000).map { row in
                    #"{"id": "request-\#(part * 10_000 + row)", "arm": "\#(path.hasSuffix("a.jsonl") ? "control" : "candidate")", "#
                        + #""passed": \#(random.below(10) < 8), "latency_ms": \#(50 + random.below(400)), "cost": 0.0003}"#
                }
                file.write(Data((lines.joined(separator: "\n") + "\n").utf8))
            }
        }
        var rules = ReleaseRules()
        rules.maxP95Latency = 600
        rules.maxErrorRate = 0.01
        let clock = ContinuousClock()
        for name in ["canary", "shadow"] {
            let time = try clock.measure {
                let comparison =
                    name == "canary"
                    ? try ReleaseComparison.canary(control: paths[0], candidate: paths[1], rules: rules)
                    : try ReleaseComparison.shadow(control: paths[0], candidate: paths[1], rules: rules)
                #expect(comparison.monitor.candidate.requests == 1_000_000 && comparison.monitor.decision == .ship)
            }
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? ""
            print("\(name) of 2,000,000 lines: \(time), \(peak)")
        }
    }
}
