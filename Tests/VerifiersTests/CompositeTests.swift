import Testing
import TextCore
import Verifiers

@Suite struct CompositeTests {
    /// The built-in verifiers, and some whose value is the answer's number, nothing, or a failure.
    private static var environment: VerifierEnvironment {
        var registry = VerifierRegistry.builtin
        registry.register("first", range: 0...1) { Double($0.fullText.split(separator: " ").first ?? "") ?? 0 }
        registry.register("second", range: 0...1) { Double($0.fullText.split(separator: " ").last ?? "") ?? 0 }
        registry.register("wide", range: -5...5) { Double($0.fullText) ?? 0 }
        registry.register("silent") { _ in Verdict.abstain(reason: "no idea") }
        registry.register("broken") { (_: Rollout) throws(VerifierFailure) -> Bool in
            throw VerifierFailure(.infrastructure, "no answer")
        }
        return VerifierEnvironment(verifiers: registry)
    }

    private static func bound(_ options: JSON, to reference: JSON = .null) throws -> BoundVerifier {
        try environment.verifiers.make("composite", options: options, in: environment).bound(to: reference)
    }

    private static let two: JSON = [["verifier": "first"], ["verifier": "second"]]
    private static let weighted: JSON = [["verifier": "first", "weight": 3], ["verifier": "second"]]

    @Test(
        arguments: [
            (["of": two], "0.5 1", 0.75), (["of": weighted], "1 0", 0.75),
            (["of": weighted, "normalized": false], "1 0.5", 3.5),
            (
                ["of": [["verifier": "first"], ["verifier": "second", "weight": -0.5]], "normalized": false], "0 1",
                -0.5
            ),
            (["combine": "product", "of": two], "0.5 0.5", 0.25),
            (
                ["combine": "product", "of": [["verifier": "first", "weight": 2], ["verifier": "second"]]], "0.5 0.5",
                0.125
            ),
            (["combine": "min", "of": two], "0.5 0.75", 0.5),
            (["combine": "gate", "of": two], "0.9 0.5", 0), (["combine": "gate", "of": two], "1 0.5", 0.5),
            (
                ["combine": "gate", "of": [["verifier": "first", "at_least": 0.5], ["verifier": "second"]]], "0.5 0.25",
                0.25
            ),
            (["combine": "gate", "of": two, "otherwise": -1], "0 1", -1),
            // A closed gate keeps the rest from being asked.
            (["combine": "gate", "of": [["verifier": "first"], ["verifier": "broken"]]], "0", 0),
            // Digits in base 11: (10·11 + 5) / 120, 5·11 / 120, and a worse first is never made good.
            (["combine": "lexicographic", "of": two], "1 0.5", 115.0 / 120),
            (["combine": "lexicographic", "of": two], "0.5 0", 55.0 / 120),
            (["combine": "lexicographic", "of": two], "0.4 1", 54.0 / 120),
            (["combine": "lexicographic", "levels": 2, "of": two], "1 0", 2.0 / 3),
            (["combine": "formula", "formula": "first * (1 + second) / 2 - 0.25", "of": two], "1 0.5", 0.5),
            (["combine": "formula", "formula": "10 * first", "range": [0, 2], "of": two], "1 1", 2),
            (
                [
                    "combine": "formula", "formula": "a^2 + b",
                    "of": [["verifier": "first", "name": "a"], ["verifier": "second", "name": "b"]],
                ],
                "0.5 1", 1.25
            ),
            (["combine": "sum", "of": [["verifier": "composite", "of": two], ["verifier": "first"]]], "1 0", 0.75),
            (["combine": "min", "of": [["verifier": "wide"]]], "-3", -3),
            (["on_abstain": "zero", "of": [["verifier": "first"], ["verifier": "silent"]]], "1", 0.5),
            (["on_abstain": "renormalize", "of": [["verifier": "first"], ["verifier": "silent"]]], "1", 1),
            (
                ["on_abstain": "zero", "combine": "gate", "of": [["verifier": "silent"], ["verifier": "first"]]], "1", 0
            ),
        ] as [(JSON, String, Double)])
    func valuesAreWorkedOut(options: JSON, answer: String, value: Double) throws {
        let score = try #require(try Self.bound(options).verify(Rollout(answer)).score)
        #expect(abs(score.value - value) < 1e-12, "\(score)")
    }

    @Test func lexicographicOrderIsKept() throws {
        let verifier = try Self.bound(["combine": "lexicographic", "of": Self.two])
        var last = -1.0
        for first in 0...10 {
            for second in 0...10 {
                let text = "\(Double(first) / 10) \(Double(second) / 10)"
                let value = try #require(try verifier.verify(Rollout(text)).score?.value)
                #expect(value > last)
                last = value
            }
        }
        #expect(last == 1)
    }

    @Test func roundingStaysInRange() throws {
        let options: JSON = [
            "of": .array(
                (0..<10).map {
                    ["verifier": "first", "name": .string("n\($0)"), "weight": .number(0.1 + Double($0) / 7)]
                })
        ]
        #expect(try Self.bound(options).verify(Rollout("1")).score?.value == 1)
    }

    @Test func itPassesWhenAllDo() throws {
        let of: JSON = [["verifier": "json_valid"], ["verifier": "exact"]]
        for combine in ["sum", "product", "min", "lexicographic", "gate"] {
            let verifier = try Self.bound(["combine": .string(combine), "of": of], to: "7")
            #expect(try verifier.verify(Rollout("7")).score?.passed == true)
            #expect(try verifier.verify(Rollout("8")).score?.passed == false)
            #expect(try verifier.verify(Rollout("{")).score?.passed == false)
        }
        let half = try Self.bound(["of": of, "pass_at": 0.5], to: "7")
        #expect(try half.verify(Rollout("8")).score?.passed == true)
        let silent = try Self.bound(["of": Self.two])
        #expect(try silent.verify(Rollout("1 1")).score?.passed == nil)
        #expect(try silent.verify(Rollout("0.5 1")).score?.parts == ["first": 0.5, "second": 1])
    }

    @Test func abstentionsAndFailuresGoThrough() throws {
        let silent: JSON = [["verifier": "first"], ["verifier": "silent"]]
        #expect(try Self.bound(["of": silent]).verify(Rollout("1")) == .abstain(reason: "'silent' abstains: no idea"))
        let all = try Self.bound(["on_abstain": "zero", "of": [["verifier": "silent"]]]).verify(Rollout("1"))
        #expect(all.score == nil)
        let broken = try Self.bound(["of": [["verifier": "first"], ["verifier": "broken"]], "on_abstain": "zero"])
        let failure = try #require(throws: VerifierFailure.self) { try broken.verify(Rollout("1")) }
        #expect(failure.kind == .infrastructure && failure.message == "'broken': no answer")
        let division = try Self.bound(["combine": "formula", "formula": "1 / first", "of": Self.two])
        let zero = try #require(throws: VerifierFailure.self) { try division.verify(Rollout("0 1")) }
        #expect(zero.kind == .invalidValue && zero.message == "the formula has no value: 1.0 is divided by zero")
        #expect(try division.verify(Rollout("0.5 1")).score?.value == 2)
    }

    @Test func verifiersThatWaitAreWaitedFor() async throws {
        struct Waiting: Verifier {
            static let name = "waiting"
            static let summary = "waits"
            static let traits = VerifierTraits.network
            init(_: NoConfiguration) {}
            func verify(_ rollout: Rollout, against _: NoReference, in context: VerificationContext)
                async throws(VerifierFailure) -> Verdict
            {
                await Task.yield()
                return .pass()
            }
        }
        var environment = Self.environment
        environment.verifiers.register(Waiting.self)
        let of: JSON = [["verifier": "first"], ["verifier": "waiting"]]
        let composite = try environment.verifiers.make("composite", options: ["of": of], in: environment)
        #expect(composite.traits.usesNetwork && !composite.traits.isDeterministic)
        #expect(composite.traits.timeout == .seconds(70))
        let bound = try composite.bound(to: .null)
        #expect(!bound.isImmediate)
        #expect(try await bound.verify(Rollout("0.5"), in: VerificationContext()).score?.value == 0.75)
    }

    @Test func childrenTakeTheirPartOfTheReference() throws {
        let of: JSON = [
            ["verifier": "exact", "name": "whole", "target": "text"],
            ["verifier": "numeric", "options": ["tolerance": 1], "target": "number"],
        ]
        let verifier = try Self.bound(["of": of], to: ["text": "about 7", "number": 6])
        #expect(try verifier.verify(Rollout("about 7")).score?.value == 1)
        let failure = try #require(throws: VerifierFailure.self) { try Self.bound(["of": of], to: ["text": "x"]) }
        #expect(failure.kind == .item)
        #expect(failure.message == "'numeric' takes the member 'number' of the reference, and there is none")
    }

    @Test func probesAreThoseOfTheChildren() throws {
        let of: JSON = [["verifier": "json_valid"], ["verifier": "json_f1"]]
        let verifier = try Self.bound(["combine": "product", "of": of], to: ["a": 1])
        #expect(verifier.probes.count >= 5)
        for probe in verifier.probes {
            #expect(try verifier.verify(Rollout(probe.answer)).score?.passed == probe.passes, "\(probe)")
        }
    }

    @Test(
        arguments: [
            (["of": []], "of", "1 to 64 verifiers are expected, and 0 are given"),
            (
                ["combine": "gate", "of": [["verifier": "first"]]], "of",
                "2 to 64 verifiers are expected, and 1 are given"
            ),
            (
                ["of": [["verifier": "frist"]]], "of",
                "entry 1: verifier 'frist': there is no such verifier. Did you mean 'first'?"
            ),
            (["of": [["name": "x"]]], "of", "entry 1: `verifier` must be given"),
            (
                ["of": [["verifier": "numeric", "tolerence": 1]]], "of",
                "entry 1: verifier 'numeric', option 'tolerence': unknown option. Did you mean 'tolerance'?"
            ),
            (
                ["of": [["verifier": "numeric", "options": ["tolerance": 1], "tolerance": 1]]], "of",
                "entry 1: 'tolerance' is given twice"
            ),
            (
                ["of": [["verifier": "first"], ["verifier": "first"]]], "of",
                "entry 2: two verifiers are called 'first'"
            ),
            (["of": [["verifier": "first", "weight": 0]]], "of", "entry 1: `weight` must be above 0"),
            (["of": [["verifier": "first", "weight": -1]]], "of", "entry 1: `weight` must be above 0"),
            (["of": [["verifier": "first", "weight": "big"]]], "of", "entry 1: `weight` must be a number"),
            (
                ["combine": "min", "of": [["verifier": "first", "weight": 2]]], "of",
                "entry 1: `weight` is for combine: sum"
            ),
            (["of": [["verifier": "first", "at_least": 1]]], "of", "entry 1: `at_least` is for the gates"),
            (["combine": "product", "of": [["verifier": "wide"]]], "of", "'wide' has values outside of [0, 1]"),
            (["combine": "formula", "of": two], "formula", "it must be given"),
            (["formula": "first", "of": two], "formula", "it is read with combine: formula only"),
            (
                ["combine": "formula", "formula": "frist", "of": two], "formula",
                "'frist' stands for nothing; known: first, second"
            ),
            (["combine": "formula", "formula": "first +", "of": two], "formula", "a value is expected at byte 8"),
            (
                ["combine": "formula", "formula": "1", "of": [["verifier": "first", "name": "a-b"]]], "of",
                "'a-b' cannot stand in a formula"
            ),
            (
                ["combine": "gate", "on_abstain": "renormalize", "of": two], "on_abstain",
                "gate cannot leave a verifier out"
            ),
            (["combine": "lexicographic", "levels": 2000, "of": two], "levels", "a whole number from 2 to 1001"),
            (
                [
                    "combine": "lexicographic", "levels": 1001,
                    "of": .array((0..<6).map { ["verifier": "first", "name": .string("n\($0)")] }),
                ], "levels", "6 verifiers of 1001 levels are more than a number can hold"
            ),
            (["combine": "average", "of": two], "combine", "one of sum, product, min, gate, lexicographic, formula"),
        ] as [(JSON, String, String)])
    func refusesOptions(options: JSON, option: String, message: String) throws {
        let failure = try #require(throws: VerifierFailure.self) { try Self.bound(options) }
        #expect(failure.kind == .configuration && failure.option == option, "\(failure)")
        #expect(failure.message.hasPrefix(message), "\(failure)")
    }

    @Test func nestingIsBounded() throws {
        var options: JSON = ["of": [["verifier": "first"]]]
        for _ in 0..<7 { options = ["of": [["verifier": "composite", "options": options]]] }
        #expect(try Self.bound(options).verify(Rollout("0.5")).score?.value == 0.5)
        options = ["of": [["verifier": "composite", "options": options]]]
        #expect(throws: VerifierFailure.self) { try Self.bound(options) }
    }
}

@Suite struct FormulaTests {
    @Test(
        arguments: [
            ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("2 ^ 3 ^ 2", 512), ("-2 ^ 2", -4), ("2 ^ -1", 0.5), ("--2", 2),
            ("8 / 4 / 2", 1), ("8 - 4 - 2", 2), ("+x", 0.5), ("x*y", 1.5), ("min(x, y, 2)", 0.5), ("max(x, y)", 3),
            ("max(x)", 0.5), ("abs(-3)", 3), ("floor(-1.5)", -2), ("ceil(1.2)", 2), ("exp(0)", 1), ("sqrt(y + 6)", 3),
            ("log(exp(2))", 2), ("1e3 + .5", 1000.5), (" 0.8*x+0.2 * y ", 1), ("min(1, max(0, y - 2.5))", 0.5),
        ] as [(String, Double)])
    func hasTheValue(text: String, value: Double) throws {
        let formula = try Formula(text, variables: ["x", "y"])
        #expect(abs(try formula.value(["x": 0.5, "y": 3]) - value) < 1e-12)
    }

    @Test(arguments: [
        ("", FormulaError.Kind.parse), ("1 +", .parse), ("1 2", .parse), ("(1", .parse), ("1)", .parse),
        ("x y", .parse),
        ("1..2", .parse), ("1e", .parse), ("x**2", .parse), ("sin(1)", .parse), ("abs(1, 2)", .parse),
        ("min()", .parse),
        ("min", .parse), ("x > 1", .parse), ("1e999", .parse), ("é", .parse), ("0x10", .parse),
        ("z + 1", .unknownVariable),
        ("X", .unknownVariable), ("1 / 0", .divisionByZero), ("1 / (x - x)", .divisionByZero), ("log(0)", .notFinite),
        ("sqrt(-1)", .notFinite), ("9 ^ 9 ^ 9 ^ 9", .notFinite), ("min(1, log(0))", .notFinite),
        ("(0 - 1) ^ 0.5", .notFinite),
        ("exp(1000)", .notFinite),
    ])
    func fails(text: String, kind: FormulaError.Kind) throws {
        let error = try #require(throws: FormulaError.self) {
            try Formula(text, variables: ["x"]).value(["x": 1])
        }
        #expect(error.kind == kind, "\(error)")
    }

    @Test func depthAndLengthAreBounded() {
        for (opening, closing) in [("(", ")"), ("-", ""), ("abs(", ")"), ("2^", ""), ("+", "")] {
            let text = String(repeating: opening, count: 2000) + "1" + String(repeating: closing, count: 2000)
            #expect(throws: FormulaError.self) { try Formula(text, variables: [String]()) }
        }
        #expect(throws: FormulaError.self) {
            try Formula(String(repeating: "1+", count: 10_000) + "1", variables: ["x"])
        }
        #expect((try? Formula("0" + String(repeating: "+1", count: 4000), variables: ["x"]).value([:])) == 4000)
    }
}
