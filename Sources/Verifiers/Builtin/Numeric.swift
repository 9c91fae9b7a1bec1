public import TextCore

/// 1 when the number in the answer is the reference's: |a - b| ≤ tolerance + relative_tolerance · |b|.
public struct Numeric: ImmediateVerifier {
    /// Where in a text its number is.
    public enum Extraction: String, NamedChoice {
        /// In the last `\boxed{…}` if there is one, else behind `####`, else the last number.
        case auto
        /// In the last `\boxed{…}`.
        case boxed
        /// Behind the last `####` in the last 300 bytes.
        case hash4
        /// The last number of the text.
        case lastNumber = "last_number"
        /// The text is a number and nothing else.
        case whole
    }

    public struct Configuration: VerifierConfiguration {
        /// Where in the answer the number is.
        public var extract = Extraction.auto
        /// Absolute tolerance, at least 0.
        public var tolerance = 0.0
        /// Relative tolerance, at least 0; the default forgives the rounding of binary fractions only.
        public var relativeTolerance = 1e-9
        /// What `50%` is.
        public var percent = NumberReader.Percent.number
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("extract", \.extract, "Where in the answer the number is."),
            .init(
                "tolerance", \.tolerance, "How far the number may be off.",
                allowed: ("a number of at least 0", { $0 >= 0 })),
            .init(
                "relative_tolerance", \.relativeTolerance, "How far it may be off, as a share of the reference.",
                allowed: ("a number of at least 0", { $0 >= 0 })),
            .init("percent", \.percent, "Whether 50% is 50 (number), 0.5 (fraction), or no number (refuse)."),
        ]
    }

    public static let name = "numeric"
    public static let summary = "the number in the answer is the reference"
    private let configuration: Configuration
    private var reader: NumberReader { NumberReader(percent: configuration.percent) }

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

    private func number(in reference: Reference) throws(VerifierFailure) -> Double {
        if let number = reference.value.double { return number }
        let text = reference.value.string ?? ""
        // "70,000" as well as a worked solution that ends in "#### 70,000".
        if let number = reader.whole(text) ?? self.number(in: text, configuration.extract)?.value { return number }
        throw VerifierFailure(.item, "there is no number in the reference '\(text.prefix(80))'")
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        let wanted = try number(in: reference)
        guard let answer = rollout.answerText else { return .fail(note: "the reasoning never ended") }
        guard let found = number(in: answer, configuration.extract) else {
            return .fail(note: "no number in the answer")
        }
        let bound = configuration.tolerance + configuration.relativeTolerance * abs(wanted)
        return .check(abs(found.value - wanted) <= bound, extracted: found.text)
    }

    private func number(in text: String, _ extraction: Extraction) -> NumberReader.Found? {
        switch extraction {
        case .whole: return reader.whole(text).map { NumberReader.Found(value: $0, text: text.trimmed) }
        case .lastNumber: return reader.last(in: text)
        case .boxed:
            return lastBoxed(in: text).flatMap { reader.boxed($0) }
        case .hash4:
            guard let mark = text.lastRange(of: "####"),
                text.utf8.distance(from: mark.lowerBound, to: text.endIndex) <= 300
            else { return nil }
            return reader.first(in: String(text[mark.upperBound...]))
        case .auto:
            if let content = lastBoxed(in: text) { return reader.boxed(content) }
            return number(in: text, .hash4) ?? reader.last(in: text)
        }
    }
}

/// What the last `\boxed{` of a text holds, with its inner braces; `nil` when there is none or it is never closed.
func lastBoxed(in text: String) -> String? {
    guard let opening = text.lastRange(of: "\\boxed{") else { return nil }
    var depth = 1
    var index = opening.upperBound
    while index < text.endIndex {
        let byte = text.utf8[index]
        if byte == UInt8(ascii: "{") { depth += 1 }
        if byte == UInt8(ascii: "}") {
            depth -= 1
            if depth == 0 { return String(text[opening.upperBound..<index]) }
        }
        index = text.utf8.index(after: index)
    }
    return nil
}
