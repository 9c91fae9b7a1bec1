/// Zeroes each number with a probability and scales the others so that the mean stays (Srivastava et al., 2014).
///
/// - Parameters:
///   - probability: in [0, 1); at 0 the input is returned.
///   - stream: decides which; the same stream gives the same mask.
public func dropout(_ x: Tensor, probability: Float, stream: RandomStream) -> Tensor {
    precondition((0..<1).contains(probability), "a dropout probability of \(probability)")
    if probability == 0 { return x }
    let keep = 1 / (1 - probability)
    let uniform = Tensor.uniform(x.shape, stream: stream)
    let numbers = uniform.floats
    let count = x.count
    let mask = Tensor(x.shape) { output in
        Parallel.overBlocks(of: count) { range in
            for index in range { output[index] = numbers[index] < probability ? 0 : keep }
        }
    }
    return x * mask
}
