import Foundation
import Testing
import TextCore
import Verifiers

/// A reference, an answer, and the tier at which they are the same; no tier when they are not.
struct MathCase: Sendable, CustomTestStringConvertible {
    var gold: String
    var answer: String
    var tier: Int?

    init(_ gold: String, _ answer: String, _ tier: Int?) {
        self.gold = gold
        self.answer = answer
        self.tier = tier
    }

    var testDescription: String { "\(gold)  |  \(answer)" }
}

@Suite struct MathTests {
    static let written: [MathCase] = [
        .init("18", "18", 0), .init("18", "$18$", 0), .init("18", "18.", 0), .init("18", #"\(18\)"#, 0),
        .init("1,234", "1234", 0), .init("1234567", "1{,}234{,}567", 0), .init("1234567", #"1,\!234,\!567"#, 0),
        .init(#"\frac{1}{2}"#, #"\dfrac{1}{2}"#, 0), .init(#"\frac{1}{2}"#, #"\tfrac12"#, 0),
        .init(#"\frac{1}{2}"#, "1/2", 0), .init(#"\frac{\pi}{2}"#, "π/2", 0), .init(#"\sqrt{2}"#, "√2", 0),
        .init(#"2\sqrt{3}"#, "2sqrt(3)", 0), .init(#"\left(1,2\right)"#, "(1, 2)", 0), .init("x^{2}", "x^2", 0),
        .init("x^2", "x²", 0), .init(#"\text{Evelyn}"#, "evelyn", 0), .init(#"\text{(A)}"#, "A", 0),
        .init(#"\text{no solution}"#, "No solution", 0), .init("x=5", "5", 0), .init("5", "x = 5", 0),
        .init("5", #"\$5"#, 0), .init(#"\infty"#, "infinity", 0), .init(#"x \leq 3"#, "x <= 3", 0),
        .init("y = 2x+1", "2x+1", 0), .init("f(x) = x^2", "x^2", 0), .init(#"\emptyset"#, #"\{\}"#, 0),
        .init("5", #"5\text{ cm}"#, 0), .init(#"5\text{ cm}"#, "5 centimeters", 0), .init("7", "7 apples", 0),
        .init("7", "7 million", nil),
        .init("1800000", #"1.8\text{ million dollars}"#, 1), .init("24", "2 dozen", 1),
        .init("12", #"12\text{ square units}"#, 0), .init("101_2", "101_{2}", 0), .init("3^4", "3^{4}", 0),
        .init(#"\theta"#, "θ", 0), .init("9^{9^{9^9}}", "9^9^9^9", 0), .init("40", #"2 \cdot 20 = 40"#, 0),
    ]

    static let numbers: [MathCase] = [
        .init("0.5", "1/2", 1), .init("1/2", "0.50", 1), .init(#"\frac{2}{4}"#, "1/2", 1), .init("18", "18.00", 1),
        .init(#"2\frac{1}{2}"#, "2.5", 1), .init("2 1/2", "5/2", 1), .init(#"-2\frac12"#, "-2.5", 1),
        .init("2½", "5/2", 1), .init("50", #"50\%"#, 1), .init(#"33\frac13\%"#, "100/3", 1),
        .init("3.14", #"\pi"#, 1), .init("0.333333", "1/3", 1), .init("2.718282", "e", 1), .init("1.41421", "√2", 1),
        .init("0.33", "1/3", 1), .init("0.17", "1/6", 1), .init("0.18", "1/6", nil), .init("2.5", "249/100", 1),
        .init("2.50", "249/100", nil), .init("0.5", "6/11", nil), .init("-1.7", #"-\sqrt3"#, 1),
        .init(#"30^\circ"#, "30", 1), .init("30", "30 degrees", 1), .init("30", "30°", 1),
        .init("1e3", "1000", 0), .init("1500", "1.5e3", 1), .init("0.00015", "1.5e-4", 0), .init("100", "10^2", 1),
        .init("120", "5!", 1), .init(#"\binom{5}{2}"#, "10", 1), .init("1/8", "2^{-3}", 1), .init("7", "|-7|", 1),
        .init("2", #"\lfloor 2.7 \rfloor"#, 1), .init("0.1666666666", #"0.1\overline{6}"#, 1),
        .init("1/3", #"0.\overline{3}"#, 1), .init("-3", "−3", 0), .init("0", "-0", 1), .init("-3", "3 - 6", 1),
        .init("2:3", "4:6", 1), .init("6", #"2 \times 3"#, 1), .init("0.5", ".5", 0), .init("3", "--3", 0),
        .init("64", "2^{2^{2}} 4", nil), .init("16", "2^2^2", 1), .init("512", "2^3^2", 1),
        .init("1.5", "1.500001", 1), .init("3.0", "3", 1), .init("1/2", "0.5000001", nil), .init("0.5", "0.52", nil),
        .init("3.14", "3.15", nil), .init("18", "18.01", nil), .init("1/3", "0.333333", nil), .init("18", "-18", nil),
        .init("18", "180", nil), .init("1,000", "1", nil), .init(#"2\frac{3}{2}"#, "3", 1), .init("7", "2 3", nil),
        .init("50", "0.5", nil), .init(#"\pi"#, "3.14159265358979", nil), .init(#"\pi"#, "355/113", nil),
        .init("1/0", "1", nil), .init("0", "1/0", nil), .init("1/0", "2/0", nil),
    ]

    static let expressions: [MathCase] = [
        .init("x^2+2x+1", "(x+1)^2", 2), .init("(x+1)(x-1)", "x^2-1", 2),
        .init("2xy", "yx \\cdot 2", 2),
        .init("a+b", "b+a", 2), .init(#"\frac{x^2-1}{x-1}"#, "x+1", 2),
        .init(#"\frac{1}{x}+\frac{1}{y}"#, #"\frac{x+y}{xy}"#, 2),
        .init(#"\frac{1}{\sqrt{2}}"#, #"\frac{\sqrt{2}}{2}"#, 2), .init(#"\sqrt{8}"#, #"2\sqrt{2}"#, 2),
        .init(#"\sqrt[3]{54}"#, #"3\sqrt[3]{2}"#, 2), .init(#"\sqrt{2}\sqrt{3}"#, #"\sqrt{6}"#, 2),
        .init(#"\frac{1}{1+\sqrt{2}}"#, #"\sqrt{2}-1"#, 2), .init("2^{1/2}", "√2", 2), .init("8^{2/3}", "4", 2),
        .init(#"\sqrt{16}"#, "4", 2), .init(#"\sqrt[3]{-8}"#, "-2", 2), .init(#"\sqrt{-4}"#, "2i", 2),
        .init("i^2", "-1", 2), .init("(1+i)^2", "2i", 2), .init(#"\frac{1}{i}"#, "-i", 2), .init("2π", #"\pi+\pi"#, 2),
        .init(#"\frac{3\pi}{6}"#, #"\frac{\pi}{2}"#, 2), .init("0.5x", "x/2", 2), .init("x^{-1}", "1/x", 2),
        .init("-\\infty", #"-1\infty"#, 2), .init("3x_1", "x_1+2x_{1}", 2), .init("e^2 e", "e^3", 2),
        .init(#"\frac{-3}{x}"#, #"-\frac{3}{x}"#, 2), .init("(a-b)^3", "a^3-3a^2b+3ab^2-b^3", 2),
        .init(#"\sqrt{\frac{1}{3}}"#, #"\frac{\sqrt3}{3}"#, 2), .init("2^{10}x", "1024x", 2),
        .init("x+1", "x+2", nil), .init("x^2", "2x", nil), .init("x", "y", nil), .init("√2", "√3", nil),
        .init("east", "seat", nil), .init("i", "-i", nil), .init("π", "2π", nil), .init("x", "X", nil),
        .init(#"\infty"#, #"-\infty"#, nil), .init("x_1", "x_2", nil), .init("xy", "x+y", nil), .init("x", "1", nil),
    ]

    static let identities: [MathCase] = [
        .init(#"\sin^2 x + \cos^2 x"#, "1", 3), .init(#"\sin 2x"#, #"2\sin x\cos x"#, 3),
        .init(#"\ln 8"#, #"3\ln 2"#, 3),
        .init(#"\log_2 8"#, "3", 3), .init(#"\log 100"#, "2", 3), .init(#"\ln x^2"#, #"2 \ln x"#, 3),
        .init(#"\sin 30^\circ"#, "1/2", 3), .init(#"\sin\frac{\pi}{6}"#, "0.5", 3),
        .init(#"\tan\frac{\pi}{4}"#, "1", 3),
        .init(#"\arctan 1"#, #"\frac{\pi}{4}"#, 3), .init(#"\sin^{-1} 1"#, #"\frac{\pi}{2}"#, 3),
        .init("e^{x+1}", "e e^x", 3),
        .init(#"\sqrt{3+2\sqrt2}"#, #"1+\sqrt2"#, 3), .init("2^{x+1}", #"2\cdot 2^x"#, 3),
        .init(#"\sqrt{x^2}"#, "|x|", 3),
        .init(#"e^{i\pi}"#, "-1", 3), .init(#"\frac{e^x-e^{-x}}{2}"#, #"\sinh x"#, 3),
        .init("(x+1)^{200}", "(1+x)^{200}", 3),
        .init("2^{300}", "4^{150}", 3), .init(#"\tan x"#, #"\frac{\sin x}{\cos x}"#, 3), .init("0", #"\sin \pi"#, 3),
        .init(#"\sqrt{x}\sqrt{x}"#, "x", 3), .init("(x+y)^{60}", "(x^2+2xy+y^2)^{30}", 2),
        .init(#"\frac{1}{2}\cos 2x"#, #"\cos^2 x-\frac12"#, 3), .init("x^{1/2}", #"\sqrt{x}"#, 3),
        .init(#"\sin x"#, #"\cos x"#, nil), .init(#"\sqrt{x^2}"#, "x", nil), .init(#"\ln 2"#, "0.693147", nil),
        .init(#"\ln 2"#, "0.693147180559945", nil), .init("2^{300}", "2^{300}+1", nil), .init("e^x", "e^{-x}", nil),
        .init("2^{300}", "2^{300}+2305843009213693951", nil), .init(#"\ln(-1)"#, #"\ln(-2)"#, nil),
        .init("(x+1)^{200}", "(x+1)^{200}+1", nil), .init("10^{-20}", "10^{-21}", nil),
        .init("e^{-40}", "e^{-41}", nil),
    ]

    static let structures: [MathCase] = [
        .init("1,2", "2,1", 0), .init("1, 2", #"\{2,1\}"#, 0), .init(#"\{1,2\}"#, #"2 \text{ and } 1"#, 0),
        .init(#"\{1,2\}"#, "{2, 4/4}", 1), .init(#"\pm 3"#, "3, -3", 0), .init(#"\pm 3"#, "-3 or 3", 0),
        .init(#"x = \pm\sqrt{2}"#, #"\sqrt2, -\sqrt2"#, 0), .init(#"1 \pm \sqrt{2}"#, #"1-\sqrt2, 1+\sqrt2"#, 0),
        .init("x=1, x=2", "x=2 or x=1", 0), .init("x=1, x=2", "1,2", 0), .init("x=1,y=2", "y=2, x=1", 0),
        .init("(1,2)", #"\left(1,\frac{4}{2}\right)"#, 1), .init("(0,1]", #"(0, 1]"#, 0),
        .init("[0,1)", #"[0,\frac22)"#, 1),
        .init(#"(-\infty, 3)"#, "x < 3", 0), .init("[3,\\infty)", #"x \ge 3"#, 0), .init("(1,2]", #"1 < x \le 2"#, 0),
        .init("3 < x", "x > 3", 0), .init(#"(-\infty,1)\cup(3,\infty)"#, #"(3,\infty) \cup (-\infty,1)"#, 0),
        .init(#"(-\infty,1)\cup(3,\infty)"#, "x<1 or x>3", 0), .init(#"x \in (1,2)"#, "(1,2)", 0),
        .init("y=2x+1", "2x-y+1=0", 2), .init("x+y=1", "2x+2y=2", 2), .init("2y = 4x", "y=2x", 2),
        .init("y<2x", "2x>y", 0), .init("x^2+y^2=1", "1-x^2-y^2=0", 2), .init(#"\sin x = y"#, #"2y = 2\sin x"#, 3),
        .init(#"\begin{pmatrix}1&2\\3&4\end{pmatrix}"#, #"\begin{bmatrix}1 & 2\\ 3 & \frac{8}{2}\end{bmatrix}"#, 1),
        .init(#"\begin{pmatrix}1\\2\end{pmatrix}"#, #"\begin{pmatrix} 1 \\ 2 \\ \end{pmatrix}"#, 0),
        .init(#"\langle 1,2\rangle"#, "(1,2)", 0), .init("5", "{5}", 0), .init(#"\{3\}"#, "3", 0),
        .init("1,2", "1,2,3", nil), .init("1,2,3", "1,2", nil), .init("(1,2)", "(2,1)", nil),
        .init("(0,1]", "[0,1)", nil),
        .init("(0,1]", "(0,1)", nil), .init(#"\pm 3"#, "3", nil), .init("3", #"\pm 3"#, nil),
        .init("x=1,y=2", "x=2,y=1", nil),
        .init("x=5", "y=5", nil), .init("y<2x", "y>2x", nil), .init("x<3", "x>3", nil), .init("x<3", #"x\le3"#, nil),
        .init(#"\begin{pmatrix}1&2\\3&4\end{pmatrix}"#, #"\begin{pmatrix}1&3\\2&4\end{pmatrix}"#, nil),
        .init(#"\begin{pmatrix}1\\2\end{pmatrix}"#, #"\begin{pmatrix}1&2\end{pmatrix}"#, nil),
        .init("5 km", "5 m", nil), .init("101_2", "101_3", nil), .init(#"\emptyset"#, "0", nil),
        .init("yes", "no", nil),
        .init("18", "18, 19", nil), .init("18", "17 or 18", nil), .init("x+y=1", "x+y=2", nil),
        .init(#"\text{Evelyn}"#, #"\text{Evelyn or Briana}"#, nil), .init("1,2", "x=1, y=3", nil), .init("3", "", nil),
        .init("3", #"\frac{3"#, nil), .init("3", "3+", nil), .init("3", "the answer", nil), .init("1:2:3", "1/6", nil),
    ]

    private func judge(_ gold: JSON, _ answer: String, _ options: JSON = [:]) throws -> Verdict {
        try VerifierRegistry.builtin.make("math", options: options).bound(to: gold).verify(Rollout(answer))
    }

    @Test(arguments: written + numbers + expressions + identities + structures)
    func saysAtWhichTierTheAnswerIsTheReference(row: MathCase) throws {
        let verdict = try judge(.string(row.gold), "so \\boxed{\(row.answer)}, as asked")
        let score = try #require(verdict.score, "\(verdict)")
        #expect(score.value == (row.tier == nil ? 0 : 1), "\(score)")
        #expect(score.passed == (row.tier != nil))
        #expect(score.parts["tier"] == row.tier.map { Double($0) }, "\(score)")
    }

    /// What is the same is so both ways, but for decimals, which only a reference may round.
    @Test(
        arguments: (written + expressions + identities + structures).filter {
            !$0.gold.contains(".") && !$0.answer.contains(".")
        })
    func equivalenceGoesBothWays(row: MathCase) throws {
        guard !row.answer.isEmpty else { return }
        // What is no answer is no reference either.
        guard let score = try judge(.string(row.answer), "\\boxed{\(row.gold)}").score else {
            #expect(row.tier == nil)
            return
        }
        #expect((score.value == 1) == (row.tier != nil), "\(score)")
    }

    @Test func anUnreadableReferenceIsNoVerdictAndAnUnreadableAnswerIsWrong() throws {
        for gold in ["", "  ", #"\frac{1"#, "((", "a ? b", #"\int x dx"#, "2 3"] {
            guard case .abstain(let reason) = try judge(.string(gold), "\\boxed{5}") else {
                Issue.record("'\(gold)' was judged")
                continue
            }
            #expect(reason.contains("not understood"))
        }
        #expect(try judge("5", #"\boxed{5"#).score?.value == 0)
        #expect(try judge("5", "").score?.value == 0)
        #expect(try judge("5", "<think>5").score?.value == 0)
        #expect(try judge(["((", "5"], "5").score?.value == 1)
    }

    @Test func theAnswerIsFoundWhereItIsMostLikely() throws {
        for answer in [
            "18", "#### 18", #"\boxed{18}"#, #"\boxed{3} and then \boxed{18}, page 9"#, "The answer is $18$.",
            "**Final Answer:** 18 dollars", #"we get $x=3$ and then $18$"#, #"so \(18\) at last"#, "Answer: 18",
            "<think>\\boxed{4}</think>It is \\boxed{18}.",
        ] {
            #expect(try judge(18, answer).score?.value == 1, "\(answer)")
        }
        #expect(try judge(18, "18", ["strict_boxed": true]).score?.value == 0)
        #expect(try judge(18, #"\boxed{18}"#, ["strict_boxed": true]).score?.value == 1)
        #expect(try judge(18, "<answer>18</answer>", ["extract": "tag(answer)"]).score?.value == 1)
        #expect(
            try judge(18, #"\boxed{18} or \boxed{17}"#, ["extract": ["find": "boxed", "pick": "only"]]).score?.value
                == 0)
        #expect(try judge("9 * 2 = 18\n#### 18", "18").score?.value == 1)
        #expect(try judge(#"so \boxed{18}"#, "18").score?.value == 1)
        #expect(throws: VerifierFailure.self) { try judge(18, "18", ["strict_boxed": true, "extract": "answer"]) }
    }

    @Test func optionsSayHowStrictlyIsCompared() throws {
        #expect(try judge("1/2", "0.5", ["tiers": [0]]).score?.value == 0)
        #expect(try judge("1/2", "0.5", ["tiers": [2]]).score?.parts["tier"] == 2)
        #expect(try judge(#"\sin 2x"#, #"2\sin x\cos x"#, ["tiers": [0, 1, 2]]).score?.value == 0)
        #expect(throws: VerifierFailure.self) { try judge("1", "1", ["tiers": [4]]) }
        #expect(try judge("3.14159265", "3.1416", ["precision": 4]).score?.value == 1)
        #expect(try judge("3.14159265", "3.1416").score?.value == 0)
        #expect(try judge("0.5", "50%", ["percent": "fraction"]).score?.value == 1)
        #expect(try judge("50", "50%", ["percent": "fraction"]).score?.value == 0)
        #expect(try judge("50", "50%", ["percent": "refuse"]).score?.value == 0)
        #expect(try judge("50%", "50", ["percent": "refuse"]).score == nil)
        #expect(try judge("1,2", "2,1", ["allow_set_order": false]).score?.value == 0)
        #expect(try judge("1,2", "1,2", ["allow_set_order": false]).score?.value == 1)
    }

    /// Texts that are made to take for ever; each is judged, and soon.
    @Test func hostileInputTakesBoundedTime() throws {
        func many(_ part: String, _ count: Int = 10_000) -> String { String(repeating: part, count: count) }
        let towers = "9^9^9^9^9^9^9"
        let hostile = [
            towers, "9^{9^{9^{9}}}", "((((9^999)^999)^999)^999)", "10^{10^{10}}", "1/9^9^9^9", "(9^9^9^9)!",
            "99999999999!",
            many("(") + "1" + many(")"), many("{") + "1" + many("}"), many("["), many("-") + "1", many("1+") + "1",
            many("\\frac{1}{"), many("\\sqrt{") + "2" + many("}"), many("x^"), many("!", 9000) + "5",
            "5" + many("!", 9000),
            many("9", 9999), "0." + many("9", 9990), many("1,") + "1", many("\\pm 1", 400), many("\\pm", 3000) + "1",
            "(x+y+z+w+1)^{999}", "(x+1)^{1000}(y+1)^{1000}", many("(x+y)", 90), many("(a+b+c+d+f+g)", 35),
            many("\\sin ", 3000) + "x", many("|", 5000), many("|x|", 3000), "\\sqrt{" + many("9", 38) + "}",
            "\\sqrt{2305843009213693951}", "\\sqrt[100]{" + many("7", 30) + "}", "x^{1000}^{1000}",
            "\\begin{pmatrix}" + many("1&") + "1\\end{pmatrix}", many("\\begin{pmatrix}"), many("\\\\"), many("\\"),
            "\\{" + many("x,", 240) + "x\\}", "\\{" + many("\\sqrt{2}+x,", 80) + "1\\}", many("\\text{"), many("{,}"),
            "1e300", "1e99999999999999999999", "1e-300", many("1e300", 200), many("\u{301}"), many("½"), many("²"),
            "2^{0.1234567891}", "(-1)^{1/1000}", "x_{" + many("_{"), many("$"), many("$x$"), many("answer is "),
            many("\\("),
        ]
        for text in hostile {
            for (gold, answer) in [
                (text, "\\boxed{\(text)}"), ("1", "\\boxed{\(text)}"), (text, "1"), (text, text + "+x"),
            ] {
                let started = ContinuousClock.now
                _ = try judge(.string(gold), answer)
                let time = ContinuousClock.now - started
                #expect(time < .seconds(1), "\(time) for \(text.prefix(60))")
            }
        }
        // A tower is itself, and nothing else.
        #expect(try judge(.string(towers), "\\boxed{\(towers)}").score?.value == 1)
        #expect(try judge(.string(towers), "\\boxed{\(towers)^9}").score?.value == 0)
        // Long answers are long only to the limit.
        #expect(try judge("1", "\\boxed{" + many("0", 10_001) + "1}").score?.value == 0)
    }

    /// `Fixtures/generate/math_verify_cases.py` asked Math-Verify; each difference has its reason.
    @Test func agreesWithMathVerifyOrSaysWhyNot() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/verifiers/math-verify.jsonl")
        let pairs = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try JSON(parsing: String($0))
        }
        #expect(pairs.count > 200)
        for pair in pairs {
            let answer = try #require(pair["answer"]?.string)
            let reference = try #require(pair["reference"])
            let score = try #require(try judge(reference, "so \\boxed{\(answer)}").score)
            let agrees = (score.value == 1) == pair["math_verify"]?.bool
            #expect(agrees == (pair["why"] == nil), "\(pair.text()): \(score)")
        }
    }

    @Test func probesAreJudgedAsTheySay() throws {
        for (name, options, references) in [
            (
                "math", ["strict_boxed": true],
                ["18", #"\frac{1}{2}"#, "(1,2]", #"x=\pm 3"#, "east", "0", "-1", "1234567.0"]
            ),
            ("math", ["extract": "tag(answer)"], ["18", #"\pi"#]),
            ("numeric", [:], ["18", "0", "-7.5", "1e300", "1,000"]),
            ("numeric", ["extract": "boxed"], ["18", "0", "9"]),
            ("numeric", ["extract": "whole", "atol": 0.5], ["18", "0"]),
            ("numeric", ["extract": "tag(answer)", "units": ["km"]], ["18 km", "0"]),
            ("numeric", ["extract": "last_number", "rtol": 0.01], ["18", "9"]),
        ] as [(String, JSON, [String])] {
            for reference in references {
                let verifier = try VerifierRegistry.builtin.make(name, options: options).bound(to: .string(reference))
                let probes = verifier.probes
                #expect(probes.count >= 3, "\(name) \(reference)")
                #expect(probes.contains { $0.passes })
                for probe in probes {
                    let score = try #require(try verifier.verify(Rollout(probe.answer)).score)
                    #expect(score.passed == probe.passes, "\(name) \(options.text()) \(reference): \(probe) \(score)")
                }
            }
        }
    }
}
