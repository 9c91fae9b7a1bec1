import Decisions
import Foundation
import Reports
import Testing
import TextCore

@Suite struct AdviceTests {
    /// Answers that lead to SFT.
    static var sft: AdviceAnswers {
        var answers = AdviceAnswers()
        answers.prompt = .short
        answers.examples.demonstrations = 2000
        answers.examples.quality = .good
        return answers
    }

    private static func changed(_ change: (inout AdviceAnswers) -> Void) -> AdviceAnswers {
        var answers = sft
        change(&answers)
        return answers
    }

    /// The gate that ends the walk, from 1; 0 for none.
    static let cases: [(name: String, answers: AdviceAnswers, choice: Advice.Choice, stoppedBy: Int)] = [
        ("nothing tried", AdviceAnswers(), .prompt, 1),
        ("prompt enough", changed { $0.prompt = .enough }, .prompt, 1),
        ("facts", changed { $0.missing = .facts }, .retrieve, 2),
        ("tools", changed { $0.missing = .tools }, .retrieve, 2),
        (
            "retrieval enough",
            changed {
                $0.missing = .facts
                $0.retrieval = .enough
            }, .retrieve, 2
        ),
        ("reasoning untried", changed { $0.reasoning = .untried }, .prompt, 3),
        ("reasoning enough", changed { $0.reasoning = .enough }, .prompt, 3),
        ("broad", changed { $0.narrow = false }, .dont, 4),
        ("few examples", changed { $0.examples.demonstrations = 499 }, .dont, 5),
        ("noisy examples", changed { $0.examples.quality = .noisy }, .dont, 5),
        ("examples", sft, .sft, 0),
        ("just enough", changed { $0.examples.demonstrations = 500 }, .sft, 0),
        (
            "teacher and questions",
            changed {
                $0.prompt = .costly
                $0.examples.demonstrations = 0
                $0.examples.prompts = 3000
            }, .distil, 0
        ),
        (
            "style and pairs",
            changed {
                $0.goal = .style
                $0.examples.pairs = 800
            }, .dpo, 0
        ),
        (
            "pairs only",
            changed {
                $0.examples.demonstrations = 0
                $0.examples.pairs = 800
            }, .dpo, 0
        ),
        (
            "checkable reasoning",
            changed {
                $0.reasoning = .short
                $0.examples.checkable = true
            }, .rft, 0
        ),
        (
            "checkable questions",
            changed {
                $0.examples.demonstrations = 0
                $0.examples.prompts = 700
                $0.examples.checkable = true
            }, .rft, 0
        ),
        (
            "never right",
            changed {
                $0.examples.demonstrations = 0
                $0.examples.prompts = 700
                $0.examples.checkable = true
                $0.examples.solves = .never
            }, .dont, 5
        ),
        (
            "a field",
            changed {
                $0.goal = .domain
                $0.examples.corpusTokens = 50_000_000
            }, .pretrain, 0
        ),
        (
            "a small field",
            changed {
                $0.goal = .domain
                $0.examples.corpusTokens = 9_999_999
            }, .dont, 5
        ),
    ]

    @Test(arguments: cases.indices) func everyAnswerHasItsVerdict(index: Int) {
        let (name, answers, choice, stoppedBy) = Self.cases[index]
        let advice = Advice(answers)
        #expect(advice.choice == choice, "\(name)")
        #expect(advice.gates.map(\.number) == [1, 2, 3, 4, 5])
        #expect((advice.gates.first { $0.isPassed == false }?.number ?? 0) == stoppedBy, "\(name)")
        // What lies behind the gate that ends the walk was not reached.
        for gate in advice.gates {
            #expect(
                (gate.isPassed == nil) == (stoppedBy > 0 && gate.number > stoppedBy), "\(name), gate \(gate.number)")
        }
        #expect(!advice.reason.isEmpty && !advice.steps.isEmpty && !advice.data.isEmpty && !advice.risks.isEmpty)
        #expect((advice.adapter != nil) == choice.trains && advice.recipe.isEmpty != choice.trains)
        #expect(advice.document.html.contains(advice.title.replacing("'", with: "&#39;")))
    }

    @Test func everyChoiceIsReached() {
        #expect(Set(Self.cases.map(\.choice)) == Set(Advice.Choice.allCases))
    }

    @Test func adaptersTakeTheMemoryOfTheRule() throws {
        var answers = Self.sft
        answers.model.parameters = ParameterCount("8B")
        answers.model.memory = ByteAmount("24GB")
        let tight = try #require(Advice(answers).adapter)
        // 16 GB in bfloat16: 128, 24 and 8 GB.
        #expect(tight.options.map(\.bytes) == [128_000_000_000, 24_000_000_000, 8_000_000_000])
        #expect(tight.options.map(\.fits) == [false, true, true] && tight.kind == .lora)
        answers.model.memory = ByteAmount("16 GiB")
        #expect(Advice(answers).adapter?.kind == .qlora)
        answers.model.memory = ByteAmount("4GB")
        #expect(Advice(answers).adapter?.kind == nil)
        answers.model.memory = ByteAmount("1TB")
        #expect(Advice(answers).adapter?.kind == .lora)
        answers.goal = .domain
        answers.examples.corpusTokens = 20_000_000
        #expect(Advice(answers).adapter?.kind == .full)
    }

    @Test func amountsAreReadOnlyWhole() {
        #expect(ParameterCount("1.7B")?.count == 1_700_000_000 && ParameterCount("600 M")?.text == "600M")
        for text in ["", "B", "0", "-3", "1e400", "nan", "inf", "8BB"] {
            #expect(ParameterCount(text) == nil, "\(text)")
        }
        #expect(ByteAmount("1GiB")?.bytes == 1 << 30 && ByteAmount("512")?.bytes == 512)
        for text in ["", "GB", "0GB", "-1GB", "1e300GB", "nanGB"] { #expect(ByteAmount(text) == nil, "\(text)") }
    }

    @Test func aTypedAnswerIsTakenOrExplained() throws {
        var answers = AdviceAnswers()
        let prompt = try #require(AdviceQuestion.all.first { $0.key == "prompt" })
        #expect(prompt.set(&answers, "4") == nil && answers.prompt == .short)
        #expect(prompt.set(&answers, "cost") == nil && answers.prompt == .costly)
        #expect(prompt.set(&answers, "perhaps") != nil && answers.prompt == .costly)
        let rate = try #require(AdviceQuestion.all.first { $0.key == "cost.hourly_rate" })
        #expect(rate.set(&answers, "$85.50") == nil && answers.cost.hourlyRate.text() == "$85.50")
        #expect(rate.set(&answers, "-3") != nil)
        #expect(AdviceQuestion.all.first { $0.key == "retrieval" }?.isAsked(answers) == false)
    }
}
