public import OrderedCollections
public import Statistics
public import TextCore
public import Verifiers

/// A kind of question that a rule makes, and whose answers a rule judges: no two machines disagree about either.
///
/// A question is its state: the prompt and a right answer follow from it, and an answer is judged against it alone. A
/// new task is a file with a type like this and a row in `TaskRegistry.builtin`.
public protocol ProceduralTask: Sendable {
    /// What a question is about, without words.
    associatedtype State: TaskState

    /// The name that recipes and commands use.
    static var name: String { get }
    /// What is asked, in one line.
    static var summary: String { get }
    /// What an answer earns that is guessed, in a few words.
    static var chance: String { get }
    /// The levels, the easiest first; level 1 is the first.
    static var levels: [TaskLevel] { get }

    init()

    /// Draws a question. It is a function of the level and of the numbers drawn.
    func state(at level: TaskLevel, random: inout CounterRandom) -> State

    /// The question in words.
    func prompt(_ state: State) -> String

    /// A right answer; `nil` when there is none, which a state that was drawn never has.
    func answer(_ state: State) -> String?

    /// Whether an answer, of which the white space around it was taken off, is right. There is nothing between right
    /// and wrong.
    func isRight(_ answer: String, _ state: State) -> Bool
}

extension ProceduralTask {
    /// Whether it is the answer, byte for byte.
    public func isRight(_ answer: String, _ state: State) -> Bool {
        self.answer(state).map { $0.utf8.elementsEqual(answer.utf8) } ?? false
    }
}

/// What a question is about. The JSON of a state gives it back, and JSON that is no sound state gives `nil`, so that
/// nothing a file holds can bring a task to a stop.
public protocol TaskState: JSONReadable, Hashable {
    /// The state as it stands in a row.
    var json: JSON { get }
    /// Equal for questions that are the same but for the order in which things are named, so that a split can keep
    /// them on one side.
    var key: String { get }
}

extension TaskState {
    public static var expectation: String { "the state of a question of this task" }
    public var key: String { json.text() }
}

/// How hard a question is: whole numbers with names.
public struct TaskLevel: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// The numbers, in the order in which they are best read.
    public let parameters: OrderedDictionary<String, Int>

    public init(dictionaryLiteral elements: (String, Int)...) {
        parameters = OrderedDictionary(uniqueKeysWithValues: elements)
    }

    /// The number with this name.
    ///
    /// - Precondition: the level has it.
    public subscript(name: String) -> Int {
        guard let value = parameters[name] else { preconditionFailure("no parameter '\(name)' in \(parameters)") }
        return value
    }

    /// `digits 2, terms 3`.
    public var description: String { parameters.map { "\($0) \($1)" }.joined(separator: ", ") }
}

extension CounterRandom {
    /// A number of a range.
    public mutating func number(in range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    /// A word of random small letters, of a length in `lengths`.
    mutating func word(_ lengths: ClosedRange<Int>, of letters: String = JSON.smallLetters) -> String {
        let letters = Array(letters)
        return String((0..<number(in: lengths)).map { _ in pick(letters) })
    }

    /// The elements in random order.
    mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
        permutation(elements.count).map { elements[$0] }
    }
}

extension JSON {
    /// The whole numbers of a list, when it has between 1 and `most`, each within `range`.
    func wholeNumbers(atMost most: Int, in range: ClosedRange<Int>) -> [Int]? {
        guard let elements = array, (1...most).contains(elements.count) else { return nil }
        let numbers = elements.compactMap(\.int).filter(range.contains)
        return numbers.count == elements.count ? numbers : nil
    }

    /// The text, when it has between 1 and `most` bytes, all of them in `allowed`.
    func shortText(atMost most: Int, of allowed: String) -> String? {
        guard let text = string, (1...most).contains(text.utf8.count) else { return nil }
        let bytes = Set(allowed.utf8)
        return text.utf8.allSatisfy(bytes.contains) ? text : nil
    }

    /// The whole number, when it is within `range`.
    func wholeNumber(in range: ClosedRange<Int>) -> Int? { int.flatMap { range.contains($0) ? $0 : nil } }

    /// The small letters of the alphabet.
    static let smallLetters = "abcdefghijklmnopqrstuvwxyz"

    /// Whether two values are the same: the order of members does not count, and 3 is 3.0.
    func isSameValue(as other: JSON) -> Bool {
        switch (self, other) {
        case (.object(let first), .object(let second)):
            first.count == second.count
                && first.allSatisfy { key, value in second[key].map(value.isSameValue) ?? false }
        case (.array(let first), .array(let second)):
            first.count == second.count && zip(first, second).allSatisfy { $0.isSameValue(as: $1) }
        case (.integer, .number), (.number, .integer): int != nil && int == other.int
        default: self == other
        }
    }
}
