/// Counts the memory that a computation would have in use, without computing it.
package final class MemoryMeter {
    /// Bytes in use.
    package private(set) var live = 0
    /// The most bytes in use at any time.
    package private(set) var peak = 0

    package init() {}

    /// A buffer such as the pool would give.
    fileprivate func take(_ byteCount: Int) {
        live += byteCount
        peak = max(peak, live)
    }

    fileprivate func give(_ byteCount: Int) { live -= byteCount }

    /// Work that takes a buffer and gives it back.
    package func pass(_ byteCounts: Int...) {
        let buffers = byteCounts.map { ShapedBuffer($0, self) }
        withExtendedLifetime(buffers) {}
    }
}

/// A buffer without memory; it is in use for as long as somebody refers to it.
package final class ShapedBuffer {
    fileprivate let byteCount: Int
    private let meter: MemoryMeter

    package init(_ byteCount: Int, _ meter: MemoryMeter) {
        self.byteCount = BufferPool.capacity(for: byteCount)
        self.meter = meter
        meter.take(self.byteCount)
    }

    deinit { meter.give(byteCount) }
}

/// A matrix that has a shape and a place in memory, but no numbers. Tracked like a `Tensor`: the same operations keep the
/// same buffers for the same time, so that the peak of a step follows from shapes alone.
package struct ShapedTensor {
    fileprivate var buffer: ShapedBuffer
    package let rows: Int
    package let columns: Int
    package let dtype: DType
    package var node: ShapedNode?

    package let meter: MemoryMeter
    var byteCount: Int { rows * columns * dtype.size }
    package var isTracked: Bool { node != nil }

    package init(_ rows: Int, _ columns: Int, dtype: DType = .float32, _ meter: MemoryMeter, node: ShapedNode? = nil) {
        (self.rows, self.columns, self.dtype, self.meter, self.node) = (rows, columns, dtype, meter, node)
        buffer = ShapedBuffer(rows * columns * dtype.size, meter)
    }

    /// The same buffer, not tracked.
    package var detached: ShapedTensor {
        var copy = self
        copy.node = nil
        return copy
    }

    /// The same buffer as a matrix of another shape.
    package func reshaped(_ rows: Int, _ columns: Int) -> ShapedTensor {
        var copy = ShapedTensor(rows, columns, dtype: dtype, meter, sharing: buffer)
        copy.node = node
        return copy
    }

    private init(_ rows: Int, _ columns: Int, dtype: DType, _ meter: MemoryMeter, sharing buffer: ShapedBuffer) {
        (self.rows, self.columns, self.dtype, self.meter, self.buffer) = (rows, columns, dtype, meter, buffer)
    }

    /// A matrix of this one's shape in a buffer of its own.
    func like() -> ShapedTensor { ShapedTensor(rows, columns, dtype: .float32, meter) }
}

/// An operation on shapes while a gradient is taken.
package final class ShapedNode {
    fileprivate let inputs: [ShapedNode?]
    fileprivate let order: Int
    fileprivate let isLeaf: Bool
    private var pullback: ((ShapedUpstream) -> [ShapedTensor?])?

    /// A parameter, or the input of a block that is computed again.
    package init() { (inputs, order, isLeaf, pullback) = ([], 1, true, nil) }

    init(_ inputs: [ShapedNode?], _ pullback: @escaping (ShapedUpstream) -> [ShapedTensor?]) {
        self.inputs = inputs
        order = 1 + (inputs.compactMap { $0?.order }.max() ?? 0)
        isLeaf = false
        self.pullback = pullback
    }

    fileprivate func takePullback() -> ((ShapedUpstream) -> [ShapedTensor?])? {
        defer { pullback = nil }
        return pullback
    }
}

/// What the pullback of a node on shapes is given.
package struct ShapedUpstream {
    package let gradient: ShapedTensor
    package let needs: [Bool]
    package let pass: ShapedPass
    fileprivate let inputs: [ShapedNode?]

    /// The gradient that a parameter has so far, taken away from it so that a pullback may add to it in place.
    func takeGradient(ofInput index: Int) -> ShapedTensor? { inputs[index].flatMap { pass.take($0) } }
}

/// The reverse pass over shapes: what `ReversePass` does to gradients, done to their buffers.
package final class ShapedPass {
    private var leaves: [ObjectIdentifier: ShapedTensor] = [:]

    package init() {}

    /// The gradient of a leaf, taken away.
    package func take(_ leaf: ShapedNode) -> ShapedTensor? { leaves.removeValue(forKey: ObjectIdentifier(leaf)) }

    /// Says that a leaf has a gradient from before.
    package func put(_ gradient: ShapedTensor, _ leaf: ShapedNode) { leaves[ObjectIdentifier(leaf)] = gradient }

    package func run(from output: ShapedNode, upstream: ShapedTensor) {
        var pending = [ObjectIdentifier(output): upstream.detached]
        var nodes: [ShapedNode?] = Self.reachable(from: output)
        for index in nodes.indices {
            guard let node = nodes[index] else { continue }
            nodes[index] = nil
            guard let pullback = node.takePullback() else { continue }
            guard let gradient = pending.removeValue(forKey: ObjectIdentifier(node)) else { continue }
            let results = pullback(
                ShapedUpstream(
                    gradient: gradient, needs: node.inputs.map { $0 != nil }, pass: self, inputs: node.inputs)
            )
            for (input, result) in zip(node.inputs, results) {
                guard let input, let result else { continue }
                if input.isLeaf {
                    leaves[ObjectIdentifier(input)] = Self.sum(
                        leaves.removeValue(forKey: ObjectIdentifier(input)), result)
                } else {
                    pending[ObjectIdentifier(input)] = Self.sum(
                        pending.removeValue(forKey: ObjectIdentifier(input)), result)
                }
            }
        }
    }

    private static func reachable(from output: ShapedNode) -> [ShapedNode] {
        var found: [ShapedNode] = []
        var seen = Set<ObjectIdentifier>()
        var stack = [output]
        while let node = stack.popLast() {
            guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
            found.append(node)
            stack += node.inputs.compactMap { $0 }
        }
        return found.enumerated().sorted { ($0.element.order, $1.offset) > ($1.element.order, $0.offset) }
            .map(\.element)
    }

    /// In the first one's buffer where nobody else has it.
    private static func sum(_ first: consuming ShapedTensor?, _ second: ShapedTensor) -> ShapedTensor {
        guard var result = first else { return second.detached }
        first = nil
        if !isKnownUniquelyReferenced(&result.buffer) { result = result.like() }
        return result
    }
}
