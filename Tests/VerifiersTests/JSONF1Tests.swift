import OrderedCollections
import Testing
import TextCore
import Verifiers

@Suite struct JSONF1Tests {
    private static func score(_ options: JSON, _ reference: JSON, _ answer: String) throws -> Score {
        let verifier = try VerifierRegistry.builtin.make("json_f1", options: options).bound(to: reference)
        return try #require(try verifier.verify(Rollout(answer)).score)
    }

    static let plain: [Case] = [
        Case("json_f1", ["a": 1, "b": "x"], #"{"b": "x", "a": 1.0}"#, 1),
        // One of two leaves on each side.
        Case("json_f1", ["a": 1, "b": "x"], #"{"a": 1, "b": "y"}"#, 0.5),
        // 2·1 / (1 + 2), and 2·2 / (3 + 2).
        Case("json_f1", ["a": 1, "b": "x"], #"{"a": 1}"#, 2.0 / 3),
        Case("json_f1", ["a": 1, "b": "x"], #"{"a": 1, "b": "x", "c": 0}"#, 0.8),
        Case("json_f1", [:], "{}", 1),
        Case("json_f1", [:], #"{"a": 1}"#, 0),
        Case("json_f1", ["a": 1], "{}", 0),
        Case("json_f1", ["a": []], "{}", 0),
        Case("json_f1", ["a": [], "b": [:]], #"{"a": {}, "b": {}}"#, 0.5),
        Case("json_f1", ["a": 1], #"{"a": 1"#, 0),
        Case("json_f1", ["a": 1], #"{"a": 1} "#, 1),
        Case("json_f1", ["a": 1], #"{"a": 1, "a": 1}"#, 0),
        Case("json_f1", ["a": 1], "", 0),
        Case("json_f1", ["a": 1], "<think>hm", 0),
        Case("json_f1", with: ["extract": "json"], ["a": 1], "It is ```json\n{\"a\": 1}\n```", 1),
        // A truth value is no number, a text is no number, null is a value.
        Case("json_f1", ["a": 1, "b": 0], #"{"a": true, "b": "0"}"#, 0),
        Case("json_f1", ["a": .null, "b": 1], #"{"b": 1}"#, 2.0 / 3),
        Case("json_f1", with: ["null_is_absent": true], ["a": .null, "b": 1], #"{"b": 1}"#, 1),
        Case("json_f1", with: ["null_is_absent": true], ["b": 1], #"{"a": null, "b": 1}"#, 1),
        Case("json_f1", with: ["null_is_absent": true], ["a": .null], "{}", 1),
        Case("json_f1", ["a": "caf\u{E9}"], "{\"a\": \"cafe\u{301}\"}", 1),
        Case("json_f1", with: ["normalize": []], ["a": "caf\u{E9}"], "{\"a\": \"cafe\u{301}\"}", 0),
        Case("json_f1", with: ["normalize": ["trim", "casefold"]], ["a": "Paris"], #"{"a": " PARIS"}"#, 1),
        Case("json_f1", #"{"a": 1}"#, #"{"a": 1}"#, 1),
        Case("json_f1", ["a": ["b": ["c": 1, "d": 2]]], #"{"a": {"b": {"c": 1}}}"#, 2.0 / 3),
    ]

    static let lists: [Case] = [
        // The first of three is missing: by position nothing matches, and the rest does as fits best.
        Case("json_f1", ["x": [1, 2, 3]], #"{"x": [2, 3]}"#, 0),
        Case("json_f1", with: ["list_mode": "assignment"], ["x": [1, 2, 3]], #"{"x": [3, 2]}"#, 0.8),
        Case("json_f1", with: ["list_mode": "key"], ["x": [1, 2, 3]], #"{"x": [3, 2]}"#, 0.8),
        // Ones in excess cost.
        Case("json_f1", with: ["list_mode": "key"], ["x": [1, 2]], #"{"x": [2, 2, 1, 2]}"#, 2.0 / 3),
        Case(
            "json_f1", with: ["list_mode": "key"], [["id": 7, "n": "a"], ["id": 8, "n": "b"]],
            #"[{"id": 8, "n": "b"}, {"id": 7, "n": "x"}]"#, 0.75),
        Case(
            "json_f1", with: ["list_mode": "key", "list_key": "n"], [["id": 7, "n": "a"], ["id": 8, "n": "b"]],
            #"[{"id": 8, "n": "b"}, {"id": 7, "n": "x"}]"#, 0.5),
        // A greedy pairing of the first element with the first that is like it would leave 1/2 + 0.
        Case(
            "json_f1", with: ["list_mode": "assignment"], [["a": 1, "b": 1], ["a": 1, "b": 2]],
            #"[{"a": 1, "b": 2}, {"a": 2, "b": 1}]"#, 0.75),
        Case(
            "json_f1", with: ["list_mode": "assignment", "max_items": 2], ["x": [1, 2]], #"{"x": [0, 1, 2]}"#, 0.4),
    ]

    static let fields: [Case] = [
        Case("json_f1", with: ["ignore": ["meta"]], ["a": 1, "meta": ["t": 5]], #"{"a": 1, "meta": 7}"#, 1),
        Case("json_f1", with: ["ignore": ["x[].id"]], ["x": [["id": 1, "v": 2]]], #"{"x": [{"id": 9, "v": 2}]}"#, 1),
        Case("json_f1", with: ["ignore": ["/x/*/id"]], ["x": [["id": 1, "v": 2]]], #"{"x": [{"v": 2}]}"#, 1),
        Case("json_f1", with: ["ignore": ["*.id"]], ["x": ["id": 1, "v": 2]], #"{"x": {"id": 3, "v": 2}}"#, 1),
        // 3 of 3 + 1 on each side.
        Case("json_f1", with: ["fields": ["a": ["weight": 3]]], ["a": 1, "b": 2], #"{"a": 1, "b": 0}"#, 0.75),
        Case("json_f1", with: ["fields": ["b": ["weight": 0]]], ["a": 1, "b": 2], #"{"a": 1, "b": 0}"#, 1),
        Case(
            "json_f1", with: ["fields": ["p": ["compare": "numeric", "tolerance": 0.01]]], ["p": 9.99],
            #"{"p": "10.00"}"#, 1),
        Case("json_f1", with: ["fields": ["p": ["compare": "numeric"]]], ["p": "1,200"], #"{"p": 1200}"#, 1),
        Case("json_f1", with: ["fields": ["p": ["compare": "numeric"]]], ["p": 5], #"{"p": "five"}"#, 0),
        Case(
            "json_f1", with: ["fields": ["*.day": ["compare": "date"]]], ["a": ["day": "2024-03-05"]],
            #"{"a": {"day": "5 March 2024"}}"#, 1),
        Case(
            "json_f1", with: ["default": ["compare": "date"]], ["d": "Mar 5th, 2024"],
            #"{"d": "2024-03-05T10:30:00Z"}"#, 1),
        Case("json_f1", with: ["default": ["compare": "date"]], ["d": "2024-02-29"], #"{"d": "20240229"}"#, 1),
        Case("json_f1", with: ["default": ["compare": "date"]], ["d": "2024-03-04"], #"{"d": "03/04/2024"}"#, 0),
        Case("json_f1", with: ["default": ["compare": "date"]], ["d": "2023-03-01"], #"{"d": "2023-02-29"}"#, 0),
        // One edit in four scalars; below the threshold nothing.
        Case("json_f1", with: ["default": ["compare": "fuzzy"]], ["n": "anna"], #"{"n": "anne"}"#, 0.75),
        Case(
            "json_f1", with: ["default": ["compare": "fuzzy", "threshold": 0.8]], ["n": "anna"], #"{"n": "anne"}"#, 0),
        Case("json_f1", with: ["default": ["compare": "fuzzy"]], ["n": "kitten"], #"{"n": "sitting"}"#, 1 - 3.0 / 7),
        // The longest path counts.
        Case(
            "json_f1", with: ["fields": ["a": ["weight": 0], "a.b": ["weight": 1]]], ["a": ["b": 1, "c": 2]],
            #"{"a": {"b": 1, "c": 3}}"#, 1),
    ]

    static let macro: [Case] = [
        // a: 1; x[]: 2·1/(1 + 3) = 1/2; micro would be 2·2/(2 + 4).
        Case("json_f1", with: ["average": "macro"], ["a": 1, "x": [5, 6, 7]], #"{"a": 1, "x": [5]}"#, 0.75),
        Case("json_f1", ["a": 1, "x": [5, 6, 7]], #"{"a": 1, "x": [5]}"#, 2.0 / 3),
        // A field that was made up counts as one of three.
        Case("json_f1", with: ["average": "macro"], ["a": 1, "b": 2], #"{"a": 1, "b": 2, "z": 3}"#, 2.0 / 3),
        Case(
            "json_f1", with: ["average": "macro", "fields": ["a": ["weight": 3]]], ["a": 1, "b": 2],
            #"{"a": 1, "b": 0}"#, 0.75),
        Case(
            "json_f1", with: ["average": "macro", "list_mode": "assignment"], [["a": 1, "b": 1], ["a": 2, "b": 2]],
            #"[{"a": 2, "b": 2}, {"a": 1, "b": 0}]"#, 0.75),
        Case("json_f1", with: ["average": "macro"], ["x": ["a": 1]], #"{"x": {}}"#, 0),
    ]

    @Test(arguments: plain + lists + fields + macro)
    func judgesAsItsTableSays(row: Case) throws {
        let score = try Self.score(row.options, row.reference, row.answer)
        #expect(abs(score.value - row.value) < 1e-12, "\(score)")
        #expect(score.passed == (row.value == 1))
    }

    @Test func saysPrecisionAndRecall() throws {
        let score = try Self.score(["pass_at": 0.5], ["a": 1, "b": 2, "c": 3], #"{"a": 1, "z": 2}"#)
        #expect(score.parts == ["precision": 0.5, "recall": 1.0 / 3])
        #expect(score.value == 0.4 && score.passed == false)
        #expect(try Self.score(["pass_at": 0.4], ["a": 1, "b": 2, "c": 3], #"{"a": 1, "z": 2}"#).passed == true)
    }

    @Test(
        arguments: [
            ([:], "zz", "the reference must be a JSON object or array"),
            ([:], 7, "the reference must be a JSON object"),
            ([:], .null, "the reference must be a JSON object"),
            (["ignore": ["a"]], ["a": 1], "nothing in the reference counts, so every answer would be right"),
            (["default": ["compare": "date"]], ["d": "soon"], "'d' is compared as a date, and is \"soon\""),
            (["fields": ["x[].p": ["compare": "numeric"]]], ["x": [["p": "n/a"]]], "'x[].p' is compared as a number"),
            (["list_mode": "assignment", "max_items": 2], ["x": [1, 2, 3]], "the list 'x' has 3 elements; at most 2"),
        ] as [(JSON, JSON, String)])
    func refusesReferences(options: JSON, reference: JSON, message: String) throws {
        let failure = try #require(throws: VerifierFailure.self) {
            try VerifierRegistry.builtin.make("json_f1", options: options).bound(to: reference)
        }
        #expect(failure.kind == .item && failure.message.hasPrefix(message), "\(failure)")
    }

    @Test(
        arguments: [
            ["list_mode": "best"], ["fields": ["a": ["compare": "exactly"]]], ["fields": ["a": ["wieght": 1]]],
            ["fields": ["": [:]]], ["fields": ["a..b": [:]]], ["ignore": "a"], ["pass_at": 0], ["max_items": 1000],
            ["default": ["weight": -1]], ["default": ["threshold": 2]],
        ] as [JSON])
    func refusesOptions(options: JSON) throws {
        let failure = try #require(throws: VerifierFailure.self) {
            try VerifierRegistry.builtin.make("json_f1", options: options)
        }
        #expect(failure.kind == .configuration && failure.option == options.object?.keys.first)
    }

    @Test(arguments: ["index", "key", "assignment"])
    func probesHold(mode: String) throws {
        let references: [JSON] = [["a": 1, "b": [1, 2, ["c": "x"]]], [], [:], [[], [:], .null]]
        for reference in references {
            let verifier = try VerifierRegistry.builtin.make("json_f1", options: ["list_mode": .string(mode)])
                .bound(to: reference)
            #expect(verifier.probes.count >= 6)
            for probe in verifier.probes {
                let score = try #require(try verifier.verify(Rollout(probe.answer)).score)
                #expect(score.passed == probe.passes, "\(probe) on \(reference.text())")
            }
        }
    }

    @Test(arguments: ["index", "key", "assignment"])
    func hostileAnswersAreBounded(mode: String) throws {
        let name = String(repeating: "ab", count: 1000)
        let leaf: JSON = ["n": .string(name), "v": [1, 2, 3]]
        let reference: JSON = ["x": .array(Array(repeating: .array(Array(repeating: leaf, count: 10)), count: 10))]
        let verifier = try VerifierRegistry.builtin.make(
            "json_f1", options: ["list_mode": .string(mode), "default": ["compare": "fuzzy"], "average": "macro"]
        ).bound(to: reference)
        let numbers = "[" + Array(repeating: "[1,2]", count: 100).joined(separator: ",") + "]"
        let hostile = [
            "{\"x\":[" + Array(repeating: numbers, count: 100).joined(separator: ",") + "]}",
            "{\"x\":" + String(repeating: "[", count: 60) + String(repeating: "]", count: 60) + "}",
            "{" + (0..<60_000).map { "\"k\($0)\":[{}]" }.joined(separator: ",") + "}",
            "{\"x\":[[{\"n\":\"" + String(repeating: "ba", count: 500_000) + "\"}]]}",
            "{\"x\":[" + Array(repeating: reference["x"]?.array?.first?.text() ?? "", count: 40).joined(separator: ",")
                + "]}",
            String(repeating: "[", count: 500_000),
        ]
        for answer in hostile {
            let started = ContinuousClock.now
            let score = try #require(try verifier.verify(Rollout(answer)).score)
            let time = ContinuousClock.now - started
            #expect(score.value < 1 && score.passed == false)
            #expect(time < .seconds(6), "\(mode), \(answer.prefix(20)): \(time)")
        }
        #expect(try verifier.verify(Rollout(reference.text())).score?.passed == true)
    }
}

@Suite struct AssignmentTests {
    /// The greatest sum over all ways to pair, by trying them.
    private static func greatest(_ scores: [[Double]], inOrder: Bool) -> Double {
        func best(_ row: Int, _ used: Set<Int>, _ last: Int) -> Double {
            guard row < scores.count else { return 0 }
            var value = best(row + 1, used, last)
            for column in scores[row].indices where !used.contains(column) && (!inOrder || column > last) {
                value = max(value, scores[row][column] + best(row + 1, used.union([column]), column))
            }
            return value
        }
        return best(0, [], -1)
    }

    @Test func pairsAsWellAsTryingAll() {
        var random = VerifierRandom(seed: 11)
        for _ in 0..<300 {
            let rows = Int.random(in: 0...5, using: &random)
            let columns = Int.random(in: 0...5, using: &random)
            let scores = (0..<rows).map { _ in
                (0..<columns).map { _ in Double(Int.random(in: 0...4, using: &random)) / 4 }
            }
            for inOrder in [false, true] {
                let pairs = inOrder ? Assignment.inOrder(scores) : Assignment.best(scores)
                let columns = pairs.compactMap { $0 }
                #expect(pairs.count == rows && Set(columns).count == columns.count)
                if inOrder { #expect(columns == columns.sorted()) }
                let sum = zip(scores, pairs).reduce(0) { sum, row in sum + (row.1.map { row.0[$0] } ?? 0) }
                #expect(abs(sum - Self.greatest(scores, inOrder: inOrder)) < 1e-9, "\(scores)")
            }
        }
    }
}
