extension MathComparison {
    /// The tier at which an answer is the reference, whatever both are made of; `nil` when it is not.
    ///
    /// - ± stands for both signs: a list of two values. Several ± are independent unless a ∓ ties them.
    /// - Sets and lists without brackets have the same elements, in any order and however often, unless order counts.
    /// - Tuples and intervals agree in their brackets and element by element; matrices element by element.
    /// - `x = 5`, `f(x) = 5`, `2 + 3 = 5` and `x ∈ …` are what stands on the right; equations between expressions agree
    ///   up to a factor, inequalities up to a positive one. An inequality in one variable is an interval.
    /// - Units count only where both are known and differ.
    mutating func matches(gold: MathNode, answer: MathNode) -> Int? {
        if tiers.contains(0), gold == answer { return 0 }
        return match(gold.withBothSigns, answer.withBothSigns)
    }

    private mutating func match(_ gold: MathNode, _ answer: MathNode) -> Int? {
        if tiers.contains(0), gold == answer { return 0 }
        if gold.elements != nil || answer.elements != nil { return matchElements(gold, answer) }
        switch (gold, answer) {
        case (.relation, _), (_, .relation): return matchRelation(gold, answer)
        case (.setOperation(let operation, let first), .setOperation(let other, let second)):
            guard operation == other else { return nil }
            return operation == .difference ? ordered(first, second) : unordered(first, second)
        case (.bracketed(let opens, let first, let closes), .bracketed(let otherOpens, let second, let otherCloses)):
            return opens == otherOpens && closes == otherCloses ? ordered(first, second) : nil
        case (.matrix(let first), .matrix(let second)):
            guard first.count == second.count, first.first?.count == second.first?.count else { return nil }
            return ordered(first.flatMap { $0 }, second.flatMap { $0 })
        default: break
        }
        let (first, unit) = gold.withoutUnit
        let (second, otherUnit) = answer.withoutUnit
        if let unit = unit.flatMap(MathUnits.canonical), let other = otherUnit.flatMap(MathUnits.canonical),
            unit != other
        {
            return nil
        }
        return tier(first, second)
    }

    /// Compares where at least one side is a set or a list.
    private mutating func matchElements(_ gold: MathNode, _ answer: MathNode) -> Int? {
        // "x < 1 or x > 3" is a union.
        if case .setOperation(.union, let parts) = gold, let others = answer.elements {
            return unordered(parts, others)
        }
        if case .setOperation(.union, let parts) = answer, let others = gold.elements {
            return unordered(others, parts)
        }
        let first = gold.elements ?? [gold]
        let second = answer.elements ?? [answer]
        // "x = 1, y = 2" without names is 1, 2 in that order.
        let namesDiffer = first.map(\.label) != second.map(\.label)
        let isNamed = Set(first.compactMap(\.label)).count > 1 || Set(second.compactMap(\.label)).count > 1
        if !allowsSetOrder || isNamed && namesDiffer && Set(first.map(\.label)) != Set(second.map(\.label)) {
            return ordered(first, second)
        }
        return unordered(first, second)
    }

    private mutating func ordered(_ gold: [MathNode], _ answer: [MathNode]) -> Int? {
        guard gold.count == answer.count else { return nil }
        var highest = 0
        for (first, second) in zip(gold, answer) {
            guard let tier = match(first, second) else { return nil }
            highest = max(highest, tier)
        }
        return highest
    }

    /// Whether each element of either is an element of the other.
    private mutating func unordered(_ gold: [MathNode], _ answer: [MathNode]) -> Int? {
        var highest = 0
        var isFound = [Bool](repeating: false, count: answer.count)
        for first in gold {
            var lowest: Int?
            for (index, second) in answer.enumerated() {
                guard let tier = match(first, second) else { continue }
                isFound[index] = true
                lowest = min(lowest ?? tier, tier)
            }
            guard let lowest else { return nil }
            highest = max(highest, lowest)
        }
        return isFound.allSatisfy { $0 } ? highest : nil
    }

    private mutating func matchRelation(_ gold: MathNode, _ answer: MathNode) -> Int? {
        guard case .relation(let first, let links) = gold, case .relation(let second, let otherLinks) = answer else {
            return match(gold.stated, answer.stated)
        }
        if let name = gold.label, let other = answer.label, name == other || name == "f" || other == "f" {
            return match(gold.solution, answer.solution)
        }
        if let interval = gold.interval, let other = answer.interval, interval.variable == other.variable {
            return match(interval.node, other.node)
        }
        guard let link = links.first, let otherLink = otherLinks.first, links.count == 1, otherLinks.count == 1 else {
            guard links.map(\.relation) == otherLinks.map(\.relation) else { return nil }
            return ordered([first] + links.map(\.side), [second] + otherLinks.map(\.side))
        }
        guard let side = MathNode.difference(first, link), let otherSide = MathNode.difference(second, otherLink),
            side.relation == otherSide.relation
        else { return nil }
        let isSymmetric = side.relation == .equal || side.relation == .notEqual
        return tierOfMultiple(side.node, otherSide.node, positive: !isSymmetric)
    }

    private mutating func match(_ gold: MathNode?, _ answer: MathNode?) -> Int? {
        guard let gold, let answer else { return nil }
        // A relation inside what a relation stands for would go round in circles.
        if case .relation = gold { return nil }
        if case .relation = answer { return nil }
        return match(gold, answer)
    }
}

extension MathNode {
    /// The elements of a set or of a list without brackets; names before them go where there is one name only.
    fileprivate var elements: [MathNode]? {
        switch self {
        case .set(let parts): return parts
        case .list(let parts):
            guard Set(parts.compactMap(\.label)).count == 1 else { return parts }
            return parts.map { $0.solution ?? $0 }
        default: return nil
        }
    }

    /// What an equation is about: its variable on the left, `f` for a function's value; `nil` for all else.
    fileprivate var label: String? {
        guard case .relation(let first, let links) = self, let last = links.last,
            links.allSatisfy({ $0.relation == .equal || $0.relation == .element })
        else { return nil }
        if let name = first.name { return name }
        return links.count == 1 && links[0].relation == .equal ? last.side.name : nil
    }

    /// The name of a lone variable, or `f` for `f(x)`.
    private var name: String? {
        if case .symbol(let name) = self, variables.contains(name) { return name }
        if case .multiply(let factors) = self, factors.count == 2, case .symbol(let function) = factors[0],
            case .symbol = factors[1], ["f", "g", "h", "F", "G", "P", "Q"].contains(function)
        {
            return "f"
        }
        return nil
    }

    /// The value that an equation states.
    fileprivate var solution: MathNode? {
        guard case .relation(let first, let links) = self, let last = links.last,
            links.allSatisfy({ $0.relation == .equal || $0.relation == .element })
        else { return nil }
        if first.name != nil { return last.side }
        if links.count == 1, links[0].relation == .equal, last.side.name != nil { return first }
        return first.variables.isEmpty && last.relation == .equal ? last.side : nil
    }

    /// What a relation says of a variable, as a value or an interval; this itself when it is no relation.
    fileprivate var stated: MathNode? {
        guard case .relation = self else { return self }
        return solution ?? interval?.node
    }

    /// The interval in which an inequality holds a variable.
    fileprivate var interval: (variable: String, node: MathNode)? {
        guard case .relation(let first, let links) = self else { return nil }
        let infinity = MathNode.symbol(MathConstant.infinity)
        func isFree(_ side: MathNode, of name: String) -> Bool { !side.variables.contains(name) }
        if links.count == 1, let name = first.loneVariable, isFree(links[0].side, of: name) {
            let side = links[0].side
            switch links[0].relation {
            case .less, .lessOrEqual:
                let isClosed = links[0].relation == .lessOrEqual
                return (name, .bracketed(opensClosed: false, [.negate(infinity), side], closesClosed: isClosed))
            case .greater, .greaterOrEqual:
                let isClosed = links[0].relation == .greaterOrEqual
                return (name, .bracketed(opensClosed: isClosed, [side, infinity], closesClosed: false))
            default: return nil
            }
        }
        if links.count == 1, let flipped = links[0].relation.flipped {
            guard links[0].side.loneVariable != nil else { return nil }
            return MathNode.relation(links[0].side, [MathLink(relation: flipped, side: first)]).interval
        }
        guard links.count == 2, let name = links[0].side.loneVariable, isFree(first, of: name),
            isFree(links[1].side, of: name), let isLess = links[0].relation.isLess, links[1].relation.isLess == isLess
        else { return nil }
        let closed = links.map { $0.relation == .lessOrEqual || $0.relation == .greaterOrEqual }
        let ends = isLess ? [first, links[1].side] : [links[1].side, first]
        return (
            name,
            .bracketed(opensClosed: isLess ? closed[0] : closed[1], ends, closesClosed: isLess ? closed[1] : closed[0])
        )
    }

    private var loneVariable: String? {
        guard case .symbol(let name) = self, variables.contains(name) else { return nil }
        return name
    }

    /// One side less the other, with the relation to zero turned so that it is =, ≠, < or ≤.
    fileprivate static func difference(_ first: MathNode, _ link: MathLink) -> (node: MathNode, relation: MathRelation)?
    {
        let second = link.side
        switch link.relation {
        case .equal, .notEqual, .less, .lessOrEqual: return (.add([first, .negate(second)]), link.relation)
        case .greater: return (.add([second, .negate(first)]), .less)
        case .greaterOrEqual: return (.add([second, .negate(first)]), .lessOrEqual)
        case .element: return nil
        }
    }

    /// The value and the unit behind it, also behind a negative value.
    fileprivate var withoutUnit: (node: MathNode, unit: String?) {
        switch self {
        case .quantity(let value, let unit): return (value, unit)
        case .negate(let part):
            let (value, unit) = part.withoutUnit
            return (.negate(value), unit)
        default: return (self, nil)
        }
    }

    /// This with ± written out as a list of values.
    fileprivate var withBothSigns: MathNode {
        switch self {
        case .list(let parts): return .list(parts.flatMap(\.alternatives))
        case .set(let parts): return .set(parts.flatMap(\.alternatives))
        default:
            let alternatives = alternatives
            return alternatives.count == 1 ? alternatives[0] : .list(alternatives)
        }
    }

    /// The values that ± gives; the node itself where there is none, or more than four.
    private var alternatives: [MathNode] {
        var flips: [Bool] = []
        collectSigns(&flips)
        guard !flips.isEmpty, flips.count <= 4 else { return [self] }
        if flips.contains(true) {
            return [true, false].map { upper in
                var signs = flips.map { $0 != upper }
                return choosing(&signs)
            }
        }
        return (0..<(1 << flips.count)).map { choice in
            var signs = flips.indices.map { choice >> $0 & 1 == 0 }
            return choosing(&signs)
        }
    }

    private func collectSigns(_ flips: inout [Bool]) {
        if case .plusMinus(_, let isFlipped) = self { flips.append(isFlipped) }
        for child in children { child.collectSigns(&flips) }
    }

    /// This with the signs taken from the front of the list, `true` for plus.
    private func choosing(_ signs: inout [Bool]) -> MathNode {
        if case .plusMinus(let part, _) = self {
            let isPlus = signs.removeFirst()
            let value = part.choosing(&signs)
            return isPlus ? value : .negate(value)
        }
        var rest = signs
        let result = mapped { $0.choosing(&rest) }
        signs = rest
        return result
    }
}

extension MathRelation {
    /// The relation read from right to left.
    fileprivate var flipped: MathRelation? {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        case .equal, .notEqual, .element: nil
        }
    }

    /// Whether it is < or ≤; `nil` when it is neither those nor > or ≥.
    fileprivate var isLess: Bool? {
        switch self {
        case .less, .lessOrEqual: true
        case .greater, .greaterOrEqual: false
        case .equal, .notEqual, .element: nil
        }
    }
}
