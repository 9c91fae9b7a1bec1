import Foundation
public import LanguageModels
import OrderedCollections
import SFT
import TensorCore
import Training

/// What the divergence of a model is measured from.
public enum DivergenceBase {
    /// The model itself without its adapter.
    case adapterOff
    /// A second model with the same vocabulary.
    case model(LanguageModel)
}

extension SuiteRunner {
    /// KL(model ‖ base) over the whole vocabulary, in nats, at every trained token of the rows.
    func measureDivergence(_ suite: Suite) throws -> SuiteResult {
        let items = suite.items.filter { $0.row?.ids.isEmpty == false }
        var result = SuiteResult(name: suite.name, kind: .divergence, count: items.count)
        guard let base else {
            result.remarks = ["there is no base to measure from: the model has no adapter, and no other model is given"]
            return result
        }
        switch base {
        case .adapterOff: result.remarks = ["KL from the model without its adapter, over the whole vocabulary"]
        case .model: result.remarks = ["KL from a second model, over the whole vocabulary"]
        }
        let rows = items.compactMap(\.row)
        var (sum, weight) = (0.0, 0.0)
        var next = 0
        for batch in rows.batches(ofTokens: 4096) {
            let divergences = try divergences(batch, from: base)
            var (position, end) = (0, 0)
            for length in batch.tokens.lengths {
                end += length
                let first = position
                while position < batch.positions.count, batch.positions[position] < end { position += 1 }
                let part = divergences[first..<position].reduce(0, +)
                var row = MeasuredRow(id: items[next].id, source: items[next].source, values: [:])
                if position > first {
                    row.values["kl"] = .init(part / Double(position - first), weight: Double(position - first))
                }
                result.rows.append(row)
                (sum, weight, next) = (sum + part, weight + Double(position - first), next + 1)
            }
        }
        if weight > 0 { result.figures["kl"] = sum / weight }
        return result
    }

    /// Logits that are held at once, at most.
    private static let logitLimit = 4 << 20

    private func divergences(_ batch: TokenBatch, from base: DivergenceBase) throws -> [Double] {
        var options = ForwardOptions()
        var other = model
        switch base {
        case .adapterOff: options.adapterEnabled = false
        case .model(let second): other = second
        }
        let (hidden, otherHidden) = (
            model.hiddenStates(batch.tokens), other.hiddenStates(batch.tokens, options: options)
        )
        let step = max(1, Self.logitLimit / max(1, model.configuration.vocabularySize))
        var result: [Double] = []
        for start in stride(from: 0, to: batch.positions.count, by: step) {
            if stop.isRequested { throw CancellationError() }
            let part = Array(batch.positions[start..<min(batch.positions.count, start + step)])
            let mine = model.logits(hidden: embedding(hidden, part)).logSoftmax()
            let theirs = other.logits(hidden: embedding(otherHidden, part)).logSoftmax()
            result += Self.divergences(mine, theirs)
        }
        return result
    }

    /// Σ p (ln p − ln q) of each row.
    private static func divergences(_ mine: Tensor, _ theirs: Tensor) -> [Double] {
        let (p, q, columns) = (mine.scalars, theirs.scalars, mine.columns)
        var result = [Double](repeating: 0, count: mine.rows)
        result.withUnsafeMutableBufferPointer { result in
            nonisolated(unsafe) let result = result
            Parallel.forEach(result.count) { row in
                var sum = 0.0
                for index in row * columns..<(row + 1) * columns where p[index] > -80 {
                    sum += Double(exp(p[index])) * Double(p[index] - q[index])
                }
                // Rounding may leave a hair below nothing.
                result[row] = max(0, sum)
            }
        }
        return result
    }
}
