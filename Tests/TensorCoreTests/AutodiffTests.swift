import TensorCore
import Testing

@Suite struct AutodiffTests {
    private func random(_ shape: [Int], _ index: Int) -> Tensor {
        Tensor.uniform(shape, from: -1, to: 1, stream: RandomStream(seed: 3, purpose: "autodiff", index: index))
    }

    @Test func gradientsOfSeveralCallsAddUp() {
        let weight = Parameter(random([3, 4], 0), isTrainable: true)
        let (a, b) = (random([2, 4], 1), random([5, 4], 2))
        var together = Gradients(count: 1)
        _ = valueAndGradient(of: [weight], addingTo: &together) {
            ((linear(a, weight.tensor).sum() + linear(b, weight.tensor).sum()), ())
        }
        var apart = Gradients(count: 1)
        for input in [a, b] {
            _ = valueAndGradient(of: [weight], addingTo: &apart) { (linear(input, weight.tensor).sum(), ()) }
        }
        let pair = zip(together.tensors[0]!.scalars, apart.tensors[0]!.scalars)
        #expect(pair.allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func aParameterUsedTwiceGetsBothGradients() {
        let weight = Parameter(Tensor(3), isTrainable: true)
        var gradients = Gradients(count: 1)
        let (value, _) = valueAndGradient(of: [weight], addingTo: &gradients) {
            (weight.tensor * weight.tensor + weight.tensor, ())
        }
        #expect(value == 12)
        #expect(gradients.tensors[0]?.scalar == 7)
    }

    /// The gradient of rows is added in place: to a leaf's of an earlier call, to one that another use has made, to none.
    @Test func rowsOfAWeightAddTheirGradientToTheOthers() {
        let weight = Parameter(random([5, 3], 0), isTrainable: true)
        let x = random([2, 3], 1)
        var gradients = Gradients(count: 1)
        for usesHead in [false, true, false] {
            _ = valueAndGradient(of: [weight], addingTo: &gradients) {
                let rows = embedding(weight.tensor, [1, 4, 1]).sum()
                return (usesHead ? rows + linear(x, weight.tensor).sum() : rows, ())
            }
        }
        let (uses, columnSums): ([Float], [Float]) = ([0, 2, 0, 0, 1], x.columnSums().scalars)
        let expected = (0..<15).map { (index: Int) -> Float in 3 * uses[index / 3] + columnSums[index % 3] }
        let pairs = zip(gradients.tensors[0]!.scalars, expected)
        #expect(pairs.allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func theAnglesOfATableAreThoseOfThePositions() {
        let frequencies: [Float] = [1, 0.3, 0.001]
        let table = RotaryTable(inverseFrequencies: frequencies, scale: 1.1)
        for positions in [[3, 0, 0], [], [255, 256], [4000, 1]] {
            let (angles, plain) = (
                table.angles(at: positions),
                RotaryAngles(positions: positions, inverseFrequencies: frequencies, scale: 1.1)
            )
            #expect(angles.cosine.shape == plain.cosine.shape)
            #expect(angles.cosine.scalars == plain.cosine.scalars && angles.sine.scalars == plain.sine.scalars)
        }
    }

    @Test func nothingIsRecordedOutsideAGradient() {
        let weight = Parameter(random([3, 4], 0), isTrainable: true)
        #expect(!linear(random([2, 4], 1), weight.tensor).isTracked)
    }

    @Test func aFrozenParameterGetsNoGradientAndADetachedPathNone() {
        let (trained, frozen) = (Parameter(random([4, 4], 0)), Parameter(random([4, 4], 1)))
        var gradients = Gradients(count: 1)
        _ = valueAndGradient(of: [trained], addingTo: &gradients) {
            (linear(linear(random([2, 4], 2), frozen.tensor), trained.tensor).detached.sum(), ())
        }
        #expect(gradients.tensors[0] == nil)
    }

    @Test func checkpointingChangesNoBit() {
        let weights = (0..<3).map { Parameter(random([8, 8], $0), isTrainable: true) }
        let input = random([5, 8], 9)
        func gradients(checkpointing: Bool) -> [[UInt32]] {
            var gradients = Gradients(count: 3)
            _ = valueAndGradient(of: weights, addingTo: &gradients) {
                var x = linear(input, weights[0].tensor)
                for weight in weights {
                    let block = { (x: Tensor) in x + linear(x.silu(), weight.tensor) }
                    x = checkpointing ? checkpointed(x, block) : block(x)
                }
                return (x.squared().sum(), ())
            }
            return gradients.tensors.map { $0!.scalars.map(\.bitPattern) }
        }
        #expect(gradients(checkpointing: true) == gradients(checkpointing: false))
    }

    @Test func writingOneTensorLeavesItsCopiesAlone() {
        let first = Tensor([1, 2, 3], shape: [3])
        var second = first
        second.accumulate(Tensor([1, 1, 1], shape: [3]))
        #expect(first.scalars == [1, 2, 3])
        #expect(second.scalars == [2, 3, 4])
    }

    @Test func packedAttentionEqualsEachDocumentAloneToTheBit() {
        let shape = AttentionShape(heads: 2, keyHeads: 1, headSize: 8, scale: 0.3)
        let lengths = [70, 1, 33]
        let tensors = [random([104, 16], 0), random([104, 8], 1), random([104, 8], 2)]
        func run(_ tensors: [Tensor], _ lengths: [Int]) -> [[Float]] {
            let (outputs, gradients) = pullback(
                at: tensors, upstream: { $0.map { Tensor(repeating: 1, shape: $0.shape) } },
                { [attention(query: $0[0], key: $0[1], value: $0[2], lengths: lengths, shape: shape)] })
            return (outputs + gradients.map { $0! }).map(\.scalars)
        }
        let packed = run(tensors, lengths)
        var start = 0
        for length in lengths {
            let alone = run(tensors.map { $0.slice(start..<start + length) }, [length])
            for (whole, part) in zip(packed, alone) {
                let columns = whole.count / 104
                #expect(Array(whole[start * columns..<(start + length) * columns]) == part)
            }
            start += length
        }
    }

    /// Shapes with a window that ends inside the prefix, a cap, and neither; branches shorter than a block of queries.
    @Test(arguments: [(nil, nil), (20, nil), (9, 3)] as [(Int?, Float?)])
    func aBranchIsTheSameBitsAsItsPrefixCopiedBeforeIt(window: Int?, cap: Float?) throws {
        let shape = AttentionShape(heads: 4, keyHeads: 2, headSize: 8, scale: 0.3, window: window, softCap: cap)
        let lengths = [71, 2, 40, 6, 33, 1]
        let prefixes = [nil, 0, 0, nil, 3, 3]
        let starts = lengths.reduce(into: [0]) { $0.append($0.last! + $1) }
        let tensors = [random([153, 32], 0), random([153, 16], 1), random([153, 16], 2)]
        let weights = random([153, 32], 3)
        let (outputs, gradients) = pullback(
            at: tensors, upstream: { _ in [weights] },
            {
                [attention(query: $0[0], key: $0[1], value: $0[2], lengths: lengths, prefixes: prefixes, shape: shape)]
            })
        var expected = [Tensor.zeros([153, 32]), .zeros([153, 16]), .zeros([153, 16])]
        for document in lengths.indices {
            let own = Array(starts[document]..<starts[document + 1])
            let before = prefixes[document].map { Array(starts[$0]..<starts[$0 + 1]) } ?? []
            // Queries of the prefix get no gradient here: they have it from the prefix's own turn.
            let mask = Tensor(before.map { _ in 0 } + own.map { _ in 1 }, shape: [before.count + own.count])
            let (apart, apartGradients) = pullback(
                at: tensors.map { embedding($0, before + own) },
                upstream: { _ in [embedding(weights, before + own).scalingRows(by: mask)] },
                {
                    [
                        attention(
                            query: $0[0], key: $0[1], value: $0[2], lengths: [before.count + own.count], shape: shape)
                    ]
                })
            #expect(
                apart[0].slice(before.count..<before.count + own.count).scalars
                    == outputs[0].slice(starts[document]..<starts[document + 1]).scalars)
            for (index, gradient) in apartGradients.enumerated() {
                let columns = tensors[index].columns
                var sums = expected[index].scalars
                for (row, number) in zip(before + own, 0...) {
                    for (column, value) in try #require(gradient).slice(number..<number + 1).scalars.enumerated() {
                        sums[row * columns + column] += value
                    }
                }
                expected[index] = Tensor(sums, shape: expected[index].shape)
            }
        }
        for (gradient, wanted) in zip(gradients, expected) {
            let pairs = zip(try #require(gradient).scalars, wanted.scalars)
            #expect(pairs.allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    @Test func cachedAttentionEqualsTheWholeForward() {
        let shape = AttentionShape(heads: 4, keyHeads: 2, headSize: 16, scale: 0.25, window: 40, softCap: 5)
        let (q, k, v) = (random([90, 64], 0), random([90, 32], 1), random([90, 32], 2))
        let whole = attention(query: q, key: k, value: v, lengths: [90], shape: shape)
        for count in [1, 2, 20] {
            let cached = attention(
                query: q.slice(90 - count..<90), counts: [count], over: [KeyValueRows(key: k, value: v, count: 90)],
                shape: shape)
            let expected = whole.slice(90 - count..<90).scalars
            #expect(zip(cached.scalars, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    @Test func aLongDocumentIsTheSameBitsInAPackAndForAnyNumberOfThreads() {
        let shape = AttentionShape(heads: 4, keyHeads: 2, headSize: 16, scale: 0.2)
        let tensors = [random([1130, 64], 0), random([1130, 32], 1), random([1130, 32], 2)]
        func run(_ rows: Range<Int>, _ lengths: [Int], threads: Int) -> [Tensor] {
            Parallel.setThreads(threads)
            defer { Parallel.setThreads(0) }
            let (outputs, gradients) = pullback(
                at: tensors.map { $0.slice(rows) }, upstream: { [$0[0].squared()] },
                { [attention(query: $0[0], key: $0[1], value: $0[2], lengths: lengths, shape: shape)] })
            return outputs + gradients.compactMap { $0 }
        }
        let packed = run(0..<1130, [30, 1100], threads: 2)
        #expect(packed.count == 4)
        for threads in [1, 4] {
            for (whole, alone) in zip(packed, run(30..<1130, [1100], threads: threads)) {
                #expect(whole.slice(30..<1130).scalars == alone.scalars)
            }
        }
    }

    /// Keys in half the memory: the result is that of the rounded keys, for new tokens and for a prompt.
    @Test(arguments: [1, 3, 20]) func attentionOverRoundedKeysIsThatOfTheirValues(count: Int) {
        let shape = AttentionShape(heads: 4, keyHeads: 2, headSize: 20, scale: 0.25)
        let (q, k, v) = (random([90, 80], 0), random([90, 40], 1), random([90, 40], 2))
        let rounded = [k, v].map { $0.converted(to: .bfloat16).converted(to: .float32) }
        func run(_ key: Tensor, _ value: Tensor, _ type: DType) -> [Float] {
            var own = KeyValueRows(columns: 40, dtype: type)
            own.append(key: key.slice(0..<60), value: value.slice(0..<60))
            var rows = KeyValueRows(after: KeyValuePrefix(own))
            rows.append(key: key.slice(60..<90), value: value.slice(60..<90))
            return attention(query: q.slice(90 - count..<90), counts: [count], over: [rows], shape: shape).scalars
        }
        #expect(run(k, v, .bfloat16) == run(rounded[0], rounded[1], .float32))
    }

    @Test(arguments: [nil, 20])
    func attentionBehindASharedPrefixIsThatOfEachSequenceAlone(_ window: Int?) {
        let shape = AttentionShape(heads: 6, keyHeads: 2, headSize: 20, scale: 0.3, window: window)
        let (q, k, v) = (random([85, 120], 0), random([85, 40], 1), random([85, 40], 2))
        let whole = attention(query: q, key: k, value: v, lengths: [85], shape: shape)
        let prefix = KeyValuePrefix(KeyValueRows(key: k, value: v, count: 70))
        // Sequences that go on by 1 to 15 tokens, two of them with several new ones.
        let ends = [71, 75, 85, 80, 85]
        let counts = [1, 1, 1, 6, 3]
        let sequences = ends.map { end in
            var rows = KeyValueRows(after: prefix)
            rows.append(key: k.slice(70..<end), value: v.slice(70..<end))
            return rows
        }
        let queries = zip(ends, counts).map { q.slice($0 - $1..<$0) }
        func run(_ indices: [Int]) -> [Float] {
            attention(
                query: Tensor(
                    indices.flatMap { queries[$0].scalars }, shape: [indices.map { counts[$0] }.reduce(0, +), 120]),
                counts: indices.map { counts[$0] }, over: indices.map { sequences[$0] }, shape: shape
            ).scalars
        }
        let together = run([0, 1, 2, 3, 4])
        #expect(together == (0..<5).flatMap { run([$0]) }, "the bits depend on the other sequences")
        let expected = zip(ends, counts).flatMap { whole.slice($0 - $1..<$0).scalars }
        #expect(zip(together, expected).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func aLargeProductIsTheSameBitsForAnyNumberOfThreads() {
        let (x, weight) = (random([300, 200], 0), random([500, 200], 1))
        func run(_ threads: Int) -> [Float] {
            Parallel.setThreads(threads)
            defer { Parallel.setThreads(0) }
            return linear(x, weight).scalars
        }
        let single = run(1)
        #expect(run(2) == single)
        #expect(run(4) == single)
    }

    @Test func buffersAreUsedAgain() {
        // Tests that run beside this one count too, so there are far more tensors than they can make.
        let before = BufferPool.shared.counters.allocated
        for _ in 0..<5000 { _ = Tensor.zeros([100, 237]) }
        #expect(BufferPool.shared.counters.allocated - before < 2500)
    }
}

@Suite struct RandomStreamTests {
    // The known answers published with the generator.
    @Test(
        arguments: [
            ([0, 0, 0, 0], [0, 0], [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
            (
                [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], [0xFFFF_FFFF, 0xFFFF_FFFF],
                [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]
            ),
            (
                [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0],
                [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
            ),
        ] as [([UInt32], [UInt32], [UInt32])])
    func philoxGivesThePublishedWords(counter: [UInt32], key: [UInt32], expected: [UInt32]) {
        #expect(Philox.block(counter: counter, key: key) == expected)
    }

    @Test func numbersDependOnEveryPartOfTheKeyAndNothingElse() {
        let stream = RandomStream(seed: 1, purpose: "a", step: 2, index: 3)
        let whole = Tensor.uniform([100], stream: stream).scalars
        #expect(whole[57] == stream.uniform(57))
        let others = [
            RandomStream(seed: 2, purpose: "a", step: 2, index: 3),
            RandomStream(seed: 1, purpose: "b", step: 2, index: 3),
            RandomStream(seed: 1, purpose: "a", step: 3, index: 3),
            RandomStream(seed: 1, purpose: "a", step: 2, index: 4),
            RandomStream(seed: 1, purpose: "a", step: 3, index: 2),
        ]
        #expect(Set(others.map { $0.uniform(0) } + [whole[0]]).count == 6)
    }

    @Test func normalNumbersHaveTheirMeanAndDeviation() {
        let values = Tensor.normal([20_001], deviation: 2, stream: RandomStream(seed: 4, purpose: "normal"))
        let mean = values.total / 20_001
        // Five standard errors: 5 · 2 / √20001 = 0.07, and for the variance 5 · 4 · √(2 / 20001) = 0.2.
        #expect(abs(mean) < 0.07)
        #expect(abs(values.sumOfSquares / 20_001 - mean * mean - 4) < 0.2)
    }

    @Test func dropoutKeepsTheMeanAndItsMask() {
        let x = Tensor(repeating: 1, shape: [100, 100])
        let stream = RandomStream(seed: 4, purpose: "dropout")
        let y = dropout(x, probability: 0.3, stream: stream)
        #expect(y.scalars == dropout(x, probability: 0.3, stream: stream).scalars)
        let kept = Double(y.scalars.filter { $0 != 0 }.count) / 10_000
        #expect(abs(kept - 0.7) < 0.025)  // five standard errors
    }
}
