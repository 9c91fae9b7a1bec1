public import Training

extension MetricSums {
    /// TRL's metrics of sampled answers: how long they are, and how many were cut off.
    ///
    /// Lengths are of what the policy wrote and what tools said alike. `terminated` is of answers that ended by
    /// themselves; of none of them, TRL says 0.
    ///
    /// - Parameter groups: all answers of a step's sampling.
    public static func completions(of groups: [PolicyGroup]) -> MetricSums {
        var metrics = MetricSums()
        let samples = groups.flatMap(\.samples)
        guard !samples.isEmpty else { return metrics }
        func add(_ name: String, _ lengths: [Int]) {
            let sum = lengths.reduce(0, +)
            metrics.add("completions/mean_\(name)", sum: Double(sum), weight: Double(max(1, lengths.count)))
            metrics.lower("completions/min_\(name)", to: Double(lengths.min() ?? 0))
            metrics.raise("completions/max_\(name)", to: Double(lengths.max() ?? 0))
        }
        add("length", samples.map(\.completion.count))
        metrics.add(
            "completions/clipped_ratio", sum: Double(samples.count(where: \.isTruncated)),
            weight: Double(samples.count))
        add("terminated_length", samples.filter { !$0.isTruncated }.map(\.completion.count))
        return metrics
    }
}
