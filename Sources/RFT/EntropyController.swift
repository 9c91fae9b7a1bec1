import TensorCore

/// The weight of the entropy bonus, which may follow the entropy of the steps.
final class EntropyController {
    private let settings: PolicySettings
    /// The weight, and the entropy of the last step (infinite before the first): kept in checkpoints.
    let state: Parameter
    private var sum = 0.0
    private var count = 0.0

    init(_ settings: PolicySettings) {
        self.settings = settings
        state = Parameter(Tensor([Float(settings.entropyCoefficient), .greatestFiniteMagnitude], shape: [2]))
    }

    /// The weight in the step that is being made.
    var coefficient: Double {
        guard let adaptive = settings.adaptiveEntropy else { return settings.entropyCoefficient }
        let values = state.value.scalars
        return Double(values[1]) <= adaptive.target ? Double(values[0]) : 0
    }

    /// Adds the entropies of a micro-batch.
    func add(sum: Double, count: Double, isFirst: Bool) {
        if isFirst { (self.sum, self.count) = (0, 0) }
        self.sum += sum
        self.count += count
    }

    /// Follows the entropy of a step that is over.
    func update() {
        defer { (sum, count) = (0, 0) }
        guard let adaptive = settings.adaptiveEntropy, count > 0 else { return }
        let entropy = sum / count
        let moved = Double(state.value.scalars[0]) + (entropy <= adaptive.target ? adaptive.delta : -adaptive.delta)
        let coefficient = min(max(moved, adaptive.minimum), adaptive.maximum)
        state.value = Tensor([Float(coefficient), Float(entropy)], shape: [2])
    }
}
