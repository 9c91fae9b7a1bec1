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

    /// Whether unlikely tokens are cut off.
    var cuts: Bool { temperature > 0 && (topK != nil || topP < 1 || minP > 0) }

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
    /// Of the distribution before anything was cut off, in nats.
    let entropy: Float
    /// ln of the probability of all tokens that were not cut off.
    let logRetainedMass: Float
}

/// Draws tokens. What it draws depends on the logits, the settings and a number in [0, 1) alone.
///
/// The cumulative distribution is read in fixed blocks, so nothing is sorted unless something is cut off, and then only
/// the candidates are.
struct Sampler {
    let settings: SamplingSettings

    /// One token for each of some rows, on all threads.
    ///
    /// - Parameters:
    ///   - logits: of each row, V numbers.
    ///   - columns: V.
    func sample(
        _ count: Int, row: (Int) -> GenerationRow, logits: (Int) -> UnsafePointer<Float>, _ columns: Int
    ) -> [SampledToken] {
        [SampledToken](unsafeUninitializedCapacity: count) { buffer, initialized in
            let tokens = UncheckedPointer(buffer.baseAddress)
            Parallel.forEach(count) { index in
                let row = row(index)
                let token = sample(logits(index), columns, seen: row.seen) { row.uniform }
                tokens.pointer.map { ($0 + index).initialize(to: token) }
            }
            initialized = count
        }
    }

    /// - Parameters:
    ///   - logits: V of them.
    ///   - seen: tokens that the repetition penalty is for.
    ///   - uniform: in [0, 1); not asked for when the most likely token is taken.
    func sample(
        _ logits: UnsafePointer<Float>, _ columns: Int, seen: Set<Int>, uniform: () -> Double
    ) -> SampledToken {
        guard settings.repetitionPenalty != 1 else { return draw(logits, columns, uniform) }
        var scores = Array(UnsafeBufferPointer(start: logits, count: columns))
        let penalty = Float(settings.repetitionPenalty)
        for id in seen where scores.indices.contains(id) {
            scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty
        }
        return scores.withUnsafeBufferPointer { scores in
            guard let base = scores.baseAddress else { preconditionFailure("a model without vocabulary") }
            return draw(base, columns, uniform)
        }
    }

    private func draw(_ logits: UnsafePointer<Float>, _ columns: Int, _ uniform: () -> Double) -> SampledToken {
        let isGreedy = settings.temperature == 0
        let scale = isGreedy ? 1 : Float(1 / settings.temperature)
        // Where something is cut off, this gives the sums alone, and the number is used afterwards.
        let drawn = DrawnToken(
            logits: logits, count: columns, scale: scale, uniform: isGreedy || settings.cuts ? nil : uniform())
        if settings.cuts { return drawCut(logits, columns, scale, drawn, uniform()) }
        return SampledToken(
            id: drawn.id, logProbability: drawn.logProbability, entropy: drawn.entropy, logRetainedMass: 0)
    }

    // MARK: Cutting

    /// A token that top-k, top-p and min-p may leave, and its probability as a part of the most likely one's.
    private struct Candidate {
        let id: Int
        let score: Float
        let weight: Double
    }

    private func drawCut(
        _ logits: UnsafePointer<Float>, _ columns: Int, _ scale: Float, _ whole: DrawnToken, _ uniform: Double
    ) -> SampledToken {
        let kept = keep(logits, columns, scale, whole)
        let mass = kept.reduce(0) { $0 + $1.weight }
        var left = uniform * mass
        var chosen = kept.count - 1
        for (index, candidate) in kept.enumerated() {
            left -= candidate.weight
            if left < 0 {
                chosen = index
                break
            }
        }
        // Rounding may run past the end onto a token that cannot be drawn.
        while chosen > 0, kept[chosen].weight == 0 { chosen -= 1 }
        return SampledToken(
            id: kept[chosen].id, logProbability: Float(log(kept[chosen].weight / mass)), entropy: whole.entropy,
            logRetainedMass: Float(min(0, log(mass / whole.total))))
    }

    /// The tokens that are left, the most likely first, of equals the lowest id first.
    private func keep(
        _ logits: UnsafePointer<Float>, _ columns: Int, _ scale: Float, _ whole: DrawnToken
    ) -> [Candidate] {
        let limit = min(settings.topK ?? columns, columns)
        var ids = [Int32](repeating: 0, count: columns)
        // Sorting few candidates is enough: widen the band below the best until it holds what must be kept.
        var band: Float = 4
        while true {
            let floor = whole.highest - band
            let isAll = band > 1e4 || !floor.isFinite
            let count = DrawnToken.ids(
                atLeast: isAll ? -.infinity : floor, logits: logits, count: columns, scale: scale, into: &ids)
            var candidates = ids[..<count].map { id in
                let score = logits[Int(id)] * scale
                return Candidate(id: Int(id), score: score, weight: exp(Double(score) - Double(whole.highest)))
            }
            // Without top-k the whole vocabulary counts as the mass that top-p is a part of.
            let isEnough =
                settings.topK != nil
                ? count >= limit
                : settings.minP > 0 && exp(Double(-band)) <= settings.minP
                    || settings.topP < 1 && candidates.reduce(0) { $0 + $1.weight } >= settings.topP * whole.total
            guard isEnough || isAll || count == columns else {
                band *= 2
                continue
            }
            candidates.sort { ($1.score, $0.id) < ($0.score, $1.id) }
            candidates.removeLast(max(0, candidates.count - limit))
            let total = settings.topK == nil ? whole.total : candidates.reduce(0) { $0 + $1.weight }
            return cut(candidates, total: total)
        }
    }

    /// Applies top-p and min-p to sorted candidates.
    private func cut(_ candidates: [Candidate], total: Double) -> [Candidate] {
        var mass = 0.0
        let end = candidates.indices.first { index in
            // The best has weight 1, so a weight is already the part of the best's probability.
            let isPast =
                index > 0 && (mass >= settings.topP * total || candidates[index].weight < settings.minP)
            mass += candidates[index].weight
            return isPast
        }
        return Array(candidates[..<(end ?? candidates.count)])
    }
}

/// A pointer that threads write to at different places.
private struct UncheckedPointer<Element>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Element>?
    init(_ pointer: UnsafeMutablePointer<Element>?) { self.pointer = pointer }
}
