import Foundation
import OrderedCollections
import Testing
import TextCore
import Training

@Suite struct RunFolderTests {
    @Test func `an event is an object with type, time and fields that reads back equal`() throws {
        let time = Date(timeIntervalSince1970: 1_700_000_000.125)
        let event = RunEvent(.step, ["step": 3, "metrics": ["loss": 0.5], "seconds": 1.25], time: time)
        let text = event.json.text()
        #expect(
            text == #"{"type":"step","time":"2023-11-14T22:13:20.125Z","step":3,"metrics":{"loss":0.5},"seconds":1.25}"#
        )
        #expect(RunEvent(json: try JSON(parsing: text)) == event)
        #expect(RunEvent(json: ["type": "step"]) == nil)
        #expect(RunEvent(json: ["type": "unheard-of", "time": "2023-11-14T22:13:20.125Z"]) == nil)
    }

    @Test func `events are appended line by line, and half a line of a crash is removed`() throws {
        try TinyRun.withFolder { folder in
            let url = folder.appendingPathComponent("events.jsonl")
            do {
                let log = try EventLog(url)
                log.append(RunEvent(.start))
                log.append(.warning("a\nb", step: 2))
                let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
                #expect(lines.count == 2)
            }
            let file = try FileHandle(forWritingTo: url)
            try file.seekToEnd()
            try file.write(contentsOf: Data(#"{"type":"st"#.utf8))
            try file.close()
            try EventLog(url).append(RunEvent(.end))
            let (events, skipped) = try EventLog.read(url)
            #expect(events.map(\.kind) == [.start, .warning, .end])
            #expect(events[1]["message"]?.string == "a\nb")
            #expect(skipped == 0)
        }
    }

    @Test func `a folder that holds a run is refused unless asked for`() throws {
        try TinyRun.withFolder { folder in
            let url = folder.appendingPathComponent("runs/a")
            do {
                let run = try RunFolder(url, policy: .new)
                try EventLog(run.events).append(RunEvent(.start))
                try run.write("schema: 1\n", to: "recipe.yaml")
                try Data("mine".utf8).write(to: url.appendingPathComponent("notes.txt"))
            }
            let error = #expect(throws: TrainingError.self) { try RunFolder(url, policy: .new) }
            #expect(error?.message.contains("--resume") == true && error?.message.contains(url.path) == true)
            do {
                let run = try RunFolder(url, policy: .resume)
                #expect(try EventLog.read(run.events).events.count == 1)
            }
            let run = try RunFolder(url, policy: .overwrite)
            #expect(!FileManager.default.fileExists(atPath: run.events.path))
            #expect(!FileManager.default.fileExists(atPath: url.appendingPathComponent("recipe.yaml").path))
            #expect(FileManager.default.fileExists(atPath: url.appendingPathComponent("notes.txt").path))
        }
    }

    @Test func `two processes do not write into one run`() throws {
        try TinyRun.withFolder { folder in
            let first = try RunFolder(folder, policy: .new)
            let error = #expect(throws: TrainingError.self) { try RunFolder(folder, policy: .new) }
            #expect(error?.message.contains("in use") == true)
            withExtendedLifetime(first) {}
        }
    }

    @Test func `a path that cannot be made is an error with the reason`() throws {
        try TinyRun.withFolder { folder in
            let file = folder.appendingPathComponent("file")
            try Data().write(to: file)
            let error = #expect(throws: FileError.self) {
                try RunFolder(file.appendingPathComponent("run"), policy: .new)
            }
            #expect(error?.message.contains("file") == true)
        }
    }

    private static let run: [RunEvent] = [
        RunEvent(.start, ["step": 0, "total_steps": 1200, "num_tokens": 0]),
        RunEvent(
            .step,
            [
                "step": 300, "metrics": ["loss": 0.51234, "learning_rate": 0.0005, "num_tokens": 1_200_000],
                "seconds": 600,
            ]),
        RunEvent(.eval, ["step": 300, "suite": "tickets", "metrics": ["accuracy": 0.86]]),
        .warning("step 301 was refused"),
        RunEvent(.end, ["step": 1200, "reason": "completed"]),
    ]

    @Test func `in a pipe every event is a plain line`() {
        var text = ""
        let progress = Progress(.lines, write: { text += $0 })
        for event in Self.run { progress.show(event) }
        #expect(
            text == """
                training for 1200 steps
                step 300/1200  loss 0.5123  rate 5.00e-04  2,000 tokens/s  30:00 left
                eval tickets at step 300  accuracy 0.8600
                warning: step 301 was refused
                ended at step 1200: completed

                """)
    }

    @Test func `on a terminal one line is redrawn and never wider than the window`() {
        var writes: [String] = []
        let progress = Progress(.bar, columns: { 90 }, write: { writes.append($0) })
        for event in Self.run { progress.show(event) }
        #expect(writes[1].hasPrefix("\r\u{1B}[K") && !writes[1].contains("\n"))
        #expect(writes[1].contains("█") && writes[1].contains("300/1200") && writes[1].contains("30:00 left"))
        #expect(writes[1].count - 4 < 90)
        #expect(writes[2].hasPrefix("\r\u{1B}[K") && writes[2].hasSuffix("\n"))
        #expect(writes[3] == "warning: step 301 was refused\n")
    }

    @Test func `quiet shows nothing`() {
        var text = ""
        let progress = Progress(.quiet, write: { text += $0 })
        for event in Self.run { progress.show(event) }
        #expect(text.isEmpty)
    }

    @Test func `a stop signal says who asked`() {
        let stop = StopSignal()
        #expect(!stop.isRequested && stop.signal == nil)
        stop.requestStop(signal: 15)
        #expect(stop.isRequested && stop.signal == 15 && stop.reason == "terminated (SIGTERM)")
        let other = StopSignal()
        other.requestStop()
        #expect(other.isRequested && other.signal == nil && other.reason == "stopped on request")
    }
}
