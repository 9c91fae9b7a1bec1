import Foundation
import TensorCore

/// How the next token is drawn from the logits.
///
/// The steps are those of `transformers`, in its order: repetition penalty, temperature, top-k, top-p, min-p. What is
/// left is renormalised, and a token is drawn from it.
public struct SamplingSettings: Sendable, Hashable {
    /// Divides the logits; 0 takes the most likely token, of equals the lowest id.
    public var temperature: Double = 1
    /// Keeps this many most likely tokens; `nil` for all.
    public var topK: Int?
    /// Keeps the fewest most likely tokens whose probabilities reach this; 1 for all.
    public var topP: Double = 1
    /// Keeps tokens at least this many times as likely as the most likely one; 0 for all.
    public var minP: Double = 0
    /// Divides positive and multiplies negative logits of tokens that are in the prompt or the completion
    /// (Keskar et al., "CTRL", 2019); 1 for none.
    public var repetitionPenalty: Double = 1

    /// Draws from the model's own distribution.
    public init() {}

    /// The most likely token, always.
    public static var greedy: SamplingSettings {
        var settings = SamplingSettings()
        settings.temperature = 0
        return settings
    }

    /// - Throws: `ModelError` naming the first setting that is out of range.
    public func check() throws(ModelError) {
        guard temperature >= 0, temperature.isFinite else { throw ModelError("temperature \(temperature) is below 0") }
        guard topK ?? 1 >= 1 else { throw ModelError("top_k \(topK ?? 0) is below 1; leave it out to keep all tokens") }
        guard topP > 0, topP <= 1 else { throw ModelError("top_p \(topP) is not above 0 and at most 1") }
        guard minP >= 0, minP <= 1 else { throw ModelError("min_p \(minP) is not from 0 to 1") }
        guard repetitionPenalty > 0, repetitionPenalty.isFinite else {
            throw ModelError("repetition_penalty \(repetitionPenalty) is not above 0")
        }
    }
}

/// A token that was drawn.
struct SampledToken: Hashable {
    let id: Int
    /// ln of its probability in the distribution it was drawn from; when the most likely token is taken, in the
    /// distribution of the (penalised) logits.
    let logProbability: Float
}

/// Draws tokens. What it draws depends on the logits, the settings and a number in [0, 1) alone.
struct Sampler {
    let settings: SamplingSettings

    /// - Parameters:
    ///   - logits: V of them.
    ///   - seen: tokens that the repetition penalty is for.
    ///   - uniform: in [0, 1); not asked for when the most likely token is taken.
    func sample(_ logits: [Float], seen: Set<Int>, uniform: () -> Double) -> SampledToken {
        var scores = logits
        if settings.repetitionPenalty != 1 {
            let penalty = Float(settings.repetitionPenalty)
            for id in seen where scores.indices.contains(id) {
                scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty
            }
        }
        var best = 0
        for id in scores.indices where scores[id] > scores[best] { best = id }
        let temperature = settings.temperature == 0 ? 1 : settings.temperature
        let highest = Double(scores[best])
        func weight(_ id: Int) -> Double { exp((Double(scores[id]) - highest) / temperature) }
        if settings.temperature == 0 {
            let total = scores.indices.reduce(0) { $0 + weight($1) }
            return SampledToken(id: best, logProbability: Float(-log(total)))
        }
        guard settings.topK != nil || settings.topP < 1 || settings.minP > 0 else {
            let weights = scores.indices.map(weight)
            return draw(from: Array(weights.indices), weights, uniform())
        }
        let kept = keep(scores, highest: highest, temperature: temperature, weight: weight)
        return draw(from: kept, kept.map(weight), uniform())
    }

    /// The ids that top-k, top-p and min-p leave, the most likely first, of equals the lowest id first.
    private func keep(
        _ scores: [Float], highest: Double, temperature: Double, weight: (Int) -> Double
    ) -> [Int] {
        let limit = min(settings.topK ?? scores.count, scores.count)
        // Without top-k the whole vocabulary counts as the mass that top-p is a part of.
        let everything = settings.topK == nil ? scores.indices.reduce(0) { $0 + weight($1) } : 0
        // Sorting few candidates is enough: widen the band below the best until it holds what must be kept.
        var band = 4.0
        while true {
            let floor = Float(highest - band * temperature)
            var ids = scores.indices.filter { scores[$0] >= floor }
            let isAll = ids.count == scores.count || !floor.isFinite || band > 1e4
            let isEnough =
                settings.topK != nil
                ? ids.count >= limit : ids.reduce(0) { $0 + weight($1) } >= settings.topP * everything
            guard isEnough || isAll else {
                band *= 2
                continue
            }
            if isAll { ids = Array(scores.indices) }
            ids.sort { (scores[$1], $0) < (scores[$0], $1) }
            ids.removeLast(max(0, ids.count - limit))
            return cut(
                ids, total: settings.topK == nil ? everything : ids.reduce(0) { $0 + weight($1) }, weight: weight)
        }
    }

    /// Applies top-p and min-p to sorted ids.
    private func cut(_ ids: [Int], total: Double, weight: (Int) -> Double) -> [Int] {
        var kept: [Int] = []
        var mass = 0.0
        for id in ids {
            // The best has weight 1, so a weight is already the part of the best's probability.
            if !kept.isEmpty, mass >= settings.topP * total || weight(id) < settings.minP { break }
            kept.append(id)
            mass += weight(id)
        }
        return kept
    }

    private func draw(from ids: [Int], _ weights: [Double], _ uniform: Double) -> SampledToken {
        let total = weights.reduce(0, +)
        var left = uniform * total
        var chosen = ids.count - 1
        for (index, weight) in weights.enumerated() {
            left -= weight
            if left < 0 {
                chosen = index
                break
            }
        }
        // Rounding may run past the end onto a token that cannot be drawn.
        while chosen > 0, weights[chosen] == 0 { chosen -= 1 }
        return SampledToken(id: ids[chosen], logProbability: Float(log(weights[chosen] / total)))
    }
}
