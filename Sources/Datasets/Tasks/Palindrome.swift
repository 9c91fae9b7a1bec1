public import Statistics
public import TextCore

/// A palindrome of given letters: most questions have many, and any will do.
public struct Palindrome: ProceduralTask {
    public struct State: TaskState {
        let letters: String

        init(_ letters: String) { self.letters = letters }

        public init?(json: JSON) {
            guard let letters = json["letters"]?.shortText(atMost: 200, of: JSON.smallLetters) else { return nil }
            self.letters = letters
        }

        public var json: JSON { ["letters": .string(letters)] }
        public var key: String { String(letters.sorted()) }
    }

    public static let name = "palindrome"
    public static let summary = "write a palindrome of all the given letters; any is right"
    public static let chance = "at most 33 % for four letters in random order, about 0 for more"
    public static let levels: [TaskLevel] = [
        ["shortest": 4, "longest": 5], ["shortest": 4, "longest": 8], ["shortest": 8, "longest": 12],
    ]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        let length = random.number(in: level["shortest"]...level["longest"])
        let half = random.word(length / 2...length / 2)
        let middle = random.word(length % 2...length % 2)
        return State(String(random.shuffled(Array(half + half + middle))))
    }

    public func prompt(_ state: State) -> String { "palindrome: \(state.letters)\n" }

    /// The first of the alphabet; `nil` where two letters come an odd number of times.
    public func answer(_ state: State) -> String? {
        var half: [UInt8] = []
        var middle: [UInt8] = []
        for letter in state.letters.utf8.sorted() {
            if middle.last == letter {
                middle.removeLast()
                half.append(letter)
            } else {
                middle.append(letter)
            }
        }
        guard middle.count <= 1 else { return nil }
        return String(decoding: half + middle + half.reversed(), as: UTF8.self)
    }

    public func isRight(_ answer: String, _ state: State) -> Bool {
        let bytes = Array(answer.utf8)
        return bytes.elementsEqual(bytes.reversed()) && bytes.sorted() == state.letters.utf8.sorted()
    }
}
