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
        guard let adapter, pass.options.adapterEnabled else {
            return base(x, bias: bias, pass)
        }
        return adapter(x, of: self, pass)
    }

    /// x · Wᵀ, and a bias, without the adapter. Steps of generation read a packed copy of the weight, which is made for
    /// them.
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
        let isThin = pass.caches != nil && rows <= Self.thinRows
        return isThin ? weight.packed(for: pass.precision) : weight.packedIfKept(for: pass.precision)
    }

    /// Rows for which packing the weight anew would cost more than half as much as the product itself.
    static let thinRows = 64

    public func visit(_ body: (String, Parameter) -> Void) {
        body(path + ".weight", weight)
        if let bias { body(path + ".bias", bias) }
    }
}
