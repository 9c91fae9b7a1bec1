import TensorCore

/// The feed-forward part of a block: down(activation(gate(x)) · up(x)).
final class GatedMLP: Module {
    /// Gate and up: two projections, or one that holds both.
    let projections: [Linear]
    let down: Linear
    private let activation: Activation
    private let width: Int

    init(_ path: String, _ configuration: DecoderConfiguration, from source: WeightSource) throws(ModelError) {
        let (width, bias) = (configuration.feedForwardWidth, configuration.hasFeedForwardBias)
        let parts =
            configuration.hasFusedProjections
            ? [("gate_up_proj", 2 * width)] : [("gate_proj", width), ("up_proj", width)]
        var projections: [Linear] = []
        for (name, outputs) in parts {
            projections.append(
                try Linear(
                    "\(path).\(name)", inputs: configuration.width, outputs: outputs, hasBias: bias, from: source))
        }
        self.projections = projections
        down = try Linear(
            "\(path).down_proj", inputs: width, outputs: configuration.width, hasBias: bias, from: source)
        activation = configuration.activation
        self.width = width
    }

    /// [T, D] → [T, D].
    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        let x = rounded(x, to: pass.precision)
        let projected = Linear.together(projections, x, pass)
        if projected.count == 2 { return down(gated(activation, gate: projected[0], up: projected[1]), pass) }
        let both = projected[0]
        return down(gated(activation, gate: both.columns(0..<width), up: both.columns(width..<2 * width)), pass)
    }

    func visit(_ body: (String, Parameter) -> Void) {
        for projection in projections { projection.visit(body) }
        down.visit(body)
    }
}
