import Evaluation
import Foundation
import OrderedCollections
import ShardIO
import TextCore
import Tokenization
import Training
import Verifiers

/// The rows of a suite of a recipe, tokenized, each with its verifier and what it expects.
enum SuiteData {
    /// Reads a suite.
    ///
    /// - Parameter preamble: what is told before each question that a model answers; part of no other suite.
    /// - Throws: `DataError`, `EncodingError`, or `CommandFailure` for a row or an option that is wrong.
    static func suite(
        _ settings: SuiteSettings, text: ModelText, trainOn: TrainOn, rewards: RewardAssembly,
        preamble: Preamble = Preamble()
    ) throws -> Suite {
        let encoder = text.encoder(trainOn: trainOn)
        var suite: Suite
        switch settings.metric {
        case .loss?, .perplexity?, .divergence?:
            let judgement: Suite.Judgement =
                settings.metric == .divergence ? .divergence : .loss(asPerplexity: settings.metric == .perplexity)
            suite = Suite(name: settings.name, judgement: judgement, items: try measuredItems(settings, encoder))
        case .multipleChoice?:
            suite = Suite(name: settings.name, judgement: .multipleChoice, items: try choiceItems(settings, encoder))
        case .preference?:
            suite = Suite(name: settings.name, judgement: .preference, items: try pairItems(settings, encoder))
        case nil:
            suite = Suite(
                name: settings.name, judgement: .answers(settings.generate.limits),
                items: try answerItems(settings, encoder: encoder, rewards: rewards, preamble: preamble))
            suite.extracts = settings.verifier.map { extracting.contains($0.name) } ?? false
            suite.comparesWithBaseline =
                settings.verifier?.name == "pairwise_judge" && settings.options.members["against"] != "reference"
        }
        suite.isRegression = settings.regression
        guard !suite.items.isEmpty else {
            throw CommandFailure(
                message:
                    "suite \(settings.name): \(settings.path) has no row, so there is nothing to judge the model by",
                status: .data)
        }
        return suite
    }

    /// Verifiers that look for an answer of a certain form in what the model writes.
    private static let extracting: Set<String> = [
        "label", "multilabel_f1", "numeric", "math", "choice", "json_valid", "json_schema", "tool_call",
    ]

    private static func rows(_ settings: SuiteSettings) throws -> SourceRows {
        try SourceRows(
            path: settings.path, format: settings.format, columns: settings.columns, limit: settings.maxSamples)
    }

    /// Everything that a row holds, whatever the order of its columns.
    private static func content(of raw: RawRow) -> String { raw.fields.text(JSONStyle(sortedKeys: true)) }

    // MARK: Nothing is written

    private static func measuredItems(_ settings: SuiteSettings, _ encoder: ExampleEncoder) throws -> [SuiteItem] {
        var found: [(content: String, row: TrainingExample)] = []
        try rows(settings).forEach { raw, record in
            found.append((content(of: raw), try encoder.encode(record).example))
        }
        let names = RowIdentity.names(found.map { ($0.row.source, $0.content) })
        return zip(found, names).map { item, id in
            SuiteItem(id: id, source: item.row.source, prompt: [], row: item.row)
        }
    }

    /// Rows of the usual files of multiple choice are no training records, so they are read as they are.
    private static func choiceItems(_ settings: SuiteSettings, _ encoder: ExampleEncoder) throws -> [SuiteItem] {
        var found: [(source: String, content: String, question: ChoiceQuestion)] = []
        var rows = try DataSourceOpener.sequential(path: settings.path.absolute).rows()
        while found.count < settings.maxSamples ?? .max, let raw = try rows.next() {
            let source = raw.provenance.description
            var members = raw.fields.object ?? [:]
            for (field, column) in settings.columns.names {
                guard let value = raw.fields[column] else {
                    throw CommandFailure(
                        message: "\(source): column '\(column)', mapped to '\(field)', is not in this row",
                        status: .data)
                }
                members[field] = value
            }
            do throws(EvaluationError) {
                found.append(
                    (source, content(of: raw), try ChoiceQuestion(row: .object(members), target: settings.target)))
            } catch {
                throw CommandFailure(message: "\(source): suite \(settings.name): \(error)", status: .data)
            }
        }
        let names = RowIdentity.names(found.map { ($0.source, $0.content) })
        let form: ChoiceQuestion.Form = settings.choices == .letters ? .letters : .text
        return try zip(found, names).map { row, id in
            try row.question.item(id: id, source: row.source, form: form, encoder: encoder)
        }
    }

    private static func pairItems(_ settings: SuiteSettings, _ encoder: ExampleEncoder) throws -> [SuiteItem] {
        var found: [(source: String, content: String, item: SuiteItem)] = []
        try rows(settings).forEach { raw, record in
            let source = raw.provenance.description
            guard case .preference(let record) = record else {
                throw CommandFailure(
                    message:
                        "\(source): this row is \(record.kind), and metric preference compares pairs: `chosen` and "
                        + "`rejected` answers to one prompt", status: .data)
            }
            let pair = try encoder.encode(
                prompt: record.prompt, answers: [record.chosen, record.rejected], tools: record.tools,
                arguments: record.chatTemplateArguments, source: source)
            guard !pair.prompt.isEmpty, pair.answers.allSatisfy({ !$0.isEmpty }) else {
                throw CommandFailure(
                    message: "\(source): the prompt or an answer is empty, so it has no probability", status: .data)
            }
            var item = SuiteItem(id: "", source: source, prompt: pair.prompt.map { Int($0) })
            item.given = zip(pair.answers, [record.chosen, record.rejected]).map { ids, text in
                SuiteItem.Given(ids: ids, text: text.question, length: Double(ids.count))
            }
            item.expected = item.given[0].text
            found.append((source, content(of: raw), item))
        }
        let names = RowIdentity.names(found.map { ($0.source, $0.content) })
        return zip(found, names).map { row, id in
            var item = row.item
            item.id = id
            return item
        }
    }

    // MARK: The model answers

    /// A question before its verifier is known.
    private struct Question {
        var source: String
        var prompt: [Int]
        var messages: [JSON]
        var rollout: Rollout
        var reference: JSON
        var content: String
    }

    private static func answerItems(
        _ settings: SuiteSettings, encoder: ExampleEncoder, rewards: RewardAssembly, preamble: Preamble
    ) throws -> [SuiteItem] {
        var found: [Question] = []
        try rows(settings).forEach { raw, record in
            let source = raw.provenance.description
            // Verifiers see the question alone, whatever is told before it.
            let alone = try encoder.prompt(record)
            let told = preamble.applied(to: record)
            let rollout = Rollout(
                "", item: record.info.id ?? source,
                prompt: encoder.tokenizer.decode(alone, skipSpecialTokens: false), row: raw.fields)
            found.append(
                Question(
                    source: source, prompt: preamble.isEmpty ? alone : try encoder.prompt(told), messages: told.asked,
                    rollout: rollout, reference: try reference(settings, raw, record, source: source),
                    content: content(of: raw)))
        }
        guard let name = settings.verifier else { preconditionFailure("a checked suite has a verifier or a metric") }
        let verifier: AnyVerifier
        do {
            verifier = try rewards.verifier(name, options: settings.options(references: found.map(\.reference)))
        } catch {
            throw CommandFailure(message: "suite \(settings.name): \(error)", status: .configuration)
        }
        let names = RowIdentity.names(found.map { ($0.source, $0.content) })
        return try zip(found, names).map { question, id in
            do {
                let expected =
                    question.reference.string ?? (question.reference.isNull ? "" : question.reference.text())
                var item = SuiteItem(
                    id: id, source: question.source, prompt: question.prompt,
                    verifier: try verifier.bound(to: question.reference), question: question.rollout,
                    expected: expected, label: name.name == "label" ? settings.label(in: expected) : nil)
                item.messages = question.messages
                if name.name == "json_f1" { item.countFields = try fieldCounter(settings, question.reference) }
                return item
            } catch let failure as VerifierFailure {
                throw CommandFailure(message: "\(question.source): \(failure)", status: .data)
            }
        }
    }

    private static func fieldCounter(
        _ settings: SuiteSettings, _ reference: JSON
    ) throws(VerifierFailure) -> SuiteItem.FieldCounter {
        let counts = try JSONFieldCounts(options: settings.options.json, reference: reference)
        return { rollout in
            let found = counts.counts(rollout)
            return (
                found.isValid,
                found.fields.map {
                    .init(path: $0.path, matched: $0.matched, answered: $0.answered, expected: $0.expected)
                }
            )
        }
    }

    /// The right answer: the target's column, or else the completion of the row.
    private static func reference(
        _ settings: SuiteSettings, _ raw: RawRow, _ record: TrainingRecord, source: String
    ) throws -> JSON {
        if let target = settings.target {
            guard let value = raw.fields[target] else {
                let keys = (raw.fields.object ?? [:]).keys
                throw CommandFailure(
                    message:
                        "\(source): the row has no column '\(target)', which suite \(settings.name) takes the right "
                        + "answer from. "
                        + (nearestName(to: target, among: keys).map { "Did you mean '\($0)'?" }
                            ?? "Its columns are \(keys.joined(separator: ", "))."),
                    status: .data)
            }
            return value
        }
        switch record {
        case .completion(let record): return .string(record.completion)
        case .conversation(let record):
            guard let last = record.messages.last, last["role"]?.string == "assistant",
                let text = last["content"]?.string
            else {
                throw CommandFailure(
                    message:
                        "\(source): the conversation does not end in an answer of the assistant, so there is nothing "
                        + "to compare with. Name the right answer's column in `target`.", status: .data)
            }
            return .string(text)
        // Some verifiers need nothing to compare with; those that do say so.
        case .prompt: return .null
        case .text, .preference, .unpaired:
            throw CommandFailure(
                message: "\(source): this row is \(record.kind), which has no right answer to compare with. Name a "
                    + "column in `target`, or use `metric: loss`.", status: .data)
        }
    }
}

extension TrainingRecord {
    /// The question as messages, for models behind an endpoint.
    fileprivate var asked: [JSON] {
        switch self {
        case .conversation(let record):
            let answer = record.messages.lastIndex { $0["role"]?.string == "assistant" }
            return Array(record.messages.prefix(record.promptCount ?? answer ?? record.messages.count))
        case .completion(let record): return [["role": "user", "content": .string(record.prompt)]]
        case .prompt(let record):
            switch record.prompt {
            case .text(let text): return [["role": "user", "content": .string(text)]]
            case .messages(let messages): return messages
            }
        case .text(let record): return [["role": "user", "content": .string(record.text)]]
        case .preference, .unpaired: return []
        }
    }
}

extension GenerateSettings {
    /// The same in the words of `Evaluation`.
    var limits: AnswerLimits {
        AnswerLimits(maxNewTokens: maxNewTokens, temperature: temperature, topP: topP, topK: topK, stop: stop)
    }
}

extension SuiteSettings {
    /// How the file is read for what stands in its rows: of multiple choice, which is no training record, the questions.
    ///
    /// - Returns: `nil` where no column of the first row is a question.
    func reading() throws -> (format: String, columns: NameMap)? {
        guard metric == .multipleChoice else { return (format, columns) }
        var rows = try DataSourceOpener.sequential(path: path.absolute).rows()
        guard let first = try rows.next() else { return nil }
        guard let column = columns["question"] ?? columns["ctx"] ?? ChoiceQuestion.questionColumn(of: first.fields)
        else { return nil }
        return ("text", NameMap(["text": column]))
    }

    /// The verifier's options, as it reads them.
    func options(references: [JSON]) -> JSON {
        var members = options.members
        // Whom the judge compares with is the suite's affair: the baseline's answer is the other of a group of two.
        if verifier?.name == "pairwise_judge", members["against"] == "baseline" { members["against"] = "group" }
        guard verifier?.name == "label" else { return .object(members) }
        // Without a list, the labels are those of the right answers, so that another word is no answer.
        if members["labels"] == nil {
            let all = Set(references.compactMap { $0.string.map(label(in:)) }).sorted()
            members["labels"] = .array(all.map { .string($0) })
        }
        // An answer that only mentions a label is no label.
        if members["match"] == nil { members["match"] = "whole" }
        if members["ignore_case"] == nil { members["ignore_case"] = false }
        return .object(members)
    }

    /// The label in a right answer: the field of its JSON, or the whole.
    func label(in expected: String) -> String {
        guard let field = options.members["field"]?.string, let json = try? JSON(parsing: expected), json.object != nil
        else { return expected }
        return field.split(separator: ".").reduce(Optional(json)) { $0?[String($1)] }?.string ?? expected
    }
}
