/// A linear layer as steps of generation read it: packed, and not differentiated.
package struct ThinLinear {
    let weight: PackedMatrix
    let bias: Tensor?
    let difference: (down: PackedMatrix, up: PackedMatrix, scale: Float)?

    /// - Parameters:
    ///   - weight: [out, in].
    ///   - bias: [out].
    ///   - difference: A, [r, in], B, [out, r], and s of the low-rank difference s · B · A; `nil` for none.
    package init(
        _ weight: PackedMatrix, bias: Tensor?, difference: (down: PackedMatrix, up: PackedMatrix, scale: Float)? = nil
    ) {
        (self.weight, self.bias, self.difference) = (weight, bias, difference)
    }
}

/// Several linear layers of the same few rows: the same bits as `linear` for each, in two goes of products.
///
/// - Parameters:
///   - x: [N, in], N at most 128.
///   - layers: each with `in` inputs, packed for `precision`.
/// - Returns: [N, out] for each layer.
package func linear(_ x: Tensor, _ layers: [ThinLinear], precision: Precision) -> [Tensor] {
    let (input, rows) = (rounded(x.detached, to: precision), x.rows)
    precondition(
        layers.allSatisfy { $0.weight.depth == x.columns && $0.weight.precision == precision },
        "layers that were packed for other rows than \(x.shape)")
    var results = layers.map { Tensor([rows, $0.weight.columns]) { _ in } }
    var inner = layers.map { layer in layer.difference.map { Tensor([rows, $0.down.columns]) { _ in } } }
    var products: [MatrixProduct.ThinProduct] = []
    for (index, layer) in layers.enumerated() {
        products.append(
            MatrixProduct.ThinProduct(
                MatrixProduct.Factor(input), layer.weight, rows: rows, bias: layer.bias?.floats,
                into: results[index].mutableFloats()))
        guard let difference = layer.difference, let output = inner[index]?.mutableFloats() else { continue }
        products.append(
            MatrixProduct.ThinProduct(MatrixProduct.Factor(input), difference.down, rows: rows, into: output))
    }
    MatrixProduct.multiply(together: products)
    products = []
    for (index, layer) in layers.enumerated() {
        guard let difference = layer.difference, let scaled = inner[index]?.scaled(by: difference.scale) else {
            continue
        }
        inner[index] = scaled
        products.append(
            MatrixProduct.ThinProduct(
                MatrixProduct.Factor(scaled), difference.up, rows: rows, into: results[index].mutableFloats(),
                adding: true))
    }
    MatrixProduct.multiply(together: products)
    withExtendedLifetime(input) {}
    withExtendedLifetime(layers) {}
    withExtendedLifetime(inner) {}
    return results
}
