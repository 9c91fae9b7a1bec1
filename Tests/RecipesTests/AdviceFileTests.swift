import Decisions
import Foundation
import Recipes
import Testing

@Suite struct AdviceFileTests {
    private func problems(_ text: String) -> [String] {
        do throws(RecipeError) {
            _ = try AdviceFile.parse(text)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func theTemplateSaysTheDefaults() throws {
        #expect(try AdviceFile.parse(AdviceFile.template) == AdviceAnswers())
        #expect(try AdviceFile.parse("") == AdviceAnswers())
        for question in AdviceQuestion.all {
            let leaf = question.key.split(separator: ".").last.map(String.init) ?? ""
            #expect(AdviceFile.template.contains(" \(leaf): ") || AdviceFile.template.contains("\n\(leaf): "))
        }
    }

    @Test func answersAreReadWhole() throws {
        let answers = try AdviceFile.parse(
            """
            task: Sort tickets
            goal: cost
            prompt: costly
            examples: {demonstrations: 2000, quality: good, checkable: true}
            model: {parameters: 8B, memory: 24GB}
            cost:
              requests_per_day: 10000
              now: {input_tokens: 1200, output_tokens: 93, input_price: 3, output_price: $15}
              tuned: {per_request: 0.0003, per_month: 40}
              training: 200
              hours: 10
              hourly_rate: 85.5
              maintenance: 0.2
            """)
        #expect(answers.task == "Sort tickets" && answers.goal == .cost && answers.prompt == .costly)
        #expect(answers.examples.demonstrations == 2000 && answers.examples.checkable)
        #expect(answers.model.parameters?.count == 8_000_000_000 && answers.model.memory?.bytes == 24_000_000_000)
        // 1,200 tokens at $3 and 93 at $15 a million.
        #expect(answers.cost.now.price == Money("0.004995"))
        #expect(answers.cost.tuned.price == Money("0.0003") && answers.cost.tuned.perMonth == Money(40))
        #expect(answers.cost.costCase?.oneTime == Money(1055))
        #expect(answers.cost.costCase?.maintenance == Money(211))
    }

    @Test func everythingThatIsWrongIsSaidAtOnce() {
        #expect(
            problems(
                """
                goal: money
                prompts: 3
                narrow: yes
                examples: {demonstration: 5, pairs: -1}
                model: {parameters: huge}
                cost:
                  training: -3
                  now: {per_request: 1, input_tokens: 5}
                  tuned: {output_tokens: 5}
                """) == [
                    "answers.yaml:1:7: goal must be one of quality, cost, latency, format, style, domain, not the string 'money'. An unknown word would leave the choice to chance. Write for example `goal: quality`.",
                    "answers.yaml:2:1: unknown key 'prompts' at the top of the answers. Nothing reads it, so what it asks for would not happen. Did you mean 'prompt'?",
                    "answers.yaml:3:9: narrow must be true or false, not the string 'yes'. Another type would have to be guessed at. Write `narrow: true`; YAML 1.2 reads yes as text.",
                    "answers.yaml:4:12: unknown key 'demonstration' in examples. Nothing reads it, so what it asks for would not happen. Did you mean 'demonstrations'?",
                    "answers.yaml:4:37: examples.pairs is -1, which is out of range. Nothing that follows from it would be true. Write a value at least 0.",
                    "answers.yaml:5:21: model.parameters must be a number of parameters, not the string 'huge'. Another type would have to be guessed at. Write for example `parameters: 8B`.",
                    "answers.yaml:7:13: cost.training must be an amount of money from 0 on, not the integer -3. Another type would have to be guessed at. Write for example `training: 0`.",
                    "answers.yaml:8:39: cost.now.input_tokens stands beside cost.now.per_request. A request has one price. Keep the price, or the tokens and their prices.",
                    "answers.yaml:9:26: cost.tuned.output_tokens is given without output_price. The price cannot be worked out. Add `output_price`, the price of a million tokens or how many a request has.",
                ])
        #expect(
            problems("- a") == [
                "answers.yaml:1:1: the answers must be a block of keys, not a list. Another type would have to be guessed at. Write keys and values."
            ])
    }
}
