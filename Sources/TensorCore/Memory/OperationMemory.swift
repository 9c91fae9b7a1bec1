// What every operation makes, what it keeps for its pullback and what that makes: the one place that says so. Each function
// stands for the operation of its name and must be changed with it; tests compare the peaks of whole steps with those that
// the pool counts.

/// A weight: its shape, and the leaf that its gradient flows to where it is trained.
package struct ShapedWeight {
    package let rows: Int
    package let columns: Int
    package let leaf: ShapedNode?

    package init(_ rows: Int, _ columns: Int, isTrained: Bool) {
        (self.rows, self.columns) = (rows, columns)
        leaf = isTrained ? ShapedNode() : nil
    }

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

    /// `rounded(to:)`: a copy in half the memory in `bfloat16`, nothing in `float32`.
    package func rounded(to precision: Precision) -> ShapedTensor {
        guard precision == .bfloat16, dtype == .float32 else { return self }
        return recorded(ShapedTensor(rows, columns, dtype: .bfloat16, meter), [node]) { [$0.gradient] }
    }

    /// `widened`: a copy where it was rounded.
    package func widened() -> ShapedTensor {
        dtype == .float32 ? self : recorded(like(), [node]) { [$0.gradient] }
    }

    /// `linear`: keeps its input, rounded, where the weight is trained.
    package func linear(
        _ weight: ShapedWeight, bias: ShapedWeight? = nil, precision: Precision
    ) -> ShapedTensor {
        let (meter, rows, columns) = (meter, rows, columns)
        let input = detached.rounded(to: precision)
        let output = withExtendedLifetime(input) { ShapedTensor(rows, weight.rows, meter) }
        let kept = weight.leaf == nil ? nil : input
        return recorded(output, [node, weight.leaf, bias?.leaf]) { upstream in
            let gradient = upstream.gradient.detached.rounded(to: precision)
            return withExtendedLifetime((gradient, kept)) {
                [
                    upstream.needs[0] ? ShapedTensor(rows, columns, meter) : nil,
                    upstream.needs[1] ? weight.gradient(meter) : nil, upstream.needs[2] ? bias?.gradient(meter) : nil,
                ]
            }
        }
    }

    /// `linear` with a low-rank difference: keeps its input, rounded, and the product in between.
    package func linear(
        _ weight: ShapedWeight, down: ShapedWeight, up: ShapedWeight, precision: Precision
    ) -> ShapedTensor {
        let (meter, rows, columns, rank) = (meter, rows, columns, down.rows)
        let input = detached.rounded(to: precision)
        func scaledProduct() -> ShapedTensor {
            let product = ShapedTensor(rows, rank, meter)
            return withExtendedLifetime(product) { ShapedTensor(rows, rank, meter) }
        }
        let inner = scaledProduct()
        return recorded(ShapedTensor(rows, weight.rows, meter), [node, down.leaf, up.leaf]) { upstream in
            let gradient = upstream.gradient.detached.rounded(to: precision)
            let innerGradient = scaledProduct()
            return withExtendedLifetime((gradient, innerGradient, input, inner)) {
                [
                    upstream.needs[0] ? ShapedTensor(rows, columns, meter) : nil,
                    upstream.needs[1] ? down.gradient(meter) : nil, upstream.needs[2] ? up.gradient(meter) : nil,
                ]
            }
        }
    }

    /// `labelLogProbabilities`, summed: keeps its input, and the gradients that it makes on the way forward.
    package func labelLogProbabilities(_ weight: ShapedWeight, isUniform: Bool) -> ShapedTensor {
        let (meter, input, count) = (meter, detached, rows)
        let statistics = (0..<6).map { _ in ShapedTensor(1, count, meter) }
        let isTracked = node != nil || weight.leaf != nil
        let takesWeight = weight.leaf != nil && isUniform
        let takesGradient = isTracked && (takesWeight || weight.leaf == nil)
        let unit = isTracked ? input.like() : nil
        let unitWeight = takesWeight ? weight.gradient(meter) : nil
        let tile = 4 * min(LabelTiles.rows(vocabulary: weight.rows), count) * LabelTiles.stride(vocabulary: weight.rows)
        meter.pass(tile)
        return recorded(ShapedTensor(1, 1, meter), [node, weight.leaf]) { upstream in
            withExtendedLifetime((statistics, unit, unitWeight)) {
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
