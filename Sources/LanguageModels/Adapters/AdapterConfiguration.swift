public import OrderedCollections

/// Which layers get a low-rank difference and of what kind, in the words of PEFT.
public struct AdapterConfiguration: Sendable, Hashable {
    /// Which linear layers, by their path such as `model.layers.0.self_attn.q_proj`.
    public enum Targets: Sendable, Hashable {
        /// Every linear layer but the head.
        case allLinear
        /// Layers whose path is one of these or ends with a dot and one of these.
        case names([String])
        /// Layers whose whole path matches this regular expression.
        case pattern(String)
    }

    /// r, at least 1.
    public var rank: Int
    /// α.
    public var alpha: Double
    /// Probability that the adapter does not see a number of its input, in [0, 1).
    public var dropout: Double
    /// Layers with a difference.
    public var targets: Targets
    /// Layers taken out of the targets again; `nil` for none.
    public var excluded: Targets?
    /// Numbers of the blocks, from 0; `nil` for all. Not with a pattern as target.
    public var layers: [Int]?
    /// Ranks of layers whose path is, or ends with a dot and, a match of the key; the first key that matches counts.
    public var rankPattern: OrderedDictionary<String, Int>
    /// α of such layers.
    public var alphaPattern: OrderedDictionary<String, Double>
    /// s = α / √r instead of α / r (rsLoRA; Kalajdzievski, 2023).
    public var usesRankStabilization: Bool
    /// DoRA: the length of each row is learnt too.
    public var usesMagnitude: Bool

    /// An adapter of rank `rank`; α is twice that unless given.
    public init(
        rank: Int = 16, alpha: Double? = nil, dropout: Double = 0, targets: Targets = .allLinear,
        excluded: Targets? = nil, layers: [Int]? = nil, rankPattern: OrderedDictionary<String, Int> = [:],
        alphaPattern: OrderedDictionary<String, Double> = [:], usesRankStabilization: Bool = false,
        usesMagnitude: Bool = false
    ) {
        self.rank = rank
        self.alpha = alpha ?? Double(2 * rank)
        self.dropout = dropout
        self.targets = targets
        self.excluded = excluded
        self.layers = layers
        self.rankPattern = rankPattern
        self.alphaPattern = alphaPattern
        self.usesRankStabilization = usesRankStabilization
        self.usesMagnitude = usesMagnitude
    }
}
