public import TextCore
import Training

/// Which prompts are worth their answers, by how often the policy has solved them.
///
/// A prompt whose pass rate was outside the range rests for some epochs: one that is always solved, or never, teaches
/// nothing now. Where rows have levels, only those up to the level reached are drawn; it rises and falls with the pass
/// rate of the last prompts.
public struct Curriculum: Sendable {
    /// What decides.
    public struct Settings: Sendable, Hashable {
        /// Prompts with a pass rate below or above it rest.
        public var passRates = 0.0...1.0
        /// Epochs for which they rest.
        public var restEpochs = 1
        /// Column with a row's level; `nil` without levels.
        public var levelColumn: String?
        /// Pass rate of the last prompts at which the level rises.
        public var raiseAt = 0.8
        /// Pass rate of the last prompts at which the level falls.
        public var lowerAt = 0.3
        /// Prompts that this pass rate is taken over.
        public var window = 64

        public init() {}
    }

    private let settings: Settings
    /// Until which epoch a row rests.
    private var resting: [String: Int] = [:]
    /// The level reached.
    public private(set) var level = 0
    /// Pass rates of the last prompts at this level.
    private var recent: [Double] = []

    public init(_ settings: Settings) { self.settings = settings }

    /// Prompts that rest.
    public var restingCount: Int { resting.count }

    /// Whether a prompt is drawn now.
    ///
    /// - Throws: `TrainingError` for a row without a level.
    public func draws(_ prompt: RolloutPrompt, epoch: Int) throws -> Bool {
        if let column = settings.levelColumn {
            guard let level = prompt.row[column]?.int else {
                throw TrainingError(
                    "\(prompt.source): the row has no whole number in '\(column)', which rft.curriculum.level_column "
                        + "names as its level")
            }
            if level > self.level { return false }
        }
        return resting[prompt.item].map { epoch >= $0 } ?? true
    }

    /// Learns how a prompt went.
    ///
    /// - Parameters:
    ///   - passRate: the share of its answers that passed.
    ///   - epoch: whole passes over the data so far.
    public mutating func record(_ prompt: RolloutPrompt, passRate: Double, epoch: Int) {
        if settings.passRates.contains(passRate) {
            resting[prompt.item] = nil
        } else {
            resting[prompt.item] = epoch + 1 + settings.restEpochs
        }
        guard let column = settings.levelColumn, prompt.row[column]?.int == level else { return }
        recent.append(passRate)
        guard recent.count >= settings.window else { return }
        let mean = recent.reduce(0, +) / Double(recent.count)
        recent.removeFirst()
        if mean >= settings.raiseAt {
            level += 1
            recent = []
        } else if mean <= settings.lowerAt, level > 0 {
            level -= 1
            recent = []
        }
    }

    /// What a checkpoint holds.
    public var state: JSON {
        [
            "level": .integer(level), "recent": .array(recent.map { .number($0) }),
            "resting": .array(resting.sorted { $0.key < $1.key }.map { [.string($0.key), .integer($0.value)] }),
        ]
    }

    /// Goes back to what a checkpoint holds.
    public mutating func restore(_ state: JSON) {
        level = state["level"]?.int ?? 0
        recent = (state["recent"]?.array ?? []).compactMap(\.double)
        resting = [:]
        for entry in state["resting"]?.array ?? [] {
            if let pair = entry.array, pair.count == 2, let item = pair[0].string { resting[item] = pair[1].int }
        }
    }
}
