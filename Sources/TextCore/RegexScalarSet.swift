import Synchronization

/// A set of Unicode scalars, as sorted ranges that neither touch nor overlap.
struct ScalarSet: Hashable, Sendable {
    private(set) var ranges: [ClosedRange<UInt32>]

    static let last: UInt32 = 0x10FFFF
    static let empty = ScalarSet(ranges: [])
    static let everything = ScalarSet(ranges: [0...last])

    init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

    /// The set of all values in `ranges`, which may overlap and be in any order.
    init(ranges: [ClosedRange<UInt32>]) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let previous = merged.last, range.lowerBound <= previous.upperBound &+ 1 {
                merged[merged.count - 1] = previous.lowerBound...max(previous.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged
    }

    var isEmpty: Bool { ranges.isEmpty }

    func contains(_ value: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(value)
    }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges: ranges + other.ranges) }

    var inverted: ScalarSet {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= Self.last { result.append(next...Self.last) }
        return ScalarSet(ranges: result)
    }

    func intersection(_ other: ScalarSet) -> ScalarSet { inverted.union(other.inverted).inverted }
}

extension ScalarSet {
    /// What `\s` means: the scalars with the property White_Space, which Unicode keeps stable.
    static let whitespace = ScalarSet(ranges: [
        0x09...0x0D, 0x20...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
        0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000,
    ])
    /// What `\d` means: decimal digits of every script.
    static let digits = CategoryTable.shared.set { $0 == .decimalNumber }
    /// What `\w` means: alphabetic scalars, marks, decimal digits and connecting punctuation.
    static let word = matching { scalar in
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
        default: scalar.properties.isAlphabetic
        }
    }
    static let newline = ScalarSet("\n")

    /// The assigned scalars for which `predicate` holds.
    static func matching(_ predicate: (Unicode.Scalar) -> Bool) -> ScalarSet {
        var ranges: [ClosedRange<UInt32>] = []
        for assigned in assignedPlanes {
            var start: UInt32?
            for value in assigned {
                let matches = Unicode.Scalar(value).map(predicate) ?? false
                if matches, start == nil { start = value }
                if !matches, let first = start {
                    ranges.append(first...(value - 1))
                    start = nil
                }
            }
            if let first = start { ranges.append(first...assigned.upperBound) }
        }
        return ScalarSet(ranges: ranges)
    }

    /// Planes 4 to 13 hold no assigned scalar, and planes 15 and 16 are for private use: nothing to look up there.
    fileprivate static let assignedPlanes: [ClosedRange<UInt32>] = [0...0x3FFFF, 0xE0000...0xEFFFF]

    /// The set named inside `\p{…}`: a general category by its short or long name, or one of a few other properties;
    /// `nil` for an unknown name. Case, spaces, `_` and `-` do not count.
    static func property(_ name: String) -> ScalarSet? {
        let key = name.lowercased().filter { !" _-".contains($0) }
        if let known = properties.withLock({ $0[key] }) { return known }
        guard let found = lookUp(key) else { return nil }
        properties.withLock { $0[key] = found }
        return found
    }

    /// Sets that were asked for before: to find one takes milliseconds, and a pattern may name it a thousand times.
    private static let properties = Mutex<[String: ScalarSet]>([:])

    private static func lookUp(_ key: String) -> ScalarSet? {
        if let categories = categoryNames[key] { return CategoryTable.shared.set { categories.contains($0) } }
        switch key {
        case "any": return everything
        case "ascii": return ScalarSet(ranges: [0...0x7F])
        case "assigned": return CategoryTable.shared.set { $0 != .unassigned }
        case "alphabetic", "alpha": return matching { $0.properties.isAlphabetic }
        case "uppercase", "upper": return matching { $0.properties.isUppercase }
        case "lowercase", "lower": return matching { $0.properties.isLowercase }
        case "whitespace", "space": return whitespace
        case "digit": return digits
        case "word": return word
        case "alnum": return matching { $0.properties.isAlphabetic }.union(digits)
        case "punct": return CategoryTable.shared.set { punctuation.contains($0) }
        case "cntrl": return CategoryTable.shared.set { $0 == .control }
        case "xdigit": return ScalarSet(ranges: [0x30...0x39, 0x41...0x46, 0x61...0x66])
        case "emoji": return matching { $0.properties.isEmoji }
        case "han", "script=han", "sc=han": return han
        default: return nil
        }
    }

    private typealias Category = Unicode.GeneralCategory
    private static let letters: Set<Category> = [
        .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
    ]
    private static let punctuation: Set<Category> = [
        .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
        .finalPunctuation, .otherPunctuation,
    ]

    private static let categoryNames: [String: Set<Category>] = {
        let single: [(String, String, Category)] = [
            ("lu", "uppercaseletter", .uppercaseLetter), ("ll", "lowercaseletter", .lowercaseLetter),
            ("lt", "titlecaseletter", .titlecaseLetter), ("lm", "modifierletter", .modifierLetter),
            ("lo", "otherletter", .otherLetter), ("mn", "nonspacingmark", .nonspacingMark),
            ("mc", "spacingmark", .spacingMark), ("me", "enclosingmark", .enclosingMark),
            ("nd", "decimalnumber", .decimalNumber), ("nl", "letternumber", .letterNumber),
            ("no", "othernumber", .otherNumber), ("pc", "connectorpunctuation", .connectorPunctuation),
            ("pd", "dashpunctuation", .dashPunctuation), ("ps", "openpunctuation", .openPunctuation),
            ("pe", "closepunctuation", .closePunctuation), ("pi", "initialpunctuation", .initialPunctuation),
            ("pf", "finalpunctuation", .finalPunctuation), ("po", "otherpunctuation", .otherPunctuation),
            ("sm", "mathsymbol", .mathSymbol), ("sc", "currencysymbol", .currencySymbol),
            ("sk", "modifiersymbol", .modifierSymbol), ("so", "othersymbol", .otherSymbol),
            ("zs", "spaceseparator", .spaceSeparator), ("zl", "lineseparator", .lineSeparator),
            ("zp", "paragraphseparator", .paragraphSeparator), ("cc", "control", .control),
            ("cf", "format", .format), ("cs", "surrogate", .surrogate), ("co", "privateuse", .privateUse),
            ("cn", "unassigned", .unassigned),
        ]
        let groups: [(String, String, Set<Category>)] = [
            ("l", "letter", letters), ("lc", "casedletter", [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter]),
            ("m", "mark", [.nonspacingMark, .spacingMark, .enclosingMark]),
            ("n", "number", [.decimalNumber, .letterNumber, .otherNumber]), ("p", "punctuation", punctuation),
            ("s", "symbol", [.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol]),
            ("z", "separator", [.spaceSeparator, .lineSeparator, .paragraphSeparator]),
            ("c", "other", [.control, .format, .surrogate, .privateUse, .unassigned]),
        ]
        var names: [String: Set<Category>] = ["l&": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter]]
        for (short, long, category) in single { (names[short], names[long]) = ([category], [category]) }
        for (short, long, categories) in groups { (names[short], names[long]) = (categories, categories) }
        return names
    }()

    // Unicode's Scripts.txt; the standard library does not publish scripts.
    private static let han = ScalarSet(ranges: [
        0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029,
        0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9, 0x16FE2...0x16FE3,
        0x16FF0...0x16FF1, 0x20000...0x2A6DF, 0x2A700...0x2B739, 0x2B740...0x2B81D, 0x2B820...0x2CEA1,
        0x2CEB0...0x2EBE0, 0x2EBF0...0x2EE5D, 0x2F800...0x2FA1D, 0x30000...0x3134A, 0x31350...0x323AF,
    ])
}

/// The general category of every scalar as ranges, found once: naming a category is then a filter over a few thousand.
private struct CategoryTable: Sendable {
    static let shared = CategoryTable()
    private let runs: [(range: ClosedRange<UInt32>, category: Unicode.GeneralCategory)]

    private init() {
        var runs: [(range: ClosedRange<UInt32>, category: Unicode.GeneralCategory)] = []
        for value in ScalarSet.assignedPlanes.joined() {
            let category = Unicode.Scalar(value)?.properties.generalCategory ?? .surrogate
            if let previous = runs.last, previous.category == category, previous.range.upperBound + 1 == value {
                runs[runs.count - 1].range = previous.range.lowerBound...value
            } else {
                runs.append((value...value, category))
            }
        }
        runs.append((0x40000...0xDFFFF, .unassigned))
        for plane: UInt32 in [0xF0000, 0x100000] {
            runs.append((plane...plane + 0xFFFD, .privateUse))
            runs.append((plane + 0xFFFE...plane + 0xFFFF, .unassigned))
        }
        self.runs = runs
    }

    func set(where predicate: (Unicode.GeneralCategory) -> Bool) -> ScalarSet {
        ScalarSet(ranges: runs.filter { predicate($0.category) }.map(\.range))
    }
}

/// Which scalars differ only in case, by Unicode's one-to-one case mappings (`s`, `S` and `ſ` are one family).
enum CaseFolding {
    private static let families: [UInt32: [UInt32]] = {
        var byKey: [UInt32: [UInt32]] = [:]
        let cased = ScalarSet.matching {
            $0.properties.changesWhenUppercased || $0.properties.changesWhenLowercased
        }
        for value in cased.ranges.joined() {
            byKey[key(of: value), default: []].append(value)
        }
        var families: [UInt32: [UInt32]] = [:]
        for (key, members) in byKey {
            let family = Set(members + [key]).sorted()
            for member in family where family.count > 1 { families[member] = family }
        }
        return families
    }()

    private static func key(of value: UInt32) -> UInt32 {
        guard let scalar = Unicode.Scalar(value) else { return value }
        let upper = single(scalar.properties.uppercaseMapping) ?? scalar
        return (single(upper.properties.lowercaseMapping) ?? upper).value
    }

    private static func single(_ text: String) -> Unicode.Scalar? {
        text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
    }

    /// `set` with every scalar that differs from a member only in case.
    static func closure(of set: ScalarSet) -> ScalarSet {
        if set.ranges.count == 1, let range = set.ranges.first, range.count == 1 {
            guard let family = families[range.lowerBound] else { return set }
            return ScalarSet(ranges: family.map { $0...$0 })
        }
        var ranges = set.ranges
        for (member, family) in families where set.contains(member) { ranges += family.map { $0...$0 } }
        return ScalarSet(ranges: ranges)
    }
}
