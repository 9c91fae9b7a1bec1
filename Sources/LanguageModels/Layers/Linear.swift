public import TensorCore

/// y = x · Wᵀ + b, with an adapter's difference where one is attached.
public final class Linear: Module {
    /// The layer's name in the checkpoint, without `.weight`.
    public let path: String
    /// [out, in]; possibly quantised where it is frozen.
    public let weight: Parameter
    /// [out].
    public let bias: Parameter?
    /// The low-rank difference; `nil` for none.
    public internal(set) var adapter: LowRankAdapter?
    /// Numbers in a row of the input.
    public let inputs: Int
    /// Numbers in a row of the result.
    public let outputs: Int

    init(_ path: String, inputs: Int, outputs: Int, hasBias: Bool, from source: WeightSource) throws(ModelError) {
        self.path = path
        (self.inputs, self.outputs) = (inputs, outputs)
        weight = try source(WeightSpecification(name: path + ".weight", shape: [outputs, inputs], initial: .normal))
        bias =
            hasBias
            ? try source(WeightSpecification(name: path + ".bias", shape: [outputs], initial: .constant(0))) : nil
    }

    /// A layer without bias around a weight.
    init(_ path: String, weight: Parameter) {
        self.path = path
        (outputs, inputs) = (weight.value.shape[0], weight.value.shape[1])
        self.weight = weight
        bias = nil
    }

    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        if let thin = thin(rows: x.rows, pass) { return linear(x, [thin], precision: pass.precision)[0] }
        guard let adapter, pass.options.adapterEnabled else {
            return base(x, bias: bias, pass)
        }
        return adapter(x, of: self, pass)
    }

    /// The results of several layers of the same input, the same as those of each alone.
    static func together(_ layers: [Linear], _ x: Tensor, _ pass: ForwardPass) -> [Tensor] {
        let thin = layers.compactMap { $0.thin(rows: x.rows, pass) }
        guard thin.count == layers.count else { return layers.map { $0(x, pass) } }
        return linear(x, thin, precision: pass.precision)
    }

    /// x · Wᵀ, and a bias, without the adapter.
    func base(_ x: Tensor, bias: Parameter?, _ pass: ForwardPass) -> Tensor {
        linear(
            x, weight.tensor, bias: bias?.tensor, precision: pass.precision, packed: packedWeight(rows: x.rows, pass))
    }

    /// The same with a low-rank difference.
    func base(_ x: Tensor, bias: Parameter?, difference: LowRankDifference, _ pass: ForwardPass) -> Tensor {
        linear(
            x, weight.tensor, bias: bias?.tensor, difference: difference, precision: pass.precision,
            packed: packedWeight(rows: x.rows, pass))
    }

    private func packedWeight(rows: Int, _ pass: ForwardPass) -> PackedMatrix? {
        isThin(rows: rows, pass) ? weight.packed(for: pass.precision) : weight.packedIfKept(for: pass.precision)
    }

    /// The layer as steps of generation read it: from packed copies, which are made for them. `nil` where the pass is no
    /// such step, or the adapter is more than a sum.
    private func thin(rows: Int, _ pass: ForwardPass) -> ThinLinear? {
        guard isThin(rows: rows, pass) else { return nil }
        let packed = weight.packed(for: pass.precision)
        guard let adapter, pass.options.adapterEnabled else { return ThinLinear(packed, bias: bias?.value) }
        guard let difference = adapter.packed(pass) else { return nil }
        return ThinLinear(packed, bias: bias?.value, difference: difference)
    }

    private func isThin(rows: Int, _ pass: ForwardPass) -> Bool { pass.caches != nil && rows <= Self.thinRows }

    /// Rows for which packing the weight anew would cost more than half as much as the product itself.
    static let thinRows = 64

    public func visit(_ body: (String, Parameter) -> Void) {
        body(path + ".weight", weight)
        if let bias { body(path + ".bias", bias) }
    }
}
