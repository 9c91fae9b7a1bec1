import Foundation

/// The range of values that an axis shows, and where it is marked.
struct ChartAxis {
    let lower: Double
    let upper: Double
    let scale: LineChart.Scale
    let ticks: [Double]

    /// An axis over values.
    ///
    /// - Parameters:
    ///   - values: what is to be shown; what is not finite, or on a logarithmic axis not above 0, is passed over.
    ///   - count: about so many marks.
    ///   - endsAtTicks: whether the range is widened to the next marks.
    init(_ values: [Double], scale: LineChart.Scale = .linear, count: Int = 5, endsAtTicks: Bool) {
        let usable = values.filter { Self.isUsable($0, scale) }
        if scale == .logarithmic, let low = usable.min(), let high = usable.max() {
            let first = Int(log10(low).rounded(.down))
            let last = max(first + 1, Int(log10(high).rounded(.up)))
            lower = pow(10, Double(first))
            upper = pow(10, Double(last))
            let step = max(1, (last - first + count - 1) / count)
            let steps = last - first <= 2 ? [1, 2, 5] : [1.0]
            ticks = Array(stride(from: first, through: last, by: step)).flatMap { exponent in
                steps.map { $0 * pow(10, Double(exponent)) }
            }.filter { $0 <= pow(10, Double(last)) }
            self.scale = .logarithmic
            return
        }
        self.scale = .linear
        var low = usable.min() ?? 0
        var high = usable.max() ?? 1
        // An axis from 0 tells more where 0 is near.
        if endsAtTicks, low > 0, low < 0.5 * high || low == high { low = 0 }
        if high - low < 1e-12 * max(abs(low), abs(high), 1e-290) {
            let margin = low == 0 ? 0.5 : 0.1 * abs(low)
            (low, high) = (low - margin, high + margin)
        }
        let raw = (high - low) / Double(max(1, count))
        let power = pow(10, log10(raw).rounded(.down))
        let step = ([1, 2, 2.5, 5, 10].first { $0 * power >= raw * 0.999 } ?? 10) * power
        if endsAtTicks {
            low = (low / step + 1e-9).rounded(.down) * step
            high = (high / step - 1e-9).rounded(.up) * step
        }
        let first = (low / step - 1e-9).rounded(.up)
        ticks = (0...20).map { (first + Double($0)) * step }.filter { $0 <= high + 1e-9 * step }
        lower = low
        upper = high
    }

    /// Whether a value can be placed on such an axis.
    static func isUsable(_ value: Double, _ scale: LineChart.Scale) -> Bool {
        value.isFinite && abs(value) < 1e200 && (scale == .linear || value > 1e-200)
    }

    /// Where a value lies, 0 at the lower end and 1 at the upper; `nil` for one that cannot be placed.
    func place(_ value: Double) -> Double? {
        guard Self.isUsable(value, scale) else { return nil }
        let place =
            scale == .linear
            ? (value - lower) / (upper - lower) : (log10(value) - log10(lower)) / (log10(upper) - log10(lower))
        return min(1, max(0, place))
    }

    /// A mark's text.
    func label(_ tick: Double) -> String {
        let size = max(abs(lower), abs(upper))
        if abs(tick) < 1e-9 * size { return "0" }
        if abs(tick) >= 1e6, abs(tick) < 1e15 {
            let (unit, name) = abs(tick) >= 1e12 ? (1e12, "T") : abs(tick) >= 1e9 ? (1e9, "G") : (1e6, "M")
            return ReportText.number(tick / unit, digits: 3) + name
        }
        return ReportText.number(tick, digits: scale == .linear ? 6 : 2).replacing("-", with: "−")
    }
}

extension LineChart.Series {
    /// The points that a drawing of some hundred dots can show: of each stretch the first, the least, the greatest and
    /// the last, so that no spike is lost.
    func thinned(to limit: Int) -> [LineChart.Point] {
        guard points.count > limit, limit >= 8 else { return points }
        let stretch = (points.count + limit / 4 - 1) / (limit / 4)
        var kept: [LineChart.Point] = []
        for start in stride(from: 0, to: points.count, by: stretch) {
            let part = points[start..<min(points.count, start + stretch)]
            let finite = part.indices.filter { part[$0].y.isFinite }
            var chosen: Set<Int> = [part.startIndex, part.endIndex - 1]
            if let least = finite.min(by: { points[$0].y < points[$1].y }) { chosen.insert(least) }
            if let greatest = finite.max(by: { points[$0].y < points[$1].y }) { chosen.insert(greatest) }
            kept += chosen.sorted().map { points[$0] }
        }
        return kept
    }
}
