public import TensorCore

/// Token ids of several documents end to end; none sees another, unless it continues it.
///
/// Completions of one prompt may share it: the prompt is a document, and each completion a document with the prompt as
/// its prefix. Such a document attends to the whole prefix and then to itself, its positions go on from the prefix's
/// length, and its hidden states and gradients are those of prompt and completion in one row. The first token of a
/// completion is predicted by the last row of the prompt.
public struct PackedTokens: Sendable, Hashable {
    /// T ids.
    public let ids: [Int]
    /// Tokens of each document, in order.
    public let lengths: [Int]
    /// For each document the number of the document it continues; `nil` for none.
    public let prefixes: [Int?]

    /// The position of each document's first token.
    var startPositions: [Int] { prefixes.map { prefix in prefix.map { lengths[$0] } ?? 0 } }

    /// - Parameters:
    ///   - ids: all tokens.
    ///   - lengths: tokens of each document.
    ///   - prefixes: as many as documents; `nil` for no prefixes at all.
    /// - Precondition: the lengths are positive and add up to the number of ids; a prefix is an earlier document that
    ///   has none itself.
    public init(ids: [Int], lengths: [Int], prefixes: [Int?]? = nil) {
        precondition(
            lengths.reduce(0, +) == ids.count && lengths.allSatisfy { $0 > 0 },
            "documents of \(lengths) tokens are not \(ids.count) ids")
        let prefixes = prefixes ?? Array(repeating: nil, count: lengths.count)
        precondition(prefixes.count == lengths.count, "\(prefixes.count) prefixes of \(lengths.count) documents")
        for (document, prefix) in prefixes.enumerated() {
            guard let prefix else { continue }
            precondition(
                (0..<document).contains(prefix) && prefixes[prefix] == nil,
                "document \(document) continues \(prefix), which is no earlier document without a prefix")
        }
        self.ids = ids
        self.lengths = lengths
        self.prefixes = prefixes
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
    /// For each document the number of the document it continues; `nil` where none does.
    let prefixes: [Int?]?
    /// Keys and values of each sequence, in generation; `nil` where documents are whole.
    var caches: [KVCache]?
    /// Of the products with weights.
    let precision: Precision
    private let angles: [RotaryConfiguration: RotaryAngles]

    init(
        lengths: [Int], starts: [Int], prefixes: [Int?]? = nil, caches: [KVCache]? = nil, precision: Precision,
        rotaryTables: [RotaryConfiguration: RotaryTable], options: ForwardOptions
    ) {
        self.precision = precision
        self.options = options
        self.lengths = lengths
        self.prefixes = prefixes
        self.caches = caches
        let positions = zip(starts, lengths).flatMap { start, length in start..<start + length }
        angles = rotaryTables.mapValues { $0.angles(at: positions) }
    }

    /// The angles of this pass's tokens.
    func angles(for rotary: RotaryConfiguration) -> RotaryAngles {
        guard let angles = angles[rotary] else { preconditionFailure("a rotation that the configuration lacks") }
        return angles
    }
}
