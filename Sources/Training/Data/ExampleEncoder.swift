import OrderedCollections
public import ShardIO
public import TextCore
public import Tokenization

/// One row as tokens, with what a person needs to check it.
public struct EncodedRow: Sendable {
    /// The tokens and which of them are trained.
    public var example: TrainingExample
    /// The text that was tokenized.
    public var text: String
    /// The bytes of `text` that each token stands for; empty for tokens the tokenizer adds.
    public var offsets: [Range<Int>]
    /// Tokens before the completion: what a model is given when it is asked for one. `nil` where the row has no such
    /// division.
    public var promptCount: Int?
    /// Whether the last trained token is a stop token; `nil` when nothing is trained.
    public var trainsStopToken: Bool?
    /// Whether the row begins with two start tokens.
    public var hasDoubleStart: Bool
    /// What the template did that is worth knowing.
    public var warnings: [RenderingWarning]
}

/// Why a row cannot become tokens.
public struct EncodingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where the row is, `file:line`.
    public var source: String
    /// What happened and what to do.
    public var message: String

    /// - Parameters:
    ///   - source: where the row is, `file:line`.
    ///   - message: what happened and what to do.
    public init(source: String, message: String) {
        self.source = source
        self.message = message
    }

    public var description: String { "\(source): \(message)" }
}

/// Turns records into tokens and the mask of what is trained.
///
/// Conversations go through the chat template and are tokenized as they are rendered, without added tokens. Prompts
/// and completions that are plain text are joined, get the tokenizer's own start token, and end in the stop token.
public struct ExampleEncoder: Sendable {
    /// The model's tokenizer.
    public let tokenizer: Tokenizer
    /// The model's chat template; needed for conversations only.
    public let template: ChatTemplate?
    /// Which tokens carry loss.
    public let trainOn: TrainOn
    /// Tokens that end the model's turn.
    public let stopIDs: Set<Int>
    /// Variables for the chat template, beside those of the conversation.
    public let variables: [String: JSON]

    /// - Parameters:
    ///   - tokenizer: the model's tokenizer.
    ///   - template: the model's chat template, if it has one.
    ///   - trainOn: which tokens carry loss.
    ///   - stopIDs: tokens that end the model's turn; the tokenizer's own is always among them.
    public init(tokenizer: Tokenizer, template: ChatTemplate?, trainOn: TrainOn, stopIDs: Set<Int> = []) {
        self.tokenizer = tokenizer
        self.template = template
        self.trainOn = trainOn
        self.stopIDs = stopIDs.union([tokenizer.endOfSequenceID].compactMap { $0 })
        var variables: [String: JSON] = [:]
        for (name, id) in [
            ("bos_token", tokenizer.beginningOfSequenceID), ("eos_token", tokenizer.endOfSequenceID),
            ("pad_token", tokenizer.paddingID), ("unk_token", tokenizer.unknownID),
        ] {
            // Templates of models without such a token print nothing for it.
            variables[name] = .string(id.flatMap { tokenizer.token(for: $0) } ?? "")
        }
        self.variables = variables
    }

    /// The texts of the stop tokens.
    public var stopTokens: [String] { stopIDs.sorted().compactMap { tokenizer.token(for: $0) } }

    /// A record as tokens.
    ///
    /// - Throws: `EncodingError` when a conversation has no template, or the template refuses it.
    public func encode(_ record: TrainingRecord) throws(EncodingError) -> EncodedRow {
        switch record {
        case .conversation(let record): try encode(record)
        case .completion(let record): encode(record)
        case .text(let record): encode(text: record.text, source: record.info.provenance)
        case .preference, .unpaired, .prompt: throw notTrained(record)
        }
    }

    private func notTrained(_ record: TrainingRecord) -> EncodingError {
        EncodingError(
            source: record.info.provenance.description,
            message:
                "this row is \(record.kind), which this method cannot train on. Choose the method that is made for "
                + "such rows, or set `format` and `columns` to read them otherwise.")
    }

    /// What a model is given to answer a record: the tokens up to where its completion would begin.
    ///
    /// - Throws: `EncodingError` when a conversation has no template, or the template refuses it.
    public func prompt(_ record: TrainingRecord) throws(EncodingError) -> [Int] {
        switch record {
        case .preference, .unpaired: throw notTrained(record)
        case .prompt(let record):
            return try encode(
                prompt: record.prompt, answers: [], tools: record.tools, arguments: record.chatTemplateArguments,
                source: record.info.provenance.description
            ).prompt.map { Int($0) }
        case .text(let record): return tokenizer.encode(record.text)
        case .completion(let record):
            return withoutTrailingStop(tokenizer.encode(record.prompt))
        case .conversation(let record):
            let answer = record.messages.lastIndex { $0["role"]?.string == "assistant" }
            let count = record.promptCount ?? answer ?? record.messages.count
            return try prompt(
                messages: Array(record.messages[..<count]), tools: record.tools,
                arguments: record.chatTemplateArguments, source: record.info.provenance.description)
        }
    }

    /// What a model is given to answer some messages.
    ///
    /// - Throws: `EncodingError` when there is no template, or it refuses the messages.
    public func prompt(
        messages: [JSON], tools: [JSON]? = nil, arguments: JSON = [:], source: String
    ) throws(EncodingError) -> [Int] {
        let template = try requireTemplate(source: source)
        do {
            let text = try template.render(
                messages: messages, tools: tools, addGenerationPrompt: true, variables: merged(arguments))
            return tokenizer.encode(text.text, addSpecialTokens: false)
        } catch {
            throw EncodingError(source: source, message: "the chat template cannot render this row: \(error)")
        }
    }

    private func encode(_ record: ConversationRecord) throws(EncodingError) -> EncodedRow {
        let source = record.info.provenance.description
        let template = try requireTemplate(source: source)
        let rendered: RenderedConversation
        do {
            let messages = try zip(record.messages, record.mayTrain).map { json, mayTrain in
                var message = try Message(json)
                if !mayTrain { message.isTrained = false }
                return message
            }
            rendered = try RenderedConversation(
                Conversation(
                    messages: messages, tools: record.tools ?? [], variables: merged(record.chatTemplateArguments),
                    promptCount: record.promptCount),
                template: template, stopTokens: stopTokens, variables: variables)
        } catch {
            throw EncodingError(source: source, message: "the chat template cannot render this row: \(error)")
        }
        let encoding = tokenizer.encodeWithOffsets(rendered.text, addSpecialTokens: false)
        let trained = tokenMask(spans: rendered.trainedSpans(for: trainOn), offsets: encoding.offsets)
        let promptCount = rendered.completionStart.map { start in
            encoding.offsets.firstIndex { $0.upperBound > start } ?? encoding.ids.count
        }
        return row(
            encoding, text: rendered.text, trained: trained, promptCount: promptCount, source: source,
            warnings: rendered.warnings)
    }

    private func encode(_ record: CompletionRecord) -> EncodedRow {
        let text = withStop(record.prompt + record.completion)
        let encoding = tokenizer.encodeWithOffsets(text)
        let prompt = withoutTrailingStop(tokenizer.encode(record.prompt))
        // A token that covers the end of the prompt and the beginning of the completion belongs to the completion.
        let promptCount = zip(prompt, encoding.ids).prefix { $0 == $1 }.count
        let trained = encoding.ids.indices.map { trainOn == .all || $0 >= promptCount }
        return row(
            encoding, text: text, trained: trained, promptCount: promptCount,
            source: record.info.provenance.description)
    }

    private func encode(text: String, source: Provenance) -> EncodedRow {
        let text = withStop(text)
        let encoding = tokenizer.encodeWithOffsets(text)
        return row(
            encoding, text: text, trained: encoding.ids.map { _ in true }, promptCount: nil, source: source.description)
    }

    private func row(
        _ encoding: Encoding, text: String, trained: [Bool], promptCount: Int?, source: String,
        warnings: [RenderingWarning] = []
    ) -> EncodedRow {
        let start = tokenizer.beginningOfSequenceID
        let last = trained.lastIndex(of: true)
        return EncodedRow(
            example: TrainingExample(ids: encoding.ids.map { Int32($0) }, trained: trained, source: source), text: text,
            offsets: encoding.offsets, promptCount: promptCount,
            trainsStopToken: last.map { stopIDs.contains(encoding.ids[$0]) },
            hasDoubleStart: start != nil && encoding.ids.count > 1 && encoding.ids[0] == start
                && encoding.ids[1] == start,
            warnings: warnings)
    }

    /// Text with the stop token at its end, once.
    func withStop(_ text: String) -> String {
        guard let stop = tokenizer.endOfSequenceID.flatMap({ tokenizer.token(for: $0) }), !text.hasSuffix(stop) else {
            return text
        }
        return text + stop
    }

    /// Ids without stop tokens at the end, which some tokenizers add to every text.
    func withoutTrailingStop(_ ids: [Int]) -> [Int] {
        guard let stop = tokenizer.endOfSequenceID else { return ids }
        return Array(ids.prefix((ids.lastIndex { $0 != stop } ?? -1) + 1))
    }

    func requireTemplate(source: String) throws(EncodingError) -> ChatTemplate {
        guard let template else {
            throw EncodingError(
                source: source,
                message: """
                    this row is a conversation, and the model has no chat template, so nothing says how its messages \
                    become text. Set `model.chat_template` to a template file, or use rows of prompt and completion.
                    """)
        }
        return template
    }

    func merged(_ arguments: JSON) -> [String: JSON] {
        (arguments.object ?? [:]).reduce(into: variables) { $0[$1.key] = $1.value }
    }
}

extension Provenance {
    /// `file:line`.
    package var description: String { "\(file):\(line)" }
}
