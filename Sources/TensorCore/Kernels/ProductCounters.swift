import CKernels

/// What matrix products have cost so far: the same numbers in every repetition of a run, on any machine.
public struct ProductCounters: Sendable, Hashable {
    /// Products computed.
    public var products: Int
    /// Multiplications in them, each with its addition: half the floating-point operations.
    public var multiplications: Int

    /// Nothing computed.
    public init() { (products, multiplications) = (0, 0) }

    /// Since the program began, in all threads.
    public static var soFar: ProductCounters {
        let counts = hone_products_so_far()
        var counters = ProductCounters()
        (counters.products, counters.multiplications) = (Int(counts.products), Int(counts.multiplications))
        return counters
    }

    /// Adds what was computed since `earlier`.
    public mutating func add(since earlier: ProductCounters) {
        let now = Self.soFar
        products += now.products - earlier.products
        multiplications += now.multiplications - earlier.multiplications
    }
}
