import Foundation

/// Bounds and one-sided p-values of what a candidate gains over a baseline on the same rows, by drawing the rows again.
///
/// Three methods judge each question and the most careful of them decides, as each fails somewhere else: the percentiles
/// of the resampled difference (Efron, 1979) need no model but are narrow for few rows; the studentised bootstrap
/// (Efron, 1982; Hall, "Theoretical comparison of bootstrap confidence intervals", 1988) is right for skewed differences;
/// Student's t keeps its width where many rows are equal. No p-value is below 2^-pairs, the least that the signs of
/// so many pairs can show.
///
/// The difference is one of weighted means, so token-weighted losses are ratios of sums in every resample, with an error
/// of their own in each (linearised where the two models' weights differ). Resamples
/// are keyed by the seed and their number: the same rows in the same order give the same bits everywhere.
public struct PairedBootstrap: Sendable {
    /// What is compared.
    public enum Contrast: Sendable, Hashable {
        /// The candidate's mean less the baseline's.
        case difference
        /// The candidate's mean by the baseline's, less 1; the baseline's must be positive.
        case relativeChange
    }

    /// Rows.
    public let pairs: Int
    /// The contrast of the rows as they are; `nan` where it has no value.
    public let estimate: Double
    /// Its standard error, linearised, with n - 1.
    public let standardError: Double
    /// How often the rows were drawn.
    public let resamples: Int
    /// The contrast of the resamples that have one, rising.
    private let contrasts: [Double]
    /// Their distances from the estimate in standard errors of their own, rising; infinite ones are kept.
    private let distances: [Double]
    private let isStudentized: Bool

    /// Draws the rows again.
    ///
    /// - Parameters:
    ///   - candidate: the candidate's values, one a row.
    ///   - baseline: the baseline's values of the same rows.
    ///   - weights: what a row counts, above or equal to 0, such as its trained tokens; 1 if absent.
    ///   - baselineWeights: the same for the baseline, if it differs.
    ///   - contrast: what is compared.
    ///   - isStudentized: whether the studentised bootstrap has a say. It knows nothing of rows hardly any of which differ,
    ///     as most resamples of these have no spread: leave it out where another test beside this one judges them.
    ///   - resamples: how often the rows are drawn.
    ///   - seed: what the draws are keyed by.
    /// - Precondition: all lists have the same length, below 2^31, and there is at least one resample.
    public init(
        candidate: [Double], baseline: [Double], weights: [Double]? = nil, baselineWeights: [Double]? = nil,
        contrast: Contrast = .difference, isStudentized: Bool = true, resamples: Int = 10_000, seed: UInt64 = 0
    ) {
        let count = candidate.count
        precondition(baseline.count == count && count < 1 << 31, "\(count) values and \(baseline.count)")
        precondition(weights.map { $0.count == count } ?? true, "a weight for each row")
        precondition(baselineWeights.map { $0.count == count } ?? true, "a weight of the baseline for each row")
        precondition(resamples > 0, "\(resamples) resamples")
        let weights = weights ?? baselineWeights.map { _ in [Double](repeating: 1, count: count) }
        var drawn: Resampled
        if let weights, let baselineWeights, weights != baselineWeights {
            let sums = (0..<count).map {
                SIMD4(
                    weights[$0] * candidate[$0], weights[$0], baselineWeights[$0] * baseline[$0], baselineWeights[$0])
            }
            drawn = Resampled(ofSums: sums, contrast, resamples, seed)
        } else if weights == nil, contrast == .difference {
            drawn = Resampled(ofMean: zip(candidate, baseline).map { $0 - $1 }, resamples, seed)
        } else {
            drawn = Resampled(
                ofRatio: (0..<count).map {
                    let weight = weights?[$0] ?? 1
                    return contrast == .difference
                        ? SIMD2(weight * (candidate[$0] - baseline[$0]), weight)
                        : SIMD2(weight * (candidate[$0] - baseline[$0]), weight * baseline[$0])
                }, resamples, seed)
        }
        if !isStudentized { drawn.distances = [] }
        self.isStudentized = isStudentized
        drawn.contrasts.removeAll(where: \.isNaN)
        drawn.contrasts.sort()
        drawn.distances.removeAll(where: \.isNaN)
        drawn.distances.sort()
        pairs = count
        estimate = drawn.estimate
        standardError = drawn.standardError
        self.resamples = resamples
        contrasts = drawn.contrasts
        distances = drawn.distances
    }

    /// The mean of one list of values, drawn again.
    public init(
        values: [Double], weights: [Double]? = nil, isStudentized: Bool = true, resamples: Int = 10_000,
        seed: UInt64 = 0
    ) {
        self.init(
            candidate: values, baseline: [Double](repeating: 0, count: values.count), weights: weights,
            isStudentized: isStudentized, resamples: resamples, seed: seed)
    }

    private var isJudged: Bool { pairs > 1 && estimate.isFinite && standardError.isFinite }

    /// The chance to see such a contrast or a larger one if the true one is `threshold` or less.
    public func pValue(above threshold: Double) -> Double {
        guard isJudged else { return 1 }
        let total = Double(resamples + 1)
        // Sums that are equal on paper differ in their last digits; a tie counts against the candidate.
        let tie = threshold + 1e-12 * max(abs(threshold), abs(estimate))
        let below = contrasts.count { $0 <= tie } + resamples - contrasts.count
        let distance = inErrors(estimate - threshold)
        let beyond = isStudentized ? distances.count { $0 >= distance } + resamples - distances.count : 0
        return max(
            Double(1 + below) / total, Double(1 + beyond) / total,
            StudentDistribution.upperTail(distance, freedom: Double(pairs - 1)), pow(0.5, Double(pairs)))
    }

    /// The chance to see such a contrast or a smaller one if the true one is `threshold` or more.
    public func pValue(below threshold: Double) -> Double {
        guard isJudged else { return 1 }
        let total = Double(resamples + 1)
        let tie = threshold - 1e-12 * max(abs(threshold), abs(estimate))
        let above = contrasts.count { $0 >= tie } + resamples - contrasts.count
        let distance = inErrors(estimate - threshold)
        let beyond = isStudentized ? distances.count { $0 <= distance } + resamples - distances.count : 0
        return max(
            Double(1 + above) / total, Double(1 + beyond) / total,
            StudentDistribution.upperTail(-distance, freedom: Double(pairs - 1)), pow(0.5, Double(pairs)))
    }

    private func inErrors(_ distance: Double) -> Double {
        standardError > 0 ? distance / standardError : distance == 0 ? 0 : distance > 0 ? .infinity : -.infinity
    }

    /// The contrast that the true one surpasses with confidence 1 - `level`; minus infinity if the rows cannot tell.
    public func lowerBound(level: Double) -> Double {
        guard isJudged, level >= pow(0.5, Double(pairs)) else { return -.infinity }
        guard let low = extreme(contrasts, level, fromTop: false) else { return -.infinity }
        guard standardError > 0 else { return min(low, estimate) }
        guard let far = farthest(level, fromTop: true) else { return -.infinity }
        return min(low, estimate - far * standardError)
    }

    /// The contrast that the true one stays below with confidence 1 - `level`; infinity if the rows cannot tell.
    public func upperBound(level: Double) -> Double {
        guard isJudged, level >= pow(0.5, Double(pairs)) else { return .infinity }
        guard let high = extreme(contrasts, level, fromTop: true) else { return .infinity }
        guard standardError > 0 else { return max(high, estimate) }
        guard let far = farthest(level, fromTop: false) else { return .infinity }
        return max(high, estimate + far * standardError)
    }

    /// How many standard errors a bound lies off, by Student's distribution and the studentised resamples.
    private func farthest(_ level: Double, fromTop: Bool) -> Double? {
        let student = StudentDistribution.deviations(upperTail: level, freedom: Double(pairs - 1))
        guard isStudentized else { return student }
        return extreme(distances, level, fromTop: fromTop).map { max(student, fromTop ? $0 : -$0) }
    }

    /// The value that at most a share `level` of the resamples lies beyond, those without a value counted among them.
    private func extreme(_ rising: [Double], _ level: Double, fromTop: Bool) -> Double? {
        let rank = Int(min(level, 1) * Double(resamples + 1)) - (resamples - rising.count)
        guard rank >= 1, rank <= rising.count else { return nil }
        return rising[fromTop ? rising.count - rank : rank - 1]
    }
}

/// The resamples of one sample.
private struct Resampled {
    var estimate = Double.nan
    var standardError = Double.nan
    var contrasts: [Double] = []
    var distances: [Double] = []

    /// What keys the draws beside seed and number: no other part of Hone draws the same.
    private static let purpose: UInt64 = 0x7061_6972_6564

    /// Of a plain mean.
    init(ofMean values: [Double], _ resamples: Int, _ seed: UInt64) {
        let count = values.count
        guard count > 1 else {
            estimate = values.first ?? .nan
            return
        }
        let n = Double(count)
        let mean = values.reduce(0, +) / n
        estimate = mean
        standardError = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1) / n).squareRoot()
        contrasts = [Double](repeating: 0, count: resamples)
        distances = contrasts
        values.withUnsafeBufferPointer { values in
            for number in 0..<resamples {
                var random = CounterRandom(seed, Self.purpose, UInt64(number))
                // Two sums side by side, as an addition waits for the one before it.
                var (sumA, sumB, squareA, squareB) = (0.0, 0.0, 0.0, 0.0)
                for _ in 0..<count / 2 {
                    let (first, second) = random.two(below: count)
                    let (a, b) = (values[first], values[second])
                    sumA += a
                    sumB += b
                    squareA += (a - mean) * (a - mean)
                    squareB += (b - mean) * (b - mean)
                }
                if count & 1 == 1 {
                    let a = values[random.two(below: count).0]
                    sumA += a
                    squareA += (a - mean) * (a - mean)
                }
                let resampled = (sumA + sumB) / n
                contrasts[number] = resampled
                let (off, square) = (resampled - mean, squareA + squareB)
                distances[number] = Self.distance(off * n, square - off * off * n, floor: square, n)
            }
        }
    }

    /// Of a ratio of two sums, to which each row adds (above, below); the sum below must be positive.
    init(ofRatio rows: [SIMD2<Double>], _ resamples: Int, _ seed: UInt64) {
        let count = rows.count
        let total = rows.reduce(SIMD2<Double>(), +)
        guard count > 1, total.y > 0 else { return }
        let (n, ratio) = (Double(count), total.x / total.y)
        estimate = ratio
        // What is above is counted from the line through all rows, so that its sums are small.
        let centred = rows.map { SIMD2($0.x - ratio * $0.y, $0.y) }
        standardError = (centred.reduce(0) { $0 + $1.x * $1.x } / (n - 1) * n).squareRoot() / total.y
        contrasts = [Double](repeating: .nan, count: resamples)
        distances = contrasts
        centred.withUnsafeBufferPointer { rows in
            for number in 0..<resamples {
                var random = CounterRandom(seed, Self.purpose, UInt64(number))
                var (sumA, sumB) = (SIMD2<Double>(), SIMD2<Double>())
                var (squares, products) = (SIMD2<Double>(), 0.0)
                for _ in 0..<count / 2 {
                    let (first, second) = random.two(below: count)
                    let (a, b) = (rows[first], rows[second])
                    sumA += a
                    sumB += b
                    squares += a * a + b * b
                    products += a.x * a.y + b.x * b.y
                }
                if count & 1 == 1 {
                    let a = rows[random.two(below: count).0]
                    sumA += a
                    squares += a * a
                    products += a.x * a.y
                }
                let sum = sumA + sumB
                guard sum.y > 0 else { continue }
                let off = sum.x / sum.y
                contrasts[number] = ratio + off
                let square = squares.x - 2 * off * products + off * off * squares.y
                distances[number] = Self.distance(off * sum.y, square, floor: squares.x, n)
            }
        }
    }

    /// Of a contrast of two ratios of sums; `sums` holds what each row adds to (candidate's values, its weights,
    /// baseline's values, its weights).
    init(ofSums sums: [SIMD4<Double>], _ contrast: PairedBootstrap.Contrast, _ resamples: Int, _ seed: UInt64) {
        let count = sums.count
        let total = sums.reduce(SIMD4<Double>(), +)
        estimate = Self.contrast(total, contrast)
        guard count > 1, estimate.isFinite else { return }
        let n = Double(count)
        let parts = Self.influences(sums, total, contrast)
        standardError = (parts.reduce(0) { $0 + $1 * $1 } / (n - 1) / n).squareRoot()
        contrasts = [Double](repeating: 0, count: resamples)
        distances = contrasts
        sums.withUnsafeBufferPointer { sums in
            parts.withUnsafeBufferPointer { parts in
                for number in 0..<resamples {
                    var random = CounterRandom(seed, Self.purpose, UInt64(number))
                    var (sumA, sumB) = (SIMD4<Double>(), SIMD4<Double>())
                    var moments = SIMD4<Double>()
                    for _ in 0..<count / 2 {
                        let (first, second) = random.two(below: count)
                        sumA += sums[first]
                        sumB += sums[second]
                        let (a, b) = (parts[first], parts[second])
                        moments += SIMD4(a, a * a, b, b * b)
                    }
                    if count & 1 == 1 {
                        let first = random.two(below: count).0
                        sumA += sums[first]
                        moments += SIMD4(parts[first], parts[first] * parts[first], 0, 0)
                    }
                    contrasts[number] = Self.contrast(sumA + sumB, contrast)
                    let (sum, square) = (moments[0] + moments[2], moments[1] + moments[3])
                    distances[number] = Self.distance(sum, square - sum * sum / n, floor: square, n)
                }
            }
        }
    }

    /// A sum of a resample in its own standard errors, from the squares about its mean; without spread, which is less
    /// than `floor` can be told from, it lies infinitely far.
    @inline(__always)
    private static func distance(_ sum: Double, _ squares: Double, floor: Double, _ n: Double) -> Double {
        squares > 1e-14 * floor
            ? sum / (squares / (n - 1) * n).squareRoot() : sum == 0 ? 0 : sum > 0 ? .infinity : -.infinity
    }

    @inline(__always)
    private static func contrast(_ sums: SIMD4<Double>, _ contrast: PairedBootstrap.Contrast) -> Double {
        guard sums[1] > 0, sums[3] > 0 else { return .nan }
        let (candidate, baseline) = (sums[0] / sums[1], sums[2] / sums[3])
        switch contrast {
        case .difference: return candidate - baseline
        case .relativeChange: return baseline > 0 ? candidate / baseline - 1 : .nan
        }
    }

    /// What each row adds to the contrast to first order, times the number of rows: their mean is 0.
    private static func influences(
        _ sums: [SIMD4<Double>], _ total: SIMD4<Double>, _ contrast: PairedBootstrap.Contrast
    ) -> [Double] {
        let n = Double(sums.count)
        let (candidate, baseline) = (total[0] / total[1], total[2] / total[3])
        let (byCandidate, byBaseline): (Double, Double) =
            switch contrast {
            case .difference: (1, 1)
            case .relativeChange: (1 / baseline, candidate / (baseline * baseline))
            }
        return sums.map { row in
            n
                * (byCandidate * (row[0] - candidate * row[1]) / total[1]
                    - byBaseline * (row[2] - baseline * row[3]) / total[3])
        }
    }
}

extension CounterRandom {
    /// Two numbers in `0 ..< bound` from one draw, for `bound` below 2^31; their bias is below bound / 2^32.
    @inline(__always)
    mutating func two(below bound: Int) -> (Int, Int) {
        let bits = next()
        let bound = UInt64(truncatingIfNeeded: bound)
        return (
            Int(truncatingIfNeeded: ((bits >> 32) &* bound) >> 32),
            Int(truncatingIfNeeded: ((bits & 0xFFFF_FFFF) &* bound) >> 32)
        )
    }
}
