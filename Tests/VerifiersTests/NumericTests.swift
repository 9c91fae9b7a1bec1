import Testing
import TextCore
import Verifiers

@Suite struct NumericTests {
    static let rows: [Case] = [
        // |a - b| ≤ atol + rtol · |b|
        Case("numeric", with: ["atol": 0.5], 10, "10.5", 1), Case("numeric", with: ["atol": 0.5], 10, "10.51", 0),
        Case("numeric", with: ["rtol": 0.1], 10, "9", 1), Case("numeric", with: ["rtol": 0.1], 10, "8.9", 0),
        Case("numeric", with: ["rtol": 0.1], -10, "-11", 1), Case("numeric", with: ["rtol": 0.1], 0, "0.01", 0),
        Case("numeric", with: ["atol": 0.5, "rtol": 0.1], 10, "11.5", 1),
        Case("numeric", with: ["tolerance": 0.5], 10, "10.5", 1),
        Case("numeric", with: ["relative_tolerance": 0.1], 10, "9", 1),
        // What is extracted
        Case("numeric", with: ["extract": "tag(answer)"], 7, "3 <answer>7</answer> 9", 1, "7"),
        Case("numeric", with: ["extract": "tag(answer)"], 7, "<answer>7 apples</answer>", 1, "7"),
        Case("numeric", with: ["extract": "tag(answer)"], 7, "<answer>6, 7</answer>", 0),
        Case("numeric", with: ["extract": ["find": "tag(a)", "pick": "only"]], 7, "<a>6</a><a>7</a>", 0),
        Case("numeric", with: ["extract": "answer"], 7, "7 apples", 0),
        Case("numeric", with: ["extract": "answer"], 7, "$7", 1),
        Case("numeric", with: ["extract": "regex(A: *(.*))"], 7, "A: 7", 1, "7"),
        Case("numeric", with: ["extract": "json"], 7, "```json\n7\n```", 1),
        Case("numeric", with: ["extract": "full"], 7, "7", 1),
        Case("numeric", with: ["extract": "tag(answer)"], "<answer>7</answer> of 9", "<answer>7</answer>", 1),
        Case("numeric", 7, #"\boxed{7"#, 1), Case("numeric", 7, #"\boxed{x = 7}"#, 1),
        // Units
        Case("numeric", with: ["extract": "whole", "units": ["km"]], 7, "7 km", 1, "7 km"),
        Case("numeric", with: ["extract": "whole", "units": ["km"]], 7, "7km.", 1),
        Case("numeric", with: ["extract": "whole", "units": ["km"]], 7, "7 kmh", 0),
        Case("numeric", with: ["extract": "whole", "units": ["km"]], 7, "7 m", 0),
        Case("numeric", with: ["units": ["km": 1000, "m": 1, "cm": 0.01]], "7 km", "it is 7,000 m", 1, "7,000 m"),
        Case("numeric", with: ["units": ["km": 1000, "m": 1, "cm": 0.01]], "7 km", "700000 cm", 1),
        Case("numeric", with: ["units": ["km": 1000, "m": 1, "cm": 0.01]], "7 km", "7 m", 0),
        Case("numeric", with: ["units": ["km": 1000, "m": 1]], 7000, #"\boxed{7\text{ km}}"#, 1),
        Case("numeric", with: ["units": ["km": 1000, "km/h": 1]], 7, "7 km/h", 1, "7 km/h"),
        // Percent
        Case("numeric", with: ["percent": "fraction"], "50%", "0.5", 1), Case("numeric", "50%", "50", 1),
        // The reference
        Case("numeric", "about 5 apples", "5", 1), Case("numeric", #"\boxed{5} of 9"#, "5", 1),
        Case("numeric", "2 of 3\n#### 2", "2", 1),
    ]

    @Test(arguments: rows)
    func judgesAsItsTableSays(row: Case) throws {
        let verifier = try VerifierRegistry.builtin.make(row.verifier, options: row.options).bound(to: row.reference)
        let score = try #require(try verifier.verify(Rollout(row.answer)).score)
        #expect(score.value == row.value, "\(score)")
        if let extracted = row.extracted { #expect(score.extracted == extracted) }
    }

    @Test func aReferenceWithoutOneNumberFailsItsRow() throws {
        let verifier = try VerifierRegistry.builtin.make("numeric")
        for reference in ["", "none", "3 to 5", "0x1p3", "inf", "nan", "1e999", "3/0"] as [JSON] {
            let failure = #expect(throws: VerifierFailure.self) {
                try verifier.bound(to: reference).verify(Rollout("5"))
            }
            #expect(failure?.kind == .item, "\(reference.text())")
        }
        #expect(throws: VerifierFailure.self) {
            try VerifierRegistry.builtin.make("numeric", options: ["percent": "refuse"]).bound(to: "50%")
        }
    }

    @Test func optionsAreChecked() throws {
        for options in [
            ["atol": -1], ["rtol": "x"], ["extract": "nowhere"], ["units": ["km": 0]], ["units": [1]], ["units": "km"],
            ["percent": "maybe"],
        ] as [JSON] {
            #expect(throws: VerifierFailure.self) { try VerifierRegistry.builtin.make("numeric", options: options) }
        }
    }
}
