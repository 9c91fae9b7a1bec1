extension Tensor {
    /// Writes `rows` over the rows of this tensor from row `start`, in place where nobody else holds the numbers.
    ///
    /// - Precondition: both are untracked `float32`, the rows fit, and all dimensions but the first agree.
    public mutating func setRows(from start: Int, to rows: Tensor) {
        precondition(
            !rows.isTracked && shape.dropFirst() == rows.shape.dropFirst() && start >= 0
                && start + rows.shape[0] <= shape[0],
            "rows \(start)... of a tensor of shape \(shape) cannot become \(rows.shape)")
        let stride = shape.dropFirst().reduce(1, *)
        let (source, count) = (rows.floats, rows.count)
        withExtendedLifetime(rows) { (mutableFloats() + start * stride).update(from: source, count: count) }
    }
}
