import Foundation
import OrderedCollections
public import TextCore

/// What to do instead of, or by, tuning a model, with the reasons.
public struct Advice: Sendable, Hashable {
    /// What to do.
    public enum Choice: String, Sendable, Hashable, CaseIterable {
        case prompt, retrieve, distil, sft, dpo, rft, pretrain
        case dont = "don't"

        /// Whether a model is trained.
        public var trains: Bool {
            switch self {
            case .distil, .sft, .dpo, .rft, .pretrain: true
            case .prompt, .retrieve, .dont: false
            }
        }
    }

    /// One of the five gates: what was asked, what was answered, and what follows.
    public struct Gate: Sendable, Hashable {
        /// 1 to 5.
        public let number: Int
        /// What it asks.
        public let question: String
        /// What was answered.
        public let answer: String
        /// Whether it is passed; `nil` where an earlier one had ended the walk.
        public let isPassed: Bool?
        /// What follows.
        public let consequence: String
    }

    /// What to do.
    public let choice: Choice
    /// The same in a sentence.
    public let title: String
    /// Why, in a paragraph.
    public let reason: String
    /// The gates in their order.
    public let gates: [Gate]
    /// Which weights to train; `nil` where none are.
    public let adapter: AdapterChoice?
    /// What the data must be.
    public let data: [String]
    /// What may go wrong.
    public let risks: [String]
    /// What to do next, in order.
    public let steps: [String]
    /// A recipe to begin with; empty where nothing is trained.
    public let recipe: String
    /// The money; `nil` where too little is known.
    public let cost: CostCase?
    /// What it was worked out from.
    public let answers: AdviceAnswers

    /// Examples below which tuning is not worth it.
    public static let exampleFloor = 500
    /// Held-out examples that a decision should rest on.
    public static let heldOut = 200
    /// Tokens of text below which going on with pretraining changes little.
    public static let corpusFloor = 10_000_000

    /// Walks through the gates.
    public init(_ answers: AdviceAnswers) {
        var walk = AdviceWalk(answers)
        walk.run()
        choice = walk.choice
        title = walk.title
        reason = walk.reason
        gates = walk.gates
        cost = answers.cost.costCase
        self.answers = answers
        adapter =
            walk.choice.trains
            ? AdapterChoice(answers.model, learnsMuch: walk.choice == .pretrain) : nil
        data = AdviceTexts.data(walk.choice)
        risks = AdviceTexts.risks(walk.choice, answers)
        steps = AdviceTexts.steps(walk.choice, answers)
        recipe = walk.choice.trains ? AdviceTexts.recipe(walk.choice, answers, adapter) : ""
    }

    /// Everything for scripts; amounts of money are numbers of the currency's unit.
    public var json: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "verdict": .string(choice.rawValue), "title": .string(title), "reason": .string(reason),
            "gates": .array(
                gates.map { gate in
                    [
                        "gate": .integer(gate.number), "question": .string(gate.question),
                        "answer": .string(gate.answer), "passed": gate.isPassed.map(JSON.bool) ?? .null,
                        "consequence": .string(gate.consequence),
                    ]
                }),
        ]
        if let adapter {
            members["adapter"] = [
                "type": adapter.kind.map { .string($0.rawValue) } ?? .null, "reason": .string(adapter.reason),
                "options": .array(
                    adapter.options.map { option in
                        [
                            "type": .string(option.kind.rawValue), "bytes": option.bytes.map(JSON.integer) ?? .null,
                            "fits": option.fits.map(JSON.bool) ?? .null,
                        ]
                    }),
            ]
        }
        members["cost"] = cost?.json ?? .null
        for (name, texts) in [("data", data), ("risks", risks), ("steps", steps)] {
            members[name] = .array(texts.map(JSON.string))
        }
        if !recipe.isEmpty { members["recipe"] = .string(recipe) }
        return .object(members)
    }
}

extension CostCase {
    /// Everything for scripts.
    public var json: JSON {
        func amounts(_ amounts: KeyValuePairs<String, Money>) -> [(String, JSON)] {
            amounts.map { ($0.key, .number($0.value.double)) }
        }
        var members = OrderedDictionary<String, JSON>(
            uniqueKeysWithValues: [
                ("currency", .string(currency)), ("requests_per_day", .integer(requestsPerDay)),
            ]
                + amounts([
                    "now_per_request": now, "tuned_per_request": tuned, "now_per_day": dailyNow,
                    "tuned_per_day": dailyTuned, "now_per_year": yearlyNow, "tuned_per_year": yearlyTuned,
                    "saved_per_year": yearlySaving, "one_time": oneTime, "training": training, "work": work,
                    "labelling": labelling, "maintenance_per_year": maintenance, "net_saving_per_year": netSaving,
                    "first_year": firstYear, "smallest_saving": smallestSaving,
                ]))
        members["payback_days"] = paybackDays.map(JSON.integer) ?? .null
        members["break_even_requests_per_day"] = breakEvenVolume.map(JSON.integer) ?? .null
        members["recommended_from_requests_per_day"] = smallestVolume.map(JSON.integer) ?? .null
        members["refused"] = refusal.map(JSON.string) ?? .null
        return .object(members)
    }
}
