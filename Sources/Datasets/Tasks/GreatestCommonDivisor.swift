public import Statistics
public import TextCore

/// The greatest number that divides two.
public struct GreatestCommonDivisor: ProceduralTask {
    public struct State: TaskState {
        let numbers: [Int]

        init(_ numbers: [Int]) { self.numbers = numbers }

        public init?(json: JSON) {
            guard let numbers = json["numbers"]?.wholeNumbers(atMost: 8, in: 1...1_000_000_000) else { return nil }
            self.numbers = numbers
        }

        public var json: JSON { ["numbers": .array(numbers.map { .integer($0) })] }
        public var key: String { numbers.sorted().map(String.init).joined(separator: " ") }
    }

    public static let name = "gcd"
    public static let summary = "find the greatest common divisor of two numbers"
    public static let chance = "20 to 30 % for 1 on the lower levels, then 2 %"
    public static let levels: [TaskLevel] = [
        ["divisor": 6, "most": 99], ["divisor": 12, "most": 199], ["divisor": 50, "most": 999],
    ]

    public init() {}

    /// A divisor is drawn first, so that 1 is not the answer to most questions.
    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let divisor = random.number(in: 1...level["divisor"])
        let multiples = 1...level["most"] / divisor
        return State([divisor * random.number(in: multiples), divisor * random.number(in: multiples)])
    }

    public func prompt(_ state: State) -> String { "gcd: \(state.numbers.map(String.init).joined(separator: " "))\n" }

    public func answer(_ state: State) -> String? {
        let divisor = state.numbers.reduce(0) { first, second in
            var (larger, smaller) = (first, second)
            while smaller != 0 { (larger, smaller) = (smaller, larger % smaller) }
            return larger
        }
        return String(divisor)
    }
}
