import TextCore

/// 1 when the whole answer is one JSON value (RFC 8259): no byte after it but white space, no key twice, not too deep.
///
/// With `allow_fence`, an answer that is a fenced block and nothing else is taken without its first and last line.
public struct JSONValid: ImmediateVerifier, SelfTesting {
    public struct Configuration: VerifierConfiguration {
        /// Where the answer is.
        public var extract = Extraction.answer
        /// Whether the value may stand in a fenced block.
        public var allowFence = false
        /// Arrays and objects inside each other, at most.
        public var maxDepth = 64
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("extract", \.extract, "Where the answer is."),
            .init("allow_fence", \.allowFence, "Whether the value may stand in a fenced block."),
            .init(
                "max_depth", \.maxDepth, "Arrays and objects inside each other, at most.",
                allowed: ("a whole number from 1 to 512", { (1...512).contains($0) })),
        ]
    }

    public static let name = "json_valid"
    public static let summary = "the whole answer is one JSON value"
    private let configuration: Configuration

    public init(_ configuration: Configuration) { self.configuration = configuration }

    public func verify(_ rollout: Rollout, against reference: NoReference) throws(VerifierFailure) -> Verdict {
        guard let answer = configuration.extract.text(in: rollout) else {
            return .fail(note: configuration.extract.absence(in: rollout))
        }
        let text = configuration.allowFence ? withoutFence(answer) : answer
        do throws(JSONError) {
            let value = try JSON(parsing: text, limits: JSONLimits(depth: configuration.maxDepth))
            return .pass(extracted: value.text())
        } catch {
            return .fail(note: error.description)
        }
    }

    /// What stands between ``` and ```, when that is the whole text.
    private func withoutFence(_ text: String) -> String {
        let trimmed = text.trimmed
        let lines = trimmed.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        guard lines.count >= 3, lines[0].hasPrefix("```"), lines.last?.trimmed == "```" else { return text }
        return lines[1..<(lines.count - 1)].joined(separator: "\n")
    }

    public func probes(for reference: NoReference) -> [VerifierProbe] {
        let depth = configuration.maxDepth
        let gold = depth > 1 ? #"{"a": [1, "b", null]}"# : #"{"a": 1}"#
        var probes = TextProbes.probes(gold: [gold], extract: configuration.extract, refusesMore: true)
        let tooDeep = String(repeating: "[", count: depth + 1) + String(repeating: "]", count: depth + 1)
        for (name, text) in [("brackets", "{}{}[][]"), ("one key twice", #"{"a": 1, "a": 2}"#), ("too deep", tooDeep)] {
            guard let answer = configuration.extract.written(text) else { continue }
            probes.append(VerifierProbe(name, answer: answer, passes: false))
        }
        return probes
    }
}
