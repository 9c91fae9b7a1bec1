public import Statistics
public import TextCore

/// Whole numbers multiplied.
public struct Products: ProceduralTask {
    public struct State: TaskState {
        let factors: [Int]

        init(_ factors: [Int]) { self.factors = factors }

        public init?(json: JSON) {
            guard let factors = json["factors"]?.wholeNumbers(atMost: 3, in: -1_000_000...1_000_000) else { return nil }
            self.factors = factors
        }

        public var json: JSON { ["factors": .array(factors.map { .integer($0) })] }
        public var key: String { factors.sorted().map(String.init).joined(separator: " ") }
    }

    public static let name = "products"
    public static let summary = "multiply whole numbers"
    public static let chance = "about 5 % for small factors, then 1 % and less"
    public static let levels: [TaskLevel] = [
        ["factors": 2, "most": 12], ["factors": 2, "most": 20], ["factors": 2, "most": 99], ["factors": 3, "most": 20],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        State((0..<level["factors"]).map { _ in random.number(in: 2...level["most"]) })
    }

    public func prompt(_ state: State) -> String {
        "product: \(state.factors.map(String.init).joined(separator: "*"))\n"
    }

    public func answer(_ state: State) -> String? { String(state.factors.reduce(1, *)) }
}
