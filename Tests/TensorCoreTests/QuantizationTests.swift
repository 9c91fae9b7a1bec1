import CKernels
import TensorCore
import Testing

/// NF4 as it is defined, and the kernels against that.
@Suite struct QuantizationTests {
    @Test func aBlockIsItsLevelsTimesItsLargestMagnitude() throws {
        // The sixteen levels and the middles above them, which go to the lower level, times 2.
        let levels = NF4Matrix.levels
        let middles = zip(levels, levels.dropFirst()).map { ($0 + $1) / 2 }
        let weights = (levels + middles + [-0.03, 0.05] + Array(repeating: 0, count: 31)).map { $0 * 2 }
        let packed = try #require(
            Quantization(quantizesScales: false).quantized(Tensor(weights, shape: [1, 64])))
        let expected = levels + levels.dropLast() + [0, 0.079_580_3] + Array(repeating: 0, count: 31)
        #expect(zip(packed.scalars, expected).allSatisfy { abs($0 - 2 * $1) < 1e-6 })
        #expect(packed.scalars.prefix(16).elementsEqual(levels.map { $0 * 2 }))
    }

    @Test func aBlockOfZerosStaysZero() throws {
        let packed = try #require(Quantization().quantized(.zeros([2, 64])))
        #expect(packed.scalars.allSatisfy { $0 == 0 })
    }

    @Test func whatWasUnpackedPacksToTheSameCodes() throws {
        for quantization in Self.variants {
            var plain = quantization
            plain.quantizesScales = false
            let weight = Self.weight([6, 320])
            let once = try #require(plain.quantized(weight))
            let twice = try #require(plain.quantized(once.converted(to: .float32)))
            #expect(once.scalars == twice.scalars)
        }
    }

    @Test func infiniteAndNaNWeightsAreNotQuantised() {
        for bad in [Float.nan, .infinity, -.infinity] {
            var values = Self.weight([2, 64]).scalars
            values[77] = bad
            #expect(Quantization().quantized(Tensor(values, shape: [2, 64])) == nil)
        }
    }

    @Test func eightBitsAreARowsLargestMagnitudeIn127Steps() throws {
        // Halves of a step go to the even one.
        let row: [Float] = [-127, 127, 1, 0.5, 1.5, -2.5, 0, 126.6]
        let matrix = Tensor(row + row.map { $0 * 0x1p-130 } + Array(repeating: 0, count: 8), shape: [3, 8])
        let packed = try #require(Quantization(format: .int8).quantized(matrix))
        let expected: [Float] = [-127, 127, 1, 0, 2, -2, 0, 127]
        #expect(zip(packed.scalars, expected).allSatisfy { abs($0 - $1) < 1e-4 })
        #expect(packed.scalars.suffix(8).allSatisfy { $0 == 0 })
        #expect(packed.scalars.allSatisfy { $0.isFinite })
        #expect(packed.storedByteCount == 24 + 12 && packed.dtype == .quantized)
        #expect(Quantization(format: .int8).quantized(Tensor([.nan, 1], shape: [1, 2])) == nil)
    }

    @Test(arguments: [DType.float32, .bfloat16])
    func partsOfEightBitsAreThoseOfTheWhole(type: DType) throws {
        let weight = Self.weight([7, 1100])
        let packed = try #require(Quantization(format: .int8).quantized(weight)?.quantized as? Int8Matrix)
        let whole = Tensor(packed.numbers, shape: [7, 1100]).converted(to: type).converted(to: .float32).scalars
        for (rows, columns) in [(0..<7, 0..<1100), (2..<5, 16..<1100), (6..<7, 512..<513)] {
            let part = Tensor([rows.count, columns.count], dtype: type) {
                packed.unpack(rows: rows, columns: columns, as: type, into: $0, stride: columns.count)
            }.converted(to: .float32).scalars
            let expected = rows.flatMap { row in columns.map { whole[row * 1100 + $0] } }
            #expect(part == expected)
        }
    }

    @Test func takesFourAndAnEighthBitsForAWeight() throws {
        let packed = try #require(Quantization().quantized(Self.weight([512, 512])))
        // 4 bits of code, 8/64 of scale, 32/(64 · 256) of the scales' scales, and the map of 1,024 bytes.
        #expect(packed.storedByteCount == 512 * 512 / 2 + 4096 + 16 * 4 + 1024)
        #expect(packed.dtype == .quantized && packed.shape == [512, 512])
    }

    @Test func isCloseToTheWeight() throws {
        let weight = Tensor.normal([64, 256], deviation: 0.02, stream: RandomStream(seed: 5, purpose: "weight"))
        for isDouble in [false, true] {
            let packed = try #require(Quantization(quantizesScales: isDouble).quantized(weight))
            let error = (weight - packed.converted(to: .float32)).sumOfSquares / weight.sumOfSquares
            // Of normal weights in blocks of 64 about 0.9 % of the variance is lost, and the widest gap of two levels is
            // 0.304 of the largest magnitude.
            #expect(error > 0.005 && error < 0.012)
        }
    }

    @Test(arguments: Quantization.blockSizes)
    func everyTableUnpacksEveryPartAsDefined(blockSize: Int) throws {
        for type in DType.numbers {
            for isDouble in [false, true] {
                let quantization = Quantization(
                    blockSize: blockSize, quantizesScales: isDouble, numberType: type)
                let packed = try #require(quantization.quantized(Self.weight([7, 75])))
                let matrix = try #require(packed.quantized as? NF4Matrix)
                let numbers = matrix.numbers
                for (rows, columns) in [(0..<7, 0..<75), (2..<5, 1..<74), (6..<7, 40..<41), (3..<3, 0..<75)] {
                    let expected = rows.flatMap { row in columns.map { numbers[row * 75 + $0] } }
                    for kernels in Kernels.available {
                        #expect(Self.unpack(matrix, rows, columns, kernels).elementsEqual(expected))
                    }
                }
                #expect(packed.scalars == numbers)
                #expect(
                    packed.converted(to: .bfloat16).scalars
                        == Tensor(numbers, shape: [7, 75]).converted(to: .bfloat16)
                        .scalars)
            }
        }
    }

    @Test func everyTableQuantisesToTheSameBits() {
        let weight = Self.weight([9, 75])
        let results = Kernels.available.map { kernels in
            var codes = [UInt8](repeating: 0xAA, count: (weight.count + 1) / 2)
            var scales = [Float](repeating: 0, count: (weight.count + 63) / 64)
            kernels.quantize_nf4(Int64(weight.count), 64, weight.floats, &codes, &scales)
            return (codes, scales)
        }
        #expect(results.allSatisfy { $0.0 == results[0].0 && $0.1 == results[0].1 })
        // The half byte after the last of an odd number of weights is the code of 0.
        #expect(results[0].0.last.map { $0 & 15 } == 7)
    }

    @Test func aRowOfAProductDoesNotDependOnTheOthers() throws {
        let packed = try #require(Quantization().quantized(Self.weight([300, 192])))
        let x = Tensor.uniform([90, 192], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "x"))
        let all = linear(x, packed).scalars
        for rows in [0..<1, 30..<50] {
            let part = Tensor(
                Array(x.scalars[rows.lowerBound * 192..<rows.upperBound * 192]), shape: [rows.count, 192])
            let alone = linear(part, packed).scalars
            #expect(alone.elementsEqual(all[rows.lowerBound * 300..<rows.upperBound * 300]))
        }
    }

    @Test func agreesWithTheUnpackedMatrix() throws {
        let packed = try #require(Quantization(numberType: .bfloat16).quantized(Self.weight([1100, 200])))
        let bias = Self.weight([1, 1100]).reshaped([1100])
        let x = Tensor.uniform([70, 200], from: -1, to: 1, stream: RandomStream(seed: 2, purpose: "x"))
        let upstream = Tensor.uniform([70, 1100], from: -1, to: 1, stream: RandomStream(seed: 4, purpose: "dy"))
        let (outputs, gradients) = pullback(at: [x], upstream: { _ in [upstream] }) {
            [linear($0[0], packed, bias: bias)]
        }
        let (expected, expectedGradients) = pullback(at: [x], upstream: { _ in [upstream] }) {
            [linear($0[0], packed.converted(to: .float32), bias: bias)]
        }
        func isNear(_ first: Tensor, _ second: Tensor) -> Bool {
            (first - second).sumOfSquares < 1e-12 * second.sumOfSquares
        }
        #expect(isNear(outputs[0], expected[0]))
        #expect(isNear(try #require(gradients[0]), try #require(expectedGradients[0])))
    }

    private static let variants = Quantization.blockSizes.map { Quantization(blockSize: $0) }

    private static func weight(_ shape: [Int]) -> Tensor {
        .normal(shape, deviation: 0.05, stream: RandomStream(seed: 1, purpose: "weight"))
    }

    private static func unpack(
        _ matrix: NF4Matrix, _ rows: Range<Int>, _ columns: Range<Int>, _ kernels: hone_kernel_table
    ) -> [Float] {
        var output = [Float](repeating: .nan, count: rows.count * columns.count)
        withExtendedLifetime(matrix) {
            var layout = matrix.layout
            kernels.unpack_nf4(
                &layout, Int64(rows.lowerBound), Int64(rows.count), Int64(columns.lowerBound), Int64(columns.count), 0,
                &output, Int64(columns.count))
        }
        return output
    }
}
