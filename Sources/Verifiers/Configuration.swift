import OrderedCollections
public import TextCore

/// A value that is read from JSON, such as an option of a recipe or a column of a row.
public protocol JSONReadable: Sendable {
    /// What the JSON must be, in the words of an error message: `a string`.
    static var expectation: String { get }

    /// `nil` when `json` is something else.
    init?(json: JSON)
}

extension String: JSONReadable {
    public static var expectation: String { "a string" }
    public init?(json: JSON) {
        guard let text = json.string else { return nil }
        self = text
    }
}

extension Bool: JSONReadable {
    public static var expectation: String { "true or false" }
    public init?(json: JSON) {
        guard let value = json.bool else { return nil }
        self = value
    }
}

extension Int: JSONReadable {
    public static var expectation: String { "a whole number" }
    public init?(json: JSON) {
        guard let value = json.int else { return nil }
        self = value
    }
}

extension Double: JSONReadable {
    public static var expectation: String { "a number" }
    public init?(json: JSON) {
        guard let value = json.double, value.isFinite else { return nil }
        self = value
    }
}

extension Array: JSONReadable where Element: JSONReadable {
    public static var expectation: String { "a list, each element \(Element.expectation)" }
    public init?(json: JSON) {
        guard let elements = json.array else { return nil }
        self = []
        for element in elements {
            guard let value = Element(json: element) else { return nil }
            append(value)
        }
    }
}

extension Optional: JSONReadable where Wrapped: JSONReadable {
    public static var expectation: String { Wrapped.expectation }
    public init?(json: JSON) {
        if json.isNull { self = .none } else if let value = Wrapped(json: json) { self = value } else { return nil }
    }
}

/// A choice among names, such as `enum Mode: String, NamedChoice { case any, all }`.
public protocol NamedChoice: JSONReadable, RawRepresentable<String>, CaseIterable {}

extension NamedChoice {
    public static var expectation: String { "one of " + allCases.map(\.rawValue).joined(separator: ", ") }
    public init?(json: JSON) {
        guard let name = json.string else { return nil }
        self.init(rawValue: name)
    }
}

/// The options of a verifier. The values of `init()` are the defaults.
public protocol VerifierConfiguration: Sendable {
    /// The options, each with its name, property and meaning.
    static var options: [ConfigurationOption<Self>] { get }
    init()
}

/// No options.
public struct NoConfiguration: VerifierConfiguration {
    public static let options: [ConfigurationOption<NoConfiguration>] = []
    public init() {}
}

/// One option of a configuration: its name in a recipe, what it means, and the property that holds it.
public struct ConfigurationOption<Configuration: Sendable>: Sendable {
    /// The name in a recipe.
    public let name: String
    /// What it means, in one sentence.
    public let summary: String
    /// What its value must be.
    public let expectation: String
    /// Whether a text is the path of a file, from the recipe's folder.
    public let isPath: Bool
    let set: @Sendable (inout Configuration, JSON) -> Bool

    /// - Parameters:
    ///   - name: the name in a recipe.
    ///   - property: the property that holds it.
    ///   - summary: what it means, in one sentence.
    ///   - isPath: whether a text is the path of a file, which is then made absolute.
    ///   - allowed: the values allowed, in words, and the check.
    public init<Value: JSONReadable>(
        _ name: String, _ property: any WritableKeyPath<Configuration, Value> & Sendable, _ summary: String,
        isPath: Bool = false, allowed: (words: String, check: @Sendable (Value) -> Bool)? = nil
    ) {
        self.name = name
        self.summary = summary
        self.isPath = isPath
        expectation = allowed?.words ?? Value.expectation
        let check = allowed?.check
        set = { configuration, json in
            guard let value = Value(json: json), check?(value) ?? true else { return false }
            configuration[keyPath: property] = value
            return true
        }
    }
}

extension VerifierConfiguration {
    /// The defaults with the given options set over them.
    ///
    /// - Parameter json: an object whose keys are names of options.
    /// - Throws: `VerifierFailure` of kind `configuration` that names the option: unknown, with the nearest known one,
    ///   or of a wrong type.
    public init(options json: JSON) throws(VerifierFailure) {
        self.init()
        guard let members = json.object else {
            throw VerifierFailure(.configuration, "options are an object, and \(json.kind) was given")
        }
        for (key, value) in members {
            guard let option = Self.options.first(where: { $0.name == key }) else {
                let names = Self.options.map(\.name)
                let hint =
                    nearestName(to: key, among: names).map { "Did you mean '\($0)'?" }
                    ?? (names.isEmpty ? "It has no options." : "Known: \(names.joined(separator: ", ")).")
                throw VerifierFailure(.configuration, option: key, "unknown option. \(hint)")
            }
            guard option.set(&self, value) else {
                throw VerifierFailure(
                    .configuration, option: key, "\(option.expectation) is expected, and \(value.text()) was given")
            }
        }
    }
}
