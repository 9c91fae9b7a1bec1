import Foundation

/// One question of `hone advise`: the same on a terminal, in the template and in its answers.
public struct AdviceQuestion: Sendable {
    /// Where the answer stands in a file: `cost.requests_per_day`.
    public let key: String
    /// The gate that it belongs to, from 1; `nil` for none.
    public let gate: Int?
    /// What is asked.
    public let text: String
    /// What helps to answer; shown for `?`.
    public let help: String
    /// The words that are taken with what each means; empty where anything of the right form is.
    public let choices: [(word: String, meaning: String)]
    /// Whether it matters after the answers before it.
    public let isAsked: @Sendable (AdviceAnswers) -> Bool
    /// The answer so far, as it is typed; empty for none.
    public let current: @Sendable (AdviceAnswers) -> String
    /// Takes an answer; returns what is wrong with it, `nil` for nothing.
    private let take: @Sendable (inout AdviceAnswers, String) -> String?

    /// Takes an answer as typed.
    ///
    /// - Returns: what is wrong with it; `nil` where it was taken.
    public func set(_ answers: inout AdviceAnswers, _ text: String) -> String? { take(&answers, text) }

    private init(
        _ key: String, gate: Int? = nil, _ text: String, help: String, choices: [(String, String)] = [],
        isAsked: @escaping @Sendable (AdviceAnswers) -> Bool = { _ in true },
        current: @escaping @Sendable (AdviceAnswers) -> String,
        take: @escaping @Sendable (inout AdviceAnswers, String) -> String?
    ) {
        self.key = key
        self.gate = gate
        self.text = text
        self.help = help
        self.choices = choices.map { (word: $0.0, meaning: $0.1) }
        self.isAsked = isAsked
        self.current = current
        self.take = take
    }

    /// A question with a few words for answers. A number counts into them, and the beginning of a word will do.
    private static func word<Word: RawRepresentable & CaseIterable & Sendable>(
        _ key: String, gate: Int? = nil, _ property: any WritableKeyPath<AdviceAnswers, Word> & Sendable,
        _ text: String,
        _ meanings: [(Word, String)], help: String,
        isAsked: @escaping @Sendable (AdviceAnswers) -> Bool = { _ in true }
    ) -> AdviceQuestion where Word.RawValue == String {
        let words = meanings.map { $0.0.rawValue }
        return AdviceQuestion(
            key, gate: gate, text, help: help, choices: meanings.map { ($0.0.rawValue, $0.1) }, isAsked: isAsked,
            current: { $0[keyPath: property].rawValue },
            take: { answers, text in
                let typed = text.lowercased()
                let starting = words.filter { $0.hasPrefix(typed) }
                let chosen =
                    words.contains(typed)
                    ? typed
                    : Int(typed).flatMap { words.indices.contains($0 - 1) ? words[$0 - 1] : nil }
                        ?? (starting.count == 1 ? starting[0] : nil)
                guard let value = chosen.flatMap({ Word(rawValue: $0) }) else {
                    return "one of \(words.joined(separator: ", ")), or its number"
                }
                answers[keyPath: property] = value
                return nil
            })
    }

    private static func yes(
        _ key: String, gate: Int? = nil, _ property: any WritableKeyPath<AdviceAnswers, Bool> & Sendable,
        _ text: String,
        help: String, isAsked: @escaping @Sendable (AdviceAnswers) -> Bool = { _ in true }
    ) -> AdviceQuestion {
        AdviceQuestion(
            key, gate: gate, text, help: help, choices: [("true", "yes"), ("false", "no")], isAsked: isAsked,
            current: { $0[keyPath: property] ? "true" : "false" },
            take: { answers, text in
                switch text.lowercased() {
                case "true", "yes", "y", "1": answers[keyPath: property] = true
                case "false", "no", "n", "2": answers[keyPath: property] = false
                default: return "yes or no"
                }
                return nil
            })
    }

    private static func value<Value: Sendable>(
        _ key: String, gate: Int? = nil, _ property: any WritableKeyPath<AdviceAnswers, Value> & Sendable,
        _ text: String,
        wants: String, help: String, isAsked: @escaping @Sendable (AdviceAnswers) -> Bool = { _ in true },
        read: @escaping @Sendable (String) -> Value?, show: @escaping @Sendable (Value) -> String
    ) -> AdviceQuestion {
        AdviceQuestion(
            key, gate: gate, text, help: help, isAsked: isAsked, current: { show($0[keyPath: property]) },
            take: { answers, text in
                guard let value = read(text) else { return wants }
                answers[keyPath: property] = value
                return nil
            })
    }

    private static func count(
        _ key: String, gate: Int? = nil, _ property: any WritableKeyPath<AdviceAnswers, Int> & Sendable, _ text: String,
        help: String, isAsked: @escaping @Sendable (AdviceAnswers) -> Bool = { _ in true }
    ) -> AdviceQuestion {
        value(
            key, gate: gate, property, text, wants: "a whole number from 0 on", help: help, isAsked: isAsked,
            read: { ParameterCount($0)?.count ?? ($0 == "0" ? 0 : nil) }, show: { String($0) })
    }

    private static func money(
        _ key: String, _ property: any WritableKeyPath<AdviceAnswers, Money> & Sendable, _ text: String, help: String,
        isAsked: @escaping @Sendable (AdviceAnswers) -> Bool = { _ in true }
    ) -> AdviceQuestion {
        value(
            key, property, text, wants: "an amount such as 0.005", help: help, isAsked: isAsked, read: { Money($0) },
            show: { "\($0.amount)" })
    }

    private static func price(
        _ key: String, _ property: any WritableKeyPath<AdviceAnswers, Money?> & Sendable, _ text: String, help: String,
        isAsked: @escaping @Sendable (AdviceAnswers) -> Bool = { _ in true }
    ) -> AdviceQuestion {
        value(
            key, property, text, wants: "an amount such as 0.005", help: help, isAsked: isAsked,
            read: { Money($0).map { .some($0) } }, show: { $0.map { "\($0.amount)" } ?? "" })
    }

    /// All questions in their order.
    public static let all: [AdviceQuestion] = first + gates + examples + machine + amounts

    private static let first: [AdviceQuestion] = [
        value(
            "task", \.task, "What is the model to do?", wants: "a few words",
            help: "A few words for the report's title.",
            read: { $0 }, show: { $0 }),
        word(
            "goal", \.goal, "What is to become better?",
            [
                (.quality, "more answers right"), (.cost, "cheaper requests"), (.latency, "faster answers"),
                (.format, "the form of the answers"), (.style, "their tone"),
                (.domain, "a whole field or language that the model hardly knows"),
            ], help: "The one thing you would measure. Where it is cost, the money decides at the end."),
    ]

    private static let gates: [AdviceQuestion] = [
        word(
            "prompt", gate: 1, \.prompt, "Has a strong model with a good prompt been tried?",
            [
                (.untried, "not yet"), (.enough, "yes, and it is enough"),
                (.costly, "yes; it is good enough, but too slow or too dear"), (.short, "yes, and it falls short"),
            ],
            help: "The strongest model that you may use, with a clear instruction and three to five examples."),
        word(
            "missing", gate: 2, \.missing, "What does the model lack?",
            [
                (.nothing, "nothing has to be looked up"), (.facts, "documents, records, things that change"),
                (.tools, "it has to look up, compute or do something"),
            ], help: "Put the right document into the prompt by hand: if the answer is then right, it lacked facts."),
        word(
            "retrieval", gate: 2, \.retrieval, "Has it been given that, by retrieval or tools?",
            [(.untried, "not yet"), (.enough, "yes, and it is enough"), (.short, "yes, and it falls short")],
            help: "By hand for twenty requests is enough to know.", isAsked: { $0.missing != .nothing }),
        word(
            "reasoning", gate: 3, \.reasoning, "Does it take steps of thought, and was a reasoning model tried?",
            [
                (.unneeded, "no steps are needed"), (.untried, "not tried yet"), (.enough, "tried, and it is enough"),
                (.costly, "good enough, but too slow or too dear"), (.short, "tried, and it falls short"),
            ], help: "Mathematics, planning and code take steps; sorting, extracting and rewriting rarely do."),
        yes(
            "narrow", gate: 4, \.narrow, "Is the task narrow and repetitive?",
            help: "Requests that are all of one kind, with answers of one form: thousands of times the same work.",
            isAsked: { $0.goal != .domain }),
    ]

    private static let examples: [AdviceQuestion] = [
        count(
            "examples.demonstrations", gate: 5, \.examples.demonstrations,
            "How many questions with good answers are there?",
            help: "Pairs of a request and the answer you would sign, from people or from a model that was checked.",
            isAsked: { $0.goal != .domain }),
        count(
            "examples.pairs", gate: 5, \.examples.pairs, "How many pairs of a better and a worse answer?",
            help: "From edits, ratings or comparisons of two answers to the same request.",
            isAsked: { $0.goal != .domain }),
        count(
            "examples.prompts", gate: 5, \.examples.prompts, "How many more real requests without an answer?",
            help: "Logs count. They can be answered by a strong model or learnt from by rewards.",
            isAsked: { $0.goal != .domain }),
        word(
            "examples.quality", gate: 5, \.examples.quality, "Has somebody looked at the examples?",
            [(.unchecked, "not yet"), (.good, "yes, and they are good"), (.noisy, "yes, and many are wrong")],
            help: "Read fifty, at random.", isAsked: { $0.goal != .domain }),
        yes(
            "examples.checkable", gate: 5, \.examples.checkable,
            "Can a program tell a right answer from a wrong one?",
            help: "A number, a label, a test that passes, JSON that fits a schema: then rewards can teach.",
            isAsked: { $0.goal != .domain }),
        word(
            "examples.solves", gate: 5, \.examples.solves, "How often is the model to tune right already?",
            [(.never, "never"), (.sometimes, "sometimes"), (.mostly, "mostly")],
            help: "Of eight answers drawn to the same question: none, some, most.",
            isAsked: { $0.goal != .domain && $0.examples.checkable }),
        count(
            "examples.corpus_tokens", gate: 5, \.examples.corpusTokens, "How many tokens of plain text of the field?",
            help: "About four bytes of English text are a token: 40 MB are ten million.",
            isAsked: { $0.goal == .domain }),
    ]

    private static let machine: [AdviceQuestion] = [
        value(
            "model.parameters", \.model.parameters, "How large is the model to tune?",
            wants: "a number such as 8B or 600M",
            help: "Its parameters; the name often tells. Leave it empty where none is chosen.",
            read: { ParameterCount($0).map { .some($0) } }, show: { $0?.text ?? "" }),
        value(
            "model.memory", \.model.memory, "How much memory is there to train in?", wants: "an amount such as 24GB",
            help: "Of the accelerator, or of the machine where there is none.",
            read: { ByteAmount($0).map { .some($0) } }, show: { $0.map { "\($0.bytes)" } ?? "" }),
    ]

    private static let hasVolume: @Sendable (AdviceAnswers) -> Bool = { $0.cost.requestsPerDay != nil }

    private static let amounts: [AdviceQuestion] = [
        value(
            "cost.requests_per_day", \.cost.requestsPerDay, "How many requests a day?", wants: "a whole number",
            help: "Leave it empty to leave the money out.", read: { ParameterCount($0).map { .some($0.count) } },
            show: { $0.map(String.init) ?? "" }),
        price(
            "cost.now.per_request", \.cost.now.perRequest, "What does a request cost now?",
            help: "Tokens times their price. A file can give tokens and prices instead.", isAsked: hasVolume),
        price(
            "cost.tuned.per_request", \.cost.tuned.perRequest, "What would it cost with the tuned model?",
            help: "The price of a small model, or the machine's price an hour by requests an hour.", isAsked: hasVolume),
        money(
            "cost.tuned.per_month", \.cost.tuned.perMonth, "What does hosting it cost a month, besides?",
            help: "A rented machine that is paid for whether it works or not.", isAsked: hasVolume),
        money(
            "cost.training", \.cost.training, "What does the training itself cost?",
            help: "Hours of the machine times its price; several tries.", isAsked: hasVolume),
        value(
            "cost.hours", \.cost.hours, "How many hours of people's work?", wants: "a number of hours",
            help: "Collecting, checking, training, putting it into use.", isAsked: hasVolume,
            read: { Money($0)?.amount }, show: { "\($0)" }),
        money(
            "cost.hourly_rate", \.cost.hourlyRate, "What does an hour of them cost?",
            help: "With everything that is paid besides the wage.", isAsked: hasVolume),
        count(
            "cost.labelled", \.cost.labelled, "How many examples have to be labelled?",
            help: "Those that are not there yet, test included.", isAsked: hasVolume),
        money(
            "cost.price_per_label", \.cost.pricePerLabel, "What does one label cost?",
            help: "A minute of somebody who knows the subject.",
            isAsked: { hasVolume($0) && $0.cost.labelled > 0 }),
    ]
}
