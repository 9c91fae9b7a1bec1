// What every operation makes, what it keeps for its pullback and what that makes: the one place that says so. Each function
// stands for the operation of its name and must be changed with it; tests compare the peaks of whole steps with those that
// the pool counts.

/// How the factors of products with weights are stored.
package struct FactorMemory: Sendable, Hashable {
    /// The type of the inputs that `linear` keeps for the gradient of its weight; `bfloat16` is a copy, rounded.
    package var kept: DType
    /// Bytes of a weight that is made wide for a product and given back after it.
    package var widensWeights: Bool

    package init(kept: DType = .float32, widensWeights: Bool = false) {
        self.kept = kept
        self.widensWeights = widensWeights
    }
}

/// A weight: its shape, and the leaf that its gradient flows to where it is trained.
package struct ShapedWeight {
    package let rows: Int
    package let columns: Int
    package let leaf: ShapedNode?
    /// Whether products read a `float32` copy that is made for each of them.
    package let isWidened: Bool

    package init(_ rows: Int, _ columns: Int, isTrained: Bool, isWidened: Bool = false) {
        (self.rows, self.columns) = (rows, columns)
        leaf = isTrained ? ShapedNode() : nil
        self.isWidened = isWidened && !isTrained
    }

    fileprivate var byteCount: Int { 4 * rows * columns }

    fileprivate func gradient(_ meter: MemoryMeter) -> ShapedTensor { ShapedTensor(rows, columns, meter) }
}

extension ShapedTensor {
    private func recorded(
        _ output: ShapedTensor, _ inputs: [ShapedNode?], _ pullback: @escaping (ShapedUpstream) -> [ShapedTensor?]
    ) -> ShapedTensor {
        guard inputs.contains(where: { $0 != nil }) else { return output }
        var result = output
        result.node = ShapedNode(inputs, pullback)
        return result
    }

    // MARK: Products

    /// `linear` without bias: keeps its input.
    package func linear(_ weight: ShapedWeight, _ factors: FactorMemory = FactorMemory()) -> ShapedTensor {
        let (meter, input) = (meter, factors.kept == .float32 ? detached : rounded())
        let output = ShapedTensor(rows, weight.rows, meter)
        if weight.isWidened { meter.pass(weight.byteCount) }
        return recorded(output, [node, weight.leaf]) { upstream in
            [
                upstream.needs[0]
                    ? {
                        let gradient = ShapedTensor(input.rows, input.columns, meter)
                        if weight.isWidened { meter.pass(weight.byteCount) }
                        return gradient
                    }() : nil,
                upstream.needs[1] ? weight.gradient(meter) : nil,
            ]
        }
    }

    private func rounded() -> ShapedTensor { ShapedTensor(rows, columns, dtype: .bfloat16, meter) }

    /// `labelLogProbabilities`, summed: keeps its input, and the gradients that it makes on the way forward.
    package func labelLogProbabilities(_ weight: ShapedWeight, isUniform: Bool) -> ShapedTensor {
        let (meter, input, count) = (meter, detached, rows)
        let wide = weight.isWidened ? ShapedTensor(weight.rows, weight.columns, meter) : nil
        let statistics = (0..<6).map { _ in ShapedTensor(1, count, meter) }
        let isTracked = node != nil || weight.leaf != nil
        let takesWeight = weight.leaf != nil && isUniform
        let takesGradient = isTracked && (takesWeight || weight.leaf == nil)
        let unit = isTracked ? input.like() : nil
        let unitWeight = takesWeight ? weight.gradient(meter) : nil
        let tile = 4 * min(LabelTiles.rows(vocabulary: weight.rows), count) * weight.rows
        meter.pass(tile)
        return recorded(ShapedTensor(1, 1, meter), [node, weight.leaf]) { upstream in
            withExtendedLifetime((wide, statistics, unit, unitWeight)) {
                let hidden = upstream.needs[0] ? input.like() : nil
                let matrix = upstream.needs[1] ? weight.gradient(meter) : nil
                if !takesGradient {
                    let copies = (0..<4).map { _ in ShapedTensor(1, count, meter) }
                    withExtendedLifetime(copies) { meter.pass(tile) }
                }
                return [hidden, matrix]
            }
        }
    }

    // MARK: Rows

    /// `embedding` of `count` rows of a weight: keeps nothing; its gradient is added in place.
    package static func embedding(_ weight: ShapedWeight, count: Int, _ meter: MemoryMeter) -> ShapedTensor {
        let output = ShapedTensor(count, weight.columns, meter)
        return output.recorded(output, [weight.leaf]) { upstream in
            [upstream.takeGradient(ofInput: 0) ?? weight.gradient(meter)]
        }
    }

    /// `embedding` of `count` of these rows.
    package func rows(_ count: Int) -> ShapedTensor {
        let (meter, rows, columns) = (meter, rows, columns)
        return recorded(ShapedTensor(count, columns, meter), [node]) { _ in [ShapedTensor(rows, columns, meter)] }
    }

    /// `columns(_:)`: a copy.
    package func columns(_ count: Int) -> ShapedTensor {
        let (meter, rows, columns) = (meter, rows, columns)
        return recorded(ShapedTensor(rows, count, meter), [node]) { _ in [ShapedTensor(rows, columns, meter)] }
    }

    // MARK: Number by number

    /// `+` of two of one shape: keeps nothing, and passes the gradient on to both.
    package func adding(_ other: ShapedTensor) -> ShapedTensor {
        recorded(like(), [node, other.node]) { [$0.gradient, $0.needs[1] ? $0.gradient : nil] }
    }

    /// `+` of a row, such as a bias.
    package func adding(row weight: ShapedWeight) -> ShapedTensor {
        let meter = meter
        return recorded(like(), [node, weight.leaf]) { upstream in
            [upstream.gradient, upstream.needs[1] ? weight.gradient(meter) : nil]
        }
    }

    /// `*` of two of one shape: keeps both.
    package func multiplied(by other: ShapedTensor) -> ShapedTensor {
        let (left, right) = (detached, other.detached)
        return recorded(like(), [node, other.node]) { upstream in
            [upstream.needs[0] ? right.like() : nil, upstream.needs[1] ? left.like() : nil]
        }
    }

    /// `*` of a row that is tracked: keeps both.
    package func multiplied(byRow row: ShapedTensor) -> ShapedTensor {
        let (left, right, meter) = (detached, row.detached, meter)
        return recorded(like(), [node, row.node]) { upstream in
            let down = upstream.needs[0] ? left.like() : nil
            if upstream.needs[1] { meter.pass(left.byteCount) }
            return [down, upstream.needs[1] ? right.like() : nil]
        }
    }

    /// `scaled(by:)`: keeps nothing.
    package func scaled() -> ShapedTensor { recorded(like(), [node]) { [$0.gradient.like()] } }

    /// `dropout`: keeps the mask and what it is applied to.
    package func dropout() -> ShapedTensor {
        let mask: ShapedTensor = {
            let uniform = like()
            return withExtendedLifetime(uniform) { like() }
        }()
        return multiplied(by: mask)
    }

    /// `gated`: keeps gate and up.
    package static func gated(gate: ShapedTensor, up: ShapedTensor) -> ShapedTensor {
        let (g, u) = (gate.detached, up.detached)
        return gate.recorded(gate.like(), [gate.node, up.node]) { _ in [g.like(), u.like()] }
    }

    // MARK: Norms, rotation, attention

    /// `rmsNorm` over stretches of the weight's length: keeps its input and a number for each stretch.
    package func rmsNorm(_ weight: ShapedWeight) -> ShapedTensor {
        let (input, meter) = (detached, meter)
        let inverse = ShapedTensor(1, rows * columns / weight.columns, meter)
        return recorded(like(), [node, weight.leaf]) { upstream in
            withExtendedLifetime(inverse) {
                [input.like(), upstream.needs[1] ? weight.gradient(meter) : nil]
            }
        }
    }

    /// `rotaryEmbedding`: keeps the angles, which all layers share.
    package func rotated(_ angles: [ShapedTensor]) -> ShapedTensor {
        recorded(like(), [node]) { upstream in withExtendedLifetime(angles) { [upstream.gradient.like()] } }
    }

    /// `attention`: keeps queries, keys, values, its result and a number for each query and head. Rows behind a shared
    /// prefix are copied next to those of the prefix: `gathered` of them.
    package static func attention(
        query: ShapedTensor, key: ShapedTensor, value: ShapedTensor, heads: Int, gathered: Int
    ) -> ShapedTensor {
        let meter = query.meter
        let (q, k, v) = (query.detached, key.detached, value.detached)
        let isTracked = [query, key, value].contains(where: \.isTracked)
        let logSums = ShapedTensor(heads, isTracked ? query.rows : 0, meter)
        let result = query.like()
        let copies = 4 * gathered * key.columns
        meter.pass(copies, copies)
        let held = result.detached
        return query.recorded(result, [query.node, key.node, value.node]) { _ in
            withExtendedLifetime((held, logSums)) {
                let gradients = [q.like(), k.like(), v.like()]
                meter.pass(copies, copies, copies, copies)
                return gradients
            }
        }
    }

    // MARK: Blocks

    /// `checkpointed`: keeps its input, and computes the block again.
    package func checkpointed(_ body: @escaping (ShapedTensor) -> ShapedTensor) -> ShapedTensor {
        guard isTracked else { return body(self) }
        let input = detached
        let output = body(input).detached
        return recorded(output, [node]) { upstream in
            let leaf = ShapedNode()
            var tracked = input
            tracked.node = leaf
            guard let node = body(tracked).node else { return [nil] }
            upstream.pass.run(from: node, upstream: upstream.gradient)
            return [upstream.pass.take(leaf)]
        }
    }
}

/// How the head cuts its rows.
enum LabelTiles {
    /// Rows of a tile: about 48 MiB of logits.
    static func rows(vocabulary: Int) -> Int { max(32, min(1024, (12 << 20) / vocabulary / 16 * 16)) }
}
