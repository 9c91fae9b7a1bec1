/// Runs `body` without keeping its intermediate results, and runs it again in the reverse pass to get them back
/// (Chen et al., "Training deep nets with sublinear memory cost", 2016). Gradients are the same bits as without.
///
/// - Parameters:
///   - input: what the block is applied to. Parameters may be used freely inside.
///   - body: a function that returns the same for the same input each time it is run.
public func checkpointed(_ input: Tensor, _ body: @escaping (Tensor) -> Tensor) -> Tensor {
    guard input.isTracked else { return body(input) }
    let run = UncheckedSendableBody(body)
    // Tracked parameters inside would record nodes; only the numbers are wanted here.
    let output = body(input.detached).detached
    let detached = input.detached
    return recorded(output, from: [input]) { upstream in
        let leaf = Node(inputs: [], outputCount: 1, pullback: nil)
        var tracked = detached
        tracked.edge = Edge(node: leaf, output: 0)
        // The output itself is not needed again, so nobody keeps it.
        guard let edge = run.body(tracked).edge else { return [nil] }
        upstream.pass.run(from: [edge], upstream: [upstream.gradient])
        return [upstream.pass.takeGradient(of: leaf)]
    }
}

/// The reverse pass runs in the task that ran the forward pass, before `valueAndGradient` returns, so a body that
/// holds parameters is never used from two tasks.
private struct UncheckedSendableBody: @unchecked Sendable {
    let body: (Tensor) -> Tensor
    init(_ body: @escaping (Tensor) -> Tensor) { self.body = body }
}
