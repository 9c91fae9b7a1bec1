import Foundation
import OrderedCollections
import TextCore
import Training
import Verifiers

/// What runs write and read again.
extension InputTarget {
    static let runs = [checkpoint, trainingState, events, rollouts]

    private static let sampleState = """
        {"step":3,"updates":3,"epoch":0.5,"tokens":96,"refused":0,"refused_in_a_row":0,"seed":"42","schedule":null,
        "position":{"version":1,"settings":"00","sources":[],"epoch":0,"consumed":"24","digest":"0f","lanes":[[0,0,0,false]],
        "deficits":[],"accepted_data_changes":0},"best":{"metric":"loss","value":1.5,"step":2},"evaluations_since_best":1,
        "owes_evaluation":true}
        """

    static let checkpoint = InputTarget(
        name: "checkpoint", corpus: "checkpoint", fileName: "MANIFEST.json", form: .json,
        samples: {
            let state = Array(sampleState.utf8)
            let manifest: JSON = [
                "format": 1, "step": 3, "fingerprint": ["model": "abc", "tokenizer": ["sha256": "00"]],
                "files": [
                    "state.json": [
                        "size": .integer(state.count), "sha256": .string(SHA256.digest(of: state).hexadecimal),
                    ]
                ],
                "manifest_sha256": "",
            ]
            return [Array(manifest.text().utf8)]
        },
        seal: { bytes in
            guard var members = (try? JSON(parsing: bytes))?.object else { return bytes }
            members["manifest_sha256"] = nil
            members["manifest_sha256"] = .string(SHA256.digest(of: JSON.object(members).text()).hexadecimal)
            return Array(JSON.object(members).text().utf8)
        },
        read: { input in
            try input.write()
            try input.write(Array(sampleState.utf8), to: "state.json")
            _ = try Checkpoint(input.folder)
        })

    static let trainingState = InputTarget(
        name: "training-state", corpus: "training-state", fileName: "state.json", form: .json,
        samples: { [Array(sampleState.utf8)] },
        read: { input in
            let state = try TrainingState(json: try JSON(parsing: input.bytes))
            guard try TrainingState(json: state.json) == state else { throw FuzzError("a state is read as another") }
            // What the first step of a resumed run does with them.
            _ = (state.step + 1, state.updates + 1, state.tokens + 1, state.refused + 1, state.evaluationsSinceBest + 1)
        })

    static let events = InputTarget(
        name: "events", corpus: "events", fileName: "events.jsonl", form: .lines,
        samples: {
            [
                Array(
                    "{\"event\":\"step\",\"step\":1,\"metrics\":{\"loss\":2.5},\"time\":1.5}\n{\"event\":\"end\"}\n"
                        .utf8)
            ]
        },
        read: { input in
            try input.write()
            _ = try EventLog.read(input.file)
            _ = try EventLog(input.file)
        })

    static let rollouts = InputTarget(
        name: "rollouts", corpus: "rollouts", fileName: "rollouts.jsonl", form: .lines,
        samples: {
            [
                Array(
                    #"""
                    {"step":1,"group":0,"item":"a","sample":0,"text":"<think>x</think> 4","status":"scored","reward":1.0,"stop":"stop","tokens":[1,2],"components":[{"id":"exact","status":"score","score":1.0,"parts":{"a":0.5}}],"logprobs":[-0.5,-1.5],"advantage":0.1,"kept":true,"seconds":{"exact":0.001},"tool_calls":[{"name":"f","arguments":"{}"}]}
                    """#.utf8)
            ]
        },
        read: { input in
            for (number, line) in String(decoding: input.bytes, as: UTF8.self).split(separator: "\n").enumerated() {
                let line = try RolloutLine(parsing: String(line), line: number + 1)
                _ = line.text
            }
        })
}
