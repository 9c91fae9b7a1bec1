import CKernels

/// Keys and values of one sequence in one layer: those of a prefix that it may share with others, then its own.
///
/// They are held in `float32`, or in `bfloat16`, which halves the memory and what each new token has to read; what is
/// appended is then rounded.
public struct KeyValueRows: Sendable {
    /// What stands in front; `nil` for nothing.
    public let prefix: KeyValuePrefix?
    /// Own keys and values, [capacity, K·E] each.
    public var key, value: Tensor
    /// Own rows in use: the first of each tensor.
    public var count: Int

    /// Rows of the prefix and own ones.
    public var totalCount: Int { (prefix?.count ?? 0) + count }

    /// How keys and values are held.
    public var dtype: DType { key.dtype }

    /// Rows 0 ..< `count` of `key` and `value`, with nothing in front.
    ///
    /// - Precondition: both are `float32`, or both `bfloat16`.
    public init(key: Tensor, value: Tensor, count: Int) {
        precondition(
            key.dtype == value.dtype && key.dtype != .float16, "keys of \(key.dtype) and values of \(value.dtype)")
        prefix = nil
        self.key = key
        self.value = value
        self.count = count
    }

    /// No rows, for keys of `columns` numbers (K·E).
    public init(columns: Int, dtype: DType = .float32) {
        let none = Tensor([0, columns], dtype: dtype) { _ in }
        self.init(key: none, value: none, count: 0)
    }

    /// No own rows behind a prefix.
    public init(after prefix: KeyValuePrefix) {
        self.prefix = prefix
        key = Tensor([0, prefix.key.columns], dtype: prefix.key.dtype) { _ in }
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
        Self.write(newKey, rows: rows, to: &key, at: count)
        Self.write(newValue, rows: rows, to: &value, at: count)
        count = needed
    }

    private static func write(_ source: Tensor, rows: Range<Int>, to target: inout Tensor, at row: Int) {
        let columns = target.columns
        let (from, numbers) = (source.floats + rows.lowerBound * columns, rows.count * columns)
        let to = target.mutableBytes() + row * columns * target.dtype.size
        if target.dtype == .float32 {
            to.copyMemory(from: from, byteCount: 4 * numbers)
        } else {
            Kernels.current.to_bfloat16(Int64(numbers), from, to.assumingMemoryBound(to: UInt16.self))
        }
    }

    private static func grown(_ rows: Tensor, count: Int, capacity: Int) -> Tensor {
        let bytes = rows.columns * rows.dtype.size
        return Tensor([capacity, rows.columns], dtype: rows.dtype) { (output: UnsafeMutableRawPointer) in
            output.copyMemory(from: rows.bytes, byteCount: count * bytes)
            (output + count * bytes).initializeMemory(as: UInt8.self, repeating: 0, count: (capacity - count) * bytes)
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
