public import LanguageModels
public import TensorCore

/// Prompts with one or several answers each, end to end as one micro-batch, with the positions that predict the tokens
/// of the answers.
///
/// There is no padding. Answers to one prompt share it where that is wanted: the prompt is computed once, and each answer
/// is a document that continues it. The first token of an answer is then predicted by the last row of the prompt.
public struct PackedAnswers: Sendable {
    /// A prompt and the answers to it.
    public struct Group: Sendable {
        /// Ids of the prompt; may be empty.
        public var prompt: [Int32]
        /// Ids of each answer, at least one of each.
        public var answers: [[Int32]]
        /// For each answer which of its tokens are predicted; `nil` for all of all answers.
        public var isPredicted: [[Bool]]?

        /// - Precondition: no answer is empty, and every token has its flag where there are flags.
        public init(prompt: [Int32], answers: [[Int32]], isPredicted: [[Bool]]? = nil) {
            precondition(answers.allSatisfy { !$0.isEmpty }, "an answer without tokens cannot be trained on")
            precondition(
                isPredicted.map { $0.map(\.count) == answers.map(\.count) } ?? true, "flags of other answers")
            self.prompt = prompt
            self.answers = answers
            self.isPredicted = isPredicted
        }
    }

    /// Which answer of which group.
    public struct Place: Sendable, Hashable {
        /// The group.
        public var group: Int
        /// The answer in it.
        public var answer: Int

        /// An answer of a group.
        public init(group: Int, answer: Int) {
            self.group = group
            self.answer = answer
        }
    }

    /// All documents, T tokens.
    public private(set) var tokens: PackedTokens
    /// For each predicted token of an answer the row of the hidden states that predicts it, N of them, below T.
    public private(set) var positions: [Int]
    /// Those tokens: the first answers of all groups, then the second answers of those that have one, and so on.
    public private(set) var labels: [Int32]
    /// Which of the labels are of which answer, in that order.
    public private(set) var ranges: [Range<Int>]
    /// Which answer that is.
    public private(set) var places: [Place]
    /// The row of the hidden states after the last token of each answer, in that order.
    public private(set) var lastPositions: [Int]
    /// For each predicted token of a prompt the row that predicts it, each prompt once.
    public private(set) var promptPositions: [Int]
    /// Those tokens.
    public private(set) var promptLabels: [Int32]
    /// Which of them are of which prompt.
    public private(set) var promptRanges: [Range<Int>]

    /// Lays groups end to end: the collator.
    ///
    /// - Parameters:
    ///   - groups: with any number of answers each.
    ///   - sharesPrefix: whether answers to one prompt share it; `false` gives each answer a row of its own.
    public init(_ groups: [Group], sharesPrefix: Bool = true) {
        var layout = Layout()
        var starts: [[Layout.Answer]] = []
        (promptPositions, promptLabels, promptRanges) = ([], [], [])
        for group in groups {
            let placed = layout.add(group, sharesPrefix: sharesPrefix)
            let first = promptLabels.count
            for index in group.prompt.indices.dropFirst() {
                promptPositions.append(placed.promptStart + index - 1)
                promptLabels.append(group.prompt[index])
            }
            promptRanges.append(first..<promptLabels.count)
            starts.append(placed.answers)
        }
        tokens = PackedTokens(ids: layout.ids, lengths: layout.lengths, prefixes: layout.prefixes)
        (positions, labels, ranges, places, lastPositions) = ([], [], [], [], [])
        for answer in 0..<(groups.map(\.answers.count).max() ?? 0) {
            for (index, group) in groups.enumerated() where answer < group.answers.count {
                add(group, answer, at: starts[index][answer])
                places.append(Place(group: index, answer: answer))
            }
        }
    }

    private mutating func add(_ group: Group, _ answer: Int, at place: Layout.Answer) {
        let (ids, isPredicted) = (group.answers[answer], group.isPredicted?[answer])
        let first = labels.count
        for (index, id) in ids.enumerated() where isPredicted?[index] ?? true {
            guard let before = index == 0 ? place.before : place.start + index - 1 else { continue }
            positions.append(before)
            labels.append(id)
        }
        ranges.append(first..<labels.count)
        lastPositions.append(place.start + ids.count - 1)
    }

    /// What the head says of the labels, and after them of the prompts' where these are wanted too.
    ///
    /// - Parameters:
    ///   - model: the model, one with logits.
    ///   - options: what differs from a plain forward pass.
    ///   - includesPrompts: whether the prompts' tokens are predicted too.
    ///   - temperature: divides the logits, above 0.
    public func labelLogProbabilities(
        _ model: LanguageModel, options: ForwardOptions = ForwardOptions(), includesPrompts: Bool = false,
        temperature: Double = 1
    ) -> LabelLogProbabilities {
        let hidden = model.hiddenStates(tokens, options: options)
        let rows = embedding(hidden, positions + (includesPrompts ? promptPositions : []))
        let ids = labels + (includesPrompts ? promptLabels : [])
        guard temperature != 1 else { return model.labelLogProbabilities(hidden: rows, labels: ids) }
        // What is divided is what the cap has left, and cap · tanh(x / cap) / t is (cap / t) · tanh((x / t) / (cap / t)).
        var transform = model.logitTransform
        transform.scale /= Float(temperature)
        transform.softCap = transform.softCap.map { $0 / Float(temperature) }
        return TensorCore.labelLogProbabilities(
            rows, model.outputEmbedding.tensor, labels: ids, transform: transform, precision: model.precision)
    }

    /// ln π of each answer, [A], without weights.
    package func answerLogProbabilities(_ model: LanguageModel, options: ForwardOptions = ForwardOptions()) -> Tensor {
        labelLogProbabilities(model, options: options).logProbability.sums(over: ranges)
    }
}

/// Documents while they are laid end to end.
private struct Layout {
    /// Where an answer lies.
    struct Answer {
        /// The row of its first token.
        var start: Int
        /// The row that predicts its first token; `nil` where nothing precedes it.
        var before: Int?
    }

    var ids: [Int] = []
    var lengths: [Int] = []
    var prefixes: [Int?] = []

    mutating func add(
        _ group: PackedAnswers.Group, sharesPrefix: Bool
    ) -> (promptStart: Int, answers: [Answer]) {
        let start = ids.count
        let shares = sharesPrefix && group.answers.count > 1 && !group.prompt.isEmpty
        let prompt = shares ? append(group.prompt, prefix: nil) : nil
        let last = ids.count - 1
        let answers = group.answers.map { answer in
            if shares {
                append(answer, prefix: prompt)
                return Answer(start: ids.count - answer.count, before: last)
            }
            append(group.prompt + answer, prefix: nil)
            let first = ids.count - answer.count
            return Answer(start: first, before: group.prompt.isEmpty ? nil : first - 1)
        }
        return (start, answers)
    }

    @discardableResult
    private mutating func append(_ document: [Int32], prefix: Int?) -> Int {
        ids.append(contentsOf: document.lazy.map(Int.init))
        lengths.append(document.count)
        prefixes.append(prefix)
        return lengths.count - 1
    }
}

extension Tensor {
    /// The sum of each range of a vector: [N] → [ranges.count]; 0 for an empty range.
    package func sums(over ranges: some Collection<Range<Int>>) -> Tensor {
        .concatenated(ranges.map { slice($0).sum().reshaped([1]) })
    }

    /// The sum over several ranges of a vector that is not tracked.
    package func total(over ranges: some Sequence<Range<Int>>) -> Double {
        let values = detached
        return ranges.reduce(0) { $0 + values.slice($1).total }
    }
}
