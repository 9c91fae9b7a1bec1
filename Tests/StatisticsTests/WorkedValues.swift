import Foundation

/// Values that scipy, statsmodels and numpy worked out (Tests/Fixtures/PROVENANCE.md).
struct WorkedValues: Decodable {
    struct Tail: Decodable { let x, upper: Double }
    struct FreeTail: Decodable { let x, freedom, upper: Double }
    struct Beta: Decodable { let x, a, b, value: Double }
    struct Gamma: Decodable { let x, value: Double }
    struct Binomial: Decodable { let k, n: Int; let share, mass, atLeast, atMost, lower, upper: Double }
    struct Discordance: Decodable { let gains, losses: Int; let gainExact, gainMid, twoSided: Double }
    struct Score: Decodable { let threshold, score: Double }
    struct Shares: Decodable { let pairs, gains, losses: Int; let scores: [Score]; let lower: Double }
    struct Corrected: Decodable { let values, adjusted: [Double] }
    struct Samples: Decodable { let a, b: [Double]; let statistic, p: Double }
    struct Counts: Decodable { let a, b: [Int]; let statistic, p: Double }
    struct Permuted: Decodable { let a, b: [Double]; let mean, p, superiority: Double }
    struct Power: Decodable { let pairs: Int; let gain, discordance, power: Double }
    struct Bootstrap: Decodable {
        let candidate, baseline, weights: [Double]
        let relative: Bool
        let level, estimate, error, lower, upper: Double
    }
    struct Effect: Decodable { let a, b: [Double]; let d, z, h: Double }

    let normal, normalDeviations: [Tail]
    let student, chiSquared: [FreeTail]
    let beta: [Beta]
    let logGamma: [Gamma]
    let binomial: [Binomial]
    let mcnemar: [Discordance]
    let pairedShares: [Shares]
    let holm: [Corrected]
    let kolmogorovSmirnov: [Samples]
    let chiSquaredCounts: [Counts]
    let permutation: [Permuted]
    let power: [Power]
    let bootstrap: [Bootstrap]
    let effect: Effect

    /// All of them.
    static func read() throws -> WorkedValues {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/statistics.json")
        return try JSONDecoder().decode(WorkedValues.self, from: Data(contentsOf: file))
    }
}

/// Whether a value is another to so many relative digits.
func isNear(_ value: Double, _ expected: Double, _ tolerance: Double = 1e-11) -> Bool {
    value == expected || abs(value - expected) <= tolerance * max(abs(expected), 1e-300)
}
