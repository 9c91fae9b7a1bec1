/// x as a factor of products in some precision: rounded to `bfloat16`, to nearest, ties to even, where that is the
/// precision. The gradient passes through as it is.
///
/// Products round their factors themselves; what several of them read is rounded once before, and kept once.
public func rounded(_ x: Tensor, to precision: Precision) -> Tensor {
    guard precision == .bfloat16, x.dtype == .float32 else { return x }
    return recorded(x.converted(to: .bfloat16), from: [x]) { [$0.gradient] }
}

/// The same numbers in `float32`, for operations other than products. The gradient passes through as it is.
public func widened(_ x: Tensor) -> Tensor {
    x.dtype == .float32 ? x : recorded(x.converted(to: .float32), from: [x]) { [$0.gradient] }
}
