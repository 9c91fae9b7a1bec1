public import Statistics
public import TextCore

/// How often a letter is in a word.
public struct LetterCount: ProceduralTask {
    public struct State: TaskState {
        let letter: String
        let text: String

        init(letter: String, text: String) {
            self.letter = letter
            self.text = text
        }

        public init?(json: JSON) {
            guard let letter = json["letter"]?.shortText(atMost: 1, of: JSON.smallLetters),
                let text = json["text"]?.shortText(atMost: 200, of: JSON.smallLetters)
            else { return nil }
            self.init(letter: letter, text: text)
        }

        public var json: JSON { ["letter": .string(letter), "text": .string(text)] }
    }

    public static let name = "letter_count"
    public static let summary = "say how often a letter is in a word"
    public static let chance = "30 to 40 %: 1 or 2 is the commonest answer"
    public static let levels: [TaskLevel] = [
        ["alphabet": 3, "shortest": 3, "longest": 5], ["alphabet": 4, "shortest": 4, "longest": 8],
        ["alphabet": 5, "shortest": 8, "longest": 16],
    ]

    public init() {}

    /// The word has few different letters, or the answer would nearly always be 0 or 1.
    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let letters = String(random.shuffled(Array(JSON.smallLetters)).prefix(level["alphabet"]))
        return State(
            letter: String(random.pick(Array(letters))),
            text: random.word(level["shortest"]...level["longest"], of: letters))
    }

    public func prompt(_ state: State) -> String { "count \(state.letter): \(state.text)\n" }

    public func answer(_ state: State) -> String? { String(state.text.count { String($0) == state.letter }) }
}
