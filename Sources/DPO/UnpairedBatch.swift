import Synchronization
public import Training

/// A micro-batch of single answers with verdicts.
public struct UnpairedBatch: Sendable {
    /// The rows.
    public let examples: [UnpairedExample]
    /// Their tokens.
    public let answers: PackedAnswers
    /// What the micro-batches of a step have in common.
    public let step: Step
    /// Whether this is the first micro-batch that reads `step`.
    public let isFirst: Bool

    /// What the micro-batches of an optimiser step have in common: answers to other prompts, which tell how far the
    /// policy has gone from the reference, and the estimate once it is made.
    public final class Step: Sendable {
        /// Answers behind prompts that they do not answer, in parts of the size of a micro-batch; none for one row.
        public let mismatched: [PackedAnswers]
        /// Desirable rows of the step.
        public let desirableCount: Int
        /// Its other rows.
        public let undesirableCount: Int
        let estimate = Mutex<Double?>(nil)

        init(_ examples: [UnpairedExample], parts: [Range<Int>], pairing: Pairing, maxLength: Int?) {
            desirableCount = examples.count { $0.isDesirable }
            undesirableCount = examples.count - desirableCount
            guard examples.count > 1 else {
                mismatched = []
                return
            }
            mismatched = parts.map { part in
                PackedAnswers(
                    part.map { row in
                        let prompt = examples[row].prompt
                        let answer = examples[pairing.partner(of: row, in: examples)].completion
                        let room = maxLength.map { max(1, $0 - prompt.count) } ?? answer.count
                        return PackedAnswers.Group(prompt: prompt, answers: [Array(answer.prefix(room))])
                    })
            }
        }
    }

    /// Whose answer is put behind a prompt to estimate the divergence.
    public enum Pairing: Sendable, Hashable {
        /// The answer of the nearest row before it (around the end) that has another prompt.
        case otherPrompt
        /// The answer of the row before it, around the end, as TRL has it: also where both answer one prompt.
        case previousRow

        func partner(of row: Int, in examples: [UnpairedExample]) -> Int {
            let count = examples.count
            let previous = (row + count - 1) % count
            guard self == .otherPrompt else { return previous }
            let candidates = (1..<count).lazy.map { (row + count - $0) % count }
            return candidates.first { examples[$0].prompt != examples[row].prompt } ?? previous
        }
    }

    /// Over which rows the divergence is estimated.
    public enum EstimateScope: Sendable, Hashable {
        /// Over the whole step: the same number however the step is cut.
        case step
        /// Over each micro-batch, as TRL has it.
        case microBatch
    }

    /// The rows of an optimiser step, or of a held-out set, in micro-batches.
    ///
    /// - Parameters:
    ///   - examples: all of them. With a single row there is no other answer, and the estimate is 0.
    ///   - limit: how much goes into one micro-batch, in rows or in tokens.
    ///   - scope: over which rows the divergence is estimated.
    ///   - pairing: whose answer is put behind a prompt for that.
    ///   - maxLength: most tokens of a prompt with another's answer, which is cut to fit; `nil` for any number.
    public static func microBatches(
        _ examples: [UnpairedExample], limit: Packing.MicroBatchLimit, scope: EstimateScope = .step,
        pairing: Pairing = .otherPrompt, maxLength: Int? = nil
    ) -> [UnpairedBatch] {
        let parts = Packing.microBatches(lengths: examples.map(\.tokenCount), limit: limit)
        let whole =
            scope == .step ? Step(examples, parts: parts, pairing: pairing, maxLength: maxLength) : nil
        return parts.enumerated().map { index, part in
            let rows = Array(examples[part])
            let step = whole ?? Step(rows, parts: [rows.indices], pairing: pairing, maxLength: maxLength)
            return UnpairedBatch(
                examples: rows,
                answers: PackedAnswers(rows.map { PackedAnswers.Group(prompt: $0.prompt, answers: [$0.completion]) }),
                step: step, isFirst: whole == nil || index == 0)
        }
    }
}
