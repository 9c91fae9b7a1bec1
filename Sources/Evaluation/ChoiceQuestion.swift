import OrderedCollections
import ShardIO
public import TextCore
import Tokenization
public import Training

/// A question with answers to choose from, read from a row of any of the usual files.
///
/// Read are (the column `answer` may also be called `label`, `answerKey`, `gold`, `target` or `correct`):
///
/// - `question` (or `query`, `input`, `prompt`, `goal`, `question_stem`) with `choices` (or `options`), a list of texts:
///   MMLU and what follows it;
/// - `question` and `choices: {text: […], label: […]}`, or a list of `{text, label}`: ARC, OpenBookQA, CommonsenseQA;
/// - columns `A`, `B`, `C`, … beside `question`, as MMLU's CSV files have them;
/// - `ctx` (or `context`) with `endings`, texts that go on: HellaSwag;
/// - `sol1` and `sol2` beside the question: PIQA; `option1`, `option2`, …, whose own numbers the answer then is;
/// - `mc1_targets: {choices, labels}`: TruthfulQA.
///
/// The right answer is a number from 0, a letter, one of the labels, or the answer's own text.
public struct ChoiceQuestion: Sendable, Hashable {
    /// How the answers are put to the model.
    public enum Form: String, Sendable, Hashable, CaseIterable {
        /// The question alone; each answer's text is what the model might say.
        case text
        /// The question and the answers under letters; each letter is what the model might say.
        case letters
    }

    /// What is asked, or the text that goes on.
    public var question: String
    /// The answers, at least two.
    public var choices: [String]
    /// Which of them is right.
    public var answer: Int
    /// Whether the answers are endings of the text rather than answers to it.
    public var isContinued = false

    private static let questions = ["question", "query", "question_stem", "goal", "input", "prompt", "sentence"]
    private static let contexts = ["ctx", "context"]
    private static let lists = ["choices", "options", "endings", "mc1_targets"]
    private static let answers = ["answer", "answerKey", "label", "gold", "target", "correct", "answer_idx"]

    /// A question.
    ///
    /// - Precondition: `answer` is the place of a choice.
    public init(question: String, choices: [String], answer: Int, isContinued: Bool = false) {
        precondition(choices.indices.contains(answer), "answer \(answer) of \(choices.count) choices")
        self.question = question
        self.choices = choices
        self.answer = answer
        self.isContinued = isContinued
    }

    /// Reads a row.
    ///
    /// - Parameters:
    ///   - row: the columns, an object.
    ///   - target: the column with the right answer; the usual names are tried when `nil`.
    /// - Throws: `EvaluationError` with what the row lacks.
    public init(row: JSON, target: String? = nil) throws(EvaluationError) {
        guard var members = row.object else { throw EvaluationError("a row is an object, and this is \(row.kind)") }
        // ARC's original files put everything into the question.
        if let inner = members["question"]?.object {
            members["choices"] = members["choices"] ?? inner["choices"]
            members["question"] = inner["stem"] ?? inner["text"]
        }
        let found = try Self.choices(members)
        (choices, isContinued) = (found.texts, found.isContinued)
        guard choices.count > 1 else {
            throw EvaluationError("\(choices.count) choices leave nothing to choose; write at least two")
        }
        let names = isContinued ? Self.contexts + Self.questions : Self.questions + Self.contexts
        guard let question = names.lazy.compactMap({ members[$0]?.string }).first else {
            throw EvaluationError(
                "there is no question: none of the columns \(Self.questions.joined(separator: ", ")) is a text. Name it "
                    + "with `columns: {question: …}`")
        }
        self.question = question
        if let right = found.right {
            answer = right
        } else {
            let value: JSON?
            if let target {
                value = members[target]
            } else {
                value = Self.answers.lazy.compactMap { members[$0] }.first { !$0.isNull }
            }
            guard let value else {
                throw EvaluationError(
                    "the right answer is missing: there is no column "
                        + (target.map { "'\($0)'" } ?? Self.answers.joined(separator: ", "))
                        + ". Name it with `target`")
            }
            answer = try Self.place(of: value, labels: found.labels, choices: found.texts)
        }
    }

    /// The column of a row whose text is the question; `nil` where there is none.
    public static func questionColumn(of row: JSON) -> String? {
        let names = row["endings"] == nil ? questions + contexts : contexts + questions
        return names.first { row[$0]?.string != nil }
    }

    // MARK: Reading

    private typealias Found = (texts: [String], labels: [String], right: Int?, isContinued: Bool)

    private static func choices(_ members: OrderedDictionary<String, JSON>) throws(EvaluationError) -> Found {
        for name in lists {
            guard let value = members[name] else { continue }
            let isContinued = name == "endings"
            if let list = value.array {
                let texts = list.map { $0.string ?? $0["text"]?.string ?? ($0.double == nil ? nil : $0.text()) }
                guard !texts.contains(nil) else {
                    throw EvaluationError("`\(name)` is a list of texts, or of objects with `text` and `label`")
                }
                return (texts.compactMap(\.self), list.compactMap { $0["label"]?.string }, nil, isContinued)
            }
            guard let texts = (value["text"] ?? value["choices"])?.array?.compactMap(\.string) else {
                throw EvaluationError("`\(name)` is \(value.kind); write a list of texts")
            }
            // TruthfulQA marks the right one with 1.
            let marks = value["labels"]?.array?.map(\.int)
            let right = marks.flatMap { $0.count { $0 == 1 } == 1 ? $0.firstIndex(of: 1) : nil }
            let labels = (value["label"]?.array ?? []).compactMap { $0.string ?? $0.int.map(String.init) }
            return (texts, labels, right.flatMap { $0 < texts.count ? $0 : nil }, isContinued)
        }
        for pattern in ["sol%", "option%", "choice%", "ending%"] {
            let texts = run(members, from: 1) { pattern.replacing("%", with: "\($0)") }
            if texts.count > 1 {
                // PIQA's labels count from 0 although its columns do not.
                let first = pattern == "sol%" ? 0 : 1
                return (texts, texts.indices.map { "\($0 + first)" }, nil, pattern == "ending%")
            }
            let others = run(members, from: 0) { pattern.replacing("%", with: "\($0)") }
            if others.count > 1 { return (others, (0..<others.count).map(String.init), nil, pattern == "ending%") }
        }
        let lettered = run(members, from: 0) { letter($0) }
        guard lettered.count > 1 else {
            throw EvaluationError(
                "there are no choices: write `choices`, a list of texts, or columns A, B, C, …; its columns are "
                    + members.keys.joined(separator: ", "))
        }
        return (lettered, lettered.indices.map { letter($0) }, nil, false)
    }

    /// The texts of the columns that follow each other by number.
    private static func run(
        _ members: OrderedDictionary<String, JSON>, from first: Int, _ name: (Int) -> String
    ) -> [String] {
        var texts: [String] = []
        while texts.count < 26, let text = members[name(first + texts.count)]?.string { texts.append(text) }
        return texts
    }

    /// A for 0, and so on.
    static func letter(_ index: Int) -> String { String(UnicodeScalar(UInt8(65 + index % 26))) }

    private static func place(
        of value: JSON, labels: [String], choices: [String]
    ) throws(EvaluationError) -> Int {
        // A number counts from 0 unless the choices have numbers of their own; then nothing else will do, as a file that
        // counts otherwise would be read with every answer moved by one.
        let hasNumbers = !labels.isEmpty && labels.allSatisfy { Int($0) != nil }
        if let number = value.int ?? (hasNumbers ? value.string.flatMap { Int($0) } : nil),
            !labels.contains("\(number)")
        {
            guard !hasNumbers else {
                throw EvaluationError(
                    "the right answer is number \(number), and the choices are numbered \(labels.joined(separator: ", "))"
                )
            }
            guard choices.indices.contains(number) else {
                throw EvaluationError(
                    "the right answer is number \(number), and the \(choices.count) choices count from 0")
            }
            return number
        }
        let word = value.string ?? value.int.map(String.init) ?? value.text()
        if let place = labels.firstIndex(of: word) { return place }
        let byText = choices.firstIndex(of: word)
        let scalars = Array(word.unicodeScalars)
        var bySign: Int?
        if scalars.count == 1, let code = scalars.first?.value {
            let place = code >= 97 ? Int(code) - 97 : code >= 65 ? Int(code) - 65 : Int(code) - 48
            let isSign = (48...57).contains(code) || (65...90).contains(code) || (97...122).contains(code)
            if isSign, choices.indices.contains(place) { bySign = place }
        }
        switch (byText, bySign) {
        case (let place?, nil), (nil, let place?): return place
        case (let text?, let sign?) where text == sign: return text
        case (.some, .some):
            throw EvaluationError(
                "the right answer '\(word)' may be a place or a text of the choices; write the place as a number from 0"
            )
        case (nil, nil):
            throw EvaluationError(
                "the right answer \(value.text().clipped(to: 80)) is none of the choices; write its number from 0, its "
                    + "letter, or its text")
        }
    }

    // MARK: Tokens

    /// The question as it is asked, and the answers as they are given.
    public func asked(_ form: Form) -> (question: String, answers: [String]) {
        guard form == .letters, !isContinued else { return (question, choices) }
        let lines = choices.enumerated().map { "\(Self.letter($0)). \($1)" }
        return (question + "\n" + lines.joined(separator: "\n"), choices.indices.map { Self.letter($0) })
    }

    /// The question with its answers as tokens.
    ///
    /// A model with a chat template is asked in a turn of the user, and what it might say begins where its own turn
    /// begins; any other model goes on after `Answer:`. Endings go on with the text itself, without a template.
    ///
    /// - Throws: `EncodingError` when the template refuses the question, or an answer has no token.
    public func item(
        id: String, source: String, form: Form = .text, encoder: ExampleEncoder
    ) throws(EncodingError) -> SuiteItem {
        guard form == .text || choices.count <= 26 else {
            throw EncodingError(
                source: source,
                message: "\(choices.count) choices are more than there are letters; "
                    + "write `choices: text`")
        }
        let (question, answers) = asked(form)
        let message: JSON = ["role": "user", "content": .string(question)]
        var prompt: [Int]
        var ids: [[Int32]]
        if encoder.template != nil, !isContinued {
            prompt = try encoder.prompt(messages: [message], source: source)
            ids = answers.map { encoder.tokenizer.encode($0, addSpecialTokens: false).map { Int32($0) } }
        } else {
            let text = isContinued ? question : question + "\nAnswer:"
            prompt = try encoder.prompt(.text(TextRecord(text: text, info: .init(provenance: .nowhere))))
            let rows = answers.map { encoder.tokenizer.encode(text + " " + $0) }
            // Tokens that merge with the answer's beginning belong to the answer.
            let shared = rows.reduce(prompt.count) { count, row in
                min(count, zip(prompt, row).prefix { $0 == $1 }.count)
            }
            prompt = Array(prompt.prefix(shared))
            ids = rows.map { $0.dropFirst(shared).filter { !encoder.stopIDs.contains($0) }.map { Int32($0) } }
        }
        guard ids.allSatisfy({ !$0.isEmpty }), !prompt.isEmpty else {
            throw EncodingError(source: source, message: "a choice or the question is empty, so it has no probability")
        }
        var item = SuiteItem(id: id, source: source, prompt: prompt, expected: choices[answer])
        item.messages = [message]
        item.given = zip(ids, zip(choices, answers)).map { ids, texts in
            .init(ids: ids, text: texts.0, length: Double(max(1, texts.1.utf8.count)))
        }
        item.right = answer
        return item
    }
}

extension Provenance {
    fileprivate static let nowhere = Provenance(file: "", line: 0, byteOffset: 0, ordinal: 0)
}
