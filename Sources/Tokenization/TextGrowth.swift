/// What a chain of steps may cost: each can make a text longer, and steps one behind the other multiply.
///
/// A file of one kilobyte may ask for thirty steps that double a text each; a row of a hundred bytes would then take a
/// hundred gigabytes. So the chain is bounded when it is read, because no step can be refused while a text is encoded.
struct TextGrowth {
    /// Steps that a chain may have; what models use has fewer than ten.
    private static let largestCount = 32
    /// Bytes that one byte may become. A metaspace of three bytes in front of every word takes 12.
    private static let largestFactor = 512

    private var count = 0
    private var factor = 1

    /// Counts a step.
    ///
    /// - Parameter step: bytes that the step makes of one byte at most.
    /// - Throws: `TokenizationError` if the chain becomes too long or lets a text grow too much.
    mutating func add(_ step: Int, _ reader: ComponentReader) throws(TokenizationError) {
        count += 1
        guard count <= Self.largestCount else {
            throw reader.error("more than \(Self.largestCount) steps one behind the other, the limit")
        }
        let (product, overflow) = factor.multipliedReportingOverflow(by: max(1, step))
        guard !overflow, product <= Self.largestFactor else {
            throw reader.error(
                "with the steps before it this one makes up to \(overflow ? "2^63" : "\(product)") bytes of one; the "
                    + "limit is \(Self.largestFactor), because every text would take that much more memory")
        }
        factor = product
    }
}

extension TextMatcher {
    /// Bytes that replacing each match by `content` makes of one byte at most.
    func growth(with content: [UInt8]) -> Int {
        switch self {
        case .literal(let literal): literal.isEmpty ? 1 : (content.count + literal.count - 1) / literal.count
        case .regex: content.count + 1
        }
    }
}
