import OrderedCollections
public import Statistics
public import TextCore

/// The legs of some animals.
public struct LegCounting: ProceduralTask {
    /// Name, name of several, legs.
    private static let animals: OrderedDictionary<String, (plural: String, legs: Int)> = [
        "hen": ("hens", 2), "duck": ("ducks", 2), "cow": ("cows", 4), "dog": ("dogs", 4), "cat": ("cats", 4),
        "horse": ("horses", 4), "ant": ("ants", 6), "bee": ("bees", 6), "spider": ("spiders", 8), "crab": ("crabs", 10),
        "snail": ("snails", 0), "fish": ("fish", 0),
    ]

    public struct State: TaskState {
        /// How many of each, in the order in which they are named.
        let counts: OrderedDictionary<String, Int>

        init(_ counts: OrderedDictionary<String, Int>) { self.counts = counts }

        public init?(json: JSON) {
            guard let members = json["animals"]?.object, !members.isEmpty else { return nil }
            var counts: OrderedDictionary<String, Int> = [:]
            for (animal, value) in members {
                guard LegCounting.animals[animal] != nil, let count = value.wholeNumber(in: 1...1_000_000) else {
                    return nil
                }
                counts[animal] = count
            }
            self.counts = counts
        }

        public var json: JSON { ["animals": .object(counts.mapValues { .integer($0) })] }
        public var key: String { counts.map { "\($0) \($1)" }.sorted().joined(separator: ", ") }
    }

    public static let name = "leg_counting"
    public static let summary = "count the legs of some animals"
    public static let chance = "2 to 7 %"
    public static let levels: [TaskLevel] = [
        ["kinds": 2, "most": 5], ["kinds": 3, "most": 5], ["kinds": 5, "most": 12],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let names = random.shuffled(Array(Self.animals.keys)).prefix(level["kinds"])
        return State(
            OrderedDictionary(uniqueKeysWithValues: names.map { ($0, random.number(in: 1...level["most"])) }))
    }

    public func prompt(_ state: State) -> String {
        let named = state.counts.map { "\($1) \($1 == 1 ? $0 : Self.animals[$0]?.plural ?? $0)" }
        return "legs: \(named.joined(separator: ", "))\n"
    }

    public func answer(_ state: State) -> String? {
        String(state.counts.reduce(0) { $0 + (Self.animals[$1.key]?.legs ?? 0) * $1.value })
    }
}
