/// 1 when the text is made of the asked-for blocks, as in `<think>…</think>` and then the answer.
///
/// The whole text, reasoning included, must begin with the blocks in their order, with nothing but white space before and
/// between them. Each opening and closing tag must stand in the text exactly once (with `once: false` at least once), no
/// block may be empty, and neither may what follows the last block (`after: text`). A first block that the prompt opened
/// counts as opened. With `penalty: p` a text of the right form is worth 0 and any other -p, so that form can only be lost
/// by, and never earned with; that is the safer use next to a reward for right answers.
public struct FormatTags: ImmediateVerifier, SelfTesting {
    /// What follows the last block.
    public enum After: String, NamedChoice {
        /// Text that is not only white space.
        case text
        /// Nothing but white space.
        case nothing
        /// Anything.
        case any
    }

    public struct Configuration: VerifierConfiguration {
        /// The tags' names, in order.
        public var tags = ["think"]
        /// Whether a tag may stand only once in the text.
        public var once = true
        /// Whether blocks must hold more than white space.
        public var nonempty = true
        /// What follows the last block; `nil` is `text` for one tag, whose answer follows, and `nothing` for several.
        public var after: After?
        /// What a text of another form loses; `nil` for a value of 1 or 0.
        public var penalty: Double?
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init(
                "tags", \.tags, "The tags' names, in order.",
                allowed: (
                    "a list of different names, at least one",
                    { names in
                        !names.isEmpty && Set(names).count == names.count
                            && names.allSatisfy {
                                !$0.isEmpty && $0.unicodeScalars.allSatisfy { $0.isWord || $0 == "-" }
                            }
                    }
                )),
            .init("once", \.once, "Whether a tag may stand only once in the text."),
            .init("nonempty", \.nonempty, "Whether blocks must hold more than white space."),
            .init(
                "after", \.after, "What follows the last block: text (the default for one tag), nothing, or any."),
            .init(
                "penalty", \.penalty, "What a text of another form loses; the right one is then worth 0.",
                allowed: ("a number above 0, at most 1", { $0.map { $0 > 0 && $0 <= 1 } ?? true })),
        ]
    }

    public static let name = "format_tags"
    public static let summary = "the text is made of tagged blocks in their order"
    public static let range = -1.0...1.0
    private let configuration: Configuration
    private let after: After

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        after = configuration.after ?? (configuration.tags.count == 1 ? .text : .nothing)
    }

    public func verify(_ rollout: Rollout, against reference: NoReference) throws(VerifierFailure) -> Verdict {
        let opened = rollout.reasoningIsOpen ? "<\(configuration.tags[0])>" : ""
        let fault = fault(in: Array((opened + rollout.fullText).utf8))
        let value =
            configuration.penalty.map { fault == nil ? 0 : -$0 } ?? (fault == nil ? 1.0 : 0)
        return .score(Score(value, passed: fault == nil, note: fault))
    }

    /// What is wrong with a text's form.
    private func fault(in text: [UInt8]) -> String? {
        var position = 0
        for tag in configuration.tags {
            let opening = Array("<\(tag)>".utf8)
            let closing = Array("</\(tag)>".utf8)
            while position < text.count, Self.isSpace(text[position]) { position += 1 }
            guard text[position...].starts(with: opening) else { return "<\(tag)> does not stand where it should" }
            let start = position + opening.count
            guard let end = Self.places(of: closing, in: text).first(where: { $0 >= start }) else {
                return "<\(tag)> is never closed"
            }
            if configuration.once,
                Self.places(of: opening, in: text).count > 1 || Self.places(of: closing, in: text).count > 1
            {
                return "<\(tag)> or </\(tag)> stands more than once in the text"
            }
            if configuration.nonempty, text[start..<end].allSatisfy(Self.isSpace) { return "<\(tag)> is empty" }
            position = end + closing.count
        }
        let isEmpty = String(decoding: text[position...], as: UTF8.self).trimmed.isEmpty
        switch after {
        case .text: return isEmpty ? "no answer follows" : nil
        case .nothing: return isEmpty ? nil : "there is text after the last block"
        case .any: return nil
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func places(of tag: [UInt8], in text: [UInt8]) -> [Int] {
        text.indices.filter { text[$0] == tag[0] && text[$0...].starts(with: tag) }
    }

    public func probes(for reference: NoReference) -> [VerifierProbe] {
        func text(_ content: String, _ rest: String) -> String {
            configuration.tags.map { "<\($0)>\(content)</\($0)>" }.joined(separator: "\n") + rest
        }
        let rest = after == .nothing ? "" : "\nresult"
        var probes = [
            VerifierProbe("gold", answer: text("some content", rest), passes: true),
            VerifierProbe("empty", answer: "", passes: false),
            VerifierProbe("white space", answer: " \n\t ", passes: false),
            VerifierProbe("no tags", answer: "some content", passes: false),
            VerifierProbe("never closed", answer: "<\(configuration.tags[0])>some content", passes: false),
            VerifierProbe("text before", answer: "First " + text("some content", rest), passes: false),
        ]
        if configuration.nonempty {
            probes.append(VerifierProbe("empty blocks", answer: text("", rest), passes: false))
        }
        if configuration.once {
            let twice = text("some content", "") + text("some content", rest)
            probes.append(VerifierProbe("repeated blocks", answer: twice, passes: false))
        }
        return probes
    }
}
