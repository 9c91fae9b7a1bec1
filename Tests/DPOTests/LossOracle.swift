import DPO
import Foundation

/// Pairs in double precision.
struct OraclePairs {
    var policyChosen: [Double]
    var policyRejected: [Double]
    var referenceChosen: [Double]
    var referenceRejected: [Double]
    var chosenCount: [Double]
    var rejectedCount: [Double]
}

/// The losses written out in double precision for clarity: what the tensors must give, and whose central differences
/// are the oracle of their gradients.
enum LossOracle {
    typealias Loss = (OraclePairs, LossSettings) -> [Double]

    static func logSigmoid(_ x: Double) -> Double { x < -30 ? x : -log1p(exp(-x)) }
    static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    static func smoothed(_ x: Double, _ smoothing: Double) -> Double {
        -(1 - smoothing) * logSigmoid(x) - smoothing * logSigmoid(-x)
    }

    static func score(_ ratio: Double, _ settings: LossSettings) -> Double {
        switch settings.divergence {
        case .reverseKL: ratio
        case .forwardKL: 1 - exp(-ratio)
        case .jensenShannon: log(2) + logSigmoid(ratio)
        case .alpha: (exp((settings.divergenceAlpha - 1) * ratio) - 1) / (settings.divergenceAlpha - 1)
        }
    }

    /// The loss of one pair from its scores, ratios and mean log-probabilities.
    private struct Pair {
        var (chosenRatio, rejectedRatio, chosenScore, rejectedScore) = (0.0, 0.0, 0.0, 0.0)
        var (chosenCount, rejectedCount, policyChosen, policyRejected) = (0.0, 0.0, 0.0, 0.0)

        var delta: Double { chosenScore - rejectedScore }
        var deltaPerToken: Double { chosenScore / chosenCount - rejectedScore / rejectedCount }
        var meanChosen: Double { policyChosen / chosenCount }
        var meanRejected: Double { policyRejected / rejectedCount }
    }

    private static func perPair(_ body: @escaping (Pair, LossSettings) -> Double) -> Loss {
        { pairs, settings in
            pairs.policyChosen.indices.map { index in
                var pair = Pair()
                pair.policyChosen = pairs.policyChosen[index]
                pair.policyRejected = pairs.policyRejected[index]
                pair.chosenRatio = pair.policyChosen - pairs.referenceChosen[index]
                pair.rejectedRatio = pair.policyRejected - pairs.referenceRejected[index]
                pair.chosenScore = score(pair.chosenRatio, settings)
                pair.rejectedScore = score(pair.rejectedRatio, settings)
                pair.chosenCount = pairs.chosenCount[index]
                pair.rejectedCount = pairs.rejectedCount[index]
                return body(pair, settings)
            }
        }
    }

    private static func sortedDifference(
        _ first: [Double], _ second: [Double], _ settings: LossSettings
    ) -> [Double] {
        zip(first.sorted(), second.sorted()).map {
            smoothed(settings.beta * ($0 - $1), settings.labelSmoothing)
        }
    }

    /// The losses that have a number for each pair.
    static func loss(_ name: String) -> Loss? {
        switch name {
        case "sigmoid": return perPair { -logSigmoid($1.beta * $0.delta) }
        case "sigmoid_norm": return perPair { -logSigmoid($1.beta * $0.deltaPerToken) }
        case "hinge": return perPair { max(0, 1 - $1.beta * $0.delta) }
        case "ipo": return perPair { pow($0.deltaPerToken - 1 / (2 * $1.beta), 2) }
        case "exo_pair":
            return perPair { pair, settings in
                let x = settings.beta * pair.delta
                return sigmoid(x) * (logSigmoid(x) - log(1 - settings.labelSmoothing))
                    + sigmoid(-x) * (logSigmoid(-x) - log(settings.labelSmoothing))
            }
        case "nca_pair":
            return perPair { pair, settings in
                let (c, r) = (settings.beta * pair.chosenRatio, settings.beta * pair.rejectedRatio)
                return -logSigmoid(c) - logSigmoid(-c) / 2 - logSigmoid(-r) / 2
            }
        case "robust":
            return perPair { pair, settings in
                let (x, e) = (settings.beta * pair.delta, settings.labelSmoothing)
                return (-(1 - e) * logSigmoid(x) + e * logSigmoid(-x)) / (1 - 2 * e)
            }
        case "bco_pair":
            return perPair { -logSigmoid($1.beta * $0.chosenRatio) - logSigmoid(-$1.beta * $0.rejectedRatio) }
        case "sppo_hard":
            return perPair { pow($0.chosenRatio - 0.5 / $1.beta, 2) + pow($0.rejectedRatio + 0.5 / $1.beta, 2) }
        case "aot":
            return { (pairs: OraclePairs, settings: LossSettings) -> [Double] in
                sortedDifference(
                    zip(pairs.policyChosen, pairs.policyRejected).map { $0 - $1 },
                    zip(pairs.referenceChosen, pairs.referenceRejected).map { $0 - $1 }, settings)
            }
        case "aot_unpaired":
            return { (pairs: OraclePairs, settings: LossSettings) -> [Double] in
                sortedDifference(
                    zip(pairs.policyChosen, pairs.referenceChosen).map { $0 - $1 },
                    zip(pairs.policyRejected, pairs.referenceRejected).map { $0 - $1 }, settings)
            }
        case "apo_zero": return perPair { 1 - sigmoid($1.beta * $0.chosenRatio) + sigmoid($1.beta * $0.rejectedRatio) }
        case "apo_down":
            return perPair {
                sigmoid($1.beta * $0.chosenRatio) + 1 - sigmoid($1.beta * ($0.chosenRatio - $0.rejectedRatio))
            }
        case "discopop":
            return perPair { pair, settings in
                let x = settings.beta * pair.delta
                let gate = sigmoid(x / settings.temperature)
                return (1 - gate) * -logSigmoid(x) + gate * exp(-x)
            }
        case "cpo":
            return perPair { smoothed($1.beta * ($0.policyChosen - $0.policyRejected), $1.labelSmoothing) }
        case "cpo_hinge":
            return perPair { max(0, 1 - $1.beta * ($0.policyChosen - $0.policyRejected)) }
        case "cpo_ipo":
            return perPair { pow($0.meanChosen - $0.meanRejected - 1 / (2 * $1.beta), 2) }
        case "simpo":
            return perPair { pair, settings in
                let alpha = settings.alphaPO
                func reward(_ mean: Double) -> Double { alpha == 0 ? mean : (1 - pow(exp(mean), -alpha)) / alpha }
                let lead = reward(pair.meanChosen) - reward(pair.meanRejected) - settings.gamma / settings.beta
                return smoothed(settings.beta * lead, settings.labelSmoothing)
            }
        case "orpo":
            return perPair { pair, settings in
                func logOdds(_ mean: Double) -> Double { mean - log(1 - exp(mean)) }
                return -settings.beta * logSigmoid(logOdds(pair.meanChosen) - logOdds(pair.meanRejected))
            }
        default: return nil
        }
    }
}
