/// Keys and values of one sequence in one layer: those of a prefix that it may share with others, then its own.
public struct KeyValueRows: Sendable {
    /// What stands in front; `nil` for nothing.
    public let prefix: KeyValuePrefix?
    /// Own keys and values, [capacity, K·E] each.
    public var key, value: Tensor
    /// Own rows in use: the first of each tensor.
    public var count: Int

    /// Rows of the prefix and own ones.
    public var totalCount: Int { (prefix?.count ?? 0) + count }

    /// Rows 0 ..< `count` of `key` and `value`, with nothing in front.
    public init(key: Tensor, value: Tensor, count: Int) {
        prefix = nil
        self.key = key
        self.value = value
        self.count = count
    }

    /// No rows, for keys of `columns` numbers (K·E).
    public init(columns: Int) { self.init(key: .zeros([0, columns]), value: .zeros([0, columns]), count: 0) }

    /// No own rows behind a prefix.
    public init(after prefix: KeyValuePrefix) {
        self.prefix = prefix
        key = .zeros([0, prefix.key.columns])
        value = key
        count = 0
    }

    /// Appends keys and values, [N, K·E] each. Memory doubles when it is full, so appending costs a constant a row.
    public mutating func append(key newKey: Tensor, value newValue: Tensor) {
        append(key: newKey, value: newValue, rows: 0..<newKey.rows)
    }

    /// Appends some rows of keys and values.
    package mutating func append(key newKey: Tensor, value newValue: Tensor, rows: Range<Int>) {
        precondition(
            newKey.columns == key.columns && newValue.shape == newKey.shape && !newKey.isTracked && !newValue.isTracked,
            "keys of \(newKey.shape) and values of \(newValue.shape) behind rows of \(key.columns)")
        let needed = count + rows.count
        if needed > key.shape[0] {
            let capacity = max(needed, 2 * key.shape[0], 32)
            key = Self.grown(key, count: count, capacity: capacity)
            value = Self.grown(value, count: count, capacity: capacity)
        }
        let columns = key.columns
        let (from, to, numbers) = (rows.lowerBound * columns, count * columns, rows.count * columns)
        (key.mutableFloats() + to).update(from: newKey.floats + from, count: numbers)
        (value.mutableFloats() + to).update(from: newValue.floats + from, count: numbers)
        count = needed
    }

    private static func grown(_ rows: Tensor, count: Int, capacity: Int) -> Tensor {
        let columns = rows.columns
        return Tensor([capacity, columns]) { output in
            output.update(from: rows.floats, count: count * columns)
            (output + count * columns).update(repeating: 0, count: (capacity - count) * columns)
        }
    }
}

/// Keys and values that stand in front of several sequences: nobody changes them, so nobody copies them.
public final class KeyValuePrefix: Sendable {
    /// Keys and values, [capacity, K·E] each.
    let key, value: Tensor
    /// Rows in use.
    public let count: Int

    /// The rows so far of a sequence without a prefix.
    ///
    /// - Precondition: the sequence has no prefix itself.
    public init(_ rows: KeyValueRows) {
        precondition(rows.prefix == nil, "a prefix of a prefix")
        (key, value, count) = (rows.key, rows.value, rows.count)
    }
}
