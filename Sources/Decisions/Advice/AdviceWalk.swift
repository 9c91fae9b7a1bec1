import Reports

/// The walk through the five gates: each either lets on, or ends it with something better than tuning.
struct AdviceWalk {
    private let answers: AdviceAnswers
    private(set) var gates: [Advice.Gate] = []
    private(set) var choice = Advice.Choice.dont
    private(set) var title = ""
    private(set) var reason = ""
    private var isOver = false

    private static let questions = [
        "Is a strong model with a good prompt enough?", "Would it do with retrieval or tools?",
        "Would a reasoning model do?", "Is the task narrow and repetitive?",
        "Are there at least \(Advice.exampleFloor) good examples?",
    ]

    init(_ answers: AdviceAnswers) { self.answers = answers }

    mutating func run() {
        prompt()
        retrieval()
        reasoning()
        narrowness()
        examples()
        money()
    }

    // MARK: The gates

    private mutating func prompt() {
        switch answers.prompt {
        case .untried:
            stop(
                "not tried", "Try it first: an afternoon may save the project.", .prompt,
                "Write a good prompt for a strong model first",
                "Nobody has tried yet whether the strongest model you may use does the task with a clear instruction and "
                    + "a few examples. That takes an afternoon, and its failures are what a tuned model would be judged by."
            )
        case .enough:
            stop(
                "good enough", "There is nothing to gain by tuning.", .prompt, "Keep the prompt",
                "A strong model with a prompt is good, fast and cheap enough already. A tuned model would have to be "
                    + "trained, hosted and kept up to date to do the same.")
        case .costly:
            pass("good enough, but too slow or too dear", "Its answers can teach a small model.")
        case .short: pass("tried; it falls short", "The failures are known, and can be measured.")
        }
    }

    private mutating func retrieval() {
        switch (answers.missing, answers.retrieval) {
        case (.nothing, _): pass("nothing has to be looked up", "What is missing is behaviour, which tuning can teach.")
        case (let missing, .untried):
            stop(
                missing == .facts ? "facts are missing; retrieval not tried" : "it has to act; tools not tried",
                "Give it what it lacks.", .retrieve,
                missing == .facts
                    ? "Retrieve the facts and put them into the prompt" : "Give the model tools",
                missing == .facts
                    ? "What fails, fails for facts: documents, records, things that change. Tuning stores facts badly and "
                        + "they age in the weights; retrieval keeps them where they can be corrected."
                    : "What fails, fails because the model has to look up or do something. No amount of training lets it "
                        + "see what it is not shown.")
        case (_, .enough):
            stop(
                "with retrieval or tools it is good enough", "There is nothing to gain by tuning.", .retrieve,
                "Keep retrieval or tools", "With what it lacks put before it, the model is good enough.")
        case (_, .short):
            pass(
                "with retrieval or tools it still falls short",
                "Tune for how it uses them, and put retrieved text or tool results into the training rows.")
        }
    }

    private mutating func reasoning() {
        switch answers.reasoning {
        case .unneeded: pass("not needed", "The answer follows without steps in between.")
        case .untried:
            stop(
                "several steps; not tried", "Try one first.", .prompt, "Try a reasoning model first",
                "The task takes several steps of thought, and a model made for that has not been tried. Tuning a model "
                    + "that cannot take the steps teaches it to guess.")
        case .enough:
            stop(
                "good enough", "There is nothing to gain by tuning.", .prompt, "Use the reasoning model",
                "A reasoning model does the task well, fast and cheaply enough.")
        case .costly: pass("good enough, but too slow or too dear", "Its answers can teach a small model.")
        case .short: pass("tried; it falls short", "Where answers can be checked, rewards can teach the steps.")
        }
    }

    private mutating func narrowness() {
        if answers.goal == .domain {
            return pass("a whole field", "What is to be learnt is the field's language, not one task.")
        }
        guard answers.narrow else {
            return stop(
                "no, it is broad", "A general model stays ahead.", .dont, "Don't tune: the task is too broad",
                "Requests of many kinds need a general model, and tuning narrows it. Pick the one kind of request that is "
                    + "most frequent and always alike, and ask again for that.")
        }
        pass("yes", "A small model can be as good as a large one here.")
    }

    private mutating func examples() {
        let examples = answers.examples
        let floor = Advice.exampleFloor
        let counts = [
            (examples.demonstrations, "answered"), (examples.pairs, "pairs"), (examples.prompts, "unanswered"),
        ].filter { $0.0 > 0 }.map { "\(ReportText.grouped($0.0)) \($0.1)" }
        let words = counts.isEmpty ? "none" : counts.joined(separator: ", ")
        if answers.goal == .domain { return domain(examples) }
        if examples.quality == .noisy {
            return stop(
                words + ", known to be noisy", "Mend them first.", .dont, "Don't tune yet: mend the examples",
                "A tuned model repeats the mistakes of its examples with confidence. `hone data check` ranks the rows that "
                    + "are likely wrong; \(floor) good ones are worth more than thousands of doubtful ones.")
        }
        let quality = examples.quality == .good ? ", checked" : ", not checked yet"
        guard let (method, why) = method(examples) else {
            return stop(
                words, "Collect more.", .dont, "Don't tune yet: there are too few examples",
                shortage(examples))
        }
        pass(words + quality, why)
        end(method, Self.title(method), why)
    }

    private mutating func domain(_ examples: ExampleAnswers) {
        let tokens = "\(ReportText.grouped(examples.corpusTokens)) tokens of text"
        guard examples.corpusTokens >= Advice.corpusFloor else {
            return stop(
                tokens, "Too little to learn a field from.", .dont, "Don't pretrain: there is too little text",
                "Going on with pretraining changes little below some \(ReportText.grouped(Advice.corpusFloor)) tokens; "
                    + "there are \(ReportText.grouped(examples.corpusTokens)). Retrieve from the text instead, or collect more."
            )
        }
        let why =
            "There is enough text for the model to learn the field's language; a task is tuned on top of it afterwards."
        pass(tokens, why)
        end(.pretrain, Self.title(.pretrain), why)
    }

    /// The method that the examples carry, and why; `nil` where they carry none.
    private func method(_ examples: ExampleAnswers) -> (Advice.Choice, String)? {
        let floor = Advice.exampleFloor
        let questions = examples.prompts + examples.demonstrations
        if answers.goal == .style, examples.pairs >= floor {
            return (
                .dpo,
                "What is wanted is easier to choose than to write down, and there are pairs of a better and a worse answer."
            )
        }
        if examples.checkable, questions >= floor, examples.solves != .never,
            answers.reasoning == .short || examples.demonstrations < floor && !answers.hasTeacher
        {
            return (
                .rft,
                "A program can tell right answers from wrong ones, and the model is right often enough to learn from its "
                    + "own successes."
            )
        }
        if examples.demonstrations >= floor {
            return (.sft, "There are enough good answers to show the model what is wanted.")
        }
        if answers.hasTeacher, questions >= floor {
            return (
                .distil,
                "A strong model answers well enough: let it answer your own questions, keep the answers that pass, and "
                    + "train a small model on them."
            )
        }
        if examples.pairs >= floor {
            return (.dpo, "There are enough pairs of a better and a worse answer.")
        }
        return nil
    }

    private func shortage(_ examples: ExampleAnswers) -> String {
        let floor = Advice.exampleFloor
        let most = max(examples.demonstrations, examples.pairs, examples.prompts)
        var text =
            "Below \(floor) examples a model learns their wording rather than the task, and too few are left to measure by. "
        if examples.checkable, examples.prompts + examples.demonstrations >= floor, examples.solves == .never {
            text +=
                "Rewards cannot help either: a model that is never right has no success to learn from. Write \(floor) good "
                + "answers first."
        } else if examples.prompts >= floor {
            text +=
                "There are \(ReportText.grouped(examples.prompts)) questions without answers: have a strong model answer "
                + "them and check a sample, or write a verifier that can tell a right answer."
        } else {
            text += "There are \(ReportText.grouped(most)); collect \(ReportText.grouped(max(1, floor - most))) more."
        }
        return text
    }

    /// Where money is the reason, the saving must be more than a rounding error.
    private mutating func money() {
        guard choice.trains, answers.goal == .cost, let cost = answers.cost.costCase else { return }
        guard let refusal = cost.refusal else {
            reason +=
                " It saves \(cost.netSaving.text(cost.currency)) a year, maintenance paid, and is paid back in "
                + "\(cost.paybackText)."
            return
        }
        choice = .dont
        title = "Don't tune: the saving is a rounding error"
        reason = refusal
    }

    private static func title(_ choice: Advice.Choice) -> String {
        switch choice {
        case .sft: "Tune: supervised fine-tuning (SFT)"
        case .dpo: "Tune: preference optimisation (DPO)"
        case .rft: "Tune: reward fine-tuning (RFT)"
        case .distil: "Distil: train a small model on a strong one's answers"
        case .pretrain: "Continue pretraining on the field's text"
        case .prompt: "Prompt"
        case .retrieve: "Retrieve"
        case .dont: "Don't tune"
        }
    }

    // MARK: Steps of the walk

    private mutating func pass(_ answer: String, _ consequence: String) {
        let number = gates.count + 1
        let question = Self.questions[min(number, 5) - 1]
        gates.append(
            Advice.Gate(
                number: number, question: question, answer: isOver ? "" : answer, isPassed: isOver ? nil : true,
                consequence: isOver ? "" : consequence))
    }

    private mutating func stop(
        _ answer: String, _ consequence: String, _ choice: Advice.Choice, _ title: String, _ reason: String
    ) {
        guard !isOver else { return pass(answer, consequence) }
        let number = gates.count + 1
        gates.append(
            Advice.Gate(
                number: number, question: Self.questions[min(number, 5) - 1], answer: answer, isPassed: false,
                consequence: consequence))
        end(choice, title, reason)
    }

    private mutating func end(_ choice: Advice.Choice, _ title: String, _ reason: String) {
        guard !isOver else { return }
        isOver = true
        self.choice = choice
        self.title = title
        self.reason = reason
    }
}
