import Foundation
import OrderedCollections
import TextCore

/// What `events.jsonl` tells of a run, steps that were done again after an interruption counted once.
struct RunEvents {
    typealias Curves = OrderedDictionary<String, [LineChart.Point]>

    /// The last `start` event.
    private(set) var start = JSON.null
    /// How often the run was begun or gone on with.
    private(set) var starts = 0
    /// Metrics of optimiser steps.
    private(set) var training: Curves = [:]
    /// Metrics of held-out rows.
    private(set) var held: Curves = [:]
    /// Metrics of each suite.
    private(set) var suites: OrderedDictionary<String, Curves> = [:]
    private(set) var samples: [JSON] = []
    private(set) var warnings: [(step: Int?, message: String)] = []
    private(set) var warningCount = 0
    private(set) var checkpoints = 0
    /// The last `end` event, unless the run went on after it.
    private(set) var end: JSON?
    private(set) var lastStep = 0
    /// Seconds of optimiser steps.
    private(set) var trainingSeconds = 0.0
    private(set) var evaluationSeconds: [Int: Double] = [:]
    /// Most bytes that the process had in memory at once; 0 where it is not known.
    private(set) var peakBytes = 0
    private(set) var firstTime: String?
    private(set) var lastTime: String?
    /// Seconds of earlier sessions, by the clock.
    private var earlierSeconds = 0.0
    private var sessionTime: String?
    /// Lines that are no events, and the first of them.
    private(set) var damaged: (count: Int, first: Int) = (0, 0)

    /// Warnings that are kept.
    static let warningLimit = 30
    /// Answers that are kept, the last ones.
    private static let sampleLimit = 8

    init(_ bytes: [UInt8]) {
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty { continue }
            guard let event = try? JSON(parsing: line), let kind = event["type"]?.string else {
                if damaged.count == 0 { damaged.first = index + 1 }
                damaged.count += 1
                continue
            }
            add(event, kind)
        }
    }

    /// Seconds by the clock, pauses between sessions not counted.
    var clockSeconds: Double { earlierSeconds + Self.seconds(from: sessionTime, to: lastTime) }

    private mutating func add(_ event: JSON, _ kind: String) {
        let step = event["step"]?.int ?? lastStep
        if let time = event["time"]?.string {
            firstTime = firstTime ?? time
            if kind == "start" {
                earlierSeconds += Self.seconds(from: sessionTime, to: lastTime)
                sessionTime = time
            }
            lastTime = time
        }
        switch kind {
        case "start":
            start = event
            starts += 1
            end = nil
            forget(after: step)
        case "step":
            add(event["metrics"], at: step, to: &training)
            lastStep = max(lastStep, step)
            trainingSeconds += max(0, event["seconds"]?.double ?? 0)
            peakBytes = max(peakBytes, event["memory"]?["peak_resident_bytes"]?.int ?? 0)
        case "eval":
            evaluationSeconds[step] = max(0, event["seconds"]?.double ?? 0)
            if let suite = event["suite"]?.string {
                add(event["metrics"], at: step, to: &suites[suite, default: [:]])
            } else {
                add(event["metrics"], at: step, to: &held)
            }
        case "sample":
            samples.append(event)
            if samples.count > Self.sampleLimit { samples.removeFirst() }
        case "checkpoint": checkpoints += 1
        case "warning", "checkpoint_failed":
            warningCount += 1
            if warnings.count < Self.warningLimit {
                warnings.append((event["step"]?.int, event["message"]?.string ?? kind))
            }
        case "end":
            end = event
            lastStep = max(lastStep, step)
        default: break
        }
    }

    private func add(_ metrics: JSON?, at step: Int, to curves: inout Curves) {
        for (name, value) in metrics?.object ?? [:] {
            guard let value = value.measured else { continue }
            curves[name, default: []].append(LineChart.Point(Double(step), value))
        }
    }

    /// Steps behind the checkpoint that a run goes on from are done again.
    private mutating func forget(after step: Int) {
        func cut(_ curves: inout Curves) {
            for name in curves.keys { curves[name]?.removeAll { $0.x > Double(step) } }
        }
        cut(&training)
        cut(&held)
        for name in suites.keys { cut(&suites[name, default: [:]]) }
        lastStep = min(lastStep, step)
    }

    /// Seconds between two times as events have them; 0 where one is none.
    private static func seconds(from first: String?, to last: String?) -> Double {
        guard let first = first.flatMap(date), let last = last.flatMap(date) else { return 0 }
        return max(0, last.timeIntervalSince(first))
    }

    /// A time as events have it.
    static func date(_ text: String) -> Date? {
        try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
