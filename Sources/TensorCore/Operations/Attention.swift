import CKernels
import Foundation

/// What an attention layer does with its heads.
public struct AttentionShape: Sendable, Hashable {
    /// H, the number of query heads; a multiple of `keyHeads`.
    public var heads: Int
    /// K, the number of key and value heads; query head h reads key head h / (H / K).
    public var keyHeads: Int
    /// E, the numbers of one head.
    public var headSize: Int
    /// Multiplies the scores; usually 1 / √E.
    public var scale: Float
    /// Keys that a query sees, itself included; `nil` for all before it.
    public var window: Int?
    /// Scores become cap · tanh(score / cap); `nil` for none.
    public var softCap: Float?

    /// - Precondition: `heads` is a multiple of `keyHeads`, and all are positive.
    public init(
        heads: Int, keyHeads: Int, headSize: Int, scale: Float, window: Int? = nil, softCap: Float? = nil
    ) {
        precondition(
            heads > 0 && keyHeads > 0 && headSize > 0 && heads % keyHeads == 0 && window ?? 1 > 0,
            "\(heads) query heads over \(keyHeads) key heads of \(headSize)")
        self.heads = heads
        self.keyHeads = keyHeads
        self.headSize = headSize
        self.scale = scale
        self.window = window
        self.softCap = softCap
    }

    var kernel: hone_attention_shape {
        hone_attention_shape(
            heads: Int64(heads), key_heads: Int64(keyHeads), head_size: Int64(headSize), window: Int64(window ?? 0),
            scale: scale, cap: softCap ?? 0)
    }
}

/// Causal attention within each document of a packed batch; no token sees another document but a shared prefix.
///
/// A document with a prefix attends to the whole of the prefix and then causally to itself, as if the prefix stood
/// before it: completions of one prompt need the prompt once. Memory is linear in T: scores exist only in blocks. What
/// a document gets does not depend, to the bit, on the documents packed around it, nor on whether its prefix is shared.
///
/// - Parameters:
///   - query: [T, H·E].
///   - key: [T, K·E].
///   - value: [T, K·E].
///   - lengths: tokens of each document, in order; their sum is T.
///   - prefixes: for each document the number of the document it continues, an earlier one without a prefix of its
///     own, or `nil`; `nil` for no prefixes at all.
/// - Returns: [T, H·E].
public func attention(
    query: Tensor, key: Tensor, value: Tensor, lengths: [Int], prefixes: [Int?]? = nil, shape: AttentionShape
) -> Tensor {
    let tokens = query.rows
    precondition(
        query.columns == shape.heads * shape.headSize && key.columns == shape.keyHeads * shape.headSize
            && value.shape == key.shape && key.rows == tokens && lengths.reduce(0, +) == tokens,
        "attention of \(shape) over \(query.shape), \(key.shape), \(value.shape) with documents of \(lengths)")
    let layout = PackedLayout(lengths: lengths, prefixes: prefixes)
    let (q, k, v) = (query.detached, key.detached, value.detached)
    let needsGradient = query.isTracked || key.isTracked || value.isTracked
    var logSums = Tensor([shape.heads, needsGradient ? tokens : 0]) { _ in }
    let logSumFloats = logSums.mutableFloats()
    let result = Tensor(query.shape) { output in
        let (branchKeys, branchValues) = (layout.gathered(k), layout.gathered(v))
        let documents = layout.documents(
            q, (k, branchKeys), (v, branchValues), output: output, logSums: needsGradient ? logSumFloats : nil)
        withExtendedLifetime(branchKeys) {
            withExtendedLifetime(branchValues) { run(documents, shape: shape) }
        }
    }
    let held = logSums
    return recorded(result, from: [query, key, value]) { upstream in
        attentionGradients(
            q, k, v, result: result, logSums: held, upstream: upstream.gradient, layout: layout, shape: shape)
    }
}

/// Gradients of queries, keys and values. Those of a prefix's keys and values are its own and then those of the
/// documents that continue it, added in their order.
private func attentionGradients(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, result: Tensor, logSums: Tensor, upstream: Tensor, layout: PackedLayout,
    shape: AttentionShape
) -> [Tensor?] {
    let (branchKeys, branchValues) = (layout.gathered(k), layout.gathered(v))
    // The kernels write what they own; only the rows of branches are added to.
    var gradients = [q, k, v].map { layout.branchRows > 0 ? .zeros($0.shape) : Tensor($0.shape) { _ in } }
    let (dq, dk, dv) = (gradients[0].mutableFloats(), gradients[1].mutableFloats(), gradients[2].mutableFloats())
    var (branchKeyGradient, branchValueGradient) = (
        Tensor(branchKeys.shape) { _ in }, Tensor(branchKeys.shape) { _ in }
    )
    let (branchDk, branchDv) = (branchKeyGradient.mutableFloats(), branchValueGradient.mutableFloats())
    let documents = layout.documents(
        q, (k, branchKeys), (v, branchValues), output: UnsafeMutablePointer(mutating: result.floats),
        logSums: UnsafeMutablePointer(mutating: logSums.floats))
    let pieces = GradientPiece.cut(documents, shape: shape)
    let partial = Storage(byteCount: 4 * q.columns * (pieces.last.map { $0.partialRow + $0.partialRows } ?? 0))
    let partialFloats = partial.pointer.assumingMemoryBound(to: Float.self)
    Parallel.forEach(pieces.count * shape.keyHeads) { task in
        let piece = pieces[task / shape.keyHeads]
        let isBranch = layout.prefixes[piece.document] != nil
        let queryStart = layout.starts[piece.document] * q.columns
        let keyStart = (isBranch ? layout.branchStarts : layout.starts)[piece.document] * k.columns
        var (kernelShape, values) = (shape.kernel, documents[piece.document])
        var target = hone_attention_gradient(
            output_gradient: upstream.floats + queryStart,
            query_gradient: piece.isFirst ? dq + queryStart : partialFloats + piece.partialRow * q.columns,
            key_gradient: (isBranch ? branchDk : dk) + keyStart, value_gradient: (isBranch ? branchDv : dv) + keyStart,
            first_query: Int64(piece.firstQuery))
        withScratch(shape, keys: piece.keys.count) {
            Kernels.current.attention_gradient(
                &kernelShape, &values, &target, Int64(task % shape.keyHeads), Int64(piece.keys.lowerBound),
                Int64(piece.keys.count), $0)
        }
    }
    for piece in pieces where !piece.isFirst {
        add(
            partialFloats + piece.partialRow * q.columns,
            to: dq + (layout.starts[piece.document] + piece.firstQuery) * q.columns,
            count: piece.partialRows * q.columns)
    }
    withExtendedLifetime(partial) {}
    withExtendedLifetime(branchKeys) {}
    withExtendedLifetime(branchValues) {}
    layout.addBranches(branchKeyGradient, to: dk)
    layout.addBranches(branchValueGradient, to: dv)
    return gradients
}

/// Some keys of a document: one task for each key head in the reverse pass. The keys' gradients are theirs alone; what
/// they add to the gradients of queries is summed over the pieces in their order, for which all but the first write
/// theirs apart. How a document is cut depends on its length alone.
private struct GradientPiece: Sendable {
    let document: Int
    let keys: Range<Int>
    /// Queries before it see none of the keys.
    let firstQuery: Int
    /// Rows of queries that are written apart.
    let partialRow, partialRows: Int

    var isFirst: Bool { keys.lowerBound == 0 }

    /// Two pieces from 512 keys on, four from 1,024, in whole blocks of keys: enough for threads to share, and together
    /// they hold the gradients of the queries twice more.
    static func cut(_ documents: [hone_attention_document], shape: AttentionShape) -> [GradientPiece] {
        var pieces: [GradientPiece] = []
        for (number, document) in documents.enumerated() {
            let (keyCount, queryCount) = (Int(document.key_count), Int(document.query_count))
            let bounds = bounds(keyCount, shape)
            for (start, end) in zip(bounds, bounds.dropFirst()) {
                let firstQuery = max(0, start - (keyCount - queryCount))
                pieces.append(
                    GradientPiece(
                        document: number, keys: start..<end, firstQuery: firstQuery,
                        partialRow: pieces.last.map { $0.partialRow + $0.partialRows } ?? 0,
                        partialRows: start == 0 ? 0 : queryCount - firstQuery))
            }
        }
        return pieces
    }

    private static func bounds(_ keyCount: Int, _ shape: AttentionShape) -> [Int] {
        let count = keyCount < 512 ? 1 : keyCount < 1024 ? 2 : 4
        let block = Int(HONE_KEY_BLOCK)
        return (0...count).map { index in
            let part = Double(index) / Double(count)
            // Of all pairs of a query and a key before it each piece has its share.
            let place = shape.window == nil ? 1 - (1 - part).squareRoot() : part
            return index == count ? keyCount : Int(place * Double(keyCount)) / block * block
        }
    }
}

private func add(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int) {
    Parallel.overBlocks(of: count) { range in
        Kernels.current.accumulate(
            Int64(range.count), 1, source + range.lowerBound, target + range.lowerBound)
    }
}

/// Where the documents of a packed batch lie, and which of them continue another: the branches of a prefix.
///
/// The kernels want the keys of a document in one piece, so those of a prefix are copied in front of each branch's.
/// Against what the prefix costs in every other operation of a layer the copy is nothing.
private struct PackedLayout: Sendable {
    let lengths: [Int]
    let prefixes: [Int?]
    /// The first row of each document.
    let starts: [Int]
    /// The first row of each branch among the gathered rows; what the others have does not count.
    let branchStarts: [Int]
    let branchRows: Int

    init(lengths: [Int], prefixes: [Int?]?) {
        let prefixes = prefixes ?? Array(repeating: nil, count: lengths.count)
        precondition(prefixes.count == lengths.count, "\(prefixes.count) prefixes of \(lengths.count) documents")
        for (document, prefix) in prefixes.enumerated() {
            guard let prefix else { continue }
            precondition(
                (0..<document).contains(prefix) && prefixes[prefix] == nil,
                "document \(document) continues \(prefix), which is no earlier document without a prefix")
        }
        var (starts, branchStarts): ([Int], [Int]) = ([], [])
        var (row, branchRow) = (0, 0)
        for (length, prefix) in zip(lengths, prefixes) {
            starts.append(row)
            branchStarts.append(branchRow)
            row += length
            if let prefix { branchRow += lengths[prefix] + length }
        }
        (self.lengths, self.prefixes, self.starts, self.branchStarts) = (lengths, prefixes, starts, branchStarts)
        branchRows = branchRow
    }

    /// The rows that each branch sees, those of its prefix first: [T, columns] → [branchRows, columns].
    func gathered(_ source: Tensor) -> Tensor {
        let columns = source.columns
        return Tensor([branchRows, columns]) { output in
            forEachPiece { branchRow, row, count in
                (output + branchRow * columns).update(from: source.floats + row * columns, count: count * columns)
            }
        }
    }

    /// The reverse: adds the gradients of gathered rows to those of the rows they came from.
    func addBranches(_ source: Tensor, to target: UnsafeMutablePointer<Float>) {
        let columns = source.columns
        forEachPiece { branchRow, row, count in
            add(source.floats + branchRow * columns, to: target + row * columns, count: count * columns)
        }
    }

    /// The two pieces of each branch: a row among the gathered ones, the row it is a copy of, and how many follow.
    private func forEachPiece(_ body: (_ branchRow: Int, _ row: Int, _ count: Int) -> Void) {
        for (document, prefix) in prefixes.enumerated() {
            guard let prefix else { continue }
            body(branchStarts[document], starts[prefix], lengths[prefix])
            body(branchStarts[document] + lengths[prefix], starts[document], lengths[document])
        }
    }

    /// What the kernels are told; keys and values are those of the batch and those that `gathered` returned.
    func documents(
        _ query: Tensor, _ key: (packed: Tensor, gathered: Tensor), _ value: (packed: Tensor, gathered: Tensor),
        output: UnsafeMutablePointer<Float>, logSums: UnsafeMutablePointer<Float>?
    ) -> [hone_attention_document] {
        lengths.indices.map { document in
            let (start, prefix) = (starts[document], prefixes[document])
            let keyStart = (prefix == nil ? start : branchStarts[document]) * key.packed.columns
            let queryStart = start * query.columns
            return hone_attention_document(
                query: query.floats + queryStart,
                key: (prefix == nil ? key.packed : key.gathered).floats + keyStart,
                value: (prefix == nil ? value.packed : value.gathered).floats + keyStart, output: output + queryStart,
                log_sum: logSums.map { $0 + start }, query_count: Int64(lengths[document]),
                key_count: Int64(lengths[document] + (prefix.map { lengths[$0] } ?? 0)),
                query_stride: Int64(query.columns), key_stride: Int64(key.packed.columns),
                log_sum_stride: Int64(query.rows))
        }
    }
}

/// One task for each key head and some queries, the longest first.
func run(_ documents: [hone_attention_document], shape: AttentionShape) {
    var tasks: [(document: Int, keyHead: Int, queries: Range<Int>)] = []
    for (index, document) in documents.enumerated() {
        let count = Int(document.query_count)
        let step = count <= 512 ? 64 : 128
        for first in stride(from: 0, to: count, by: step).reversed() {
            for keyHead in 0..<shape.keyHeads { tasks.append((index, keyHead, first..<min(count, first + step))) }
        }
    }
    Parallel.forEach(tasks.count) { index in
        let task = tasks[index]
        var (kernelShape, document) = (shape.kernel, documents[task.document])
        withScratch(shape, keys: Int(document.key_count)) { scratch in
            Kernels.current.attention(
                &kernelShape, &document, Int64(task.keyHead), Int64(task.queries.lowerBound),
                Int64(task.queries.count), scratch)
        }
    }
}

/// Memory for a task that reads `keys` keys.
func withScratch(_ shape: AttentionShape, keys: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let scratch = Storage(byteCount: 4 * Int(hone_attention_scratch(Int64(shape.headSize), Int64(keys))))
    body(scratch.pointer.assumingMemoryBound(to: Float.self))
}

extension OperationSample {
    static let attentions: [OperationSample] = [
        sample("attention", heads: 2, keyHeads: 1, headSize: 5, lengths: [4, 1, 3]),
        sample("attention with window and cap", heads: 2, keyHeads: 2, headSize: 16, lengths: [6], window: 3, cap: 2),
        sample("attention over blocks", heads: 1, keyHeads: 1, headSize: 4, lengths: [70], checked: 40),
        sample(
            "attention over pieces of keys", heads: 2, keyHeads: 1, headSize: 3, lengths: [600], checked: 30),
        sample(
            "attention after a shared prefix", heads: 4, keyHeads: 2, headSize: 5, lengths: [4, 3, 2, 1, 3],
            prefixes: [nil, 0, nil, 0, 2]),
        sample(
            "attention after a shared prefix, with window and cap", heads: 2, keyHeads: 1, headSize: 16,
            lengths: [5, 4, 6], prefixes: [nil, 0, 0], window: 3, cap: 2),
        sample(
            "attention after a shared prefix of blocks", heads: 1, keyHeads: 1, headSize: 4, lengths: [70, 5, 40],
            prefixes: [nil, 0, 0], checked: 40),
    ]

    private static func sample(
        _ name: String, heads: Int, keyHeads: Int, headSize: Int, lengths: [Int], prefixes: [Int?]? = nil,
        window: Int? = nil, cap: Float? = nil, checked: Int = .max
    ) -> OperationSample {
        let shape = AttentionShape(
            heads: heads, keyHeads: keyHeads, headSize: headSize, scale: 0.4, window: window, softCap: cap)
        let tokens = lengths.reduce(0, +)
        return OperationSample(
            name,
            inputs: [
                .random([tokens, heads * headSize]), .random([tokens, keyHeads * headSize]),
                .random([tokens, keyHeads * headSize]),
            ], checked: checked,
            apply: {
                [
                    TensorCore.attention(
                        query: $0[0], key: $0[1], value: $0[2], lengths: lengths, prefixes: prefixes, shape: shape)
                ]
            },
            reference: { [attention($0[0], $0[1], $0[2], lengths: lengths, prefixes: prefixes ?? [], shape: shape)] })
    }

    private static func attention(
        _ q: [Double], _ k: [Double], _ v: [Double], lengths: [Int], prefixes: [Int?], shape: AttentionShape
    ) -> [Double] {
        let (size, queryWidth, keyWidth) = (
            shape.headSize, shape.heads * shape.headSize, shape.keyHeads * shape.headSize
        )
        var output = [Double](repeating: 0, count: q.count)
        let starts = lengths.reduce(into: [0]) { $0.append($0.last! + $1) }
        for document in lengths.indices {
            let prefix = prefixes.isEmpty ? nil : prefixes[document]
            var seen = prefix.map { Array(starts[$0]..<starts[$0 + 1]) } ?? []
            for row in starts[document]..<starts[document + 1] {
                seen.append(row)
                let columns = shape.window.map { seen.suffix($0) } ?? seen[...]
                for head in 0..<shape.heads {
                    let keyHead = head / (shape.heads / shape.keyHeads)
                    let powers = columns.map { column -> Double in
                        var score =
                            (0..<size).reduce(0) {
                                $0 + q[row * queryWidth + head * size + $1]
                                    * k[column * keyWidth + keyHead * size + $1]
                            } * Double(shape.scale)
                        if let cap = shape.softCap.map(Double.init) { score = cap * tanh(score / cap) }
                        return exp(score)
                    }
                    let total = powers.reduce(0, +)
                    for (column, power) in zip(columns, powers) {
                        for i in 0..<size {
                            output[row * queryWidth + head * size + i] +=
                                power / total * v[column * keyWidth + keyHead * size + i]
                        }
                    }
                }
            }
        }
        return output
    }
}
