/// One operation applied while a gradient is taken: where its inputs came from, and how gradients go back to them.
///
/// What the pullback keeps is released once it has run, whoever still refers to the node: a graph hangs together from
/// its last node on, and activations would otherwise all be held until the end of the reverse pass.
///
/// `@unchecked Sendable` is true because the pullback is taken once, by the pass that runs where the node was made.
package final class Node: @unchecked Sendable {
    /// The nodes of the inputs; `nil` for an input that needs no gradient.
    let inputs: [Edge?]
    let outputCount: Int
    /// One more than that of any input: nodes in falling order are a valid order for the reverse pass.
    let order: Int
    /// Whether the gradient is the result.
    let isLeaf: Bool
    private var pullback: (@Sendable (Upstream) -> [Tensor?])?

    init(inputs: [Edge?], outputCount: Int, pullback: (@Sendable (Upstream) -> [Tensor?])?) {
        self.inputs = inputs
        self.outputCount = outputCount
        self.order = 1 + (inputs.lazy.compactMap { $0?.node.order }.max() ?? 0)
        self.isLeaf = pullback == nil
        self.pullback = pullback
    }

    /// How gradients go back, which the node then no longer knows; `nil` for a leaf.
    func takePullback() -> (@Sendable (Upstream) -> [Tensor?])? {
        defer { pullback = nil }
        return pullback
    }
}

/// One output of a node.
package struct Edge: Sendable {
    let node: Node
    let output: Int
}

/// What a pullback is given.
package struct Upstream {
    /// The gradient with respect to each output; `nil` where nothing flows back.
    package let gradients: [Tensor?]
    /// Which inputs need a gradient; work for the others would be for nothing.
    package let needs: [Bool]
    /// The pass that runs, for an operation that differentiates other operations (checkpointing).
    package let pass: ReversePass
    let inputs: [Edge?]

    /// The gradient that an input has so far where that is a parameter, taken away from it: the pullback adds to it in
    /// place and returns it. `nil` where there is none yet.
    package func takeGradient(ofInput index: Int) -> Tensor? {
        guard let node = inputs[index]?.node, node.isLeaf else { return nil }
        return pass.takeGradient(of: node)
    }

    /// The gradient of an operation with one output.
    package var gradient: Tensor { gradients[0]! }
}

/// Attaches a node to the outputs of an operation if any input is tracked.
///
/// - Parameter pullback: from the gradients of the outputs, those of the inputs: as many, `nil` where not needed.
///   It is called only if at least one output has a gradient, and must capture only what it needs.
package func recorded(
    _ outputs: [Tensor], from inputs: [Tensor], pullback: @escaping @Sendable (Upstream) -> [Tensor?]
) -> [Tensor] {
    guard inputs.contains(where: \.isTracked) else { return outputs }
    let node = Node(inputs: inputs.map(\.edge), outputCount: outputs.count, pullback: pullback)
    return outputs.enumerated().map { index, output in
        Tensor(
            storage: output.storage, offset: output.offset, shape: output.shape, dtype: output.dtype,
            edge: Edge(node: node, output: index))
    }
}

/// The same for an operation with one output.
package func recorded(
    _ output: Tensor, from inputs: [Tensor], pullback: @escaping @Sendable (Upstream) -> [Tensor?]
) -> Tensor {
    recorded([output], from: inputs, pullback: pullback)[0]
}
