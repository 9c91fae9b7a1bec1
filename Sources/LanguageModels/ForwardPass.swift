public import TensorCore

/// Token ids of several documents end to end; positions start at 0 in each, and none sees another.
public struct PackedTokens: Sendable, Hashable {
    /// T ids.
    public var ids: [Int]
    /// Tokens of each document, in order.
    public var lengths: [Int]

    /// - Precondition: the lengths are positive and add up to the number of ids.
    public init(ids: [Int], lengths: [Int]) {
        precondition(
            lengths.reduce(0, +) == ids.count && lengths.allSatisfy { $0 > 0 },
            "documents of \(lengths) tokens are not \(ids.count) ids")
        self.ids = ids
        self.lengths = lengths
    }

    /// Documents that are not empty, in order.
    public init(_ documents: [[Int]]) {
        self.init(ids: Array(documents.joined()), lengths: documents.map(\.count))
    }
}

/// What differs between training and use; as it is made, a plain forward pass.
public struct ForwardOptions {
    /// Recompute each block in the reverse pass instead of keeping what it made.
    public var checkpointing = false
    /// Without the adapter the model is its base, bit for bit: the reference policy.
    public var adapterEnabled = true
    /// Decides what the adapter's dropout drops; `nil` for no dropout.
    public var dropoutStream: RandomStream?
    /// Added to the embeddings, [T, D].
    public var embeddingNoise: Tensor?

    /// A plain forward pass.
    public init() {}
}

/// What the layers of one forward pass share.
final class ForwardPass {
    let options: ForwardOptions
    /// New tokens of each document or sequence.
    let lengths: [Int]
    /// Keys and values of each sequence, in generation; `nil` where documents are whole.
    var caches: [KVCache]?
    private let angles: [RotaryConfiguration: RotaryAngles]

    init(
        _ configuration: DecoderConfiguration, lengths: [Int], starts: [Int], caches: [KVCache]? = nil,
        options: ForwardOptions
    ) {
        self.options = options
        self.lengths = lengths
        self.caches = caches
        let positions = zip(starts, lengths).flatMap { start, length in start..<start + length }
        var angles: [RotaryConfiguration: RotaryAngles] = [:]
        for rotary in Set(configuration.layers.compactMap(\.rotary)) {
            angles[rotary] = RotaryAngles(positions: positions, inverseFrequencies: rotary.inverseFrequencies)
        }
        self.angles = angles
    }

    /// The angles of this pass's tokens.
    func angles(for rotary: RotaryConfiguration) -> RotaryAngles {
        guard let angles = angles[rotary] else { preconditionFailure("a rotation that the configuration lacks") }
        return angles
    }
}
