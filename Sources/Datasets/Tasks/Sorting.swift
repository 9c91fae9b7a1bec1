public import Statistics
public import TextCore

/// Numbers put in order.
public struct Sorting: ProceduralTask {
    public struct State: TaskState {
        let numbers: [Int]
        let isDescending: Bool

        init(_ numbers: [Int], isDescending: Bool) {
            self.numbers = numbers
            self.isDescending = isDescending
        }

        public init?(json: JSON) {
            guard let numbers = json["numbers"]?.wholeNumbers(atMost: 64, in: -1_000_000_000...1_000_000_000),
                let isDescending = json["descending"]?.bool
            else { return nil }
            self.init(numbers, isDescending: isDescending)
        }

        public var json: JSON {
            ["numbers": .array(numbers.map { .integer($0) }), "descending": .bool(isDescending)]
        }
        public var key: String {
            numbers.sorted().map(String.init).joined(separator: " ") + (isDescending ? " down" : "")
        }
    }

    public static let name = "sorting"
    public static let summary = "put numbers in order"
    public static let chance = "1 of n! orders of n numbers, once the numbers are copied without fail"
    public static let levels: [TaskLevel] = [
        ["shortest": 3, "longest": 3, "most": 20, "descending": 0],
        ["shortest": 3, "longest": 4, "most": 99, "descending": 0],
        ["shortest": 4, "longest": 5, "most": 99, "descending": 0],
        ["shortest": 5, "longest": 8, "most": 999, "descending": 1],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let isDescending = level["descending"] == 1 && random.chance(50)
        let count = random.number(in: level["shortest"]...level["longest"])
        return State((0..<count).map { _ in random.number(in: 0...level["most"]) }, isDescending: isDescending)
    }

    public func prompt(_ state: State) -> String {
        "sort\(state.isDescending ? " down" : ""): \(state.numbers.map(String.init).joined(separator: " "))\n"
    }

    public func answer(_ state: State) -> String? {
        (state.isDescending ? state.numbers.sorted(by: >) : state.numbers.sorted()).map(String.init)
            .joined(separator: " ")
    }
}

/// Words put in the order of the alphabet.
public struct WordSorting: ProceduralTask {
    public struct State: TaskState {
        let words: [String]

        init(_ words: [String]) { self.words = words }

        public init?(json: JSON) {
            guard let elements = json["words"]?.array, (1...64).contains(elements.count) else { return nil }
            words = elements.compactMap { $0.shortText(atMost: 40, of: JSON.smallLetters) }
            guard words.count == elements.count else { return nil }
        }

        public var json: JSON { ["words": .array(words.map { .string($0) })] }
        public var key: String { words.sorted().joined(separator: " ") }
    }

    public static let name = "word_sorting"
    public static let summary = "put words in the order of the alphabet"
    public static let chance = "1 of n! orders of n words, once the words are copied without fail"
    public static let levels: [TaskLevel] = [
        ["words": 3, "shortest": 2, "longest": 3], ["words": 4, "shortest": 3, "longest": 5],
        ["words": 6, "shortest": 3, "longest": 8],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        State((0..<level["words"]).map { _ in random.word(level["shortest"]...level["longest"]) })
    }

    public func prompt(_ state: State) -> String { "sort: \(state.words.joined(separator: " "))\n" }

    public func answer(_ state: State) -> String? { state.words.sorted().joined(separator: " ") }
}
