import OrderedCollections
public import TextCore

/// How two values of a field are compared.
public enum FieldComparer: String, NamedChoice {
    /// The same value: numbers by their value, texts by their scalars after the normalisers.
    case exact
    /// Both are numbers, or texts that are one, and |a - b| ≤ tolerance + relative_tolerance · |b|.
    case numeric
    /// Both are texts that name the same day (`2024-03-05`, `5 March 2024`).
    case date
    /// Two texts are alike by 1 - d/n, for d insertions, deletions and substitutions and n scalars of the longer; below the
    /// threshold, 0. Texts so long that a table of edits would pass ten million cells are compared exactly.
    case fuzzy
}

/// How the values of one field are compared, and how much they count.
///
/// `{compare: numeric, tolerance: 0.01, weight: 2}`; everything may be left out.
public struct FieldRule: JSONReadable, Hashable {
    public static let expectation =
        "an object with compare (exact, numeric, date or fuzzy), weight (at least 0), tolerance and relative_tolerance "
        + "(for numeric, at least 0), threshold (for fuzzy, 0 to 1)"

    /// How two values are compared.
    public var compare = FieldComparer.exact
    /// How much each value of the field counts, at least 0.
    public var weight = 1.0
    /// For `numeric`, how far the number may be off.
    public var tolerance = 0.0
    /// For `numeric`, how far it may be off as a share of the reference.
    public var relativeTolerance = 1e-9
    /// For `fuzzy`, the least likeness that counts.
    public var threshold = 0.5

    /// Equal values, each counting 1.
    public init() {}

    public init?(json: JSON) {
        guard let members = json.object else { return nil }
        for (key, value) in members {
            switch key {
            case "compare":
                guard let comparer = FieldComparer(json: value) else { return nil }
                compare = comparer
            case "weight", "tolerance", "relative_tolerance", "threshold":
                guard let number = Double(json: value), number >= 0, number <= 1e9 else { return nil }
                switch key {
                case "weight": weight = number
                case "tolerance": tolerance = number
                case "relative_tolerance": relativeTolerance = number
                default:
                    guard number <= 1 else { return nil }
                    threshold = number
                }
            default: return nil
            }
        }
    }
}

/// A place in a JSON value, and all that stands below it: `price`, `items[].name`, `address.*`, or `/items/*/name`.
///
/// Keys are parted by points; `[]` is any element of a list and `*` any key. A path that begins with `/` is a JSON
/// pointer (`~1` for `/`, `~0` for `~`), in which `*` is any element or key; positions are not told apart.
public struct JSONFieldPath: JSONReadable, Hashable {
    public static let expectation = "a path such as price, items[].name or address.*"

    /// One step down.
    enum Step: Hashable {
        case key(String)
        case element
        case anyKey
        /// Any key or element.
        case any
    }

    let steps: [Step]

    public init?(json: JSON) {
        guard let text = json.string else { return nil }
        self.init(text)
    }

    /// `nil` for a text that is no path: an empty one, or one with an empty step.
    public init?(_ text: String) {
        var steps: [Step] = []
        if text.hasPrefix("/") {
            for token in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
                let key = String(token).replacing("~1", with: "/").replacing("~0", with: "~")
                steps.append(token == "*" ? .any : .key(key))
            }
        } else {
            for (index, part) in text.split(separator: ".", omittingEmptySubsequences: false).enumerated() {
                var key = part
                var elements = 0
                while key.hasSuffix("[]") {
                    key = key.dropLast(2)
                    elements += 1
                }
                guard !key.isEmpty || (index == 0 && elements > 0) else { return nil }
                if !key.isEmpty { steps.append(key == "*" ? .anyKey : .key(String(key))) }
                steps.append(contentsOf: repeatElement(.element, count: elements))
            }
        }
        guard !steps.isEmpty, steps.count <= 64 else { return nil }
        self.steps = steps
    }

    /// Whether `place` is this place or below it.
    func covers(_ place: [JSONFields.Place]) -> Bool {
        guard steps.count <= place.count else { return false }
        return zip(steps, place).allSatisfy { step, place in
            switch (step, place) {
            case (.key(let wanted), .key(let key)): wanted == key
            case (.anyKey, .key), (.any, _), (.element, .element): true
            default: false
            }
        }
    }
}

/// What a recipe says about fields.
public struct JSONFieldRules: JSONReadable, Hashable {
    public static let expectation = "an object of paths, each with \(FieldRule.expectation)"

    /// The rules, in the order in which they were written.
    public var rules: [(path: JSONFieldPath, rule: FieldRule)] { zip(paths, values).map { ($0, $1) } }
    private var paths: [JSONFieldPath] = []
    private var values: [FieldRule] = []

    /// No rules.
    public init() {}

    public init?(json: JSON) {
        guard let members = json.object, members.count <= 1000 else { return nil }
        for (key, value) in members {
            guard let path = JSONFieldPath(key), let rule = FieldRule(json: value) else { return nil }
            paths.append(path)
            values.append(rule)
        }
    }

    /// The rule of the path with the most steps that covers `place`; of equally long ones the first.
    func rule(for place: [JSONFields.Place]) -> FieldRule? {
        var best: (steps: Int, rule: FieldRule)?
        for (path, rule) in zip(paths, values) where path.steps.count > best?.steps ?? 0 && path.covers(place) {
            best = (path.steps.count, rule)
        }
        return best?.rule
    }
}

/// The fields that occur in the values of one comparison, each numbered, with its rule.
///
/// A field is a path in which the positions of elements are left out, so that all elements of a list share theirs.
struct JSONFields {
    enum Place: Hashable {
        case key(String)
        case element
    }

    private struct Step: Hashable {
        let parent: Int
        let place: Place
    }

    private let settings: JSONComparison.Settings
    private var numbers: [Step: Int] = [:]
    private var paths: [[Place]] = [[]]
    /// The rule of each field; `nil` for one that is ignored.
    private(set) var rules: [FieldRule?]

    /// The number of the whole value.
    static let root = 0

    init(_ settings: JSONComparison.Settings) {
        self.settings = settings
        rules = [settings.fallback]
    }

    /// The number of the field below another.
    mutating func field(_ place: Place, below parent: Int) -> Int {
        let step = Step(parent: parent, place: place)
        if let number = numbers[step] { return number }
        let number = rules.count
        numbers[step] = number
        let path = paths[parent] + [place]
        paths.append(path)
        let isIgnored = rules[parent] == nil || settings.ignored.contains { $0.covers(path) }
        rules.append(isIgnored ? nil : settings.rules.rule(for: path) ?? settings.fallback)
        return number
    }

    /// The path of a field, for people: `items[].name`.
    func name(of field: Int) -> String {
        paths[field].reduce(into: "") { text, place in
            switch place {
            case .key(let key): text += text.isEmpty ? key : "." + key
            case .element: text += "[]"
            }
        }
    }
}
