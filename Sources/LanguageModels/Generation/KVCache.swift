public import TensorCore

/// Keys and values of one sequence in every layer: what generation remembers of the tokens so far.
///
/// A value: a copy shares memory until one of the two grows.
public struct KVCache: Sendable {
    /// One for each layer.
    private(set) var layers: [KeyValueRows]

    /// Tokens so far.
    public var count: Int { layers.first?.totalCount ?? 0 }

    /// The cache of a sequence that has not begun.
    ///
    /// - Parameter dtype: how keys and values are held: `float32`, or `bfloat16` in half the memory.
    public init(_ configuration: DecoderConfiguration, dtype: DType = .float32) {
        let rows = KeyValueRows(columns: configuration.keyHeads * configuration.headSize, dtype: dtype)
        layers = configuration.layers.map { _ in rows }
    }

    /// A cache whose copies go on from this one each for itself: its tokens become a prefix that is never copied, and
    /// that the copies read together.
    ///
    /// - Precondition: this cache has no such prefix itself.
    public func asPrefix() -> KVCache {
        var copy = self
        copy.layers = layers.map { KeyValueRows(after: KeyValuePrefix($0)) }
        return copy
    }

    /// Appends some rows of a layer's keys and values, [T, K·E] each.
    mutating func append(key: Tensor, value: Tensor, rows: Range<Int>, layer: Int) {
        layers[layer].append(key: key, value: value, rows: rows)
    }
}
