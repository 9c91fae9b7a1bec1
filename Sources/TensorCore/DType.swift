/// How the numbers of a tensor are stored.
public enum DType: String, Sendable, CaseIterable {
    /// IEEE 754 single precision: what operations compute in.
    case float32
    /// The upper half of a `float32`: storage of frozen weights.
    case bfloat16
    /// IEEE 754 half precision: read from files, converted before use.
    case float16
    /// Codes and scales of a frozen matrix (see `QuantizedMatrix`): only `linear` and `converted(to:)` read it.
    case quantized

    /// Types that a file holds number by number.
    public static let numbers: [DType] = [.float32, .bfloat16, .float16]

    /// Bytes of one number; 0 where numbers have no place of their own.
    public var size: Int {
        switch self {
        case .float32: 4
        case .bfloat16, .float16: 2
        case .quantized: 0
        }
    }
}
