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
    /// - Throws: `DataError`, `EncodingError`, or `VerifierFailure` for a row or an option that is wrong.
    static func suite(
        _ settings: SuiteSettings, text: ModelText, trainOn: TrainOn, rewards: RewardAssembly
    ) throws -> Suite {
        let rows = try SourceRows(
            path: settings.path, format: settings.format, columns: settings.columns, limit: settings.maxSamples)
        let encoder = text.encoder(trainOn: trainOn)
        if let metric = settings.metric {
            var found: [(content: String, row: EncodedRow)] = []
            try rows.forEach { raw, record in found.append((content(of: raw), try encoder.encode(record))) }
            let names = RowIdentity.names(found.map { ($0.row.example.source, $0.content) })
            let items = zip(found, names).map { item, id in
                SuiteItem(id: id, source: item.row.example.source, prompt: [], row: item.row.example)
            }
            return Suite(
                name: settings.name, judgement: .loss(asPerplexity: metric == .perplexity), items: items)
        }
        return Suite(
            name: settings.name, judgement: .answers(settings.generate.limits),
            items: try answerItems(settings, rows: rows, encoder: encoder, rewards: rewards))
    }

    /// Everything that a row holds, whatever the order of its columns.
    private static func content(of raw: RawRow) -> String { raw.fields.text(JSONStyle(sortedKeys: true)) }

    private static func answerItems(
        _ settings: SuiteSettings, rows: SourceRows, encoder: ExampleEncoder, rewards: RewardAssembly
    ) throws -> [SuiteItem] {
        var found: [(source: String, prompt: [Int], question: Rollout, reference: JSON, content: String)] = []
        try rows.forEach { raw, record in
            let source = "\(raw.provenance.file):\(raw.provenance.line)"
            let prompt = try encoder.prompt(record)
            let question = Rollout(
                "", item: record.info.id ?? source,
                prompt: encoder.tokenizer.decode(prompt, skipSpecialTokens: false), row: raw.fields)
            found.append(
                (source, prompt, question, try reference(settings, raw, record, source: source), content(of: raw)))
        }
        let verifier: AnyVerifier
        do {
            guard let name = settings.verifier else {
                preconditionFailure("a checked suite has a verifier or a metric")
            }
            verifier = try rewards.verifier(name, options: settings.options(references: found.map(\.reference)))
        } catch {
            throw CommandFailure(message: "suite \(settings.name): \(error)", status: .configuration)
        }
        let names = RowIdentity.names(found.map { ($0.source, $0.content) })
        return try zip(found, names).map { item, id in
            do {
                let expected = item.reference.string ?? item.reference.text()
                return SuiteItem(
                    id: id, source: item.source, prompt: item.prompt, verifier: try verifier.bound(to: item.reference),
                    question: item.question, expected: expected,
                    label: settings.verifier?.name == "label" ? settings.label(in: expected) : nil)
            } catch let failure as VerifierFailure {
                throw CommandFailure(message: "\(item.source): \(failure)", status: .data)
            }
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

extension GenerateSettings {
    /// The same in the words of `Evaluation`.
    var limits: AnswerLimits {
        AnswerLimits(maxNewTokens: maxNewTokens, temperature: temperature, topP: topP, topK: topK, stop: stop)
    }
}

extension SuiteSettings {
    /// The verifier's options, as it reads them.
    func options(references: [JSON]) -> JSON {
        guard verifier?.name == "label" else { return options.json }
        var members = options.members
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
