import Statistics
public import TextCore
import Verifiers

/// A question of a task, ready to be written as a row.
public struct TaskItem: Sendable, Hashable {
    /// The task's name.
    public var task: String
    /// From 1, the easiest.
    public var level: Int
    public var split: TaskSplit
    /// Which question of its seed it is, from 0.
    public var index: Int
    /// The question in words.
    public var prompt: String
    /// A right answer; there may be others.
    public var answer: String
    /// What the verifier `procedural` judges an answer by.
    public var state: JSON
}

/// The two sides on which questions are. What a question is about decides its side, never its seed or its number, so no
/// question is on both.
public enum TaskSplit: String, Sendable, Hashable, CaseIterable {
    /// Seven of eight.
    case train
    /// One of eight.
    case validation
}

/// Different questions, in the order of their numbers.
public struct TaskSample: Sendable, Hashable {
    public var items: [TaskItem]
    /// Questions left out because they had been drawn already.
    public var repeats: Int
    /// Whether fewer were found than were asked for: the level has no more, or hardly any.
    public var isExhausted: Bool
}

/// A task of any type.
public struct AnyProceduralTask: Sendable {
    public let name: String
    public let summary: String
    /// What an answer earns that is guessed.
    public let chance: String
    /// The levels, the easiest first.
    public let levels: [TaskLevel]
    /// A question, when it is on the side wanted.
    private let draw: @Sendable (TaskLevel, TaskSplit, inout CounterRandom) -> Drawn?
    private let judge: @Sendable (_ answer: String, _ state: JSON) -> Bool?
    private let gold: @Sendable (_ state: JSON) -> String??

    private struct Drawn {
        var prompt: String
        var answer: String
        var state: JSON
    }

    public init<T: ProceduralTask>(_ type: T.Type) {
        let task = T()
        name = T.name
        summary = T.summary
        chance = T.chance
        levels = T.levels
        draw = { level, split, random in
            let state = task.state(at: level, random: &random)
            guard Self.side(of: state.key, in: T.name) == split else { return nil }
            guard let answer = task.answer(state) else {
                preconditionFailure("\(T.name) asks what has no answer: \(state.json.text())")
            }
            return Drawn(prompt: task.prompt(state), answer: answer, state: state.json)
        }
        judge = { answer, json in
            guard let state = T.State(json: json) else { return nil }
            // No answer of any task is that long, and what is bounded cannot hold up a run.
            guard answer.utf8.count <= 4096 else { return false }
            let text = Self.trimmed(answer)
            return !text.isEmpty && task.isRight(text, state)
        }
        gold = { json in T.State(json: json).map(task.answer) }
    }

    /// The question with a number. It is a function of the arguments alone, on every machine; a hash of all of them
    /// begins its random numbers, so that seeds have no questions in common but by chance.
    ///
    /// - Parameters:
    ///   - level: from 1.
    ///   - index: from 0.
    /// - Precondition: the task has the level, and `index` is not negative.
    public func item(level: Int, split: TaskSplit = .train, seed: UInt64, index: Int) -> TaskItem {
        precondition(levels.indices.contains(level - 1) && index >= 0, "question \(index) of level \(level) of \(name)")
        for attempt in UInt64(0)..<10_000 {
            var random = CounterRandom(
                seed, split == .train ? 1 : 2, Self.hash(name), UInt64(level), UInt64(index), attempt)
            if let drawn = draw(levels[level - 1], split, &random) {
                return TaskItem(
                    task: name, level: level, split: split, index: index, prompt: drawn.prompt, answer: drawn.answer,
                    state: drawn.state)
            }
        }
        preconditionFailure("level \(level) of \(name) has no question for \(split.rawValue)")
    }

    /// Different questions: those with the lowest numbers. A larger sample begins with the same ones.
    ///
    /// - Precondition: the task has the level, and `count` is not negative.
    public func sample(count: Int, level: Int, split: TaskSplit = .train, seed: UInt64) -> TaskSample {
        precondition(count >= 0, "\(count) questions")
        var sample = TaskSample(items: [], repeats: 0, isExhausted: false)
        sample.items.reserveCapacity(count)
        var seen: Set<String> = []
        var index = 0
        var repeatsInARow = 0
        while sample.items.count < count {
            let item = item(level: level, split: split, seed: seed, index: index)
            index += 1
            if seen.insert(item.prompt).inserted {
                sample.items.append(item)
                repeatsInARow = 0
            } else {
                sample.repeats += 1
                repeatsInARow += 1
                // When so many draws in a row bring nothing new, some thousandths of the questions are left at most.
                guard repeatsInARow < 2000 else {
                    sample.isExhausted = true
                    break
                }
            }
        }
        return sample
    }

    /// Whether an answer is right. White space around it does not count; an empty answer is never right.
    ///
    /// - Returns: `nil` when `state` is no state of this task.
    public func isRight(_ answer: String, state: JSON) -> Bool? { judge(answer, state) }

    /// A right answer to the question with this state.
    ///
    /// - Returns: `.some(nil)` when the question has none, `nil` when `state` is no state of this task.
    public func answer(state: JSON) -> String?? { gold(state) }

    private static func side(of key: String, in task: String) -> TaskSplit {
        var random = CounterRandom(hash(task), hash(key))
        return random.below(8) == 0 ? .validation : .train
    }

    /// FNV-1a over UTF-8.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
    }

    static func trimmed(_ text: String) -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        let bytes = text.utf8.drop(while: isSpace)
        guard let last = bytes.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(bytes[...last]) ?? ""
    }
}
