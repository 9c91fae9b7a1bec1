public import TensorCore

/// A part of a model that holds weights.
public protocol Module {
    /// Calls `body` with every weight and its name in the checkpoint, always in the same order.
    func visit(_ body: (_ name: String, _ parameter: Parameter) -> Void)
}

/// What a weight is before training: how a model from scratch begins.
public enum InitialWeight: Sendable, Hashable {
    /// From a normal distribution with the deviation that the configuration names.
    case normal
    /// One number everywhere: 0 for biases, 1 for norms (0 where the norm adds 1 itself).
    case constant(Float)
}

/// A weight that a configuration asks for.
public struct WeightSpecification: Sendable, Hashable {
    /// The name in the checkpoint.
    public let name: String
    /// The shape in the checkpoint.
    public let shape: [Int]
    /// What it is in a model from scratch.
    public let initial: InitialWeight

    /// Whether it is the matrix of a linear layer of a block: what is quantised of a model.
    var isBlockMatrix: Bool { shape.count == 2 && name.hasPrefix("model.layers.") }
}

/// Where a model that is being made gets its weights from: a checkpoint, a random stream, or nowhere (to list them).
typealias WeightSource = (WeightSpecification) throws(ModelError) -> Parameter
