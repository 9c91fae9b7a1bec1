public import Statistics
public import TextCore

/// A sum of whole numbers, some of them taken away.
public struct ChainSum: ProceduralTask {
    public struct State: TaskState {
        /// Signed, in order.
        let terms: [Int]

        init(_ terms: [Int]) { self.terms = terms }

        public init?(json: JSON) {
            guard let terms = json["terms"]?.wholeNumbers(atMost: 32, in: -1_000_000_000...1_000_000_000) else {
                return nil
            }
            self.terms = terms
        }

        public var json: JSON { ["terms": .array(terms.map { .integer($0) })] }
        /// 12+34 and 34+12 are one question.
        public var key: String { terms.sorted().map(String.init).joined(separator: " ") }
    }

    public static let name = "chain_sum"
    public static let summary = "add and subtract whole numbers"
    public static let chance = "about 10 % for the commonest sum of one digit, about 1 % of two digits, then 0"
    public static let levels: [TaskLevel] = [
        ["terms": 2, "digits": 1, "subtraction": 0], ["terms": 2, "digits": 2, "subtraction": 0],
        ["terms": 2, "digits": 2, "subtraction": 1], ["terms": 3, "digits": 2, "subtraction": 1],
        ["terms": 4, "digits": 3, "subtraction": 1],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let power = (1..<level["digits"]).reduce(1) { power, _ in power * 10 }
        let range = (power == 1 ? 0 : power)...(power * 10 - 1)
        return State(
            (0..<level["terms"]).map { place in
                let term = random.number(in: range)
                return place > 0 && level["subtraction"] == 1 && random.chance(50) ? -term : term
            })
    }

    public func prompt(_ state: State) -> String {
        let signed = state.terms.enumerated().map { $0 > 0 && $1 >= 0 ? "+\($1)" : "\($1)" }
        return "sum: \(signed.joined())\n"
    }

    public func answer(_ state: State) -> String? { String(state.terms.reduce(0, +)) }
}
