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

        /// - Precondition: no answer is empty.
        public init(prompt: [Int32], answers: [[Int32]]) {
            precondition(answers.allSatisfy { !$0.isEmpty }, "an answer without tokens cannot be trained on")
            self.prompt = prompt
            self.answers = answers
        }
    }

    /// All documents, T tokens.
    public private(set) var tokens: PackedTokens
    /// For each predicted token of an answer the row of the hidden states that predicts it, N of them, below T.
    public private(set) var positions: [Int]
    /// Those tokens: the first answers of all groups, then the second answers, and so on.
    public private(set) var labels: [Int32]
    /// Which of the labels are of which answer, in that order.
    public private(set) var ranges: [Range<Int>]
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
    ///   - groups: each with as many answers; at least one group.
    ///   - sharesPrefix: whether answers to one prompt share it; `false` gives each answer a row of its own.
    public init(_ groups: [Group], sharesPrefix: Bool = true) {
        precondition(Set(groups.map(\.answers.count)).count == 1, "groups have different numbers of answers")
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
        (positions, labels, ranges, lastPositions) = ([], [], [], [])
        for answer in groups[0].answers.indices {
            for (group, placed) in zip(groups, starts) {
                let (ids, place) = (group.answers[answer], placed[answer])
                let first = labels.count
                for (index, id) in ids.enumerated() {
                    guard let before = index == 0 ? place.before : place.start + index - 1 else { continue }
                    positions.append(before)
                    labels.append(id)
                }
                ranges.append(first..<labels.count)
                lastPositions.append(place.start + ids.count - 1)
            }
        }
        tokens = PackedTokens(ids: layout.ids, lengths: layout.lengths, prefixes: layout.prefixes)
    }

    /// What the head says of the labels, and after them of the prompts' where these are wanted too.
    public func labelLogProbabilities(
        _ model: LanguageModel, options: ForwardOptions = ForwardOptions(), includesPrompts: Bool = false
    ) -> LabelLogProbabilities {
        let hidden = model.hiddenStates(tokens, options: options)
        return model.labelLogProbabilities(
            hidden: embedding(hidden, positions + (includesPrompts ? promptPositions : [])),
            labels: labels + (includesPrompts ? promptLabels : []))
    }

    /// ln π of each answer, [A], without weights.
    func answerLogProbabilities(_ model: LanguageModel, options: ForwardOptions = ForwardOptions()) -> Tensor {
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
    func sums(over ranges: some Collection<Range<Int>>) -> Tensor {
        .concatenated(ranges.map { slice($0).sum().reshaped([1]) })
    }

    /// The sum over several ranges of a vector that is not tracked.
    func total(over ranges: some Sequence<Range<Int>>) -> Double {
        let values = detached
        return ranges.reduce(0) { $0 + values.slice($1).total }
    }
}
