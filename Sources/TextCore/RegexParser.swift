/// What a regular expression means, before it becomes a program.
indirect enum RegexNode {
    case empty
    case set(ScalarSet)
    case sequence([RegexNode])
    case alternation([RegexNode])
    case capture(RegexNode, index: Int)
    case repetition(RegexNode, minimum: Int, maximum: Int?, greedy: Bool)
    case assertion(RegexAssertion)
}

/// A condition on the place between two scalars.
enum RegexAssertion: Hashable, Sendable {
    case textStart, textEnd, lineStart, lineEnd, wordBoundary, notWordBoundary
    /// The next scalar is in the set, or the text ends here and `orEnd`.
    case ahead(ScalarSet, orEnd: Bool)
}

struct RegexParser {
    private let scalars: [Unicode.Scalar]
    private let pattern: String
    private let syntax: LinearRegex.Syntax
    private var position = 0
    private(set) var captureCount = 0
    private var options: Options

    private struct Options {
        var ignoreCase = false
        var multiLine: Bool
        var dotMatchesNewline = false
    }

    static let maximumDepth = 100
    static let maximumRepetition = 1000
    static let maximumStackedQuantifiers = 4
    static let maximumLength = 65536

    init(pattern: String, syntax: LinearRegex.Syntax) {
        self.pattern = pattern
        self.syntax = syntax
        scalars = Array(pattern.unicodeScalars)
        options = Options(multiLine: syntax == .oniguruma)
    }

    mutating func parse() throws(RegexError) -> RegexNode {
        guard scalars.count <= Self.maximumLength else {
            throw error("a pattern of \(scalars.count) scalars; the limit is \(Self.maximumLength)")
        }
        let node = try parseAlternation(depth: 0)
        guard position == scalars.count else { throw error("`)` without `(`") }
        return node
    }

    func error(_ message: String, at offset: Int? = nil) -> RegexError {
        RegexError(message: message, position: offset ?? position, pattern: pattern)
    }

    private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private func looking(at text: String) -> Bool {
        scalars[position...].starts(with: text.unicodeScalars)
    }

    private mutating func take(_ text: String) -> Bool {
        guard looking(at: text) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    // MARK: Structure

    private mutating func parseAlternation(depth: Int) throws(RegexError) -> RegexNode {
        guard depth <= Self.maximumDepth else { throw error("groups nested deeper than \(Self.maximumDepth)") }
        // Options set inside a group end with it.
        let outer = options
        defer { options = outer }
        var branches = [try parseSequence(depth: depth)]
        while take("|") { branches.append(try parseSequence(depth: depth)) }
        return branches.count == 1 ? branches[0] : .alternation(branches)
    }

    private mutating func parseSequence(depth: Int) throws(RegexError) -> RegexNode {
        var items: [RegexNode] = []
        while let scalar = current, scalar != "|", scalar != ")" {
            let start = position
            guard let atom = try parseAtom(depth: depth) else { continue }
            items.append(try parseQuantifiers(of: atom, at: start))
        }
        return items.count == 1 ? items[0] : items.isEmpty ? .empty : .sequence(items)
    }

    private mutating func parseAtom(depth: Int) throws(RegexError) -> RegexNode? {
        guard let scalar = current else { return nil }
        switch scalar {
        case "(": return try parseGroup(depth: depth)
        case "[":
            position += 1
            return .set(try parseClass(depth: depth))
        case ".":
            position += 1
            return .set(options.dotMatchesNewline ? .everything : ScalarSet.newline.inverted)
        case "^":
            position += 1
            return .assertion(options.multiLine ? .lineStart : .textStart)
        case "$":
            position += 1
            return .assertion(options.multiLine ? .lineEnd : .textEnd)
        case "*", "+", "?": throw error("`\(scalar)` repeats nothing")
        case "\\": return try parseEscape()
        default:
            position += 1
            return .set(folded(ScalarSet(scalar)))
        }
    }

    private func folded(_ set: ScalarSet) -> ScalarSet { options.ignoreCase ? CaseFolding.closure(of: set) : set }

    private mutating func parseGroup(depth: Int) throws(RegexError) -> RegexNode? {
        let start = position
        position += 1
        var node: RegexNode
        if take("?:") {
            node = try parseAlternation(depth: depth + 1)
        } else if take("?=") {
            node = try parseLookahead(negated: false, from: start, depth: depth)
        } else if take("?!") {
            node = try parseLookahead(negated: true, from: start, depth: depth)
        } else if looking(at: "?<=") || looking(at: "?<!") {
            throw error("lookbehind is not supported: it cannot be matched in linear time here", at: start)
        } else if take("?>") {
            throw error("an atomic group `(?>…)` is not supported", at: start)
        } else if take("?P<") || take("?<") || take("?'") {
            try skipGroupName(from: start)
            node = try parseCapture(depth: depth)
        } else if take("?") {
            let outer = options
            try parseOptions(from: start)
            if take(")") { return nil }
            guard take(":") else { throw error("`)` or `:` is expected after the options of a group") }
            node = try parseAlternation(depth: depth + 1)
            options = outer
        } else {
            node = try parseCapture(depth: depth)
        }
        guard take(")") else { throw error("`(` is never closed", at: start) }
        return node
    }

    private mutating func parseCapture(depth: Int) throws(RegexError) -> RegexNode {
        captureCount += 1
        let index = captureCount
        return .capture(try parseAlternation(depth: depth + 1), index: index)
    }

    private mutating func skipGroupName(from start: Int) throws(RegexError) {
        while let scalar = current, scalar != ">", scalar != "'", scalar != ")" { position += 1 }
        guard take(">") || take("'") else { throw error("the name of a group is never closed", at: start) }
    }

    private mutating func parseOptions(from start: Int) throws(RegexError) {
        var value = true
        while let scalar = current, scalar != ")", scalar != ":" {
            switch (scalar, syntax) {
            case ("-", _): value = false
            case ("i", _): options.ignoreCase = value
            case ("m", .perl): options.multiLine = value
            case ("m", .oniguruma), ("s", .perl): options.dotMatchesNewline = value
            case ("u", _): break
            default: throw error("the group option `\(scalar)` is not supported")
            }
            position += 1
        }
    }

    private mutating func parseLookahead(
        negated: Bool, from start: Int, depth: Int
    ) throws(RegexError) -> RegexNode {
        let body = try parseAlternation(depth: depth + 1)
        guard let ahead = Self.nextScalar(of: body) else {
            throw error("a lookahead is supported when it looks at one scalar, such as `(?!\\S)`", at: start)
        }
        if ahead.always { return negated ? .set(.empty) : .empty }
        return .assertion(
            negated ? .ahead(ahead.set.inverted, orEnd: !ahead.orEnd) : .ahead(ahead.set, orEnd: ahead.orEnd))
    }

    /// What the next scalar must be for `node` to match here, where that is all there is to know.
    private static func nextScalar(of node: RegexNode) -> (set: ScalarSet, orEnd: Bool, always: Bool)? {
        switch node {
        case .empty: return (.everything, true, true)
        case .set(let set): return (set, false, false)
        case .assertion(.textEnd): return (.empty, true, false)
        case .assertion(.lineEnd): return (.newline, true, false)
        case .assertion: return nil
        case .capture(let body, _): return nextScalar(of: body)
        case .repetition(let body, let minimum, _, _):
            if minimum == 0 { return (.everything, true, true) }
            return minimum == 1 ? nextScalar(of: body) : nil
        case .sequence(let items):
            guard let first = items.first, let result = nextScalar(of: first), !result.always else { return nil }
            for item in items.dropFirst() {
                guard let rest = nextScalar(of: item), rest.always else { return nil }
            }
            return result
        case .alternation(let branches):
            var union: (set: ScalarSet, orEnd: Bool, always: Bool) = (.empty, false, false)
            for branch in branches {
                guard let next = nextScalar(of: branch) else { return nil }
                union = (union.set.union(next.set), union.orEnd || next.orEnd, union.always || next.always)
            }
            return union
        }
    }

    // MARK: Quantifiers

    private mutating func parseQuantifiers(of atom: RegexNode, at start: Int) throws(RegexError) -> RegexNode {
        var node = atom
        var stacked = 0
        while let (minimum, maximum, isInterval) = try parseCount() {
            stacked += 1
            guard stacked <= Self.maximumStackedQuantifiers else { throw error("too many quantifiers in a row") }
            guard maximum ?? minimum >= minimum else { throw error("a repetition whose maximum is below its minimum") }
            // Oniguruma reads `{m,n}+` as a repeated repetition; Perl as a possessive one.
            let plusRepeats = isInterval && syntax == .oniguruma
            if take("?") {
                node = .repetition(node, minimum: minimum, maximum: maximum, greedy: false)
            } else if !plusRepeats, take("+") {
                node = try possessive(node, minimum: minimum, maximum: maximum, at: start)
            } else {
                node = .repetition(node, minimum: minimum, maximum: maximum, greedy: true)
            }
        }
        return node
    }

    private mutating func parseCount() throws(RegexError) -> (minimum: Int, maximum: Int?, isInterval: Bool)? {
        if take("*") { return (0, nil, false) }
        if take("+") { return (1, nil, false) }
        if take("?") { return (0, 1, false) }
        guard current == "{" else { return nil }
        let start = position
        position += 1
        let minimum = try parseDigits()
        var maximum = minimum
        if take(",") { maximum = try parseDigits() }
        guard take("}"), minimum != nil || maximum != nil else {
            position = start
            return nil
        }
        return (minimum ?? 0, maximum, true)
    }

    private mutating func parseDigits() throws(RegexError) -> Int? {
        var value: Int?
        while let scalar = current, ("0"..."9").contains(scalar) {
            value = (value ?? 0) * 10 + Int(scalar.value - 48)
            guard value ?? 0 <= Self.maximumRepetition else {
                throw error("a repetition of more than \(Self.maximumRepetition)")
            }
            position += 1
        }
        return value
    }

    /// A possessive repetition of one set is a greedy one that ends at its maximum or before a scalar outside the set.
    private func possessive(
        _ body: RegexNode, minimum: Int, maximum: Int?, at start: Int
    ) throws(RegexError) -> RegexNode {
        guard let set = Self.singleSet(body) else {
            throw error("a possessive repetition is supported of a single class or scalar", at: start)
        }
        let stop = RegexNode.assertion(.ahead(set.inverted, orEnd: true))
        guard let maximum else {
            return .sequence([.repetition(body, minimum: minimum, maximum: nil, greedy: true), stop])
        }
        guard maximum > minimum else {
            return .repetition(body, minimum: minimum, maximum: maximum, greedy: true)
        }
        let shorter = RegexNode.repetition(body, minimum: minimum, maximum: maximum - 1, greedy: true)
        return .alternation([
            .repetition(body, minimum: maximum, maximum: maximum, greedy: true), .sequence([shorter, stop]),
        ])
    }

    private static func singleSet(_ node: RegexNode) -> ScalarSet? {
        switch node {
        case .set(let set): return set
        case .alternation(let branches):
            var union = ScalarSet.empty
            for branch in branches {
                guard let set = singleSet(branch) else { return nil }
                union = union.union(set)
            }
            return union
        default: return nil
        }
    }

    // MARK: Escapes and classes

    private mutating func parseEscape() throws(RegexError) -> RegexNode {
        let start = position
        position += 1
        guard let scalar = current else { throw error("the pattern ends after `\\`", at: start) }
        switch scalar {
        case "b", "B", "A", "z", "Z":
            position += 1
            let assertions: [Unicode.Scalar: RegexAssertion] = [
                "b": .wordBoundary, "B": .notWordBoundary, "A": .textStart, "z": .textEnd, "Z": .textEnd,
            ]
            return .assertion(assertions[scalar, default: .textEnd])
        case "1"..."9", "k", "g":
            throw error("a back-reference is not supported: it cannot be matched in linear time", at: start)
        default:
            return .set(folded(try parseSetEscape(from: start)))
        }
    }

    /// The set that an escape stands for; `position` is at the scalar after the backslash.
    private mutating func parseSetEscape(from start: Int) throws(RegexError) -> ScalarSet {
        guard let scalar = current else { throw error("the pattern ends after `\\`", at: start) }
        position += 1
        switch scalar {
        case "s": return .whitespace
        case "S": return ScalarSet.whitespace.inverted
        case "d": return .digits
        case "D": return ScalarSet.digits.inverted
        case "w": return .word
        case "W": return ScalarSet.word.inverted
        case "n": return .newline
        case "r": return ScalarSet("\r")
        case "t": return ScalarSet("\t")
        case "f": return ScalarSet("\u{0C}")
        case "v": return ScalarSet("\u{0B}")
        case "a": return ScalarSet("\u{07}")
        case "e": return ScalarSet("\u{1B}")
        case "0": return ScalarSet("\0")
        case "p", "P": return try parseProperty(negated: scalar == "P", from: start)
        case "x", "u", "U": return try parseCodePoint(kind: scalar, from: start)
        default:
            guard !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else {
                throw error("the escape `\\\(scalar)` is not supported", at: start)
            }
            return ScalarSet(scalar)
        }
    }

    private mutating func parseProperty(negated: Bool, from start: Int) throws(RegexError) -> ScalarSet {
        var negated = negated
        var name = ""
        if take("{") {
            if take("^") { negated.toggle() }
            while let scalar = current, scalar != "}" {
                name.unicodeScalars.append(scalar)
                position += 1
            }
            guard take("}") else { throw error("the property name is never closed", at: start) }
        } else if let scalar = current {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard let set = ScalarSet.property(name) else { throw error("unknown property `\\p{\(name)}`", at: start) }
        return negated ? set.inverted : set
    }

    private mutating func parseCodePoint(kind: Unicode.Scalar, from start: Int) throws(RegexError) -> ScalarSet {
        let braced = take("{")
        let limit = braced ? 8 : kind == "x" ? 2 : kind == "u" ? 4 : 8
        var digits = ""
        while digits.unicodeScalars.count < limit, let scalar = current, scalar.properties.isASCIIHexDigit {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value), !braced || take("}") else {
            throw error("`\\\(kind)` is not followed by the number of a scalar", at: start)
        }
        return ScalarSet(scalar)
    }

    /// A class after its `[`, up to and with its `]`.
    private mutating func parseClass(depth: Int) throws(RegexError) -> ScalarSet {
        guard depth <= Self.maximumDepth else { throw error("classes nested deeper than \(Self.maximumDepth)") }
        let start = position - 1
        let negated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var intersection: ScalarSet?
        var isFirst = true
        while true {
            guard let scalar = current else { throw error("`[` is never closed", at: start) }
            if scalar == "]", !isFirst { break }
            isFirst = false
            if syntax == .oniguruma, take("&&") {
                let left = folded(ScalarSet(ranges: ranges))
                intersection = intersection?.intersection(left) ?? left
                ranges = []
                continue
            }
            ranges += try parseClassItem(depth: depth).ranges
        }
        position += 1
        var set = folded(ScalarSet(ranges: ranges))
        if let intersection { set = intersection.intersection(set) }
        return negated ? set.inverted : set
    }

    private mutating func parseClassItem(depth: Int) throws(RegexError) -> ScalarSet {
        let start = position
        if looking(at: "[:") { return try parsePosixClass(from: start) }
        if syntax == .oniguruma, take("[") { return try parseClass(depth: depth + 1) }
        let low = try parseClassMember()
        guard current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else { return low }
        guard let first = Self.onlyMember(low) else {
            // `[\s-x]`: a hyphen after a class is itself.
            return low
        }
        position += 1
        guard let last = Self.onlyMember(try parseClassMember()), last >= first else {
            throw error("a class range that runs backwards or ends in a class", at: start)
        }
        return ScalarSet(ranges: [first...last])
    }

    private mutating func parseClassMember() throws(RegexError) -> ScalarSet {
        let start = position
        guard let scalar = current else { throw error("a class that is never closed") }
        position += 1
        guard scalar == "\\" else { return ScalarSet(scalar) }
        if take("b") { return ScalarSet("\u{08}") }
        return try parseSetEscape(from: start)
    }

    private mutating func parsePosixClass(from start: Int) throws(RegexError) -> ScalarSet {
        position += 2
        let negated = take("^")
        var name = ""
        while let scalar = current, scalar != ":", scalar != "]" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take(":]"), let set = ScalarSet.property(name) else {
            throw error("unknown class `[:\(name):]`", at: start)
        }
        return negated ? set.inverted : set
    }

    private static func onlyMember(_ set: ScalarSet) -> UInt32? {
        set.ranges.count == 1 && set.ranges[0].count == 1 ? set.ranges[0].lowerBound : nil
    }
}
