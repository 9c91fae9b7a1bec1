public import Statistics
public import TextCore

/// The next number of a sequence made by a rule.
public struct NumberSequence: ProceduralTask {
    /// How a number follows from the one before.
    enum Rule: String, CaseIterable {
        /// A number is added.
        case add
        /// It is multiplied by a number.
        case multiply
        /// Two numbers are added by turns.
        case alternate
    }

    public struct State: TaskState {
        let start: Int
        let rule: Rule
        let by: [Int]
        /// Numbers shown.
        let count: Int

        init(start: Int, rule: Rule, by: [Int], count: Int) {
            self.start = start
            self.rule = rule
            self.by = by
            self.count = count
        }

        public init?(json: JSON) {
            guard let start = json["start"]?.wholeNumber(in: -1_000_000...1_000_000),
                let rule = json["rule"]?.string.flatMap(Rule.init(rawValue:)),
                let by = json["by"]?.wholeNumbers(atMost: 2, in: -1000...1000),
                by.count == (rule == .alternate ? 2 : 1),
                // 1000 to the fourth power times a million is the largest number.
                let count = json["count"]?.wholeNumber(in: rule == .multiply ? 3...4 : 3...32)
            else { return nil }
            self.init(start: start, rule: rule, by: by, count: count)
        }

        public var json: JSON {
            [
                "start": .integer(start), "rule": .string(rule.rawValue), "by": .array(by.map { .integer($0) }),
                "count": .integer(count),
            ]
        }

        /// The numbers shown and the one after.
        var numbers: [Int] {
            var numbers = [start]
            for place in 0..<count {
                let step = by[place % by.count]
                numbers.append(rule == .multiply ? numbers[place] * step : numbers[place] + step)
            }
            return numbers
        }
        /// What is shown, whatever the rule behind it.
        public var key: String { numbers.map(String.init).joined(separator: " ") }
    }

    public static let name = "number_sequence"
    public static let summary = "continue a sequence: a number added, multiplied by, or two added by turns"
    public static let chance = "1 to 3 %"
    public static let levels: [TaskLevel] = [
        ["start": 20, "step": 9, "rules": 1, "shown": 4], ["start": 50, "step": 20, "rules": 2, "shown": 4],
        ["start": 99, "step": 20, "rules": 3, "shown": 6],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let rule = Rule.allCases[random.below(level["rules"])]
        let start = random.number(in: 1...level["start"])
        let step = random.number(in: 1...level["step"])
        switch rule {
        case .add: return State(start: start, rule: rule, by: [step], count: level["shown"])
        case .multiply: return State(start: start % 9 + 1, rule: rule, by: [step % 4 + 2], count: 4)
        case .alternate:
            let other = random.number(in: -level["step"]...level["step"])
            return State(start: start, rule: rule, by: [step, other], count: level["shown"])
        }
    }

    public func prompt(_ state: State) -> String {
        "next: \(state.numbers.dropLast().map(String.init).joined(separator: " "))\n"
    }

    public func answer(_ state: State) -> String? { state.numbers.last.map(String.init) }
}
