import CKernels

/// A token drawn from softmax(scale · logits), and what is known of the distribution.
package struct DrawnToken {
    package let id: Int
    /// ln of its probability, in nats.
    package let logProbability: Float
    /// Of the distribution, in nats.
    package let entropy: Float
    /// The highest scaled logit.
    package let highest: Float
    /// Σ e^(scale · logit − highest).
    package let total: Double

    /// - Parameters:
    ///   - logits: V of them.
    ///   - uniform: in [0, 1); `nil` for the most likely token, of equals the lowest id.
    package init(logits: UnsafePointer<Float>, count: Int, scale: Float, uniform: Double?) {
        var blockSums = [Double](repeating: 0, count: count / 1024 + 1)
        var drawn = hone_draw()
        Kernels.current.draw(Int64(count), scale, logits, uniform ?? -1, &blockSums, &drawn)
        (id, logProbability, entropy) = (Int(drawn.token), drawn.log_probability, drawn.entropy)
        (highest, total) = (drawn.highest, drawn.total)
    }

    /// Writes the ids whose scaled logit is at least `floor`, in order, to `ids`, which has room for all.
    ///
    /// - Returns: how many there are.
    package static func ids(
        atLeast floor: Float, logits: UnsafePointer<Float>, count: Int, scale: Float, into ids: inout [Int32]
    ) -> Int {
        Int(Kernels.current.at_least(Int64(count), scale, logits, floor, &ids))
    }
}
