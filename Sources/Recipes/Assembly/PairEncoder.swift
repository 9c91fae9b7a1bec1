import DPO
import LanguageModels
import ShardIO
import Tokenization
import Training

/// A preference as tokens, before the rules for long and useless ones.
struct EncodedPair: Sendable {
    var chosen: EncodedRow
    var rejected: EncodedRow
    var margin: Double?
    var weight: Double
    var promptCount: Int
}

struct PairEncoder: Sendable {
    private let recipe: Recipe
    private let encoder: ExampleEncoder
    private let vocabularySize: Int?

    init(_ recipe: Recipe, text: ModelText) {
        self.recipe = recipe
        encoder = text.encoder(trainOn: .completion)
        vocabularySize = text.vocabularySize
    }

    func encode(_ record: TrainingRecord) throws -> EncodedPair {
        guard case .preference(let record) = record else {
            throw EncodingError(source: "\(record.info.provenance.file):\(record.info.provenance.line)", message: "this row is \(record.kind)")
        }
        let rows = try [record.chosen, record.rejected].map { answer -> EncodedRow in
            switch (record.prompt, answer) {
            case (.messages(let prompt), .messages(let answer)):
                return try encoder.encode(.conversation(ConversationRecord(messages: prompt + answer, promptCount: prompt.count, tools: record.tools, chatTemplateArguments: record.chatTemplateArguments, info: record.info)))
            case (.text(let prompt), .text(let answer)):
                return try encoder.encode(.completion(CompletionRecord(prompt: prompt, completion: answer, info: record.info)))
            default: preconditionFailure("mixed")
            }
        }
        let common = zip(rows[0].example.ids, rows[1].example.ids).prefix { $0 == $1 }.count
        return EncodedPair(chosen: rows[0], rejected: rows[1], margin: record.margin, weight: record.info.weight, promptCount: min(common, rows[0].promptCount ?? 0, rows[1].promptCount ?? 0))
    }

    func examples(_ pair: EncodedPair, _ report: inout DataReport) throws -> [PreferenceExample] {
        report.add(pair.chosen, maxLength: recipe.sequence.maxLength)
        report.add(pair.rejected, maxLength: recipe.sequence.maxLength)
        let p = pair.promptCount
        return [PreferenceExample(prompt: Array(pair.chosen.example.ids[..<p]), chosen: Array(pair.chosen.example.ids[p...]), rejected: Array(pair.rejected.example.ids[p...]), margin: pair.margin, weight: pair.weight, source: pair.chosen.example.source)].filter { $0.longestRow <= recipe.sequence.maxLength }
    }

    func shown(_ pair: EncodedPair) -> [ShownRow] { [] }
    func check(_ examples: [PreferenceExample], _ model: LanguageModel) throws {}
}
