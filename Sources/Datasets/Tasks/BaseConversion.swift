public import Statistics
public import TextCore

/// A number written in another base, with small letters after 9.
public struct BaseConversion: ProceduralTask {
    public struct State: TaskState {
        let number: Int
        let from: Int
        let to: Int

        init(number: Int, from: Int, to: Int) {
            self.number = number
            self.from = from
            self.to = to
        }

        public init?(json: JSON) {
            guard let number = json["number"]?.wholeNumber(in: 0...Int.max),
                let from = json["from"]?.wholeNumber(in: 2...36), let to = json["to"]?.wholeNumber(in: 2...36)
            else { return nil }
            self.init(number: number, from: from, to: to)
        }

        public var json: JSON { ["number": .integer(number), "from": .integer(from), "to": .integer(to)] }
    }

    public static let name = "base_conversion"
    public static let summary = "write a number in another base"
    public static let chance = "below 1 %"
    public static let levels: [TaskLevel] = [
        ["bits": 6, "smallest_base": 2, "largest_base": 2], ["bits": 8, "smallest_base": 2, "largest_base": 2],
        ["bits": 10, "smallest_base": 2, "largest_base": 16],
    ]

    public init() {}

    /// Between decimal and a base of the level, in either direction.
    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let bases = Array(level["smallest_base"]...level["largest_base"]).filter { $0 != 10 }
        let base = random.pick(bases)
        let isToDecimal = random.chance(50)
        return State(
            number: random.number(in: 0...(1 << level["bits"]) - 1), from: isToDecimal ? base : 10,
            to: isToDecimal ? 10 : base)
    }

    public func prompt(_ state: State) -> String {
        "base \(state.from) to \(state.to): \(String(state.number, radix: state.from))\n"
    }

    public func answer(_ state: State) -> String? { String(state.number, radix: state.to) }
}
