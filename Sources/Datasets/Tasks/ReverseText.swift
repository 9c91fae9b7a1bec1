public import Statistics
public import TextCore

/// A text of small letters and spaces.
public struct LetterText: TaskState {
    let text: String

    init(_ text: String) { self.text = text }

    public init?(json: JSON) {
        guard let text = json["text"]?.shortText(atMost: 200, of: JSON.smallLetters + " "),
            text.utf8.first != 0x20, text.utf8.last != 0x20
        else { return nil }
        self.text = text
    }

    public var json: JSON { ["text": .string(text)] }
}

/// Words written backwards, the last letter first.
public struct ReverseText: ProceduralTask {
    public static let name = "reverse_text"
    public static let summary = "write a text backwards"
    public static let chance = "about 0; one letter of 26 for each place"
    public static let levels: [TaskLevel] = [
        ["words": 1, "shortest": 3, "longest": 4], ["words": 1, "shortest": 3, "longest": 6],
        ["words": 1, "shortest": 6, "longest": 10], ["words": 3, "shortest": 3, "longest": 6],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> LetterText {
        let words = (0..<level["words"]).map { _ in random.word(level["shortest"]...level["longest"]) }
        return LetterText(words.joined(separator: " "))
    }

    public func prompt(_ state: LetterText) -> String { "reverse: \(state.text)\n" }

    public func answer(_ state: LetterText) -> String? { String(state.text.reversed()) }
}
