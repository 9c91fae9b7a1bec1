import TextCore
import Verifiers

/// One verifier of `rewards`: what it is, what its verdict is for, and what happens when it has none.
public struct RewardEntry: Sendable, Hashable {
    public var verifier: VerifierName?
    /// What it is called in metrics and logs; the verifier's name where none is written. Never empty after loading.
    public var id = ""
    public var role = RewardRole.reward
    /// What its value is multiplied by.
    public var weight = 1.0
    /// Of roles gate and filter: the value that is enough.
    public var atLeast = 1.0
    /// Column with what the row expects; the row's completion where none is written.
    public var target: String?
    /// What the row expects, put together from columns; `nil` where `target` says it.
    public var reference: NameMap?
    /// How long a call may take; the verifier's own limit when `nil`.
    public var timeout: CallTime?
    /// How often a call is repeated when something outside did not answer.
    public var retries = 3
    public var onError = OnVerifierError.exclude
    public var onAbstain = OnAbstain.exclude
    public var isolation = Isolation.auto
    /// Whether the verdicts of a verifier that always says the same are remembered.
    public var cache = true
    /// The verifier's own options.
    public var options = OpenKeys()

    public init() {}
}

/// What a verdict is for.
public enum RewardRole: String, Sendable, Hashable, CaseIterable {
    /// Part of what is maximised.
    case reward
    /// Added to what the rewards give together: penalties of length and repetition.
    case shaping
    /// A condition without which the reward is 0.
    case gate
    /// Only looked at.
    case metric
    /// A condition without which a rollout is not trained on.
    case filter
    /// How hard a row is, from 0 to 1: what a curriculum goes by.
    case difficulty
}

/// What happens to a rollout whose verifier failed.
public enum OnVerifierError: Sendable, Hashable {
    /// It is not trained on.
    case exclude
    /// The run ends.
    case fail
    /// It gets this value, which somebody has thought about.
    case constant(Double)
}

/// What happens to a rollout of which a verifier says nothing, while it judges others of the group.
public enum OnAbstain: String, Sendable, Hashable, CaseIterable {
    /// It is not trained on.
    case exclude
    /// The verdict counts 0.
    case zero
    /// The weights of the others are raised.
    case renormalize
}

/// Where a verifier runs.
public enum Isolation: String, Sendable, Hashable, CaseIterable {
    /// Built-in ones in the process, a user's own in a worker process.
    case auto
    /// In the process: faster, and a trap in it ends the run.
    case inline
    /// In a worker process.
    case process
}

/// A time as a recipe writes it: seconds, or `2s`, `500ms`, `1m`.
public struct CallTime: Sendable, Hashable {
    public var seconds: Double
    public init(seconds: Double) { self.seconds = seconds }
}

extension RewardRole: RecipeWord {}
extension OnAbstain: RecipeWord {
    package static var spellings: [String: OnAbstain] { ["renormalise": .renormalize, "skip": .exclude] }
}
extension Isolation: RecipeWord {
    package static var planned: [String: String] { ["container": "Write `isolation: process`"] }
}

extension OnVerifierError: RecipeValue {
    private static let expected = "exclude, fail or constant(NUMBER)"

    package static var shape: ValueShape {
        .scalar(
            schema: [
                "anyOf": [
                    ["enum": ["exclude", "fail"]],
                    ["type": "string", "pattern": "^constant\\(-?[0-9.]+\\)$"],
                ]
            ], expected: expected)
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> OnVerifierError? {
        let text = node.string ?? ""
        switch text {
        case "exclude": return .exclude
        case "fail": return .fail
        default:
            if text.hasPrefix("constant("), text.hasSuffix(")"),
                let value = Double(text.dropFirst("constant(".count).dropLast()), value.isFinite
            {
                return .constant(value)
            }
            let fix = text.hasPrefix("retry") ? "Write `retries: 3` beside it; on_error is what happens then" : nil
            decoder.reportType(node, expected: expected, example: "exclude", fix: fix)
            return nil
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .exclude: .string("exclude")
        case .fail: .string("fail")
        case .constant(let value): .string("constant(\(value))")
        }
    }
}

extension CallTime: RecipeValue {
    private static let expected = "a time such as 2s, 500ms or 1m"

    package static var shape: ValueShape {
        .scalar(
            schema: [
                "anyOf": [
                    ["type": "number", "exclusiveMinimum": 0],
                    ["type": "string", "pattern": "^[0-9.]+(ms|s|m)$"],
                ]
            ], expected: expected)
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> CallTime? {
        var seconds: Double?
        switch node.scalar {
        case .integer(let value): seconds = Double(value)
        case .number(let value): seconds = value
        default:
            for (unit, factor) in [("ms", 0.001), ("s", 1), ("m", 60)] {
                guard let text = node.string, text.hasSuffix(unit), let value = Double(text.dropLast(unit.count)) else {
                    continue
                }
                seconds = value * factor
                break
            }
        }
        guard let seconds, seconds.isFinite, seconds > 0, seconds <= 86_400 else {
            decoder.reportType(node, expected: expected + ", at most a day", example: "10s")
            return nil
        }
        return CallTime(seconds: seconds)
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .number(seconds) }
}

extension RewardEntry: RecipeSection {
    package static let table = SectionTable<RewardEntry>(
        "One verifier, with its own options beside these keys.", shorthand: "verifier",
        exclusive: [["target", "reference"]], others: \RewardEntry.options,
        fields: [
            Field(
                "verifier", \.verifier, "Name of a verifier, or the path of a Swift file with one.", exists: .file,
                isRequired: true),
            Field(
                "id", \.id, "What it is called in metrics and logs.", derivation: "the verifier's name",
                changesResults: false),
            Field("role", \.role, "What its verdict is for."),
            Field("weight", \.weight, "What its value is multiplied by."),
            Field("at_least", \.atLeast, "Of roles gate and filter: the value that is enough."),
            Field("target", \.target, "Column with what the row expects.", derivation: "the row's completion"),
            Field("reference", \.reference, "What the row expects, put together: a name for each column."),
            Field("timeout", \.timeout, "How long a call may take.", derivation: "the verifier's own limit"),
            Field(
                "retries", \.retries, "How often a call is repeated when something outside did not answer.",
                in: .within(0...100)),
            Field("on_error", \.onError, "What happens to a rollout whose verifier failed."),
            Field("on_abstain", \.onAbstain, "What happens when a verifier judges only some rollouts of a group."),
            Field("isolation", \.isolation, "Where the verifier runs.", changesResults: false),
            Field("cache", \.cache, "Whether verdicts that cannot change are remembered.", changesResults: false),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        if id.isEmpty { id = verifier?.name ?? "" }
        decoder.checkOptions(of: verifier, &options, in: Self.table.schema, isComplete: true)
        if decoder.isWritten("at_least"), role != .gate, role != .filter {
            decoder.report(
                "at_least", "\(decoder.key("at_least")) is written, but the role is \(role.rawValue)",
                why: "Nothing is held against it", fix: "Remove it, or write `role: gate`")
        }
        if decoder.isWritten("weight"), role != .reward, role != .shaping {
            decoder.report(
                "weight", "\(decoder.key("weight")) is written, but the role is \(role.rawValue)",
                why: "Only a reward is multiplied", fix: "Remove it, or write `role: reward`")
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        var unread: Set<String> = []
        if role != .gate, role != .filter { unread.insert("at_least") }
        if role != .reward, role != .shaping { unread.insert("weight") }
        return resolved(purpose, without: unread)
    }
}
