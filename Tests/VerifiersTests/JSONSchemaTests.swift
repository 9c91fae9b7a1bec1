import Foundation
import OrderedCollections
import Testing
import TextCore
import Verifiers

@Suite struct JSONSchemaTests {
    private static func report(_ schema: JSON, _ value: JSON) throws -> JSONSchema.Report {
        try JSONSchema(schema).report(on: value)
    }

    /// `Fixtures/generate/json_schema_cases.py` made the file with the Python package `jsonschema`.
    @Test func agreesWithThePythonPackage() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/verifiers/json_schema.jsonl")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count > 300)
        for line in lines {
            let row = try JSON(parsing: String(line))
            let report = try Self.report(try #require(row["schema"]), try #require(row["value"]))
            #expect(report.isValid == row["valid"]?.bool, "\(line)")
            #expect((report.fraction == 1) == report.isValid, "\(line)")
            #expect((0...1).contains(report.fraction) && report.problems.isEmpty == report.isValid, "\(line)")
        }
    }

    @Test(
        arguments: [
            (4.35, 0.01, true), (0.3, 0.1, true), (0.0075, 0.0001, true), (0.00751, 0.0001, false),
            (1e308, 1e-300, true),
            (1e22, 7, false), (3e20, 3, true), (0, 0.3, true), (-0.9, 0.3, true), (5, 10, false),
            (1e-300, 1e-301, true),
        ] as [(Double, Double, Bool)])
    func multiplesAreThoseOfDecimals(value: Double, unit: Double, isMultiple: Bool) throws {
        #expect(try Self.report(["multipleOf": .number(unit)], .number(value)).isValid == isMultiple)
    }

    @Test func problemsNameThePlace() throws {
        let schema: JSON = [
            "type": "object", "required": ["name", "items"], "additionalProperties": false,
            "properties": [
                "name": ["type": "string", "minLength": 2],
                "items": ["type": "array", "items": ["type": "object", "properties": ["a/b": ["minimum": 5]]]],
            ],
        ]
        #expect(
            try Self.report(schema, ["name": "x", "items": [["a/b": 7], ["a/b": 3]], "more": 1]).problems
                == [
                    "/name: 1 characters, and at least 2 are asked for", "/items/1/a~1b: 3 is less than 5",
                    "the value: member 'more' is not allowed",
                ])
        #expect(try Self.report(schema, []).problems == ["the value: an array is not of type object"])
    }

    /// Seven leaves: the object's type; `name` and `tags` required; the types of both, and two more of the texts.
    private static let seven: JSON = [
        "type": "object", "required": ["name", "tags"],
        "properties": [
            "name": ["type": "string", "minLength": 2],
            "tags": ["type": "array", "items": ["type": "string"], "minItems": 1],
        ],
    ]

    @Test(
        arguments: [
            (["name": "ab", "tags": ["x"]], 8.0 / 8),
            // The name is too short.
            (["name": "a", "tags": ["x"]], 7.0 / 8),
            // Without tags: their name and the two constraints on them are missing, and no element is there to count.
            (["name": "ab"], 4.0 / 7),
            // The worst element counts, and it alone, so padding a list is worth nothing.
            (["name": "ab", "tags": [1]], 7.0 / 8), (["name": "ab", "tags": ["x", "y", "z", 1]], 7.0 / 8),
            // A list of a wrong type fails all that is asked of it.
            (["name": "ab", "tags": "x"], 5.0 / 7),
            (.null, 0), ([:], 1.0 / 7),
        ] as [(JSON, Double)])
    func fractionsAreSharesOfLeaves(value: JSON, fraction: Double) throws {
        #expect(try Self.report(Self.seven, value).fraction == fraction, "\(value.text())")
    }

    @Test func fractionsOfBranches() throws {
        let schema: JSON = [
            "anyOf": [["type": "string", "minLength": 3], ["type": "integer", "minimum": 5, "maximum": 9]]
        ]
        #expect(try Self.report(schema, 3).fraction == 2.0 / 3)
        #expect(try Self.report(schema, "ab").fraction == 1.0 / 2)
        let one: JSON = ["oneOf": [["type": "integer"], ["type": "number", "minimum": 2]]]
        #expect(try Self.report(one, 5).fraction == 0)
        #expect(try Self.report(one, 1).fraction == 1)
    }

    @Test(
        arguments: [
            (["minlength": 3], "#: keyword 'minlength' is not supported. Did you mean 'minLength'?"),
            (
                ["properties": ["a": ["patternProperties": [:]]]],
                "#/properties/a: keyword 'patternProperties' is not supported."
            ),
            (["if": true], "#: keyword 'if' is not supported."),
            (
                ["type": "int"],
                "#/type: one of null, boolean, integer, number, string, array, object is expected, and \"int\" is given"
            ),
            (["type": []], "#/type: at least one type is expected, and [] is given"),
            (["pattern": "(?<=a)b"], "#/pattern: "),
            (["items": [[:]]], "#/items: a list under `items` is an older draft; write `prefixItems` instead"),
            (["exclusiveMinimum": true], "#/exclusiveMinimum: a number is expected, and true is given"),
            (["multipleOf": 0], "#/multipleOf: a number greater than 0 is expected, and 0 is given"),
            (["minLength": -1], "#/minLength: a whole number of at least 0 is expected, and -1 is given"),
            (["$ref": "#/$defs/a"], "#/$ref: \"#/$defs/a\" leads nowhere: there is no '$defs'"),
            (["$ref": "https://example.org/s.json"], "#/$ref: only references into this schema are followed"),
            (["$schema": "http://json-schema.org/draft-07/schema#"], "#/$schema: only draft 2020-12 is understood"),
            (["$ref": "#"], "#: this leads to itself without going down into the value"),
            (["properties": ["a": 3]], "#/properties/a: a schema is an object, true or false, and this is an integer"),
            (["allOf": []], "#/allOf: a list of schemas is expected, and [] is given"),
            (["required": "a"], "#/required: a list of names is expected"),
        ] as [(JSON, String)])
    func refusesWhatItCannotCheck(schema: JSON, message: String) throws {
        let error = try #require(throws: JSONSchemaError.self) { try JSONSchema(schema) }
        #expect(error.description.hasPrefix(message), "\(error)")
        // The verifier says the same under its name and option.
        let failure = try #require(throws: VerifierFailure.self) {
            try VerifierRegistry.builtin.make("json_schema", options: ["schema": schema])
        }
        #expect(failure.kind == .configuration && failure.option == "schema")
        #expect(failure.message == error.description)
    }

    @Test func circlesThroughBranchesAreRefused() {
        let schema: JSON = [
            "$defs": ["a": ["anyOf": [["type": "null"], ["$ref": "#/$defs/b"]]], "b": ["not": ["$ref": "#/$defs/a"]]],
            "properties": ["x": ["$ref": "#/$defs/a"]],
        ]
        #expect(throws: JSONSchemaError.self) { try JSONSchema(schema) }
    }

    /// Definitions each of which leads to the next one twice, and the last for elements back to the first.
    private static func bomb(_ count: Int) -> JSON {
        var definitions: JSON = [:]
        for level in 0..<count {
            let next: JSON = ["$ref": .string("#/$defs/d\(level + 1)")]
            definitions = merged(definitions, ["d\(level)": ["allOf": [next], "anyOf": [next]]])
        }
        let last: JSON = ["items": ["$ref": "#/$defs/d0"], "properties": ["a": ["$ref": "#"]]]
        return ["$defs": merged(definitions, ["d\(count)": last]), "$ref": "#/$defs/d0"]
    }

    private static func merged(_ first: JSON, _ second: JSON) -> JSON {
        .object((first.object ?? [:]).merging(second.object ?? [:]) { $1 })
    }

    /// 2^6 ways at each of 127 levels.
    @Test func bombsOfReferencesTakeNoTime() async throws {
        let error = try #require(throws: JSONSchemaError.self) { try JSONSchema(Self.bomb(12)) }
        #expect(error.message == "more than 16 of $ref, allOf, anyOf, oneOf and not stand inside each other")
        let schema = try JSONSchema(Self.bomb(6))
        let nested = String(repeating: "[", count: 127) + String(repeating: "]", count: 127)
        let value = try JSON(parsing: nested, limits: JSONLimits(depth: 127))
        // On a thread of the pool, whose stack is not the main thread's.
        let (report, time) = await Task.detached {
            let started = ContinuousClock.now
            return (schema.report(on: value), ContinuousClock.now - started)
        }.value
        #expect(report.isValid)
        #expect(time < .seconds(2))
    }

    @Test func deepRecursionFitsTheStack() async throws {
        // Sixteen applicators at each of 128 levels: the deepest that is allowed.
        var inner: JSON = ["items": ["$ref": "#"], "type": "array"]
        for _ in 0..<14 { inner = ["allOf": [inner]] }
        let schema = try JSONSchema(inner)
        let text = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        let value = try JSON(parsing: text, limits: JSONLimits(depth: 128))
        #expect(await Task.detached { schema.accepts(value) }.value)
        let deeper = JSON.array([value])
        #expect(!schema.accepts(deeper))
    }

    @Test func largeAnswersTakeLinearTime() throws {
        let options: JSON = [
            "schema": [
                "type": "array", "uniqueItems": true,
                "items": ["anyOf": [["type": "string", "pattern": "^(a*)*b$"], ["type": "integer", "minimum": 0]]],
            ]
        ]
        let verifier = try VerifierRegistry.builtin.make("json_schema", options: options).bound(to: .null)
        let started = ContinuousClock.now
        let long = "[\"" + String(repeating: "a", count: 1_000_000) + "\"]"
        #expect(try verifier.verify(Rollout(long)).score?.value == 0)
        let many = "[" + (0..<150_000).map(String.init).joined(separator: ",") + "]"
        #expect(try verifier.verify(Rollout(many)).score?.value == 1)
        let keys = "{" + (0..<50_000).map { "\"k\($0)\":{}" }.joined(separator: ",") + "}"
        #expect(try verifier.verify(Rollout(keys)).score?.value == 0)
        for hostile in ["[", "{\"a\":", "\"\\ud800\"", "nul", "1e999"] {
            let text = String(repeating: hostile, count: 1_000_000 / hostile.utf8.count)
            #expect(try verifier.verify(Rollout(text)).score?.value == 0)
        }
        #expect(ContinuousClock.now - started < .seconds(10))
    }

    @Test func answersThatSayNothingAreFound() throws {
        #expect(try JSONSchema(["properties": ["a": ["type": "integer"]]]).trivialAnswers.count == 6)
        #expect(try JSONSchema(["type": "object"]).trivialAnswers == [[:]])
        #expect(try JSONSchema(["type": "object"]).asksForNothing)
        #expect(try !JSONSchema(Self.seven).asksForNothing)
        func passing(_ schema: JSON) throws -> [String] {
            let verifier = try VerifierRegistry.builtin.make("json_schema", options: ["schema": schema]).bound(
                to: .null)
            return try verifier.probes.filter { probe in
                try verifier.verify(Rollout(probe.answer)).score?.passed != probe.passes
            }.map(\.answer)
        }
        #expect(try passing(["properties": [:]]) == ["{}", "null"])
        #expect(try passing(Self.seven) == [])
    }

    @Test func readsSchemasFromFiles() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: UUID().uuidString, directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Self.seven.text(.pretty).write(to: folder.appending(path: "s.json"), atomically: true, encoding: .utf8)
        try "{\"type\":".write(to: folder.appending(path: "bad.json"), atomically: true, encoding: .utf8)
        let environment = VerifierEnvironment(folder: folder)
        let registry = VerifierRegistry.builtin
        let options: JSON = ["schema": "s.json", "mode": "fraction", "extract": "json"]
        let verifier = try registry.make("json_schema", options: options, in: environment).bound(to: .null)
        let score = try #require(
            try verifier.verify(Rollout("Here:\n```json\n{\"name\": \"a\", \"tags\": [\"x\"]}\n```")).score)
        #expect(score.value == 7.0 / 8 && score.passed == false)
        #expect(score.note == "/name: 1 characters, and at least 2 are asked for")
        for (path, part) in [("bad.json", "bad.json:1:9: "), ("none.json", "none.json cannot be read")] {
            let failure = try #require(throws: VerifierFailure.self) {
                try registry.make("json_schema", options: ["schema": .string(path)], in: environment)
            }
            #expect(failure.kind == .configuration && failure.message.contains(part), "\(failure)")
        }
        let missing = try #require(throws: VerifierFailure.self) { try registry.make("json_schema") }
        #expect(missing.option == "schema")
    }
}
