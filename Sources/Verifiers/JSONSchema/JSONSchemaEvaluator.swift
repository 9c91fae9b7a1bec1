import OrderedCollections
import TextCore

/// Checks one value against the schemas of a document.
///
/// The recursion goes at most `JSONSchema.chainLimit` · `JSONSchema.depthLimit` levels deep.
struct JSONSchemaEvaluator {
    /// Leaf constraints that are met, and that apply.
    ///
    /// Parts that several references share count each time, so the numbers may grow beyond any integer.
    struct Tally: Hashable {
        var satisfied = 0.0
        var total = 0.0
        /// Whether all are met.
        var isFull = true

        /// Less than 1 unless all are met.
        var fraction: Double { isFull ? 1 : min(total > 0 ? satisfied / total : 0, 1.0.nextDown) }

        static let failed = Tally(satisfied: 0, total: 1, isFull: false)

        mutating func add(_ isMet: Bool, weight: Int = 1) {
            total += Double(weight)
            if isMet { satisfied += Double(weight) } else { isFull = false }
        }

        static func += (sum: inout Tally, other: Tally) {
            sum.satisfied += other.satisfied
            sum.total += other.total
            sum.isFull = sum.isFull && other.isFull
        }
    }

    private struct Key: Hashable {
        let node: Int
        let part: Int
    }

    private static let problemLimit = 5

    let nodes: [JSONSchema.Node]
    let instance: JSONInstance
    /// What is wrong, the first few.
    private(set) var problems: [String] = []
    /// Inside how many branches we are that need not hold.
    private var quiet = 0
    private var known: [Key: Tally] = [:]

    init(nodes: [JSONSchema.Node], instance: JSONInstance) {
        self.nodes = nodes
        self.instance = instance
    }

    mutating func tally(of index: Int, at part: Int) -> Tally {
        guard nodes[index].isShared else { return evaluate(index, at: part) }
        let key = Key(node: index, part: part)
        if let tally = known[key] { return tally }
        let tally = evaluate(index, at: part)
        known[key] = tally
        return tally
    }

    private mutating func problem(_ part: Int, _ message: String) {
        guard quiet == 0, problems.count < Self.problemLimit else { return }
        problems.append("\(instance.place(of: part)): \(message)")
    }

    private func shortText(_ part: Int) -> String {
        switch instance.values[part] {
        case .array, .object: instance.values[part].kind
        case .string(let text): JSON.string(String(text.prefix(40))).text()
        case let value: value.text()
        }
    }

    private mutating func evaluate(_ index: Int, at part: Int) -> Tally {
        var tally = Tally()
        if nodes[index].isNever {
            problem(part, "nothing is allowed here")
            return .failed
        }
        let value = instance.values[part]
        if let types = nodes[index].types {
            guard !types.isDisjoint(with: JSONTypes(of: value)) else {
                problem(part, "\(shortText(part)) is not of type \(types.names)")
                tally.add(false, weight: nodes[index].size)
                return tally
            }
            tally.add(true)
        }
        for leaf in nodes[index].leaves { check(leaf, value, part, &tally) }
        if case .object(let members) = value { evaluate(members, index, part, &tally) }
        if case .array(let elements) = value { evaluate(elements.count, index, part, &tally) }
        for child in nodes[index].all { tally += self.tally(of: child, at: part) }
        if !nodes[index].anyOf.isEmpty { tally += anyOf(nodes[index].anyOf, part) }
        if !nodes[index].oneOf.isEmpty { tally += oneOf(nodes[index].oneOf, part) }
        if let child = nodes[index].not {
            quiet += 1
            let isMet = !self.tally(of: child, at: part).isFull
            quiet -= 1
            if !isMet { problem(part, "\(shortText(part)) is what `not` forbids") }
            tally.add(isMet)
        }
        return tally
    }

    private mutating func evaluate(
        _ members: OrderedDictionary<String, JSON>, _ index: Int, _ part: Int, _ tally: inout Tally
    ) {
        let node = nodes[index]
        let first = instance.firstChild[part]
        for name in node.required {
            let isThere = members.exactIndex(of: name) != nil
            tally.add(isThere)
            guard !isThere else { continue }
            problem(part, "member '\(name)' is required")
            if let child = node.properties[name] { tally.add(false, weight: nodes[child].size) }
        }
        var extra: String?
        var worst: Tally?
        for (offset, key) in members.keys.enumerated() {
            if let position = node.properties.index(forKey: key), node.properties[position].key.isSameText(as: key) {
                tally += self.tally(of: node.properties[position].value, at: first + offset)
                continue
            }
            switch node.additionalProperties {
            case .anything: break
            case .nothing: extra = extra ?? key
            case .schema(let child): worst = Self.worse(worst, self.tally(of: child, at: first + offset))
            }
        }
        if let worst { tally += worst }
        if case .nothing = node.additionalProperties {
            if let extra { problem(part, "member '\(extra.prefix(80))' is not allowed") }
            tally.add(extra == nil)
        }
    }

    private mutating func evaluate(_ count: Int, _ index: Int, _ part: Int, _ tally: inout Tally) {
        let node = nodes[index]
        let first = instance.firstChild[part]
        for (offset, child) in node.prefixItems.prefix(count).enumerated() {
            tally += self.tally(of: child, at: first + offset)
        }
        switch node.items {
        case .anything: break
        case .nothing:
            if count > node.prefixItems.count {
                problem(part, "\(count) elements, of which \(node.prefixItems.count) are allowed")
            }
            tally.add(count <= node.prefixItems.count)
        case .schema(let child):
            var worst: Tally?
            for offset in min(node.prefixItems.count, count)..<count {
                worst = Self.worse(worst, self.tally(of: child, at: first + offset))
            }
            if let worst { tally += worst }
        }
    }

    private static func worse(_ worst: Tally?, _ other: Tally) -> Tally {
        guard let worst, worst.fraction <= other.fraction else { return other }
        return worst
    }

    private mutating func branches(_ children: [Int], _ part: Int) -> (valid: Int, best: Tally) {
        quiet += 1
        defer { quiet -= 1 }
        var valid = 0
        var best: Tally?
        for child in children {
            let tally = self.tally(of: child, at: part)
            if tally.isFull { valid += 1 }
            if best == nil || tally.fraction > best?.fraction ?? 0 { best = tally }
        }
        return (valid, best ?? Tally())
    }

    private mutating func anyOf(_ children: [Int], _ part: Int) -> Tally {
        let (valid, best) = branches(children, part)
        if valid == 0 { problem(part, "\(shortText(part)) meets no branch of `anyOf`") }
        return best
    }

    private mutating func oneOf(_ children: [Int], _ part: Int) -> Tally {
        let (valid, best) = branches(children, part)
        if valid == 1 { return best }
        problem(part, "\(shortText(part)) meets \(valid) branches of `oneOf` instead of one")
        return valid == 0 ? best : .failed
    }

    // MARK: Leaves

    /// Counts an assertion, unless it is about values of another type.
    private mutating func check(_ leaf: JSONSchema.Leaf, _ value: JSON, _ part: Int, _ tally: inout Tally) {
        guard let complaint = complaint(leaf, value, part) else { return }
        tally.add(complaint == "")
        if complaint != "" { problem(part, complaint) }
    }

    /// What is wrong; `""` when nothing is, `nil` when the assertion is about another type.
    private func complaint(_ leaf: JSONSchema.Leaf, _ value: JSON, _ part: Int) -> String? {
        func unless(_ isMet: Bool, _ message: @autoclosure () -> String) -> String { isMet ? "" : message() }
        switch (leaf, value) {
        case (.oneOf(let allowed, let text), _):
            return unless(allowed.contains(value.canonicalBytes), "\(shortText(part)) is not \(text)")
        case (.minimum(let bound, let exclusive), .integer), (.minimum(let bound, let exclusive), .number):
            let order = Self.order(value, bound)
            return unless(
                exclusive ? order > 0 : order >= 0,
                "\(value.text()) is \(exclusive ? "not greater than" : "less than") \(bound.text())")
        case (.maximum(let bound, let exclusive), .integer), (.maximum(let bound, let exclusive), .number):
            let order = Self.order(value, bound)
            return unless(
                exclusive ? order < 0 : order <= 0,
                "\(value.text()) is \(exclusive ? "not less than" : "greater than") \(bound.text())")
        case (.multiple(let unit, let text), .integer), (.multiple(let unit, let text), .number):
            let isMultiple = ExactDecimal(value)?.isMultiple(of: unit) ?? false
            return unless(isMultiple, "\(value.text()) is no multiple of \(text)")
        case (.minLength(let least), .string(let text)):
            let length = text.unicodeScalars.count
            return unless(length >= least, "\(length) characters, and at least \(least) are asked for")
        case (.maxLength(let most), .string(let text)):
            let length = text.unicodeScalars.count
            return unless(length <= most, "\(length) characters, and at most \(most) are allowed")
        case (.pattern(let regex), .string(let text)):
            return unless(regex.matches(anywhereIn: text), "\(shortText(part)) does not match \(regex.pattern)")
        case (.minItems(let least), .array(let elements)):
            return unless(elements.count >= least, "\(elements.count) elements, and at least \(least) are asked for")
        case (.maxItems(let most), .array(let elements)):
            return unless(elements.count <= most, "\(elements.count) elements, and at most \(most) are allowed")
        case (.uniqueItems, .array(let elements)):
            return unless(Set(elements.map(\.canonicalBytes)).count == elements.count, "an element stands there twice")
        case (.minProperties(let least), .object(let members)):
            return unless(members.count >= least, "\(members.count) members, and at least \(least) are asked for")
        case (.maxProperties(let most), .object(let members)):
            return unless(members.count <= most, "\(members.count) members, and at most \(most) are allowed")
        default: return nil
        }
    }

    /// -1, 0 or 1; whole numbers are compared as such, others as binary fractions.
    private static func order(_ left: JSON, _ right: JSON) -> Int {
        if let left = left.int, let right = right.int { return left < right ? -1 : left == right ? 0 : 1 }
        let (left, right) = (left.double ?? 0, right.double ?? 0)
        return left < right ? -1 : left == right ? 0 : 1
    }
}
