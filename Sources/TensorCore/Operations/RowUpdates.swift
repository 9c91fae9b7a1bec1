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

extension KeyValueRows {
    /// No rows, for keys of `columns` numbers (K·E).
    public init(columns: Int) { self.init(key: .zeros([0, columns]), value: .zeros([0, columns]), count: 0) }

    /// Appends keys and values, [N, K·E] each. Memory doubles when it is full, so appending costs a constant a row.
    public mutating func append(key newKey: Tensor, value newValue: Tensor) {
        let needed = count + newKey.rows
        if needed > key.shape[0] {
            let capacity = max(needed, 2 * key.shape[0], 32)
            for path in [\KeyValueRows.key, \KeyValueRows.value] {
                var grown = Tensor.zeros([capacity, self[keyPath: path].columns])
                grown.setRows(from: 0, to: self[keyPath: path].slice(0..<count))
                self[keyPath: path] = grown
            }
        }
        key.setRows(from: count, to: newKey)
        value.setRows(from: count, to: newValue)
        count = needed
    }
}
