public import ShardIO
import TextCore
public import Training

/// A preference as tokens, or why it is left out.
public struct EncodedPair: Sendable {
    /// What to train on; `nil` where there is a fault.
    public var example: PreferenceExample?
    /// Why the pair is left out.
    public var fault: PairFault?
    /// Tokens of the longer row before anything was cut.
    public var length: Int
    /// Whether an answer was cut.
    public var isCut: Bool
    /// Tokens at the prompt's end that are others once an answer follows.
    public var lostPromptCount: Int
    /// Where the row came from, as `file:line`.
    public var source: String
}

/// An answer with a verdict as tokens, or why it is left out.
public struct EncodedUnpaired: Sendable {
    /// What to train on; `nil` where there is a fault.
    public var example: UnpairedExample?
    /// Why the row is left out.
    public var fault: PairFault?
    /// Tokens of the row before anything was cut.
    public var length: Int
    /// Whether the answer was cut.
    public var isCut: Bool
    /// Tokens at the prompt's end that are others once an answer follows.
    public var lostPromptCount: Int
    /// Where the row came from, as `file:line`.
    public var source: String
}

/// Turns preferences into tokens.
///
/// Rows keep their start: prompts are never cut, answers are cut at the end where that is wanted.
public struct PreferenceEncoder: Sendable {
    /// What becomes of a row longer than `maxLength`.
    public enum Overflow: String, Sendable, CaseIterable {
        /// It is left out with the fault `overlong`.
        case leaveOut
        /// Its answers lose their ends.
        case truncate
    }

    /// Tokenizer, chat template and stop tokens.
    public let encoder: ExampleEncoder
    /// Most tokens of a row, prompt and answer; `nil` for any number.
    public let maxLength: Int?
    /// What becomes of a longer row.
    public let overflow: Overflow

    /// - Parameters:
    ///   - encoder: tokenizer, chat template and stop tokens.
    ///   - maxLength: most tokens of a row, prompt and answer.
    ///   - overflow: what becomes of a longer row.
    public init(encoder: ExampleEncoder, maxLength: Int? = nil, overflow: Overflow = .truncate) {
        self.encoder = encoder
        self.maxLength = maxLength
        self.overflow = overflow
    }

    /// A preference as tokens.
    ///
    /// - Throws: `EncodingError` when messages have no template, or the template refuses them.
    public func encode(_ record: PreferenceRecord) throws(EncodingError) -> EncodedPair {
        let source = record.info.provenance.description
        let answers = try encoder.encode(
            prompt: record.prompt, answers: [record.chosen, record.rejected], tools: record.tools,
            arguments: record.chatTemplateArguments, source: source)
        var cut = CutAnswers(answers, maxLength: maxLength, overflow: overflow)
        if record.chosen.saysNothing || record.rejected.saysNothing { cut.fault = .emptyAnswer }
        if cut.fault == nil, cut.answers[0] == cut.answers[1] { cut.fault = .equalAnswers }
        return EncodedPair(
            example: cut.fault == nil
                ? PreferenceExample(
                    prompt: answers.prompt, chosen: cut.answers[0], rejected: cut.answers[1], margin: record.margin,
                    weight: record.info.weight, source: source) : nil, fault: cut.fault, length: cut.length,
            isCut: cut.isCut, lostPromptCount: answers.lostPromptCount, source: source)
    }

    /// An answer with a verdict as tokens.
    ///
    /// - Throws: `EncodingError` when messages have no template, or the template refuses them.
    public func encode(_ record: UnpairedRecord) throws(EncodingError) -> EncodedUnpaired {
        let source = record.info.provenance.description
        let answers = try encoder.encode(
            prompt: record.prompt, answers: [record.completion], tools: record.tools,
            arguments: record.chatTemplateArguments, source: source)
        var cut = CutAnswers(answers, maxLength: maxLength, overflow: overflow)
        if record.completion.saysNothing { cut.fault = .emptyAnswer }
        return EncodedUnpaired(
            example: cut.fault == nil
                ? UnpairedExample(
                    prompt: answers.prompt, completion: cut.answers[0], isDesirable: record.isDesirable,
                    weight: record.info.weight, source: source) : nil, fault: cut.fault, length: cut.length,
            isCut: cut.isCut, lostPromptCount: answers.lostPromptCount, source: source)
    }
}

/// Answers as they fit behind their prompt.
private struct CutAnswers {
    var answers: [[Int32]]
    var fault: PairFault?
    let length: Int
    let isCut: Bool

    init(_ encoded: EncodedAnswers, maxLength: Int?, overflow: PreferenceEncoder.Overflow) {
        answers = encoded.answers
        let longest = encoded.answers.map(\.count).max() ?? 0
        length = encoded.prompt.count + longest
        if encoded.answers.contains(where: \.isEmpty) { fault = .emptyAnswer }
        guard let maxLength, length > maxLength else {
            isCut = false
            return
        }
        let room = maxLength - encoded.prompt.count
        isCut = room > 0 && overflow == .truncate
        if room < 0 {
            fault = .longPrompt
        } else if room == 0 {
            fault = .answerCutAway
        } else if overflow == .leaveOut {
            fault = .overlong
        } else {
            answers = answers.map { Array($0.prefix(room)) }
        }
    }
}

extension RecordText {
    /// Whether an answer has neither words nor calls of tools.
    fileprivate var saysNothing: Bool {
        switch self {
        case .text(let text): text.allSatisfy(\.isWhitespace)
        case .messages(let messages):
            messages.allSatisfy { message in
                (message["tool_calls"]?.array ?? []).isEmpty
                    && (message["content"]?.string?.allSatisfy(\.isWhitespace) ?? message["content"]?.array?.isEmpty
                        ?? true)
            }
        }
    }
}
