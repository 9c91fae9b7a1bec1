import CKernels

/// Walks nodes from outputs to leaves and adds up gradients. It knows no operation by name.
package final class ReversePass {
    /// The sum of the gradients that reached each leaf so far.
    private var leaves: [ObjectIdentifier: Tensor] = [:]

    init() {}

    func gradient(of leaf: Node) -> Tensor? { leaves[ObjectIdentifier(leaf)] }

    func setGradient(_ gradient: Tensor?, of leaf: Node) { leaves[ObjectIdentifier(leaf)] = gradient }

    func takeGradient(of leaf: Node) -> Tensor? { leaves.removeValue(forKey: ObjectIdentifier(leaf)) }

    /// Sends `upstream[i]` back from `outputs[i]`, releasing every node on the way.
    ///
    /// What reaches a parameter is added to its gradient at once, so that no gradient is held twice.
    func run(from outputs: [Edge], upstream: [Tensor]) {
        var pending: [ObjectIdentifier: [Tensor?]] = [:]
        for (edge, gradient) in zip(outputs, upstream) { add(gradient, to: edge, in: &pending) }
        var nodes: [Node?] = Self.reachable(from: outputs)
        for index in nodes.indices {
            guard let node = nodes[index] else { continue }
            nodes[index] = nil
            // Also where nothing flows back, what was kept for it is of no use any more.
            guard let pullback = node.takePullback(),
                let gradients = pending.removeValue(forKey: ObjectIdentifier(node))
            else { continue }
            let results = pullback(
                Upstream(
                    gradients: gradients, needs: node.inputs.map { $0 != nil }, pass: self, inputs: node.inputs))
            precondition(results.count == node.inputs.count, "a pullback returned \(results.count) gradients")
            for (edge, gradient) in zip(node.inputs, results) {
                if let edge, let gradient { add(gradient, to: edge, in: &pending) }
            }
        }
    }

    /// All nodes behind `outputs`, the latest first; nodes of equal order as they are met from the outputs.
    private static func reachable(from outputs: [Edge]) -> [Node] {
        var found: [Node] = []
        var seen = Set<ObjectIdentifier>()
        var stack = outputs.map(\.node)
        while let node = stack.popLast() {
            guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
            found.append(node)
            stack.append(contentsOf: node.inputs.compactMap { $0?.node })
        }
        return found.enumerated().sorted { ($0.element.order, $1.offset) > ($1.element.order, $0.offset) }
            .map(\.element)
    }

    private func add(_ gradient: Tensor, to edge: Edge, in pending: inout [ObjectIdentifier: [Tensor?]]) {
        let key = ObjectIdentifier(edge.node)
        guard !edge.node.isLeaf else {
            Self.add(gradient, to: &leaves[key])
            return
        }
        Self.add(gradient, to: &pending[key, default: Array(repeating: nil, count: edge.node.outputCount)][edge.output])
    }

    /// Adds in the memory of the sum where nobody else holds it.
    private static func add(_ gradient: Tensor, to sum: inout Tensor?) {
        guard let shape = sum?.shape else {
            sum = gradient.detached
            return
        }
        precondition(shape == gradient.shape, "gradients of shapes \(shape) and \(gradient.shape) meet")
        sum?.accumulate(gradient)
    }
}

extension Tensor {
    /// Adds `scale * other` to this tensor's numbers.
    ///
    /// - Precondition: both are untracked `float32` of one shape.
    public mutating func accumulate(_ other: Tensor, scale: Float = 1) {
        precondition(shape == other.shape, "cannot add \(other.shape) to \(shape)")
        let kernels = Kernels.current
        let source = other.floats
        let target = mutableFloats()
        Parallel.overBlocks(of: count) { range in
            kernels.accumulate(
                Int64(range.count), scale, source + range.lowerBound, target + range.lowerBound)
        }
    }
}
