import CKernels
import Foundation
import TensorCore
import Testing

/// A product, its factors in every form that `MatrixProduct` takes.
struct ProductCase: Sendable, CustomTestStringConvertible {
    let rows, columns, depth: Int
    let precision: Precision
    /// Whether the rows in memory are the depth.
    let isTurned: [Bool]
    /// Whether the factor is stored in bf16.
    let isNarrow: [Bool]
    let adding: Bool
    let hasBias: Bool

    var testDescription: String {
        "\(rows) × \(columns) × \(depth) \(precision), turned \(isTurned), narrow \(isNarrow)"
            + "\(adding ? ", added" : "")\(hasBias ? ", with bias" : "")"
    }

    /// Thin and wide ones, with sides around those of tiles, panels, pieces and blocks of the depth.
    static let all: [ProductCase] = {
        let shapes = [
            (1, 1, 1), (1, 100, 300), (2, 47, 5), (7, 49, 33), (8, 48, 384), (9, 16, 769), (16, 97, 385), (64, 5, 1540),
            (129, 33, 70), (140, 150, 96), (300, 20, 770),
        ]
        var cases: [ProductCase] = []
        for (index, shape) in shapes.enumerated() {
            for precision in Precision.allCases {
                for form in 0..<4 {
                    let narrow = (index + form) % 2 == 0
                    cases.append(
                        ProductCase(
                            rows: shape.0, columns: shape.1, depth: shape.2, precision: precision,
                            isTurned: [form & 1 == 1, form & 2 == 2],
                            isNarrow: [narrow && precision == .bfloat16, index % 3 == 1], adding: index % 2 == 0,
                            hasBias: index % 3 != 0))
                }
            }
        }
        return cases
    }()
}

@Suite struct ProductTests {
    /// The factors, as [rows, depth] whatever their form, what is added to, and the bias.
    private struct Numbers {
        let a, b, c, bias: Tensor

        init(_ test: ProductCase, spread: Bool = false) {
            func random(_ shape: [Int], _ index: Int) -> Tensor {
                let stream = RandomStream(seed: 3, purpose: test.testDescription, index: index)
                let plain = Tensor.uniform(shape, from: -1, to: 1, stream: stream)
                guard spread else { return plain }
                // Exponents of every size, with zeros, infinities and numbers below 2⁻¹²⁶ among them.
                let exponents = Tensor.uniform(
                    shape, from: -149, to: 60,
                    stream: RandomStream(seed: 4, purpose: test.testDescription, index: index)
                ).scalars
                let values = zip(plain.scalars, exponents).enumerated().map { place, pair in
                    place % 501 == 500
                        ? Float.infinity : place % 97 == 96 ? 0 : Float(scalbn(Double(pair.0), Int(pair.1)))
                }
                return Tensor(values, shape: shape)
            }
            a = random([test.rows, test.depth], 0)
            b = random([test.columns, test.depth], 1)
            c = random([test.rows, test.columns], 2)
            bias = random([test.columns], 3)
        }
    }

    private func turned(_ x: Tensor) -> Tensor {
        let (rows, columns, values) = (x.shape[0], x.shape[1], x.scalars)
        let result = (0..<rows * columns).map { values[$0 % rows * columns + $0 / rows] }
        return Tensor(result, shape: [columns, rows])
    }

    private func run(
        _ test: ProductCase, _ numbers: Numbers, kernels: hone_kernel_table = Kernels.current, packed: Bool = false
    ) -> [Float] {
        func form(_ x: Tensor, _ index: Int) -> Tensor {
            let placed = test.isTurned[index] ? turned(x) : x
            return test.isNarrow[index] ? placed.converted(to: .bfloat16) : placed
        }
        let (a, b) = (form(numbers.a, 0), form(numbers.b, 1))
        let rounded = test.isNarrow[1] ? numbers.b.converted(to: .bfloat16) : numbers.b
        let copy = packed ? PackedMatrix(rounded, test.precision, kernels: kernels) : nil
        var c = numbers.c + Tensor(0)
        let target = c.mutableFloats()
        MatrixProduct.multiply(
            .init(a.bytes, a.dtype, stride: a.columns, turned: test.isTurned[0]),
            .init(b.bytes, b.dtype, stride: b.columns, turned: test.isTurned[1]), packed: copy, rows: test.rows,
            columns: test.columns, depth: test.depth, precision: test.precision,
            bias: test.hasBias ? numbers.bias.floats : nil, into: target, adding: test.adding, kernels: kernels)
        return withExtendedLifetime(numbers) { withExtendedLifetime([a, b]) { c.scalars } }
    }

    @Test(arguments: ProductCase.all) func agreesWithSumsInDoublePrecision(_ test: ProductCase) {
        let numbers = Numbers(test)
        func doubles(_ x: Tensor, _ index: Int) -> [Double] {
            let rounds = test.precision == .bfloat16 || test.isNarrow[index]
            return (rounds ? x.converted(to: .bfloat16) : x).scalars.map(Double.init)
        }
        let (a, b) = (doubles(numbers.a, 0), doubles(numbers.b, 1))
        let (before, bias) = (numbers.c.scalars, numbers.bias.scalars)
        let result = run(test, numbers)
        for row in 0..<test.rows {
            for column in 0..<test.columns {
                let index = row * test.columns + column
                var exact = (test.adding ? Double(before[index]) : 0) + (test.hasBias ? Double(bias[column]) : 0)
                for k in 0..<test.depth { exact += a[row * test.depth + k] * b[column * test.depth + k] }
                // Sums of random signs stay below 4 √depth; each of depth / 256 · 256 roundings is of 2⁻²⁴ of that.
                let bound = 4 * Double(test.depth + 2).squareRoot() * Double(min(test.depth, 600) + 8) * 0x1p-24
                if abs(Double(result[index]) - exact) > bound {
                    Issue.record("row \(row), column \(column): \(result[index]) for \(exact)")
                    return
                }
            }
        }
    }

    @Test(arguments: ProductCase.all) func isTheSameBitsInEveryTablePackedOrNot(_ test: ProductCase) {
        for spread in [false, true] {
            let numbers = Numbers(test, spread: spread)
            let expected = bits(run(test, numbers, kernels: Kernels.available[Kernels.available.count - 1]))
            for kernels in Kernels.available {
                let name = String(cString: kernels.name)
                #expect(bits(run(test, numbers, kernels: kernels)) == expected, "\(name)")
                #expect(bits(run(test, numbers, kernels: kernels, packed: true)) == expected, "\(name), packed")
            }
        }
    }

    @Test(arguments: ProductCase.all) func isTheSameBitsForAnyNumberOfThreads(_ test: ProductCase) {
        let numbers = Numbers(test)
        Parallel.setThreads(1)
        defer { Parallel.setThreads(0) }
        let single = bits(run(test, numbers))
        for threads in [2, 4] {
            Parallel.setThreads(threads)
            #expect(bits(run(test, numbers)) == single)
        }
    }

    @Test(arguments: [DType.float32, .bfloat16, .float16], Precision.allCases)
    func aRowDoesNotDependOnTheOthersNorAColumn(_ type: DType, _ precision: Precision) {
        let x = Tensor.uniform([150, 300], from: -1, to: 1, stream: RandomStream(seed: 1, purpose: "rows"))
        let weight = Tensor.uniform([50, 300], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "rows"))
            .converted(to: type)
        let together = linear(x, weight, precision: precision)
        for count in [1, 3, 20, 129] {
            let part = linear(x.slice(7..<7 + count), weight, precision: precision)
            #expect(bits(part.scalars) == bits(together.slice(7..<7 + count).scalars), "\(count) rows")
        }
        let column = linear(x, weight.slice(31..<32), precision: precision).scalars
        #expect(column == (0..<150).map { together.scalars[$0 * 50 + 31] })
    }

    @Test func whatBF16ComputesIsFusedFromTheSecondNumberOnAndFlushed() {
        // 2²⁴ + 1 is no float: with the first numbers added first, the ones would be lost and the result be 0.
        #expect(product([1, 0x1p24, 1, -0x1p24], [1, 1, 1, 1], precision: .bfloat16) == 1)
        // Below 2⁻¹²⁶: what goes in, and what comes out.
        #expect(product([0x1p-127, 0], [1, 0], precision: .bfloat16) == 0)
        #expect(product([0x1p-100, 0], [0x1p-30, 0], precision: .bfloat16) == 0)
        #expect(product([0x1p-100, 0], [0x1p-26, 0], precision: .bfloat16) == 0x1p-126)
        // 2⁻¹²⁶ less three quarters of what would round it up: below in 24 bits of its own.
        #expect(product([-0x1.8p-101, 0x1p-126], [0x1p-50, 1], precision: .bfloat16) == 0)
        #expect(product([-0x1p-101, 0x1p-126], [0x1p-50, 1], precision: .bfloat16) == 0x1p-126)
        #expect(product([0x1p-130], [1], precision: .float32) == 0x1p-130)
    }

    /// One number, the same in every table.
    private func product(_ a: [Float], _ b: [Float], precision: Precision) -> Float {
        let results = Kernels.available.map { kernels -> Float in
            var result: Float = .nan
            MatrixProduct.multiply(
                .init(a, .float32, stride: a.count), .init(b, .float32, stride: b.count), rows: 1, columns: 1,
                depth: a.count, precision: precision, into: &result, kernels: kernels)
            return result
        }
        #expect(Set(results.map(\.bitPattern)).count == 1, "\(results)")
        return results[0]
    }

    @Test(arguments: [(5, 18, 7), (150, 65, 50)])
    func gradientsInBF16AreThoseOfRoundedFactors(rows: Int, depth: Int, outputs: Int) throws {
        func random(_ shape: [Int], _ index: Int) -> Tensor {
            Tensor.uniform(shape, from: -1, to: 1, stream: RandomStream(seed: 8, purpose: "bf16", index: index))
        }
        func rounded(_ x: Tensor) -> Tensor { x.converted(to: .bfloat16).converted(to: .float32) }
        let (x, weight, bias) = (random([rows, depth], 0), random([outputs, depth], 1), random([outputs], 2))
        let upstream = random([rows, outputs], 3)
        let narrow = pullback(at: [x, weight, bias], upstream: { _ in [upstream] }) {
            [linear($0[0], $0[1], bias: $0[2], precision: .bfloat16)]
        }
        let wide = pullback(at: [rounded(x), rounded(weight), bias], upstream: { _ in [rounded(upstream)] }) {
            [linear($0[0], $0[1], bias: $0[2])]
        }
        for (mine, exact) in zip(
            [narrow.outputs[0], try #require(narrow.gradients[0]), try #require(narrow.gradients[1])],
            [wide.outputs[0], try #require(wide.gradients[0]), try #require(wide.gradients[1])])
        {
            #expect(zip(mine.scalars, exact.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
        }
        // The gradient of a bias is a sum of what is not rounded.
        let sums = (0..<outputs).map { column in
            (0..<rows).reduce(Float(0)) { $0 + upstream.scalars[$1 * outputs + column] }
        }
        #expect(zip(try #require(narrow.gradients[2]).scalars, sums).allSatisfy { abs($0 - $1) < 1e-4 })
    }

    @Test func aFrozenWeightInBF16GivesTheGradientOfATrainedOne() throws {
        let x = Tensor.uniform([20, 31], from: -1, to: 1, stream: RandomStream(seed: 1, purpose: "frozen"))
        let weight = Tensor.uniform([9, 31], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "frozen"))
        let frozen = weight.converted(to: .bfloat16)
        let upstream: ([Tensor]) -> [Tensor?] = { _ in [Tensor(repeating: 0.5, shape: [20, 9])] }
        let trained = pullback(at: [x, weight], upstream: upstream) {
            [linear($0[0], $0[1], precision: .bfloat16)]
        }
        let other = pullback(at: [x], upstream: upstream) { [linear($0[0], frozen, precision: .bfloat16)] }
        #expect(other.outputs[0].scalars == trained.outputs[0].scalars)
        #expect(try #require(other.gradients[0]).scalars == (try #require(trained.gradients[0])).scalars)
    }

    @Test(arguments: [false, true])
    func labelsInBF16HaveTheLogProbabilitiesOfRoundedFactors(uniform: Bool) throws {
        let hidden = Tensor.uniform([7, 40], from: -1, to: 1, stream: RandomStream(seed: 1, purpose: "labels"))
        let weight = Tensor.uniform([90, 40], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "labels"))
        func rounded(_ x: Tensor) -> Tensor { x.converted(to: .bfloat16).converted(to: .float32) }
        func run(_ inputs: [Tensor], _ precision: Precision) -> (outputs: [Tensor], gradients: [Tensor?]) {
            pullback(at: inputs, upstream: { _ in [Tensor(repeating: 1, shape: [])] }) {
                [
                    labelLogProbabilities(
                        $0[0], $0[1], labels: [0, 5, 89, 40, 41, 7, 8], expectsUniformGradient: uniform,
                        precision: precision
                    ).logProbability.sum()
                ]
            }
        }
        let narrow = run([hidden, weight], .bfloat16)
        let wide = run([rounded(hidden), rounded(weight)], .float32)
        #expect(abs(narrow.outputs[0].scalar - wide.outputs[0].scalar) < 1e-4)
        for (mine, exact) in zip(narrow.gradients, wide.gradients) {
            let (mine, exact) = (try #require(mine).scalars, try #require(exact).scalars)
            // Only the gradient of the logits is rounded once more, to one part in 256.
            #expect(zip(mine, exact).allSatisfy { abs($0 - $1) < 0x1p-8 * 3 })
            #expect(zip(mine, exact).contains { abs($0 - $1) > 0 })
        }
    }

    @Test(arguments: Precision.allCases)
    func `layers of one input in one go have the bits of each alone`(precision: Precision) {
        func random(_ shape: [Int], _ index: Int) -> Tensor {
            Tensor.uniform(shape, from: -1, to: 1, stream: RandomStream(seed: 5, purpose: "together", index: index))
        }
        let x = random([17, 800], 0)
        // Eleven, so that they are more than go together; every third without a difference.
        let layers = (1...11).map { index in
            let outputs = 40 * index
            return (
                weight: random([outputs, 800], index), bias: index % 2 == 0 ? random([outputs], index) : nil,
                difference: index % 3 == 0
                    ? nil
                    : LowRankDifference(
                        down: random([index, 800], index), up: random([outputs, index], index), scale: 0.5)
            )
        }
        let together = linear(
            x,
            layers.map { layer in
                ThinLinear(
                    PackedMatrix(layer.weight, precision), bias: layer.bias,
                    difference: layer.difference.map {
                        (PackedMatrix($0.down, precision), PackedMatrix($0.up, precision), $0.scale)
                    })
            }, precision: precision)
        for (layer, result) in zip(layers, together) {
            let alone =
                layer.difference.map {
                    linear(x, layer.weight, bias: layer.bias, difference: $0, precision: precision, packed: nil)
                } ?? linear(x, layer.weight, bias: layer.bias, precision: precision)
            #expect(bits(result.scalars) == bits(alone.scalars))
        }
    }

    @Test func aPackedCopyGoesWithTheWeightItWasMadeOf() {
        let parameter = Parameter(Tensor(repeating: 1, shape: [5, 4]))
        #expect(parameter.packed(for: .float32) === parameter.packed(for: .float32))
        parameter.update { $0.accumulate(Tensor(repeating: 1, shape: [5, 4]), scale: 1) }
        #expect(parameter.packedIfKept(for: .float32) == nil)
        let x = Tensor(repeating: 1, shape: [1, 4])
        let packed = parameter.packed(for: .float32)
        #expect(linear(x, parameter.value, bias: nil, precision: .float32, packed: packed).scalars == [8, 8, 8, 8, 8])
        parameter.dropPacked()
        #expect(parameter.packedIfKept(for: .float32) == nil)
        _ = parameter.packed(for: .float32)
        parameter.value = x
        #expect(parameter.packedIfKept(for: .float32) == nil)
    }

    @Test func `a weight is changed where it lies`() {
        let parameter = Parameter(Tensor(repeating: 1, shape: [5, 4]))
        let place = parameter.value.bytes
        parameter.update { $0.accumulate(Tensor(repeating: 1, shape: [5, 4])) }
        #expect(parameter.value.bytes == place)
        #expect(parameter.value.scalars == Array(repeating: 2, count: 20))
    }

    private func bits(_ values: [Float]) -> [UInt32] {
        values.map { $0.isNaN ? Float.nan.bitPattern : $0.bitPattern }
    }
}
