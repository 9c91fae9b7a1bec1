import CKernels
import Foundation

/// Random numbers as a pure function of what they are for: a seed, a purpose, a step and an index.
///
/// The generator is Philox4x32-10 (Salmon et al., 2011): word `i` of a stream is a function of `i`, so nothing has to
/// be stored to resume, and the number of threads cannot matter.
public struct RandomStream: Sendable, Hashable {
    let key: UInt64
    let stream: UInt64

    /// - Parameters:
    ///   - seed: of the run.
    ///   - purpose: what the numbers are for; different purposes never share numbers.
    ///   - step: of the optimiser, or any other count.
    ///   - index: of the item within the step.
    public init(seed: UInt64, purpose: String, step: Int = 0, index: Int = 0) {
        key = Self.mix(seed &+ Self.mix(Self.hash(purpose)))
        stream = Self.mix(UInt64(bitPattern: Int64(step)) &+ Self.mix(UInt64(bitPattern: Int64(index)) &+ 0x9E37_79B9))
    }

    private init(key: UInt64, stream: UInt64) {
        self.key = key
        self.stream = stream
    }

    /// A stream of its own for a part of what this one is for, such as one layer of a model.
    public func substream(_ purpose: String) -> RandomStream {
        RandomStream(key: key, stream: Self.mix(stream &+ Self.mix(Self.hash(purpose))))
    }

    /// FNV-1a.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// The finaliser of SplitMix64 (Steele et al., 2014).
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Number `index` of this stream, uniform in [0, 1) with 24 random bits.
    public func uniform(_ index: Int) -> Float {
        var value: Float = 0
        Kernels.current.uniform(Int64(index), 1, key, stream, &value)
        return value
    }

    /// An order of 0 ..< `count` drawn from this stream's words (Fisher and Yates in the form of Durstenfeld, 1964).
    ///
    /// 32 random bits are scaled to each range, which is off from uniform by less than `count` / 2³².
    public func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(index, Int((UInt64(word(index)) * UInt64(index + 1)) >> 32))
        }
        return order
    }

    /// Word `index` of this stream.
    public func word(_ index: Int) -> UInt32 {
        let block = UInt64(index) / 4
        let output = Philox.block(
            counter: [
                UInt32(truncatingIfNeeded: block), UInt32(block >> 32), UInt32(truncatingIfNeeded: stream),
                UInt32(stream >> 32),
            ], key: [UInt32(truncatingIfNeeded: key), UInt32(key >> 32)])
        return output[index % 4]
    }
}

/// The block function of Philox4x32-10.
public enum Philox {
    /// Four words from a counter of four words and a key of two.
    public static func block(counter: [UInt32], key: [UInt32]) -> [UInt32] {
        precondition(counter.count == 4 && key.count == 2, "Philox4x32 takes four words and two")
        var output: [UInt32] = [0, 0, 0, 0]
        hone_philox(counter, key, &output)
        return output
    }
}

extension Tensor {
    /// Numbers uniform in [`low`, `high`) from the first `count` words of a stream.
    public static func uniform(_ shape: [Int], from low: Float = 0, to high: Float = 1, stream: RandomStream) -> Tensor
    {
        let count = shape.reduce(1, *)
        let kernels = Kernels.current
        return Tensor(shape) { output in
            Parallel.overBlocks(of: count) { range in
                let target = output + range.lowerBound
                kernels.uniform(Int64(range.lowerBound), Int64(range.count), stream.key, stream.stream, target)
                if low != 0 || high != 1 { kernels.affine(Int64(range.count), high - low, low, target, target) }
            }
        }
    }

    /// Numbers from a normal distribution of mean 0 (Box and Muller, 1958), from the words of a stream.
    public static func normal(_ shape: [Int], deviation: Float, stream: RandomStream) -> Tensor {
        let count = shape.reduce(1, *)
        let uniforms = uniform([count + count % 2], stream: stream).scalars
        var values = [Float](repeating: 0, count: count)
        for index in values.indices {
            let pair = index & ~1
            // 1 - u is in (0, 1], so its logarithm is finite.
            let radius = (-2 * log(1 - Double(uniforms[pair]))).squareRoot()
            let angle = 2 * Double.pi * Double(uniforms[pair + 1])
            values[index] = Float(radius * (index == pair ? cos(angle) : sin(angle))) * deviation
        }
        return Tensor(values, shape: shape)
    }
}
