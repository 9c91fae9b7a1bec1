import OrderedCollections
import TextCore

/// Compares two JSON values field by field.
///
/// A value's leaves are its texts, numbers, truth values, nulls, and its empty lists and objects, each with the weight w
/// of its field. Objects are compared member by member, lists element by element as `listMode` pairs them. For leaves
/// a and b at one place, M grows by w · likeness(a, b); P by the weight of all leaves of the answer, R by that of all
/// leaves of the reference. Then precision is M/P, recall M/R, and F1 = 2M/(P+R).
struct JSONComparison {
    /// How elements of lists are paired.
    enum ListMode: String, NamedChoice {
        /// By position.
        case index
        /// Objects by the value of one member, texts and numbers by themselves; equal ones in order.
        case key
        /// So that the sum of the pairs' F1 is greatest.
        case assignment
    }

    struct Settings: Sendable {
        var listMode = ListMode.index
        /// The member that names an object, for `key`.
        var listKey = "id"
        /// Elements of a list that are paired under `assignment`; more on the answer's side are wrong.
        var maxItems = 100
        /// The rule of fields that have none.
        var fallback = FieldRule()
        var rules = JSONFieldRules()
        var ignored: [JSONFieldPath] = []
        /// Whether a member that is null counts as not there.
        var nullIsAbsent = false
        /// What is done to texts before they are compared.
        var normalizers: [Normalizer] = [.nfc]
    }

    /// The weights of the leaves that were compared.
    struct Tally: Hashable {
        /// Weight that matches.
        var matched = 0.0
        /// Weight of the answer's leaves.
        var answered = 0.0
        /// Weight of the reference's leaves.
        var expected = 0.0

        var precision: Double { answered > 0 ? min(1, matched / answered) : expected > 0 ? 0 : 1 }
        var recall: Double { expected > 0 ? min(1, matched / expected) : answered > 0 ? 0 : 1 }
        /// 1 when neither side has a leaf.
        var f1: Double { answered + expected > 0 ? min(1, 2 * matched / (answered + expected)) : 1 }

        static func += (sum: inout Tally, other: Tally) {
            sum.matched += other.matched
            sum.answered += other.answered
            sum.expected += other.expected
        }
    }

    /// A value that is ready to be compared.
    private struct Node {
        enum Content {
            case leaf(JSON)
            case object(OrderedDictionary<String, Node>)
            case array([Node])
        }

        let field: Int
        let content: Content
        /// Of all its leaves.
        let weight: Double
    }

    /// The values are so large that pairing their lists would take minutes.
    struct TooLarge: Error {}

    /// Comparisons of two values, at most; each takes less than a microsecond.
    private static let workLimit = 1_000_000
    /// Cells of tables of edits, at most, over the whole comparison; a text beyond them is compared exactly.
    private static let editLimit = 10_000_000

    private let settings: Settings
    private var fields: JSONFields
    private var work = 0
    private var edits = 0
    /// The sums for each field; kept only when asked for.
    private var byField: [Int: Tally]?

    init(_ settings: Settings) {
        self.settings = settings
        fields = JSONFields(settings)
    }

    /// The weights of the leaves of both values together.
    ///
    /// - Throws: `TooLarge` when lists would take too long to pair.
    mutating func tally(_ answer: JSON, against reference: JSON) throws(TooLarge) -> Tally {
        byField = nil
        return try sum(answer, reference)
    }

    /// The weights of all leaves together, and the mean of the F1 of all fields that occur on either side, each weighted
    /// by its rule.
    ///
    /// - Throws: `TooLarge` when lists would take too long to pair.
    mutating func fields(_ answer: JSON, against reference: JSON) throws(TooLarge) -> (tally: Tally, mean: Double) {
        byField = [:]
        let tally = try sum(answer, reference)
        var mean = 0.0
        var weights = 0.0
        // In the order of their numbers, so that rounding is the same each time.
        for (field, part) in (byField ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let weight = fields.rules[field]?.weight, weight > 0 else { continue }
            mean += weight * part.f1
            weights += weight
        }
        return (tally, weights > 0 ? min(1, mean / weights) : 1)
    }

    /// The weights of each field that occurs on either side, by path.
    ///
    /// - Throws: `TooLarge` when lists would take too long to pair.
    mutating func counts(_ answer: JSON, against reference: JSON) throws(TooLarge) -> [JSONFieldCounts.Field] {
        byField = [:]
        _ = try sum(answer, reference)
        let counts = (byField ?? [:]).map { field, part in
            JSONFieldCounts.Field(
                path: fields.name(of: field), matched: part.matched, answered: part.answered, expected: part.expected)
        }
        return counts.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    /// What is wrong with a reference, if anything: no leaf that counts, or a text that its field's comparer cannot read.
    mutating func problem(in reference: JSON) -> String? {
        let node = prepared(reference, field: JSONFields.root)
        guard let node, node.weight > 0 else {
            return "nothing in the reference counts, so every answer would be right"
        }
        return problem(in: node)
    }

    private func problem(in node: Node) -> String? {
        switch node.content {
        case .object(let members):
            for member in members.values { if let problem = problem(in: member) { return problem } }
        case .array(let elements):
            if settings.listMode == .assignment, elements.count > settings.maxItems {
                return "the list '\(fields.name(of: node.field))' has \(elements.count) elements; at most "
                    + "\(settings.maxItems) are paired (max_items)"
            }
            for element in elements { if let problem = problem(in: element) { return problem } }
        case .leaf(let value):
            guard let rule = fields.rules[node.field], !value.isNull, value.array == nil, value.object == nil else {
                break
            }
            if rule.compare == .numeric, Self.number(value) == nil {
                return "'\(fields.name(of: node.field))' is compared as a number, and is \(value.text().prefix(80))"
            }
            if rule.compare == .date, value.string.flatMap({ CalendarDate($0) }) == nil {
                return "'\(fields.name(of: node.field))' is compared as a date, and is \(value.text().prefix(80))"
            }
        }
        return nil
    }

    private mutating func sum(_ answer: JSON, _ reference: JSON) throws(TooLarge) -> Tally {
        let answer = prepared(answer, field: JSONFields.root)
        let reference = prepared(reference, field: JSONFields.root)
        work = 0
        edits = 0
        var tally = Tally()
        try compare(answer, reference, into: &tally)
        return tally
    }

    // MARK: Making nodes

    /// `nil` when the field is ignored.
    private mutating func prepared(_ value: JSON, field: Int) -> Node? {
        guard let rule = fields.rules[field] else { return nil }
        switch value {
        case .object(let members) where !members.isEmpty:
            var nodes: OrderedDictionary<String, Node> = [:]
            for (key, value) in members where !(settings.nullIsAbsent && value.isNull) {
                guard let node = prepared(value, field: fields.field(.key(key), below: field)) else { continue }
                nodes[key] = node
            }
            if nodes.isEmpty, settings.nullIsAbsent, members.values.allSatisfy(\.isNull) {
                return Node(field: field, content: .leaf([:]), weight: rule.weight)
            }
            return Node(field: field, content: .object(nodes), weight: nodes.values.reduce(0) { $0 + $1.weight })
        case .array(let elements) where !elements.isEmpty:
            let below = fields.field(.element, below: field)
            let nodes = elements.compactMap { prepared($0, field: below) }
            return Node(field: field, content: .array(nodes), weight: nodes.reduce(0) { $0 + $1.weight })
        case .string(let text):
            let text = settings.normalizers.applied(to: text)
            return Node(field: field, content: .leaf(.string(text)), weight: rule.weight)
        default: return Node(field: field, content: .leaf(value.withSimplestNumber), weight: rule.weight)
        }
    }

    // MARK: Comparing

    private mutating func compare(_ answer: Node?, _ reference: Node?, into tally: inout Tally) throws(TooLarge) {
        work += 1
        guard work <= Self.workLimit else { throw TooLarge() }
        guard let answer, let reference else {
            leaveOver(answer, reference, into: &tally)
            return
        }
        switch (answer.content, reference.content) {
        case (.object(let left), .object(let right)):
            for (key, node) in left { try compare(node, right[key], into: &tally) }
            for (key, node) in right where left[key] == nil { leaveOver(nil, node, into: &tally) }
        case (.array(let left), .array(let right)):
            try compare(left, right, into: &tally)
        case (.leaf(let left), .leaf(let right)):
            let alike = likeness(of: left, to: right, under: fields.rules[reference.field] ?? settings.fallback)
            let part = Tally(matched: reference.weight * alike, answered: answer.weight, expected: reference.weight)
            tally += part
            byField?[reference.field, default: Tally()] += part
        default: leaveOver(answer, reference, into: &tally)
        }
    }

    /// Adds the leaves of values that have no counterpart.
    private mutating func leaveOver(_ answer: Node?, _ reference: Node?, into tally: inout Tally) {
        let part = Tally(answered: answer?.weight ?? 0, expected: reference?.weight ?? 0)
        tally += part
        guard byField != nil else { return }
        if let answer { addFields(of: answer) { Tally(answered: $0) } }
        if let reference { addFields(of: reference) { Tally(expected: $0) } }
    }

    private mutating func addFields(of node: Node, _ part: (Double) -> Tally) {
        switch node.content {
        case .leaf: byField?[node.field, default: Tally()] += part(node.weight)
        case .object(let members): for member in members.values { addFields(of: member, part) }
        case .array(let elements): for element in elements { addFields(of: element, part) }
        }
    }

    private mutating func compare(_ left: [Node], _ right: [Node], into tally: inout Tally) throws(TooLarge) {
        let partner: [Int?]
        switch settings.listMode {
        case .index: partner = left.indices.map { $0 < right.count ? $0 : nil }
        case .key: partner = pairsByKey(left, right)
        case .assignment: partner = try bestPairs(left, right)
        }
        var isTaken = Array(repeating: false, count: right.count)
        for (node, index) in zip(left, partner) {
            if let index { isTaken[index] = true }
            try compare(node, index.map { right[$0] }, into: &tally)
        }
        for (node, taken) in zip(right, isTaken) where !taken { leaveOver(nil, node, into: &tally) }
    }

    /// Elements of one name are paired in order, and so are those without a name.
    private func pairsByKey(_ left: [Node], _ right: [Node]) -> [Int?] {
        func name(of node: Node) -> [UInt8] {
            switch node.content {
            case .leaf(let value): return value.canonicalBytes
            case .object(let members):
                guard case .leaf(let value)? = members[settings.listKey]?.content else { return [] }
                return [UInt8(ascii: "#")] + value.canonicalBytes
            case .array: return []
            }
        }
        var places: [[UInt8]: [Int]] = [:]
        for (index, node) in right.enumerated().reversed() { places[name(of: node), default: []].append(index) }
        return left.map { places[name(of: $0)]?.popLast() }
    }

    private mutating func bestPairs(_ left: [Node], _ right: [Node]) throws(TooLarge) -> [Int?] {
        let rows = min(left.count, settings.maxItems)
        let columns = min(right.count, settings.maxItems)
        // A step of the assignment takes a hundredth of a comparison.
        let (less, more) = (min(rows, columns), max(rows, columns))
        work += less * less * more / 100
        let fields = byField
        byField = nil
        defer { byField = fields }
        var scores: [[Double]] = []
        for node in left.prefix(rows) {
            var row: [Double] = []
            for other in right.prefix(columns) {
                var tally = Tally()
                try compare(node, other, into: &tally)
                row.append(tally.f1)
            }
            scores.append(row)
        }
        return Assignment.best(scores) + Array(repeating: nil, count: left.count - rows)
    }

    // MARK: Leaves

    private static func number(_ value: JSON) -> Double? {
        value.double ?? value.string.flatMap { NumberReader().whole($0) }
    }

    private mutating func likeness(of answer: JSON, to reference: JSON, under rule: FieldRule) -> Double {
        switch rule.compare {
        case .exact: break
        case .numeric:
            guard let left = Self.number(answer), let right = Self.number(reference) else { break }
            return abs(left - right) <= rule.tolerance + rule.relativeTolerance * abs(right) ? 1 : 0
        case .date:
            guard let left = answer.string.flatMap({ CalendarDate($0) }),
                let right = reference.string.flatMap({ CalendarDate($0) })
            else { break }
            return left == right ? 1 : 0
        case .fuzzy:
            guard let left = answer.string, let right = reference.string, !left.isSameText(as: right) else { break }
            let (first, second) = (left.unicodeScalars.map(\.value), right.unicodeScalars.map(\.value))
            let (cells, overflow) = first.count.multipliedReportingOverflow(by: second.count)
            guard !overflow, cells <= Self.editLimit - edits else { return 0 }
            edits += cells
            let alike = 1 - Double(Self.edits(from: first, to: second)) / Double(max(first.count, second.count))
            return alike >= rule.threshold ? alike : 0
        }
        if let left = answer.string, let right = reference.string { return left.isSameText(as: right) ? 1 : 0 }
        return answer == reference ? 1 : 0
    }

    /// Insertions, deletions and substitutions of scalars that turn one text into another.
    private static func edits(from first: [UInt32], to second: [UInt32]) -> Int {
        var row = Array(0...second.count)
        for (index, scalar) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in second.indices {
                let replaced = diagonal + (scalar == second[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[second.count]
    }
}
