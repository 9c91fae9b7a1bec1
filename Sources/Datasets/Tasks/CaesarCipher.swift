public import Statistics
public import TextCore

/// Letters moved along the alphabet, which begins again after z.
public struct CaesarCipher: ProceduralTask {
    public struct State: TaskState {
        let text: String
        let shift: Int

        init(text: String, shift: Int) {
            self.text = text
            self.shift = shift
        }

        public init?(json: JSON) {
            guard let text = json["text"]?.shortText(atMost: 200, of: JSON.smallLetters),
                let shift = json["shift"]?.wholeNumber(in: 1...25)
            else { return nil }
            self.init(text: text, shift: shift)
        }

        public var json: JSON { ["text": .string(text), "shift": .integer(shift)] }
    }

    public static let name = "caesar_cipher"
    public static let summary = "move each letter of a word along the alphabet"
    public static let chance = "about 0"
    public static let levels: [TaskLevel] = [
        ["shift": 1, "shortest": 3, "longest": 4], ["shift": 3, "shortest": 3, "longest": 6],
        ["shift": 25, "shortest": 3, "longest": 6],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        State(text: random.word(level["shortest"]...level["longest"]), shift: random.number(in: 1...level["shift"]))
    }

    public func prompt(_ state: State) -> String { "shift \(state.shift): \(state.text)\n" }

    public func answer(_ state: State) -> String? {
        let moved = state.text.utf8.map { (Int($0) - 97 + state.shift) % 26 + 97 }
        return String(decoding: moved.map { UInt8($0) }, as: UTF8.self)
    }
}
