import OrderedCollections
public import ShardIO
import Statistics
import TextCore

/// What a baseline is told before the question: an instruction, and examples with their answers.
public struct Preamble: Sendable, Hashable {
    /// A question that is answered.
    public struct Example: Sendable, Hashable {
        /// What is asked.
        public var prompt: RecordText
        /// The answer.
        public var answer: String

        /// An example.
        public init(prompt: RecordText, answer: String) {
            self.prompt = prompt
            self.answer = answer
        }
    }

    /// What is said first, as the system; empty for nothing.
    public var system: String
    /// Examples in their order, as earlier turns.
    public var examples: [Example]

    /// An instruction and examples.
    public init(system: String = "", examples: [Example] = []) {
        self.system = system
        self.examples = examples
    }

    /// Whether nothing is told.
    public var isEmpty: Bool { system.isEmpty && examples.isEmpty }

    /// The record with what is told before its question.
    public func applied(to record: TrainingRecord) -> TrainingRecord {
        guard !isEmpty else { return record }
        switch record {
        case .conversation(let record):
            let messages = before(record.messages)
            // Where the question ends must not be looked for among the examples' answers.
            let answer = record.messages.lastIndex { $0["role"]?.string == "assistant" }
            let count = record.promptCount ?? answer ?? record.messages.count
            return .conversation(
                ConversationRecord(
                    messages: messages, promptCount: count + messages.count - record.messages.count,
                    tools: record.tools, chatTemplateArguments: record.chatTemplateArguments, info: record.info))
        case .completion(var record):
            record.prompt = before(record.prompt)
            return .completion(record)
        case .prompt(var record):
            switch record.prompt {
            case .text(let text): record.prompt = .text(before(text))
            case .messages(let messages): record.prompt = .messages(before(messages))
            }
            return .prompt(record)
        case .text, .preference, .unpaired: return record
        }
    }

    /// A conversation's own system message gives way to the instruction.
    private func before(_ messages: [JSON]) -> [JSON] {
        var rest = messages[...]
        var first: [JSON] = []
        if rest.first?["role"]?.string == "system" { first = [rest.removeFirst()] }
        if !system.isEmpty { first = [["role": "system", "content": .string(system)]] }
        for example in examples {
            switch example.prompt {
            case .text(let text): first.append(["role": "user", "content": .string(text)])
            case .messages(let messages): first += messages.filter { $0["role"]?.string != "system" }
            }
            first.append(["role": "assistant", "content": .string(example.answer)])
        }
        return first + rest
    }

    /// Paragraphs, where nothing tells turns apart.
    private func before(_ text: String) -> String {
        let shown = examples.map { example -> String in
            switch example.prompt {
            case .text(let prompt): prompt + example.answer
            case .messages: example.question + "\n" + example.answer
            }
        }
        return ((system.isEmpty ? [] : [system]) + shown + [text]).joined(separator: "\n\n")
    }
}

extension Preamble.Example {
    /// A training row as an example; `nil` for one without an answer.
    ///
    /// - Parameters:
    ///   - record: the row.
    ///   - answer: the right answer, where it stands in a column of its own.
    public init?(_ record: TrainingRecord, answer column: String? = nil) {
        switch record {
        case .conversation(let record):
            let last = record.messages.last
            guard last?["role"]?.string == "assistant", let answer = column ?? last?["content"]?.string else {
                return nil
            }
            self.init(prompt: .messages(Array(record.messages.dropLast())), answer: answer)
        case .completion(let record):
            self.init(prompt: .text(record.prompt), answer: column ?? record.completion)
        case .prompt(let record):
            guard let column else { return nil }
            self.init(prompt: record.prompt, answer: column)
        case .preference(let record):
            switch record.chosen {
            case .text(let text): self.init(prompt: record.prompt, answer: text)
            case .messages(let messages):
                guard let text = messages.last?["content"]?.string else { return nil }
                self.init(prompt: record.prompt, answer: text)
            }
        case .text, .unpaired: return nil
        }
    }

    /// What is asked, as one text.
    public var question: String { prompt.question }
}

extension RecordText {
    /// The words, without roles: the same for a text and the turn of a user that has it.
    public var question: String {
        switch self {
        case .text(let text): text
        case .messages(let messages):
            messages.filter { $0["role"]?.string != "system" }.compactMap { $0["content"]?.string }
                .joined(separator: "\n")
        }
    }
}

/// Draws a few examples from many, without keeping the many.
///
/// Each has a random number that depends on the seed and on what it says; those with the least numbers are drawn, so that
/// neither the order of the rows nor rows beside them decide, and the same words are drawn once.
public struct FewShotDraw: Sendable {
    private let count: Int
    private let seed: UInt64
    private let excluded: Set<String>
    private var drawn: [(key: UInt64, example: Preamble.Example)] = []

    /// - Parameters:
    ///   - count: how many to draw.
    ///   - seed: of the random numbers.
    ///   - excluded: questions that must not be among them: those that are asked.
    public init(_ count: Int, seed: UInt64, excluding excluded: some Sequence<String>) {
        self.count = count
        self.seed = seed
        self.excluded = Set(excluded.map(Self.simplified))
    }

    /// Case and white space make no other question.
    private static func simplified(_ text: String) -> String {
        text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// Shows an example, which is drawn or not.
    public mutating func add(_ example: Preamble.Example) {
        guard count > 0, !excluded.contains(Self.simplified(example.question)) else { return }
        let hash = SHA256.digest(of: example.question + "\u{0}" + example.answer).bytes.prefix(8)
            .reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        var random = CounterRandom(seed, 0x6665_7773_686F_74, hash)
        let key = random.next()
        if drawn.count == count, let last = drawn.last, last.key <= key { return }
        guard !drawn.contains(where: { $0.key == key }) else { return }
        let place = drawn.firstIndex { $0.key > key } ?? drawn.count
        drawn.insert((key, example), at: place)
        if drawn.count > count { drawn.removeLast() }
    }

    /// Those that were drawn.
    public var examples: [Preamble.Example] { drawn.map(\.example) }
}
