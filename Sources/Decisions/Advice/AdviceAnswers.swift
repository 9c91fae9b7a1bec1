/// What somebody who thinks of tuning a model knows: the five gates, the model, the money.
public struct AdviceAnswers: Sendable, Hashable {
    /// What the model is to do, in a few words.
    public var task = ""
    /// What is to become better.
    public var goal = Goal.quality
    /// Gate 1: a strong model with a good prompt.
    public var prompt = PromptTrial.untried
    /// Gate 2: what the model would have to look up or do.
    public var missing = Missing.nothing
    /// Gate 2: whether giving it that was tried.
    public var retrieval = Trial.untried
    /// Gate 3: a model that thinks before it answers.
    public var reasoning = ReasoningTrial.unneeded
    /// Gate 4: whether the task is narrow and repetitive.
    public var narrow = true
    /// Gate 5: what there is to learn from.
    public var examples = ExampleAnswers()
    /// The model to tune.
    public var model = ModelAnswers()
    /// The money.
    public var cost = CostAnswers()

    /// What is to become better.
    public enum Goal: String, Sendable, Hashable, CaseIterable {
        case quality, cost, latency, format, style, domain
    }

    /// What became of a strong model with a good prompt.
    public enum PromptTrial: String, Sendable, Hashable, CaseIterable {
        case untried, enough, costly, short
    }

    /// What the model lacks.
    public enum Missing: String, Sendable, Hashable, CaseIterable {
        case nothing, facts, tools
    }

    /// What became of something that was tried.
    public enum Trial: String, Sendable, Hashable, CaseIterable {
        case untried, enough, short
    }

    /// What became of a model that thinks before it answers.
    public enum ReasoningTrial: String, Sendable, Hashable, CaseIterable {
        case unneeded, untried, enough, costly, short
    }

    /// Nothing was answered yet.
    public init() {}

    /// Whether a model is good enough but too dear or too slow: one to learn from.
    var hasTeacher: Bool { prompt == .costly || reasoning == .costly }
}

/// What there is to learn from.
public struct ExampleAnswers: Sendable, Hashable {
    /// Questions with good answers.
    public var demonstrations = 0
    /// Pairs of a better and a worse answer.
    public var pairs = 0
    /// Questions without an answer.
    public var prompts = 0
    /// Tokens of plain text of the field.
    public var corpusTokens = 0
    /// Whether the examples were looked at.
    public var quality = Quality.unchecked
    /// Whether a program can tell a right answer from a wrong one.
    public var checkable = false
    /// How often the model to tune is right already.
    public var solves = Solves.sometimes

    /// Whether examples were looked at, and what was seen.
    public enum Quality: String, Sendable, Hashable, CaseIterable {
        case unchecked, good, noisy
    }

    /// How often a model is right.
    public enum Solves: String, Sendable, Hashable, CaseIterable {
        case never, sometimes, mostly
    }

    /// There is nothing.
    public init() {}
}

/// The model to tune and the machine to do it on.
public struct ModelAnswers: Sendable, Hashable {
    /// Its parameters; `nil` where it is not chosen.
    public var parameters: ParameterCount?
    /// Memory to train in; `nil` where it is not known.
    public var memory: ByteAmount?

    /// Nothing is chosen yet.
    public init() {}
}

/// How many parameters a model has: `8B`, `600M`, `1.7B`.
public struct ParameterCount: Sendable, Hashable {
    /// The number, 1 to 10¹⁵.
    public let count: Int

    /// - Parameter count: 1 to 10¹⁵.
    public init?(_ count: Int) {
        guard (1...1_000_000_000_000_000).contains(count) else { return nil }
        self.count = count
    }

    /// What `8B`, `600M`, `360 K` or a plain number says.
    public init?(_ text: String) {
        let units: [Character: Double] = ["K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12]
        let trimmed = text.filter { $0 != " " && $0 != "," && $0 != "_" }.uppercased()
        let unit = trimmed.last.flatMap { units[$0] }
        guard let number = Double(unit == nil ? trimmed[...] : trimmed.dropLast()),
            let count = Int(exactly: (number * (unit ?? 1)).rounded())
        else { return nil }
        self.init(count)
    }

    /// `8B`, `600M`, `1.24M`.
    public var text: String {
        let units: [(Int, String)] = [(1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1000, "K")]
        guard let (unit, name) = units.first(where: { count >= $0.0 }) else { return "\(count)" }
        let hundredths = (Double(count) / Double(unit) * 100).rounded() / 100
        return (hundredths == hundredths.rounded() ? "\(Int(exactly: hundredths) ?? 0)" : "\(hundredths)") + name
    }
}

/// An amount of memory: `24GB`, `80 GiB`.
public struct ByteAmount: Sendable, Hashable {
    /// Bytes, at least 1.
    public let bytes: Int

    /// - Parameter bytes: at least 1.
    public init?(_ bytes: Int) {
        guard bytes > 0 else { return nil }
        self.bytes = bytes
    }

    /// What `24GB`, `80 GiB` or a plain number of bytes says.
    public init?(_ text: String) {
        let units: [(String, Double)] = [
            ("KIB", 0x1p10), ("MIB", 0x1p20), ("GIB", 0x1p30), ("TIB", 0x1p40), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9),
            ("TB", 1e12), ("B", 1), ("", 1),
        ]
        let trimmed = text.filter { $0 != " " && $0 != "," }.uppercased()
        guard let (unit, factor) = units.first(where: { trimmed.hasSuffix($0.0) }),
            let number = Double(trimmed.dropLast(unit.count)), number * factor < 0x1p60,
            let bytes = Int(exactly: (number * factor).rounded())
        else { return nil }
        self.init(bytes)
    }
}
