import DPO
import ShardIO
import Tokenization
import Training

/// Rows of the methods that compare answers: from records to tokens, with the recipe's rule for long ones.
struct PreferenceRows: Sendable {
    private let encoder: PreferenceEncoder
    private let vocabularySize: Int?
    private let method: TrainingMethod

    init(_ recipe: Recipe, text: ModelText) {
        encoder = PreferenceEncoder(
            encoder: text.encoder(trainOn: .completion), maxLength: recipe.sequence.maxLength,
            overflow: recipe.sequence.onOverflow == .truncate ? .truncate : .leaveOut)
        vocabularySize = text.vocabularySize
        method = recipe.method
    }

    /// A pair of answers.
    ///
    /// - Throws: `EncodingError` for a row of another kind, or one that the chat template refuses.
    func pair(_ record: TrainingRecord) throws -> EncodedPair {
        guard case .preference(let record) = record else { throw wrongKind(record) }
        let pair = try encoder.encode(record)
        for ids in [pair.example?.prompt, pair.example?.chosen, pair.example?.rejected] {
            try ids?.check(vocabularySize: vocabularySize, source: pair.source)
        }
        return pair
    }

    /// Answers with labels: one, or the two of a pair.
    ///
    /// - Throws: `EncodingError` for a row of another kind, or one that the chat template refuses.
    func unpaired(_ record: TrainingRecord) throws -> [EncodedUnpaired] {
        let records: [UnpairedRecord]
        switch record {
        case .unpaired(let record): records = [record]
        case .preference(let record):
            records = [(record.chosen, true), (record.rejected, false)].map { answer, isDesirable in
                UnpairedRecord(
                    prompt: record.prompt, completion: answer, isDesirable: isDesirable, tools: record.tools,
                    chatTemplateArguments: record.chatTemplateArguments, info: record.info)
            }
        default: throw wrongKind(record)
        }
        return try records.map { record in
            let row = try encoder.encode(record)
            for ids in [row.example?.prompt, row.example?.completion] {
                try ids?.check(vocabularySize: vocabularySize, source: row.source)
            }
            return row
        }
    }

    private func wrongKind(_ record: TrainingRecord) -> EncodingError {
        let wanted =
            method == .kto
            ? "answers with a boolean `label`, or pairs" : "pairs: `chosen` and `rejected` answers to one prompt"
        return EncodingError(
            source: "\(record.info.provenance.file):\(record.info.provenance.line)",
            message: "this row is \(record.kind), and method \(method.rawValue) trains on \(wanted). Choose another "
                + "method, or say with `format` and `columns` how the rows are to be read.")
    }

    /// How a prompt and an answer to it look to the model.
    func shown(_ label: String, prompt: [Int32], answer: [Int32], warnings: [String] = []) -> ShownRow {
        let ids = prompt + answer
        return ShownRow(
            label: label,
            text: encoder.encoder.tokenizer.decode(ids.map { Int($0) }, skipSpecialTokens: false), ids: ids,
            trained: ids.indices.map { $0 >= prompt.count }, warnings: warnings)
    }

    /// What is shown of a row that is left out.
    func left(out fault: PairFault?) -> ShownRow {
        ShownRow(label: "left out", text: "", ids: [], trained: [], warnings: fault.map { ["\($0)"] } ?? [])
    }
}

extension DataReport {
    /// Counts a pair.
    mutating func add(_ pair: EncodedPair) {
        pairs.inspect(pair)
        add(
            length: pair.length, trained: pair.example.map { $0.chosen.count + $0.rejected.count } ?? 0,
            source: pair.source, isOverlong: pair.isCut || pair.fault == .overlong)
    }

    /// Counts an answer with a label.
    mutating func add(_ row: EncodedUnpaired) {
        pairs.inspect(row)
        add(
            length: row.length, trained: row.example?.completion.count ?? 0, source: row.source,
            isOverlong: row.isCut || row.fault == .overlong)
    }
}
