import CKernels
import Foundation
import TensorCore
import Testing

/// Every table of kernels gives the bits of the plain one.
@Suite struct KernelTests {
    private let special: [Float] = [0, -0.0, .infinity, -.infinity, Float(bitPattern: 0x0001_16C2), 88.7, -87.4]
    static let fast = Array(0..<max(0, Kernels.available.count - 1))

    private func numbers(_ count: Int, from low: Float = -3, to high: Float = 3, index: Int = 0) -> [Float] {
        Tensor.uniform([count], from: low, to: high, stream: RandomStream(seed: 5, purpose: "kernels", index: index))
            .scalars
    }

    /// Runs `body` with the plain table and with another one; both must write the same bits.
    private func same(
        _ table: Int, count: Int, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (hone_kernel_table, inout [Float]) -> Void
    ) {
        var (plain, fast) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
        body(Kernels.available.last!, &plain)
        body(Kernels.available[table], &fast)
        #expect(plain.map(\.bitPattern) == fast.map(\.bitPattern), sourceLocation: sourceLocation)
        #expect(plain.contains { $0 != 0 }, "the kernel wrote nothing", sourceLocation: sourceLocation)
    }

    @Test(arguments: fast) func elementwiseKernelsAgree(table: Int) {
        let x = numbers(1003, from: -90, to: 90) + special
        let y = numbers(x.count, index: 1)
        for raw in 0...HONE_NEGATE.rawValue {
            let operation = hone_unary(rawValue: raw)
            same(table, count: x.count) { $0.unary(operation, Int64(x.count), x, &$1) }
            same(table, count: x.count) { $0.unary_gradient(operation, Int64(x.count), x, y, y, &$1) }
        }
        for raw in 0...HONE_MINIMUM.rawValue {
            let operation = hone_binary(rawValue: raw)
            same(table, count: x.count) { $0.binary(operation, Int64(x.count), Int64(x.count), x, y, &$1) }
            same(table, count: 1000) { $0.binary(operation, 1000, 20, x, y, &$1) }
        }
        same(table, count: x.count) { $0.affine(Int64(x.count), 1.5, -2, x, &$1) }
        same(table, count: x.count) { $0.gated(HONE_SILU, Int64(x.count), y, y, &$1) }
        same(table, count: 2 * x.count) { kernels, output in
            output.withUnsafeMutableBufferPointer {
                kernels.gated_gradient(
                    HONE_GELU_TANH, Int64(x.count), y, y, y, $0.baseAddress!, $0.baseAddress! + x.count)
            }
        }
    }

    @Test(arguments: fast) func rowKernelsAgree(table: Int) {
        let (rows, columns) = (7, 37)
        let x = numbers(rows * columns)
        let y = numbers(rows * columns, index: 1)
        same(table, count: rows) { $0.row_sums(Int64(rows), Int64(columns), x, y, &$1) }
        same(table, count: columns) { $0.add_column_sums(Int64(rows), Int64(columns), Int64(columns), x, y, &$1) }
        same(table, count: rows * columns) { $0.softmax(Int64(rows), Int64(columns), x, &$1, 0) }
        same(table, count: rows * columns) { $0.softmax(Int64(rows), Int64(columns), x, &$1, 1) }
        same(table, count: rows * columns) { $0.softmax_gradient(Int64(rows), Int64(columns), x, y, &$1, 1) }
        same(table, count: rows * columns + rows) { kernels, output in
            output.withUnsafeMutableBufferPointer {
                kernels.rms_norm(
                    Int64(rows), Int64(columns), 1e-5, 1, x, y, $0.baseAddress!, $0.baseAddress! + rows * columns)
            }
        }
        let inverse = numbers(rows, from: 0.5, to: 2)
        same(table, count: rows * columns + columns) { kernels, output in
            output.withUnsafeMutableBufferPointer {
                kernels.rms_norm_gradient(
                    Int64(rows), Int64(columns), 0, x, y, inverse, y, $0.baseAddress!,
                    $0.baseAddress! + rows * columns)
            }
        }
        same(table, count: 3 * 24) { $0.rotary(3, 2, 12, 5, x, y, 1, x, &$1) }
        let dots = Kernels.available.map { $0.dot(Int64(x.count), x, y) }
        #expect(dots[table] == dots.last)
        let sums = Kernels.available.map { $0.sum(Int64(x.count), x) }
        #expect(sums[table] == sums.last)
    }

    @Test(arguments: fast) func headAndOptimizerAgree(table: Int) {
        let (rows, columns) = (5, 1500)
        let labels: [Int32] = [0, 7, 1499, 3, 900]
        for transform in [hone_logit_transform(scale: 1, cap: 0), hone_logit_transform(scale: 0.5, cap: 2)] {
            var statistics: [[Float]] = []
            same(table, count: rows * columns) { kernels, output in
                output = numbers(rows * columns, from: -8, to: 8)
                var parts = [Float](repeating: 0, count: 6 * rows)
                parts.withUnsafeMutableBufferPointer {
                    let (logProbability, entropy) = ($0.baseAddress!, $0.baseAddress! + rows)
                    let (top1, logSum) = (entropy + rows, entropy + 2 * rows)
                    kernels.label_statistics(
                        Int64(rows), Int64(columns), transform, &output, labels, logProbability, entropy, top1, logSum,
                        logSum + rows, logSum + 2 * rows)
                    kernels.label_gradient(
                        Int64(rows), Int64(columns), transform, &output, labels, logSum, entropy, logProbability,
                        logProbability)
                }
                statistics.append(parts)
            }
            #expect(statistics[0].map(\.bitPattern) == statistics[1].map(\.bitPattern))
            #expect(statistics[0].suffix(2 * rows).allSatisfy { $0 != 0 })
        }
        let x = numbers(6 * 70)
        same(table, count: 3 * 50) { kernels, output in
            let settings = hone_adamw(
                learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1,
                bias_correction1: 0.1, bias_correction2: 0.001, gradient_scale: 0.5)
            withUnsafePointer(to: settings) { settings in
                output.withUnsafeMutableBufferPointer {
                    kernels.adamw(settings, 50, x, $0.baseAddress!, $0.baseAddress! + 50, $0.baseAddress! + 100)
                }
            }
        }
    }

    @Test(arguments: fast) func attentionKernelsAgree(table: Int) {
        let (tokens, heads, keyHeads, size) = (75, 4, 2, 24)
        // Whole documents, the last queries of one (a prefix's branch, a prompt in parts), and single new tokens.
        let cases: [(window: Int64, cap: Float, queries: Int)] = [
            (0, 0, tokens), (20, 3, tokens), (0, 0, 33), (20, 3, 33), (0, 3, 2),
        ]
        for (window, cap, queries) in cases {
            var shape = hone_attention_shape(
                heads: Int64(heads), key_heads: Int64(keyHeads), head_size: Int64(size), window: window, scale: 0.2,
                cap: cap)
            let q = numbers(tokens * heads * size)
            let k = numbers(tokens * keyHeads * size, index: 1)
            let v = numbers(tokens * keyHeads * size, index: 2)
            let (queryCount, keyCount) = (q.count, k.count)
            same(table, count: 2 * queryCount + 2 * keyCount + heads * tokens) { kernels, output in
                var scratch = [Float](repeating: 0, count: Int(hone_attention_scratch(Int64(size), Int64(tokens))))
                output.withUnsafeMutableBufferPointer { buffer in
                    let base = buffer.baseAddress!
                    q.withUnsafeBufferPointer { q in
                        k.withUnsafeBufferPointer { k in
                            v.withUnsafeBufferPointer { v in
                                var document = hone_attention_document(
                                    query: q.baseAddress!, key: k.baseAddress!, value: v.baseAddress!, output: base,
                                    log_sum: base + 2 * queryCount + 2 * keyCount, query_count: Int64(queries),
                                    key_count: Int64(tokens), query_stride: Int64(heads * size),
                                    key_stride: Int64(keyHeads * size), log_sum_stride: Int64(tokens))
                                for head in 0..<Int64(keyHeads) {
                                    for first in stride(from: 0, to: queries, by: 30) {
                                        kernels.attention(
                                            &shape, &document, head, Int64(first), Int64(min(30, queries - first)),
                                            &scratch)
                                    }
                                }
                                var gradient = hone_attention_gradient(
                                    output_gradient: q.baseAddress!, query_gradient: base + queryCount,
                                    key_gradient: base + 2 * queryCount,
                                    value_gradient: base + 2 * queryCount + keyCount, first_query: 0)
                                // The last keys first: what they add to the queries is written over.
                                for head in 0..<Int64(keyHeads) {
                                    kernels.attention_gradient(
                                        &shape, &document, &gradient, head, 64, Int64(tokens - 64), &scratch)
                                    kernels.attention_gradient(&shape, &document, &gradient, head, 0, 64, &scratch)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: fast, [DType.float32, .bfloat16]) func attentionBehindAPrefixAgrees(table: Int, type: DType) {
        let (prefixed, own, heads, size) = (70, 9, 4, 24)
        let q = numbers(3 * heads * size)
        let (k, v) = (numbers(prefixed * 2 * size, index: 1), numbers(prefixed * 2 * size, index: 2))
        let (ownK, ownV) = (numbers(3 * own * 2 * size, index: 3), numbers(3 * own * 2 * size, index: 4))
        let query = Tensor(q, shape: [q.count])
        let parts = [k, v, ownK, ownV].map { Tensor($0, shape: [$0.count]).converted(to: type) }
        for (window, cap) in [(Int64(0), Float(0)), (20, 3)] {
            var shape = hone_attention_shape(
                heads: Int64(heads), key_heads: 2, head_size: Int64(size), window: window, scale: 0.2, cap: cap)
            same(table, count: q.count) { kernels, output in
                var scratch = [Float](repeating: 0, count: Int(hone_attention_scratch(Int64(size), 0)))
                output.withUnsafeMutableBufferPointer { buffer in
                    guard let base = buffer.baseAddress else { return }
                    var prefix = hone_attention_prefix(
                        key: parts[0].bytes, value: parts[1].bytes, key_count: Int64(prefixed),
                        key_stride: Int64(2 * size), format: type == .bfloat16 ? 1 : 0)
                    let queries = (0..<3).map { index in
                        let start = index * own * 2 * size * type.size
                        return hone_attention_query(
                            query: query.floats + index * heads * size, output: base + index * heads * size,
                            key: parts[2].bytes + start, value: parts[3].bytes + start, key_count: Int64(own - index))
                    }
                    for head in [0, 2] {
                        kernels.prefixed_attention(&shape, &prefix, 3, queries, Int64(head), 2, &scratch)
                    }
                }
                withExtendedLifetime(query) {}
                withExtendedLifetime(parts) {}
            }
        }
    }

    @Test(arguments: fast) func drawnTokensAgree(table: Int) {
        let logits = numbers(3001, from: -9, to: 9)
        for uniform in [-1, 0, 0.2, 0.77, 0.999_999_999_9] {
            same(table, count: 4) { kernels, output in
                var sums = [Double](repeating: 0, count: 3)
                var drawn = hone_draw()
                kernels.draw(3001, 0.7, logits, uniform, &sums, &drawn)
                output = [Float(drawn.token), drawn.log_probability, drawn.entropy, Float(drawn.total)]
            }
        }
        same(table, count: 3001) { kernels, output in
            var ids = [Int32](repeating: 0, count: 3001)
            let count = kernels.at_least(3001, 0.7, logits, 2, &ids)
            output = ids.prefix(Int(count)).map(Float.init)
            #expect(
                ids.prefix(Int(count)).elementsEqual(
                    logits.indices.lazy.filter { logits[$0] * 0.7 >= 2 }.map(Int32.init)))
        }
    }

    @Test func bfloat16RoundsToNearestEven() {
        let tiny = Float(bitPattern: 0x0001_16C2)
        let values: [Float] = [1, 1.00390625, 1.01171875, -2.5, 3.3895314e38, .infinity, tiny]
        let rounded = Tensor(values, shape: [values.count]).converted(to: .bfloat16).scalars
        #expect(rounded == [1, 1, 1.015625, -2.5, 3.3895314e38, .infinity, Float(bitPattern: 0x0001_0000)])
        #expect(Tensor([.nan], shape: [1]).converted(to: .bfloat16).scalars[0].isNaN)
    }

    #if arch(x86_64) || arch(arm64)
        @Test func float16RoundTripsEveryFiniteValue() {
            let bits = (0..<UInt16(0x7C00)).map { $0 }
            var wide = [Float](repeating: 0, count: bits.count)
            Kernels.current.from_float16(Int64(bits.count), bits, &wide)
            var back = [UInt16](repeating: 0, count: bits.count)
            Kernels.current.to_float16(Int64(bits.count), wide, &back)
            #expect(back == bits)
            #expect(wide[1] == 0x1p-24 && wide[0x3C00] == 1 && wide[0x7BFF] == 65504)
        }
    #endif

    @Test func exponentialIsWithinTwoUlps() {
        let x = stride(from: Float(-87), through: 88, by: 0.0137).map { $0 }
        let y = Tensor(x, shape: [x.count]).exponential().scalars
        for (argument, value) in zip(x, y) {
            let exact = exp(Double(argument))
            #expect(abs(Double(value) - exact) <= 2 * Double(Float(exact).ulp), "exp(\(argument))")
        }
    }
}
