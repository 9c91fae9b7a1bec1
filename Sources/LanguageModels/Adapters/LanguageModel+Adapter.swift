import Foundation
import TensorCore

/// What merging an adapter changed, measured on a row of tokens spread over the vocabulary. Of a reward model the
/// logits are the rewards, one at each position.
public struct MergeReport: Sendable, Hashable {
    /// The largest difference of a logit, before to after.
    public let largestDifference: Float
    /// The largest logit before, to compare with.
    public let largestLogit: Float
    /// The part of positions at which the most likely token stayed the same, in [0, 1].
    public let greedyAgreement: Double
    /// The mean over positions of KL(before ‖ after), in nats.
    public let meanDivergence: Double
}

extension LanguageModel {
    /// Attaches a new adapter that changes nothing yet, and says that only it is trained.
    ///
    /// A is uniform in ±1/√in from a stream of its own for each layer, B is 0, DoRA's lengths are those of the rows.
    ///
    /// - Throws: `ModelError` if there is an adapter already, a setting is out of range, or targets match nothing.
    public func attachAdapter(_ configuration: AdapterConfiguration, seed: UInt64) throws(ModelError) {
        try attach(configuration, location: nil) { target, name, shape in
            guard name == .down else { return nil }
            let bound = 1 / Float(target.layer.inputs).squareRoot()
            let stream = RandomStream(seed: seed, purpose: "adapter " + target.layer.path)
            return .uniform(shape, from: -bound, to: bound, stream: stream)
        }
    }

    /// A weight of an adapted layer.
    enum AdapterWeight { case down, up, magnitude }

    /// Attaches an adapter with weights from `weight`; where that gives none, A and B are zero and the lengths of
    /// DoRA are those of the layer's rows.
    func attach(
        _ configuration: AdapterConfiguration, location: String?,
        weight: (AdapterTarget, AdapterWeight, [Int]) throws(ModelError) -> Tensor?
    ) throws(ModelError) {
        guard adapter == nil else {
            throw ModelError("the model has an adapter already; merge or remove it first", location: location)
        }
        let targets = try configuration.resolved(in: self, location: location)
        var made: [LowRankAdapter] = []
        for target in targets {
            let layer = target.layer
            let down = try weight(target, .down, [target.rank, layer.inputs]) ?? .zeros([target.rank, layer.inputs])
            let up = try weight(target, .up, [layer.outputs, target.rank]) ?? .zeros([layer.outputs, target.rank])
            var magnitude: Tensor?
            if configuration.usesMagnitude {
                magnitude =
                    try weight(target, .magnitude, [layer.outputs])
                    ?? LowRankAdapter.rowLengths(of: layer.weight.value.converted(to: .float32))
            }
            made.append(
                LowRankAdapter(
                    down: Parameter(down), up: Parameter(up), magnitude: magnitude.map { Parameter($0) },
                    scale: target.scale, dropout: Float(configuration.dropout)))
        }
        for (target, adapter) in zip(targets, made) { target.layer.adapter = adapter }
        adapter = Adapter(configuration: configuration, paths: targets.map(\.layer.path))
        setTrainable(.adapter)
    }

    /// Takes the adapter away: the base model remains.
    public func removeAdapter() {
        for layer in linearLayers { layer.adapter = nil }
        adapter = nil
    }

    /// Adds the adapter's differences to the weights, rounds these to their type, and takes the adapter away. Quantised
    /// weights become `float32`.
    ///
    /// - Returns: how far the logits moved; rounding alone should move them.
    /// - Throws: `ModelError` if there is no adapter, or a merged weight is infinite or NaN; the model is then as it was.
    @discardableResult
    public func mergeAdapter() throws(ModelError) -> MergeReport {
        guard adapter != nil else { throw ModelError("there is no adapter to merge") }
        var merged: [(layer: Linear, weight: Tensor)] = []
        for layer in linearLayers {
            guard let adapter = layer.adapter else { continue }
            let weight = adapter.merged(with: layer.weight.value)
            guard weight.isFinite else {
                throw ModelError("the adapter of \(layer.path) makes infinite or NaN weights; it cannot be merged")
            }
            // Quantised anew it would lose what training gained; as numbers it loses nothing.
            let type = layer.weight.value.quantized == nil ? layer.weight.value.dtype : .float32
            merged.append((layer, weight.converted(to: type)))
        }
        let before = probe()
        for (layer, weight) in merged { layer.weight.value = weight }
        removeAdapter()
        return Self.report(before, probe())
    }

    /// How far another model's logits are from this one's, such as those of a merged model from the trained one's.
    ///
    /// - Precondition: both have the same vocabulary, and both or neither a reward head.
    public func difference(to other: LanguageModel) -> MergeReport { Self.report(probe(), other.probe()) }

    /// How far another model's logits are from this one's on given rows of tokens, over all their positions; a row is read
    /// up to the length that the models take. Without a token they are compared as `difference(to:)` does.
    ///
    /// - Precondition: both have the same vocabulary, and both or neither a reward head.
    public func difference(to other: LanguageModel, on rows: [[Int]]) -> MergeReport {
        let reports = rows.filter { !$0.isEmpty }.map { row in
            let row = Array(row.prefix(configuration.contextLength))
            return (row.count, Self.report(outputs(of: row), other.outputs(of: row)))
        }
        let count = Double(reports.reduce(0) { $0 + $1.0 })
        guard count > 0 else { return difference(to: other) }
        return MergeReport(
            largestDifference: reports.reduce(0) { max($0, $1.1.largestDifference) },
            largestLogit: reports.reduce(0) { max($0, $1.1.largestLogit) },
            greedyAgreement: reports.reduce(0) { $0 + Double($1.0) * $1.1.greedyAgreement } / count,
            meanDivergence: reports.reduce(0) { $0 + Double($1.0) * $1.1.meanDivergence } / count)
    }

    /// Logits (or rewards) of a short row whose ids are spread over the vocabulary.
    private func probe() -> Tensor {
        let length = min(48, configuration.contextLength)
        return outputs(of: (0..<length).map { ($0 * 7919 + 1) % configuration.vocabularySize })
    }

    /// Logits (or rewards) at each position of a row.
    private func outputs(of ids: [Int]) -> Tensor {
        let hidden = hiddenStates(PackedTokens([ids]))
        return hasRewardHead ? rewards(hidden: hidden).reshaped([ids.count, 1]) : logits(hidden: hidden)
    }

    private static func report(_ before: Tensor, _ after: Tensor) -> MergeReport {
        let columns = before.columns
        let (first, second) = (before.scalars, after.scalars)
        let (firstLogs, secondLogs) = (before.logSoftmax().scalars, after.logSoftmax().scalars)
        var (difference, largest): (Float, Float) = (0, 0)
        for (left, right) in zip(first, second) {
            difference = max(difference, abs(left - right))
            largest = max(largest, abs(left))
        }
        var (agreed, divergence) = (0, 0.0)
        for start in stride(from: 0, to: first.count, by: columns) {
            let range = start..<start + columns
            if range.max(by: { first[$0] < first[$1] }) == range.max(by: { second[$0] < second[$1] }) { agreed += 1 }
            divergence += range.reduce(0) {
                let log = Double(firstLogs[$1])
                return $0 + (log.isFinite ? exp(log) * (log - Double(secondLogs[$1])) : 0)
            }
        }
        return MergeReport(
            largestDifference: difference, largestLogit: largest,
            greedyAgreement: Double(agreed) / Double(before.rows), meanDivergence: divergence / Double(before.rows))
    }
}
