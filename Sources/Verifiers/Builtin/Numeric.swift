import OrderedCollections
public import TextCore

/// 1 when the number in the answer is the reference's: |a - b| ≤ atol + rtol · |b|, with a the answer and b the reference.
///
/// Numbers are read by `NumberReader`'s grammar. The defaults ask for the same number: `atol` is 0, and `rtol` forgives
/// the rounding of binary fractions only. With `units` a number that one of them follows is multiplied with its factor,
/// in the answer and in the reference: `units: {km: 1000, m: 1}`. A reference in which there is no number, or of several
/// none is marked as the answer, is a failure of its row.
public struct Numeric: ImmediateVerifier {
    /// Where in a text its number is.
    public enum Place: JSONReadable {
        /// In the last `\boxed{…}` if there is one, else behind `####`, else the last number.
        case auto
        /// The text is a number and nothing else.
        case whole
        /// In what is extracted: for `boxed` a fraction or the last number, for `hash4` the first number, for the last
        /// number itself, for `answer` and `full` all of the text, and else the only number.
        case extraction(Extraction)

        public static let expectation = "auto, whole, or " + Extraction.expectation

        public init?(json: JSON) {
            switch json.string {
            case "auto": self = .auto
            case "whole": self = .whole
            default:
                guard let extraction = Extraction(json: json) else { return nil }
                self = .extraction(extraction)
            }
        }
    }

    /// Units and what a number before them is multiplied with.
    public struct Units: JSONReadable {
        public static let expectation = "a list of units, or an object of units and their factors, above 0"
        var factors: [String: Double] = [:]

        public init() {}
        public init?(json: JSON) {
            if let names = json.array {
                for name in names {
                    guard let name = name.string, !name.trimmed.isEmpty else { return nil }
                    factors[name] = 1
                }
                return
            }
            guard let members = json.object else { return nil }
            for (name, value) in members {
                guard let factor = Double(json: value), factor > 0, !name.trimmed.isEmpty else { return nil }
                factors[name] = factor
            }
        }
    }

    public struct Configuration: VerifierConfiguration {
        /// Where in the answer the number is.
        public var extract = Place.auto
        /// Absolute tolerance, at least 0.
        public var tolerance = 0.0
        /// Relative tolerance, at least 0; the default forgives the rounding of binary fractions only.
        public var relativeTolerance = 1e-9
        /// What `50%` is.
        public var percent = NumberReader.Percent.number
        /// Units that may stand behind a number, and their factors.
        public var units = Units()
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("extract", \.extract, "Where in the answer the number is."),
            tolerance("atol", \.tolerance, "How far the number may be off."),
            tolerance("rtol", \.relativeTolerance, "How far it may be off, as a share of the reference."),
            tolerance("tolerance", \.tolerance, "Another name for atol."),
            tolerance("relative_tolerance", \.relativeTolerance, "Another name for rtol."),
            .init("percent", \.percent, "Whether 50% is 50 (number), 0.5 (fraction), or no number (refuse)."),
            .init("units", \.units, "Units that may stand behind a number, and what it is multiplied with."),
        ]

        private static func tolerance(
            _ name: String, _ property: any WritableKeyPath<Self, Double> & Sendable, _ summary: String
        ) -> ConfigurationOption<Self> {
            .init(name, property, summary, allowed: ("a number of at least 0", { $0 >= 0 }))
        }
    }

    public static let name = "numeric"
    public static let summary = "the number in the answer is the reference"
    private let configuration: Configuration
    private var reader: NumberReader {
        NumberReader(percent: configuration.percent, units: configuration.units.factors)
    }

    public init(_ configuration: Configuration) { self.configuration = configuration }

    /// The number of a row: a JSON number, or a text with a number that is found as in the answer.
    public struct Reference: JSONReadable, Hashable {
        public static let expectation = "a number, or a text with one"
        /// The number in JSON, or the text that holds it.
        public var value: JSON

        public init(_ value: Double) { self.value = .number(value) }
        public init?(json: JSON) {
            guard json.double != nil || json.string != nil else { return nil }
            value = json
        }
    }

    public func check(_ reference: Reference) throws(VerifierFailure) { _ = try number(in: reference) }

    /// "70,000" as well as a worked solution that ends in "#### 70,000".
    private func number(in reference: Reference) throws(VerifierFailure) -> Double {
        if let number = reference.value.double {
            guard number.isFinite else { throw VerifierFailure(.item, "the reference is too large a number") }
            return number
        }
        let text = reference.value.string ?? ""
        if let number = reader.whole(text) { return number }
        if case .extraction(let place) = configuration.extract, place != .lastNumber,
            let marked = number(in: text, place)
        {
            return marked.value
        }
        let marked = number(in: text, .boxed) ?? number(in: text, .hash4)
        if let marked = marked ?? reader.only(in: text) { return marked.value }
        throw VerifierFailure(
            .item,
            reader.last(in: text) == nil
                ? "there is no number in the reference '\(text.prefix(80))'"
                : "which number in the reference '\(text.prefix(80))' is the answer? Give it alone, in a box or behind ####"
        )
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        let wanted = try number(in: reference)
        let text: String?
        if case .extraction(.full) = configuration.extract {
            text = rollout.fullText
        } else {
            text = rollout.answerText
        }
        guard let text else { return .fail(note: "the reasoning never ended") }
        guard let found = number(in: text) else { return .fail(note: "no number in the answer") }
        let bound = configuration.tolerance + configuration.relativeTolerance * abs(wanted)
        return .check(abs(found.value - wanted) <= bound, extracted: found.text)
    }

    private func number(in text: String) -> NumberReader.Found? {
        switch configuration.extract {
        case .whole: return whole(text)
        case .extraction(let place): return number(in: text, place)
        case .auto:
            if let content = Extraction.boxed.text(in: text) { return reader.boxed(content) }
            return number(in: text, .hash4) ?? reader.last(in: text)
        }
    }

    private func whole(_ text: String) -> NumberReader.Found? {
        reader.whole(text).map { NumberReader.Found(value: $0, text: text.trimmed) }
    }

    private func number(in text: String, _ place: Extraction) -> NumberReader.Found? {
        if place == .lastNumber { return reader.last(in: text) }
        guard let part = place.text(in: text) else { return nil }
        let name = place.description
        if name.hasPrefix("boxed") { return reader.boxed(part) }
        if name.hasPrefix("hash4") { return reader.first(in: part) }
        if place == .answer || place == .full { return whole(part) }
        return whole(part) ?? reader.only(in: part)
    }
}

extension Numeric: SelfTesting {
    public func probes(for reference: Reference) -> [VerifierProbe] {
        guard let wanted = try? number(in: reference) else { return [] }
        let place: Extraction
        switch configuration.extract {
        case .auto: place = .hash4
        case .whole: place = .answer
        case .extraction(let chosen): place = chosen
        }
        // Twice as far as the tolerance goes.
        let other = wanted + 1 + 2 * (configuration.tolerance + configuration.relativeTolerance * abs(wanted))
        let digits = (0..<10).map(String.init).joined(separator: ", ")
        var cases = [("gold", Self.text(wanted), true), ("another number", Self.text(other), false)]
        // Behind `####` the first number counts, here 0.
        if place != .hash4 || abs(wanted) > configuration.tolerance {
            cases.append(("many numbers", "\(digits), \(Self.text(wanted)), \(Self.text(other))", false))
        }
        var probes = [VerifierProbe("empty", answer: "", passes: false)]
        for (name, answer, passes) in cases {
            if let text = place.written(answer) { probes.append(VerifierProbe(name, answer: text, passes: passes)) }
        }
        return probes
    }

    /// Whole numbers without a point, as models write them.
    private static func text(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? "\(value)"
    }
}
