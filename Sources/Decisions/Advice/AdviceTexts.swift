import Reports

/// What each choice needs, risks and begins with.
enum AdviceTexts {
    /// What the data must be.
    static func data(_ choice: Advice.Choice) -> [String] {
        let floor = Advice.exampleFloor
        let held =
            "About \(Advice.heldOut) more examples that training never sees, split by customer, document or time."
        return switch choice {
        case .sft:
            [
                "\(floor) to 5,000 questions with the answer you would want to sign, in the form that requests have in use.",
                "Rare cases as often as they matter, not only as often as they occur.", held,
            ]
        case .distil:
            [
                "2,000 to 50,000 real questions, answered by the strong model; keep the answers that a verifier or a sample "
                    + "check lets pass.",
                "\(floor) of them at least; questions from logs are better than invented ones.", held,
            ]
        case .dpo:
            [
                "\(floor) to 10,000 pairs of a better and a worse answer to the same question, both of about the same length.",
                "The answers should come from the model that is tuned, or one like it.", held,
            ]
        case .rft:
            [
                "\(floor) or more questions whose answers a verifier can check; no written answers are needed.",
                "Questions that the model solves sometimes: what it always or never solves teaches nothing.", held,
            ]
        case .pretrain:
            [
                "\(ReportText.grouped(Advice.corpusFloor)) tokens of clean text or more, without duplicates, and about a "
                    + "tenth of general text against forgetting.",
                "A few hundred thousand tokens held out by document.",
            ]
        case .prompt, .retrieve:
            [
                "About \(Advice.heldOut) real requests with the answers you want: they decide between prompts, and later on."
            ]
        case .dont:
            ["About \(Advice.heldOut) real requests with the answers you want, to ask the same again with numbers."]
        }
    }

    /// What may go wrong.
    static func risks(_ choice: Advice.Choice, _ answers: AdviceAnswers) -> [String] {
        guard choice.trains else {
            return ["A prompt depends on a model that its maker may change: keep the test requests and run them again."]
        }
        var risks = [
            "**Forgetting**: a tuned model loses what it does not practise. Add a regression suite and a `max_drop`.",
            "**Leaks**: examples that are in the test too make it look better than it is. `hone data check` finds them.",
            "**Ageing**: requests change. `hone drift` tells when; plan to train again.",
        ]
        switch choice {
        case .rft:
            risks.insert(
                "**Reward hacking**: the model finds what the verifier misses. `hone verify` tries the usual cheats.",
                at: 0)
        case .dpo:
            risks.insert(
                "**Length**: where the better answers are longer, the model learns to be long. `hone data check` measures it.",
                at: 0)
        case .distil:
            risks.insert(
                "**Terms**: not every provider allows training on its model's answers. Read them first.", at: 0)
            risks.insert("**A ceiling**: the small model repeats the teacher's mistakes; measure both.", at: 1)
        case .pretrain:
            risks.insert(
                "**Cost**: it takes far more steps than tuning, and a task still has to be tuned on top.", at: 0)
        case .sft where answers.missing == .facts:
            risks.insert("**Facts**: they are learnt badly and age in the weights; keep retrieving them.", at: 0)
        default: break
        }
        if answers.examples.quality == .unchecked, choice != .pretrain {
            risks.append("**Unchecked examples**: nobody has looked at them. Read fifty before anything else.")
        }
        if answers.goal == .cost, answers.cost.costCase == nil {
            risks.append("**No numbers**: money is the reason, and the prices or the volume are missing.")
        }
        return risks
    }

    /// What to do next, in order.
    static func steps(_ choice: Advice.Choice, _ answers: AdviceAnswers) -> [String] {
        let measure = "Collect \(Advice.heldOut) real requests with the answers you want, and keep them apart."
        switch choice {
        case .prompt:
            return [
                measure, "Write the instruction, add three to five examples, and count what fails.", "Then ask again.",
            ]
        case .retrieve:
            return [
                measure, "Put the right documents or tool results into the prompt by hand for twenty failures.",
                "If those are then right, build the retrieval; if not, ask again with `retrieval: short`.",
            ]
        case .dont: return [measure, "Mend what is named above, then ask again."]
        case .distil, .sft, .dpo, .rft, .pretrain:
            var steps = [measure]
            if choice == .distil {
                steps.append("Have the strong model answer your questions, and throw out what is wrong.")
            }
            if choice == .rft { steps.append("Write the verifier and try it: `hone verify recipe.yaml`.") }
            if choice == .dpo, answers.examples.demonstrations >= Advice.exampleFloor {
                steps.append("Tune on the written answers first (SFT), then on the pairs.")
            }
            return steps + [
                "Check the rows: `hone data check recipe.yaml`.", "See that it fits: `hone estimate recipe.yaml`.",
                "Train with a gate: `hone train recipe.yaml`, then read `report.html` in the run folder.",
                "Ship only what the gate lets pass; watch it with `hone canary` and `hone drift`.",
            ]
        }
    }

    /// A recipe to begin with.
    static func recipe(_ choice: Advice.Choice, _ answers: AdviceAnswers, _ adapter: AdapterChoice?) -> String {
        let method = choice == .distil ? "sft" : choice.rawValue
        var lines = [
            "schema: 1", "name: first-try", "model: path/to/model",
            "adapter: \(adapter?.kind?.rawValue ?? "qlora")", "method: \(method)",
        ]
        let format = choice == .dpo ? ", format: preference" : choice == .pretrain ? ", format: text" : ""
        lines.append("data:")
        lines.append("  train: [{path: train.jsonl\(format)}]")
        if choice != .rft { lines.append("  val_fraction: 0.05") }
        if choice == .rft {
            lines += ["rewards:", "  - {verifier: exact, target: answer}", "rollout: {max_new_tokens: 256}"]
            lines += ["train: {max_steps: 200}"]
        } else {
            lines += ["train: {epochs: \(choice == .dpo || choice == .pretrain ? 1 : 2)}"]
        }
        let suite =
            choice == .pretrain
            ? "{name: general, path: general.jsonl, metric: perplexity}"
            : "{name: test, path: test.jsonl, verifier: exact}"
        lines += ["evaluation:", "  at_start: true", "  suites:", "    - \(suite)", "gate:", "  require:"]
        lines.append(
            choice == .pretrain
                ? "    - {metric: suites.general.perplexity, max_rise: 0.02}"
                : "    - {metric: suites.test.accuracy, min_gain: 0.05}")
        return lines.joined(separator: "\n") + "\n"
    }
}
