import TensorCore

/// Root-mean-square normalisation with a learnt scale for each column.
final class RMSNorm: Module {
    private let name: String
    private let weight: Parameter
    private let epsilon: Float
    private let offset: Float

    init(
        _ path: String, width: Int, _ configuration: DecoderConfiguration, from source: WeightSource
    ) throws(ModelError) {
        name = path + ".weight"
        epsilon = configuration.normEpsilon
        offset = configuration.normOffset
        weight = try source(WeightSpecification(name: name, shape: [width], initial: .constant(1 - offset)))
    }

    /// [N, width] → [N, width]; a multiple of `width` columns is normalised stretch by stretch.
    func callAsFunction(_ x: Tensor) -> Tensor {
        rmsNorm(x, weight: weight.tensor, epsilon: epsilon, offset: offset)
    }

    func visit(_ body: (String, Parameter) -> Void) { body(name, weight) }
}
