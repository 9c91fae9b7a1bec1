import TensorCore

/// Keys and values of one sequence in every layer: what generation remembers of the tokens so far.
///
/// A value: a copy shares memory until one of the two grows, so a prompt's cache serves all its completions.
public struct KVCache: Sendable {
    /// One for each layer.
    private(set) var layers: [KeyValueRows]

    /// Tokens so far.
    public var count: Int { layers.first?.count ?? 0 }

    /// The cache of a sequence that has not begun.
    public init(_ configuration: DecoderConfiguration) {
        let rows = KeyValueRows(columns: configuration.keyHeads * configuration.headSize)
        layers = configuration.layers.map { _ in rows }
    }

    mutating func append(key: Tensor, value: Tensor, layer: Int) { layers[layer].append(key: key, value: value) }
}
