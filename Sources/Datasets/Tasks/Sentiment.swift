public import Statistics
public import TextCore

/// What a short review says of a product, by the words in it: one of four labels.
public struct Sentiment: ProceduralTask {
    /// What a word says.
    enum Tone: String, CaseIterable {
        case positive, negative, neutral

        var words: [String] {
            switch self {
            case .positive: ["good", "great", "lovely", "superb", "quick", "cheap", "solid", "bright"]
            case .negative: ["bad", "poor", "awful", "broken", "slow", "costly", "flimsy", "dull"]
            case .neutral: ["blue", "round", "new", "small", "wooden", "plain", "square", "grey"]
            }
        }

        init?(word: String) {
            guard let tone = Self.allCases.first(where: { $0.words.contains(word) }) else { return nil }
            self = tone
        }

        /// What it says after "not": not blue says nothing.
        var negated: Tone {
            switch self {
            case .positive: .negative
            case .negative: .positive
            case .neutral: .neutral
            }
        }
    }

    /// One thing that is said: `the box was not good`.
    struct Clause: Hashable {
        let noun: String
        let word: String
        let isNegated: Bool

        var tone: Tone? { Tone(word: word).map { isNegated ? $0.negated : $0 } }
        var text: String { "the \(noun) was \(isNegated ? "not " : "")\(word)" }
    }

    public struct State: TaskState {
        let clauses: [Clause]

        init(_ clauses: [Clause]) { self.clauses = clauses }

        public init?(json: JSON) {
            guard let elements = json["clauses"]?.array, (1...16).contains(elements.count) else { return nil }
            clauses = elements.compactMap { element in
                guard let noun = element["noun"]?.shortText(atMost: 20, of: JSON.smallLetters),
                    let word = element["word"]?.string, Tone(word: word) != nil, let isNegated = element["not"]?.bool
                else { return nil }
                return Clause(noun: noun, word: word, isNegated: isNegated)
            }
            guard clauses.count == elements.count else { return nil }
        }

        public var json: JSON {
            [
                "clauses": .array(
                    clauses.map { ["noun": .string($0.noun), "word": .string($0.word), "not": .bool($0.isNegated)] })
            ]
        }
        public var key: String { clauses.map(\.text).sorted().joined(separator: ", ") }
    }

    public static let name = "label"
    public static let summary = "label a review as positive, negative, neutral or mixed"
    public static let chance = "25 %: the four labels are equally frequent"
    public static let levels: [TaskLevel] = [
        ["clauses": 2, "negation": 0], ["clauses": 2, "negation": 1], ["clauses": 4, "negation": 1],
    ]
    private static let nouns = ["box", "lamp", "chair", "parcel", "clock", "price", "colour", "handle", "lid", "cable"]

    public init() {}

    /// The label is drawn first, then what makes it so.
    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let count = level["clauses"]
        var tones: [Tone]
        switch random.below(4) {
        case 0: tones = [.positive] + (1..<count).map { _ in random.pick([.positive, .neutral]) }
        case 1: tones = [.negative] + (1..<count).map { _ in random.pick([.negative, .neutral]) }
        case 2: tones = Array(repeating: .neutral, count: count)
        default: tones = [.positive, .negative] + (2..<count).map { _ in random.pick(Tone.allCases) }
        }
        tones = random.shuffled(tones)
        let nouns = random.shuffled(Self.nouns)
        return State(
            tones.indices.map { index in
                let isNegated = level["negation"] == 1 && random.chance(30)
                let tone = isNegated ? tones[index].negated : tones[index]
                return Clause(noun: nouns[index], word: random.pick(tone.words), isNegated: isNegated)
            })
    }

    public func prompt(_ state: State) -> String { "label: \(state.clauses.map(\.text).joined(separator: ", "))\n" }

    public func answer(_ state: State) -> String? {
        let tones = Set(state.clauses.compactMap(\.tone)).subtracting([.neutral])
        return tones.count > 1 ? "mixed" : (tones.first ?? .neutral).rawValue
    }
}
