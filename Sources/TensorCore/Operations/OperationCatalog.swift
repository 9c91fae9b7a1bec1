import Foundation

/// A case of an operation for the gradient check and the benchmark: inputs, the operation, and its plain meaning in
/// double precision, whose central differences are the oracle of the derivative.
public struct OperationSample: Sendable {
    /// The operation and what is particular about the case.
    public let name: String
    /// Inputs near which the operation is smooth.
    public let inputs: [Tensor]
    /// The operation on tracked inputs.
    public let apply: @Sendable ([Tensor]) -> [Tensor]
    /// The same in double precision, written for clarity; outputs in row-major order.
    public let reference: @Sendable ([[Double]]) -> [[Double]]
    /// Numbers of each input whose derivative is checked, at most.
    public let checked: Int

    /// Where an input of a sample comes from.
    struct Input {
        let shape: [Int]
        let low, high: Float

        static func random(_ shape: [Int], from low: Float = -1.5, to high: Float = 1.5) -> Input {
            Input(shape: shape, low: low, high: high)
        }
    }

    init(
        _ name: String, inputs: [Input], checked: Int = .max, apply: @escaping @Sendable ([Tensor]) -> [Tensor],
        reference: @escaping @Sendable ([[Double]]) -> [[Double]]
    ) {
        self.name = name
        self.inputs = inputs.enumerated().map { index, input in
            Tensor.uniform(
                input.shape, from: input.low, to: input.high,
                stream: RandomStream(seed: 1, purpose: name, index: index))
        }
        self.checked = checked
        self.apply = apply
        self.reference = reference
    }
}

/// Every operation with a derivative. Registering a sample here is what gets an operation checked and timed.
public enum OperationCatalog {
    /// All samples.
    public static let samples: [OperationSample] = [
        OperationSample.elementwise, OperationSample.reductions, OperationSample.views, OperationSample.products,
        OperationSample.lowRank, OperationSample.quantizedProducts,
        OperationSample.softmaxes, OperationSample.norms, OperationSample.rotary, OperationSample.gates,
        OperationSample.embeddings, OperationSample.attentions, OperationSample.heads,
    ].flatMap { $0 }
}
