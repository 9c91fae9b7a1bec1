/// How the numbers of a tensor are stored.
public enum DType: String, Sendable, CaseIterable {
    /// IEEE 754 single precision: what operations compute in.
    case float32
    /// The upper half of a `float32`: storage of frozen weights.
    case bfloat16
    /// IEEE 754 half precision: read from files, converted before use.
    case float16

    /// Bytes of one number.
    public var size: Int { self == .float32 ? 4 : 2 }
}
