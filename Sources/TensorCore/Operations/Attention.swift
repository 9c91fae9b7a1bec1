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

/// Causal attention within each document of a packed batch; no token sees another document.
///
/// Memory is linear in T: scores exist only in blocks. What a document gets does not depend, to the bit, on the
/// documents packed around it.
///
/// - Parameters:
///   - query: [T, H·E].
///   - key: [T, K·E].
///   - value: [T, K·E].
///   - lengths: tokens of each document, in order; their sum is T.
/// - Returns: [T, H·E].
public func attention(
    query: Tensor, key: Tensor, value: Tensor, lengths: [Int], shape: AttentionShape
) -> Tensor {
    let tokens = query.rows
    precondition(
        query.columns == shape.heads * shape.headSize && key.columns == shape.keyHeads * shape.headSize
            && value.shape == key.shape && key.rows == tokens && lengths.reduce(0, +) == tokens,
        "attention of \(shape) over \(query.shape), \(key.shape), \(value.shape) with documents of \(lengths)")
    let (q, k, v) = (query.detached, key.detached, value.detached)
    let needsGradient = query.isTracked || key.isTracked || value.isTracked
    var logSums = Tensor([shape.heads, needsGradient ? tokens : 0]) { _ in }
    let logSumFloats = logSums.mutableFloats()
    let result = Tensor(query.shape) { output in
        run(
            documents(q, k, v, lengths: lengths, output: output, logSums: needsGradient ? logSumFloats : nil),
            shape: shape)
    }
    let held = logSums
    return recorded(result, from: [query, key, value]) { upstream in
        let gradient = upstream.gradient
        var gradients = [q, k, v].map { Tensor.zeros($0.shape) }
        let (dq, dk, dv) = (
            gradients[0].mutableFloats(), gradients[1].mutableFloats(), gradients[2].mutableFloats()
        )
        let forward = documents(
            q, k, v, lengths: lengths, output: UnsafeMutablePointer(mutating: result.floats),
            logSums: UnsafeMutablePointer(mutating: held.floats))
        let starts = lengths.reduce(into: [0]) { $0.append($0.last! + $1) }
        Parallel.forEach(lengths.count * shape.keyHeads) { task in
            let document = task / shape.keyHeads
            let (queryStart, keyStart) = (starts[document] * q.columns, starts[document] * k.columns)
            var (kernelShape, values) = (shape.kernel, forward[document])
            var target = hone_attention_gradient(
                output_gradient: gradient.floats + queryStart, query_gradient: dq + queryStart,
                key_gradient: dk + keyStart, value_gradient: dv + keyStart)
            withScratch(shape) {
                Kernels.current.attention_gradient(
                    &kernelShape, &values, &target, Int64(task % shape.keyHeads), $0)
            }
        }
        return gradients
    }
}

/// Keys and values of one sequence: rows 0 ..< `count` of [capacity, K·E] tensors count.
public struct KeyValueRows: Sendable {
    /// Keys and values, [capacity, K·E] each.
    public var key, value: Tensor
    /// Rows in use.
    public var count: Int

    /// Rows 0 ..< `count` of `key` and `value`.
    public init(key: Tensor, value: Tensor, count: Int) {
        self.key = key
        self.value = value
        self.count = count
    }
}

/// Attention of the last tokens of several sequences over all their keys, for generation. Not differentiable.
///
/// A sequence's result does not depend on the other sequences of the call.
///
/// - Parameters:
///   - query: [ΣN, H·E], the new tokens of each sequence in order.
///   - counts: new tokens of each sequence.
///   - sequences: keys and values, those of the new tokens included.
/// - Returns: [ΣN, H·E].
public func attention(
    query: Tensor, counts: [Int], over sequences: [KeyValueRows], shape: AttentionShape
) -> Tensor {
    precondition(
        counts.count == sequences.count && counts.reduce(0, +) == query.rows,
        "\(query.shape) queries for \(counts) new tokens of \(sequences.count) sequences")
    return Tensor(query.shape) { output in
        var start = 0
        let documents = zip(counts, sequences).map { count, rows in
            defer { start += count * query.columns }
            return hone_attention_document(
                query: query.floats + start, key: rows.key.floats, value: rows.value.floats, output: output + start,
                log_sum: nil, query_count: Int64(count), key_count: Int64(rows.count),
                query_stride: Int64(query.columns), key_stride: Int64(rows.key.columns), log_sum_stride: 0)
        }
        run(documents, shape: shape)
    }
}

private func documents(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, lengths: [Int], output: UnsafeMutablePointer<Float>,
    logSums: UnsafeMutablePointer<Float>?
) -> [hone_attention_document] {
    var start = 0
    return lengths.map { length in
        defer { start += length }
        return hone_attention_document(
            query: q.floats + start * q.columns, key: k.floats + start * k.columns,
            value: v.floats + start * k.columns, output: output + start * q.columns,
            log_sum: logSums.map { $0 + start },
            query_count: Int64(length), key_count: Int64(length), query_stride: Int64(q.columns),
            key_stride: Int64(k.columns), log_sum_stride: Int64(q.rows))
    }
}

/// One task for each head and block of queries.
private func run(_ documents: [hone_attention_document], shape: AttentionShape) {
    let block = Int(HONE_ATTENTION_ROWS)
    var tasks: [(document: Int, head: Int, first: Int)] = []
    for (index, document) in documents.enumerated() {
        for head in 0..<shape.heads {
            for first in stride(from: 0, to: Int(document.query_count), by: block) {
                tasks.append((index, head, first))
            }
        }
    }
    // A piece is several tasks where tasks are small, so that handing over does not cost more than the work.
    let perPiece = max(1, tasks.count / 64)
    Parallel.forEach((tasks.count + perPiece - 1) / perPiece) { piece in
        var kernelShape = shape.kernel
        withScratch(shape) { scratch in
            for task in tasks[piece * perPiece..<min(tasks.count, (piece + 1) * perPiece)] {
                var document = documents[task.document]
                let count = min(Int64(block), document.query_count - Int64(task.first))
                Kernels.current.attention(
                    &kernelShape, &document, Int64(task.head), Int64(task.first), count, scratch)
            }
        }
    }
}

private func withScratch(_ shape: AttentionShape, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let scratch = Storage(byteCount: 4 * Int(hone_attention_scratch(Int64(shape.headSize))))
    body(scratch.pointer.assumingMemoryBound(to: Float.self))
}

extension OperationSample {
    static let attentions: [OperationSample] = [
        sample("attention", heads: 2, keyHeads: 1, headSize: 5, lengths: [4, 1, 3]),
        sample("attention with window and cap", heads: 2, keyHeads: 2, headSize: 16, lengths: [6], window: 3, cap: 2),
        sample("attention over blocks", heads: 1, keyHeads: 1, headSize: 4, lengths: [70], checked: 40),
    ]

    private static func sample(
        _ name: String, heads: Int, keyHeads: Int, headSize: Int, lengths: [Int], window: Int? = nil,
        cap: Float? = nil, checked: Int = .max
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
            apply: { [TensorCore.attention(query: $0[0], key: $0[1], value: $0[2], lengths: lengths, shape: shape)] },
            reference: { [attention($0[0], $0[1], $0[2], lengths: lengths, shape: shape)] })
    }

    private static func attention(
        _ q: [Double], _ k: [Double], _ v: [Double], lengths: [Int], shape: AttentionShape
    ) -> [Double] {
        let (size, queryWidth, keyWidth) = (
            shape.headSize, shape.heads * shape.headSize, shape.keyHeads * shape.headSize
        )
        var output = [Double](repeating: 0, count: q.count)
        var start = 0
        for length in lengths {
            for row in 0..<length {
                for head in 0..<shape.heads {
                    let keyHead = head / (shape.heads / shape.keyHeads)
                    let low = max(0, row + 1 - (shape.window ?? length))
                    let powers = (low...row).map { column -> Double in
                        var score =
                            (0..<size).reduce(0) {
                                $0 + q[(start + row) * queryWidth + head * size + $1]
                                    * k[(start + column) * keyWidth + keyHead * size + $1]
                            } * Double(shape.scale)
                        if let cap = shape.softCap.map(Double.init) { score = cap * tanh(score / cap) }
                        return exp(score)
                    }
                    let total = powers.reduce(0, +)
                    for (index, power) in powers.enumerated() {
                        for i in 0..<size {
                            output[(start + row) * queryWidth + head * size + i] +=
                                power / total * v[(start + low + index) * keyWidth + keyHead * size + i]
                        }
                    }
                }
            }
            start += length
        }
        return output
    }
}
