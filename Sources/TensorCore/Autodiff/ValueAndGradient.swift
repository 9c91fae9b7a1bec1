/// A tensor that training may change: a weight of a model.
///
/// A parameter is one object wherever it is used, so tied weights are one parameter and their gradients add up.
/// It belongs to one task at a time, like the model that holds it.
public final class Parameter {
    /// The weight as it is now. To change numbers of it, call `update`: reading, changing and setting copies them all.
    public var value: Tensor {
        get { stored }
        set {
            stored = newValue
            packedCopy = nil
        }
    }
    /// Whether gradients are taken and the optimiser may change it. Frozen parameters cost neither.
    public var isTrainable: Bool
    fileprivate var leaf: Node?
    private var stored: Tensor
    private var packedCopy: PackedMatrix?

    /// - Parameters:
    ///   - value: the weight.
    ///   - isTrainable: whether gradients are taken.
    public init(_ value: Tensor, isTrainable: Bool = false) {
        stored = value
        self.isTrainable = isTrainable
    }

    /// Changes the weight in place.
    public func update(_ body: (inout Tensor) -> Void) {
        packedCopy = nil
        body(&stored)
    }

    /// The weight for use in an operation: tracked while a gradient with respect to it is being taken.
    public var tensor: Tensor {
        guard let leaf else { return value }
        var tracked = value
        tracked.edge = Edge(node: leaf, output: 0)
        return tracked
    }

    /// A packed copy of the weight, a matrix [out, in], for products with few rows. It is made by the first call and kept
    /// until the weight changes or `dropPacked` is called.
    package func packed(for precision: Precision) -> PackedMatrix {
        if let packedCopy, packedCopy.precision == precision { return packedCopy }
        let made = PackedMatrix(value, precision)
        packedCopy = made
        return made
    }

    /// The packed copy if there is one.
    package func packedIfKept(for precision: Precision) -> PackedMatrix? {
        packedCopy?.precision == precision ? packedCopy : nil
    }

    /// Frees the packed copy.
    package func dropPacked() { packedCopy = nil }
}

/// Gradients of a list of parameters, in its order; `nil` for a parameter that the loss does not depend on.
public struct Gradients: Sendable {
    /// One for each parameter, of its shape.
    public var tensors: [Tensor?]

    /// No gradient for any of `count` parameters.
    public init(count: Int) { tensors = Array(repeating: nil, count: count) }

    /// The square root of the sum of the squares of all numbers.
    public var norm: Double {
        tensors.lazy.compactMap { $0 }.reduce(0) { $0 + $1.sumOfSquares }.squareRoot()
    }
}

/// Computes a scalar and adds its derivative with respect to `parameters` to `gradients`.
///
/// Nothing remains afterwards: no tape, no mode, no gradient stored in a parameter. Gradients of several calls add
/// up in place, which is how micro-batches accumulate.
///
/// - Parameters:
///   - parameters: what to differentiate with respect to; all trainable and all different.
///   - gradients: as many as parameters.
///   - body: returns a scalar made from the parameters' `tensor`, and anything else.
/// - Returns: the scalar's value and what else `body` returned.
/// - Throws: what `body` throws; `gradients` is then unchanged.
public func valueAndGradient<Auxiliary>(
    of parameters: [Parameter], addingTo gradients: inout Gradients,
    _ body: () throws -> (Tensor, Auxiliary)
) rethrows -> (value: Float, auxiliary: Auxiliary) {
    precondition(parameters.count == gradients.tensors.count, "gradients belong to other parameters")
    for parameter in parameters {
        precondition(parameter.leaf == nil, "a parameter is listed twice, or gradients are taken inside each other")
        parameter.leaf = Node(inputs: [], outputCount: 1, pullback: nil)
    }
    defer { for parameter in parameters { parameter.leaf = nil } }
    var (loss, auxiliary) = try body()
    precondition(loss.count == 1, "a loss is a scalar, not \(loss.shape)")
    let value = loss.scalar
    guard let edge = loss.edge else { return (value, auxiliary) }
    let seed = Tensor(repeating: 1, shape: loss.shape)
    loss = loss.detached
    let pass = ReversePass()
    for index in parameters.indices {
        pass.setGradient(gradients.tensors[index], of: parameters[index].leaf!)
        gradients.tensors[index] = nil
    }
    pass.run(from: [edge], upstream: [seed])
    for index in parameters.indices { gradients.tensors[index] = pass.takeGradient(of: parameters[index].leaf!) }
    return (value, auxiliary)
}

/// The vector-Jacobian product of a function of tensors: for checks, and for functions without parameters.
///
/// - Parameters:
///   - inputs: where to differentiate.
///   - upstream: a gradient for each output of `body`; `nil` for none.
///   - body: the function.
/// - Returns: its outputs, and the gradient with respect to each input (`nil` if the outputs do not depend on it).
public func pullback(
    at inputs: [Tensor], upstream: ([Tensor]) -> [Tensor?], _ body: ([Tensor]) -> [Tensor]
) -> (outputs: [Tensor], gradients: [Tensor?]) {
    let leaves = inputs.map { _ in Node(inputs: [], outputCount: 1, pullback: nil) }
    let tracked = zip(inputs, leaves).map { input, leaf in
        var tensor = input
        tensor.edge = Edge(node: leaf, output: 0)
        return tensor
    }
    let outputs = body(tracked)
    let pass = ReversePass()
    var edges: [Edge] = []
    var seeds: [Tensor] = []
    for (output, gradient) in zip(outputs, upstream(outputs.map(\.detached))) {
        guard let edge = output.edge, let gradient else { continue }
        edges.append(edge)
        seeds.append(gradient)
    }
    pass.run(from: edges, upstream: seeds)
    return (outputs.map(\.detached), leaves.map { pass.takeGradient(of: $0) })
}
