public import TensorCore

/// A low-rank difference of one linear layer: s · B · A beside W (Hu et al., "LoRA", 2021), with a learnt length of
/// each row of the sum where it is DoRA (Liu et al., 2024).
public final class LowRankAdapter {
    /// A, [r, in].
    public let down: Parameter
    /// B, [out, r].
    public let up: Parameter
    /// DoRA's length of each row of W + s·B·A, [out]; `nil` for LoRA.
    public let magnitude: Parameter?
    /// s.
    public let scale: Float
    /// Probability with which the adapter does not see a number of the input.
    public let dropout: Float

    init(down: Parameter, up: Parameter, magnitude: Parameter?, scale: Float, dropout: Float) {
        self.down = down
        self.up = up
        self.magnitude = magnitude
        self.scale = scale
        self.dropout = dropout
    }

    /// The layer's result with the difference: [N, in] → [N, out].
    func callAsFunction(_ x: Tensor, of layer: Linear, _ pass: ForwardPass) -> Tensor {
        let precision = pass.precision
        var input = x
        let drops = dropout > 0 && pass.options.dropoutStream != nil
        if drops, let dropoutStream = pass.options.dropoutStream {
            input = TensorCore.dropout(widened(x), probability: dropout, stream: dropoutStream.substream(layer.path))
        }
        guard magnitude != nil || drops else {
            return layer.base(
                x, bias: layer.bias, difference: LowRankDifference(down: down.tensor, up: up.tensor, scale: scale), pass
            )
        }
        let difference = linear(
            linear(input, down.tensor, precision: precision).scaled(by: scale), up.tensor, precision: precision)
        guard let magnitude else {
            return layer.base(x, bias: layer.bias, pass) + difference
        }
        // The lengths count as constants in the derivative, as the paper proposes and the reference does.
        let ratio = magnitude.tensor / rowLengths(of: sum(with: layer.weight.value))
        if drops {
            let base = layer.base(x, bias: layer.bias, pass)
            let ratioLessOne = ratio.scaled(by: 1, plus: -1)
            return base + layer.base(input, bias: nil, pass) * ratioLessOne + difference * ratio
        }
        let product = (layer.base(x, bias: nil, pass) + difference) * ratio
        return layer.bias.map { product + $0.tensor } ?? product
    }

    /// A, B and s for steps of generation; `nil` where the difference is not just added.
    func packed(_ pass: ForwardPass) -> (down: PackedMatrix, up: PackedMatrix, scale: Float)? {
        guard magnitude == nil, dropout == 0 || pass.options.dropoutStream == nil else { return nil }
        return (down.packed(for: pass.precision), up.packed(for: pass.precision), scale)
    }

    /// W + s·B·A in `float32`, [out, in].
    private func sum(with weight: Tensor) -> Tensor {
        matmul(up.value, down.value).scaled(by: scale) + weight.converted(to: .float32)
    }

    private func rowLengths(of matrix: Tensor) -> Tensor { Self.rowLengths(of: matrix) }

    /// The Euclidean length of each row: [out, in] → [out].
    static func rowLengths(of matrix: Tensor) -> Tensor { matrix.squared().rowSums().squareRoot() }

    /// The weight that a layer without adapter needs to compute the same, in `float32`.
    func merged(with weight: Tensor) -> Tensor {
        let sum = sum(with: weight)
        guard let magnitude else { return sum }
        return sum.scalingRows(by: magnitude.value / rowLengths(of: sum))
    }
}
