public import Statistics
public import TextCore

/// An expression that uses each of some numbers once and gives a number wanted: most questions have several answers.
public struct Countdown: ProceduralTask {
    public struct State: TaskState {
        let numbers: [Int]
        let target: Int
        /// Those allowed, of `+-*/`.
        let operators: String

        init(numbers: [Int], target: Int, operators: String) {
            self.numbers = numbers
            self.target = target
            self.operators = operators
        }

        public init?(json: JSON) {
            guard let numbers = json["numbers"]?.wholeNumbers(atMost: 5, in: 0...1_000_000),
                let target = json["target"]?.wholeNumber(in: -1_000_000_000...1_000_000_000),
                let operators = json["operators"]?.shortText(atMost: 4, of: "+-*/")
            else { return nil }
            self.init(numbers: numbers, target: target, operators: operators)
        }

        public var json: JSON {
            [
                "numbers": .array(numbers.map { .integer($0) }), "target": .integer(target),
                "operators": .string(operators),
            ]
        }
        public var key: String { numbers.sorted().map(String.init).joined(separator: " ") + " = \(target)" }
    }

    public static let name = "countdown"
    public static let summary = "write an expression of all the given numbers that gives a number wanted; any is right"
    public static let chance = "about 25 % with three numbers, + and - (four ways to sign them), then a few percent"
    public static let levels: [TaskLevel] = [
        ["numbers": 3, "most": 20, "operators": 2], ["numbers": 3, "most": 20, "operators": 3],
        ["numbers": 4, "most": 50, "operators": 3], ["numbers": 4, "most": 99, "operators": 4],
    ]

    public init() {}

    /// The wanted number is the value of a random expression, and never negative.
    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let operators = String("+-*/".prefix(level["operators"]))
        while true {
            let numbers = (0..<level["numbers"]).map { _ in random.number(in: 1...level["most"]) }
            var text = String(numbers[0])
            for number in random.shuffled(Array(numbers.dropFirst())) {
                let right = "\(random.pick(Array(operators)))\(number)"
                text = (random.chance(50) ? "(\(text))" : text) + right
            }
            if let value = ArithmeticExpression(text)?.value, value.denominator == 1,
                (0...999).contains(value.numerator)
            {
                return State(numbers: numbers, target: value.numerator, operators: operators)
            }
        }
    }

    public func prompt(_ state: State) -> String {
        "make \(state.target): \(state.numbers.map(String.init).joined(separator: " "))\n"
    }

    public func answer(_ state: State) -> String? { CountdownSolver(state).solution }

    public func isRight(_ answer: String, _ state: State) -> Bool {
        guard let expression = ArithmeticExpression(answer) else { return false }
        return expression.value == Rational(state.target) && expression.numbers.sorted() == state.numbers.sorted()
            && expression.operators.isSubset(of: Set(state.operators))
    }
}

/// Finds an expression by trying all: those without parentheses and with the numbers as they stand come first.
private struct CountdownSolver {
    let state: Countdown.State

    init(_ state: Countdown.State) { self.state = state }

    var solution: String? { plain("", left: state.numbers) ?? nested(state.numbers.map { (Rational($0), "\($0)") }) }

    /// Numbers and operators in a row.
    private func plain(_ text: String, left: [Int]) -> String? {
        guard !left.isEmpty else {
            return ArithmeticExpression(text)?.value == Rational(state.target) ? text : nil
        }
        for index in left.indices {
            var rest = left
            let number = rest.remove(at: index)
            for sign in text.isEmpty ? [""] : state.operators.map(String.init) {
                if let found = plain("\(text)\(sign)\(number)", left: rest) { return found }
            }
        }
        return nil
    }

    /// Any two parts put together, until one is left.
    private func nested(_ parts: [(value: Rational, text: String)]) -> String? {
        if parts.count == 1 { return parts[0].value == Rational(state.target) ? parts[0].text : nil }
        for first in parts.indices {
            for second in parts.indices where second != first {
                let others = parts.indices.filter { $0 != first && $0 != second }.map { parts[$0] }
                for sign in state.operators {
                    guard let value = result(parts[first].value, sign, parts[second].value) else { continue }
                    let text = "\(inner(parts[first].text))\(sign)\(inner(parts[second].text))"
                    if let found = nested([(value, text)] + others) { return found }
                }
            }
        }
        return nil
    }

    private func inner(_ text: String) -> String { Int(text) == nil ? "(\(text))" : text }

    private func result(_ first: Rational, _ sign: Character, _ second: Rational) -> Rational? {
        switch sign {
        case "+": first + second
        case "-": first - second
        case "*": first * second
        default: first / second
        }
    }
}
