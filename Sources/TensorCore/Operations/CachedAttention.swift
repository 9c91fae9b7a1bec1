import CKernels

/// Attention of the last tokens of several sequences over all their keys, for generation. Not differentiable.
///
/// Sequences with the same prefix read it together. A sequence's result does not depend, to the bit, on the other
/// sequences of the call.
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
        var documents: [hone_attention_document] = []
        var copies: [Tensor] = []
        var groups = PrefixGroups()
        var row = 0
        for (count, rows) in zip(counts, sequences) {
            let (from, to) = (query.floats + row * query.columns, output + row * query.columns)
            row += count
            guard count >= manyQueries else {
                groups.add(rows, count: count, query: from, output: to, queryStride: query.columns)
                continue
            }
            let (key, value) = (rows.whole(\.key, \.key), rows.whole(\.value, \.value))
            copies += [key, value]
            documents.append(
                hone_attention_document(
                    query: from, key: key.floats, value: value.floats, output: to, log_sum: nil,
                    query_count: Int64(count), key_count: Int64(rows.totalCount), query_stride: Int64(query.columns),
                    key_stride: Int64(key.columns), log_sum_stride: 0))
        }
        if !documents.isEmpty { run(documents, shape: shape) }
        withExtendedLifetime(copies) {}
        groups.run(shape)
    }
}

/// From as many new tokens on, a prompt's or a turn's, queries are taken in tiles, which read keys once for many.
private let manyQueries = 4

extension KeyValueRows {
    /// The prefix's rows and the own ones in `float32`: the tensor itself where it is that, else a copy.
    fileprivate func whole(_ own: KeyPath<KeyValueRows, Tensor>, _ shared: KeyPath<KeyValuePrefix, Tensor>) -> Tensor {
        let rows = self[keyPath: own].slice(0..<count)
        guard let prefix else { return rows.converted(to: .float32) }
        return .concatenated([
            prefix[keyPath: shared].slice(0..<prefix.count).converted(to: .float32), rows.converted(to: .float32),
        ])
    }
}

/// New tokens, those behind one prefix together.
private struct PrefixGroups {
    private struct Group {
        let prefix: hone_attention_prefix
        var queries: [hone_attention_query] = []
    }

    private var groups: [Group] = []
    /// Sequences without a prefix have nothing in common, and each is a group.
    private var places: [ObjectIdentifier: Int] = [:]

    mutating func add(
        _ rows: KeyValueRows, count: Int, query: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>,
        queryStride: Int
    ) {
        let place = place(of: rows)
        for token in 0..<count {
            groups[place].queries.append(
                hone_attention_query(
                    query: query + token * queryStride, output: output + token * queryStride, key: rows.key.bytes,
                    value: rows.value.bytes, key_count: Int64(rows.count - count + token + 1)))
        }
    }

    private mutating func place(of rows: KeyValueRows) -> Int {
        let identity = rows.prefix.map { ObjectIdentifier($0) }
        if let identity, let place = places[identity] { return place }
        groups.append(
            Group(
                prefix: hone_attention_prefix(
                    key: rows.prefix?.key.bytes, value: rows.prefix?.value.bytes,
                    key_count: Int64(rows.prefix?.count ?? 0), key_stride: Int64(rows.key.columns),
                    format: rows.dtype == .bfloat16 ? 1 : 0)))
        if let identity { places[identity] = groups.count - 1 }
        return groups.count - 1
    }

    func run(_ shape: AttentionShape) {
        let perKeyHead = shape.heads / shape.keyHeads
        let heads = min(perKeyHead, Int(HONE_ATTENTION_ROWS))
        let step = Int(HONE_ATTENTION_ROWS) / heads
        var tasks: [(group: Int, first: Int, head: Int, heads: Int)] = []
        for (index, group) in groups.enumerated() {
            for first in stride(from: 0, to: group.queries.count, by: step) {
                for keyHead in 0..<shape.keyHeads {
                    for part in stride(from: 0, to: perKeyHead, by: heads) {
                        tasks.append((index, first, keyHead * perKeyHead + part, min(heads, perKeyHead - part)))
                    }
                }
            }
        }
        Parallel.forEach(tasks.count) { index in
            let task = tasks[index]
            var (kernelShape, prefix) = (shape.kernel, groups[task.group].prefix)
            groups[task.group].queries.withUnsafeBufferPointer { queries in
                guard let base = queries.baseAddress else { return }
                withScratch(shape, keys: 0) { scratch in
                    Kernels.current.prefixed_attention(
                        &kernelShape, &prefix, Int64(min(step, queries.count - task.first)), base + task.first,
                        Int64(task.head), Int64(task.heads), scratch)
                }
            }
        }
    }
}
