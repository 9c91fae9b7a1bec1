/// An expression with what was computed of it so far.
final class MathScalar {
    let node: MathNode
    private let percent: NumberReader.Percent

    init(_ node: MathNode, percent: NumberReader.Percent) {
        self.node = node
        self.percent = percent
    }

    /// Names of variables; none for a constant.
    private(set) lazy var variables = node.variables

    /// Whether there is an i in it.
    private(set) lazy var isComplex = node.contains { $0 == .symbol(MathConstant.i) }

    /// The value as a fraction, where it is one that fits.
    private(set) lazy var rational: Rational? = {
        var domain = RationalDomain()
        return try? domain.value(of: node, percent: percent)
    }()

    /// The value as a quotient of polynomials in variables and radicals, where it is one that is small enough.
    func radical(_ domain: inout RadicalDomain) -> RadicalForm? {
        if let known = storedRadical { return known }
        let form = try? domain.value(of: node, percent: percent)
        storedRadical = .some(form)
        return form
    }
    private var storedRadical: RadicalForm??

    /// Residues at random points; `nil` where there is none.
    private(set) lazy var residues: [UInt64?] = (0..<24).map { point in
        var domain = ResidueDomain(point: point)
        return try? domain.value(of: node, percent: percent)
    }

    /// Binary fractions at random points; `nil` where there is no value, or no real one and none but those count.
    func floats(allowsComplex: Bool) -> [MathComplex?] {
        if let known = storedFloats[allowsComplex] { return known }
        let count = variables.isEmpty ? 1 : 64
        let values = (0..<count).map { point in
            var domain = FloatDomain(point: point, allowsComplex: allowsComplex)
            return try? domain.value(of: node, percent: percent)
        }
        storedFloats[allowsComplex] = values
        return values
    }
    private var storedFloats: [Bool: [MathComplex?]] = [:]

    /// The significant digits of its decimal literal with the fewest; `nil` when it has none.
    private(set) lazy var significantDigits: Int? = Self.significantDigits(node)

    private static func significantDigits(_ node: MathNode) -> Int? {
        if case .number(let literal) = node { return literal.hasPoint ? max(1, literal.digits.count) : nil }
        return node.children.compactMap(significantDigits).min()
    }

    /// The digits behind the point of a number that is written as a decimal and nothing else but a sign.
    var decimals: Int? {
        var node = node
        if case .negate(let part) = node { node = part }
        guard case .number(let literal) = node, literal.hasPoint else { return nil }
        return literal.decimals
    }

    /// Whether it is a decimal: written with a point, or a fraction that is a decimal of finite length.
    private(set) lazy var isTerminatingDecimal: Bool = {
        if significantDigits != nil { return true }
        guard var rest = rational?.denominator else { return false }
        for prime: Int128 in [2, 5] { while rest % prime == 0 { rest /= prime } }
        return rest == 1
    }()

    /// The digits of its longest literal.
    private(set) lazy var longestLiteral = Self.longestLiteral(node)

    private static func longestLiteral(_ node: MathNode) -> Int {
        if case .number(let literal) = node { return literal.digits.count }
        return node.children.map(longestLiteral).max() ?? 0
    }
}
