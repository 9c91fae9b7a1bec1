public import TextCore

/// How the examples of a stream become the batches of optimiser steps.
public struct BatchPlan<Example: Sendable, Batch>: Sendable {
    /// Groups of an optimiser step: single examples, or packed rows.
    public var globalBatchSize: Int
    /// How much goes into one micro-batch.
    public var limit: Packing.MicroBatchLimit
    /// Tokens of an example.
    public var length: @Sendable (Example) -> Int
    /// Where the row of an example came from, as `file:line`.
    public var name: @Sendable (Example) -> String
    /// Packs examples into rows, a window at a time; `nil` for a row an example.
    public var packing: PackingPlan<Example>?
    /// The micro-batches of a step from its groups, which are cut at the given ranges. It sees the whole step, as some
    /// losses need the step's totals.
    public var collate: @Sendable (_ groups: [[Example]], _ cut: [Range<Int>]) -> [Batch]

    /// - Precondition: `globalBatchSize` is positive.
    public init(
        globalBatchSize: Int, limit: Packing.MicroBatchLimit, length: @escaping @Sendable (Example) -> Int,
        name: @escaping @Sendable (Example) -> String, packing: PackingPlan<Example>? = nil,
        collate: @escaping @Sendable (_ groups: [[Example]], _ cut: [Range<Int>]) -> [Batch]
    ) {
        precondition(globalBatchSize > 0, "batches of \(globalBatchSize) rows")
        self.globalBatchSize = globalBatchSize
        self.limit = limit
        self.length = length
        self.name = name
        self.packing = packing
        self.collate = collate
    }

    /// The micro-batches of some groups, taken as one step.
    public func batches(of groups: [[Example]]) -> [Batch] {
        let lengths = groups.map { $0.reduce(0) { $0 + length($1) } }
        return collate(groups, Packing.microBatches(lengths: lengths, limit: limit))
    }
}

/// How examples are packed into rows.
public struct PackingPlan<Example: Sendable>: Sendable {
    /// Examples that are packed together: memory, and the distance an example moves, are bounded by it.
    public var window: Int
    /// The packed rows of a window's examples, each a group of examples; `index` counts the windows of a pass, and
    /// `pass` the passes.
    public var pack: @Sendable (_ examples: [Example], _ pass: Int, _ index: Int) -> [[Example]]

    /// - Precondition: `window` is positive.
    public init(
        window: Int = 1000, pack: @escaping @Sendable (_ examples: [Example], _ pass: Int, _ index: Int) -> [[Example]]
    ) {
        precondition(window > 0, "packing windows of \(window) examples")
        self.window = window
        self.pack = pack
    }
}

/// The optimiser steps of a run, one after the other, from a stream of examples.
///
/// A step takes the next `globalBatchSize` groups; the last step of a pass takes what is left, however little. Its
/// position is a few numbers: where the window of examples begins that is being taken apart, and how much of it has
/// been taken. Going to a position reads one window again, so resuming repeats no example and loses none.
public struct BatchStream<Source: ExampleStream, Batch> {
    /// How examples become batches.
    public let plan: BatchPlan<Source.Example, Batch>
    private var source: Source
    /// Groups of the window in use, and how many of them are taken.
    private var groups: [[Source.Example]] = []
    private var taken = 0
    /// Where that window begins in the source.
    private var windowStart: JSON
    /// Windows of this pass before the one that comes next.
    private var windows = 0
    /// Steps of this pass that are done.
    private var stepsOfPass = 0
    private var pass = 0
    /// Passes over the data that were done when a row last gave an example.
    private var passesAtLastExample = 0.0
    /// Whether the window in use is the last of its pass.
    private var passEnds = false

    /// Steps of a pass where that is known beforehand: it then tells how far an epoch is, as TRL counts it.
    public var stepsPerPass: Int?

    /// Steps from the beginning of a stream.
    public init(_ source: Source, plan: BatchPlan<Source.Example, Batch>, stepsPerPass: Int? = nil) {
        self.source = source
        self.plan = plan
        self.stepsPerPass = stepsPerPass
        windowStart = source.position
        pass = Int(source.passes)
    }

    /// The batches of the next step.
    ///
    /// - Throws: what the stream throws; `TrainingError` when a whole pass has no example.
    public mutating func next() throws -> StepBatch<Batch> {
        let step = try nextGroups()
        stepsOfPass += 1
        let batches = plan.batches(of: step)
        let tokens = step.joined().reduce(0) { $0 + plan.length($1) }
        return StepBatch(
            microBatches: batches, tokens: tokens, epoch: epoch, position: position,
            rows: step.joined().map { plan.name($0) })
    }

    private mutating func nextGroups() throws -> [[Source.Example]] {
        var step: [[Source.Example]] = []
        var passesWithoutAny = 0
        while step.count < plan.globalBatchSize {
            if let group = try nextGroup() {
                step.append(group)
                continue
            }
            // The pass ends with the step that took its last group, and not before that step is over.
            if !step.isEmpty { break }
            endPass()
            passesWithoutAny += 1
            if passesWithoutAny > 1 {
                throw Self.nothingToTrainOn
            }
        }
        return step
    }

    /// The next group of this pass; `nil` behind its last, until `endPass()`.
    private mutating func nextGroup() throws -> [Source.Example]? {
        while taken == groups.count {
            if passEnds { return nil }
            try readWindow()
        }
        defer { taken += 1 }
        return groups[taken]
    }

    private mutating func endPass() {
        (passEnds, stepsOfPass, windows, groups, taken) = (false, 0, 0, [], 0)
        pass += 1
    }

    /// The examples of the next row; `nil` at the end of a pass.
    ///
    /// - Throws: `TrainingError` when two whole passes gave none: a mixture whose sources repeat has no end to stop at.
    private mutating func nextRow() throws -> [Source.Example]? {
        let row = try source.next()
        if let row, !row.isEmpty {
            passesAtLastExample = source.passes
        } else if source.passes > passesAtLastExample + 2 {
            throw Self.nothingToTrainOn
        }
        return row
    }

    private static var nothingToTrainOn: TrainingError {
        TrainingError(
            "a whole pass over the data gave no row to train on; look at data.filter, data.val_fraction and "
                + "sequence.on_overflow")
    }

    private mutating func readWindow() throws {
        windowStart = source.position
        taken = 0
        guard let packing = plan.packing else {
            // A row is a window of its own, so that nothing is read that is not taken.
            guard let row = try nextRow() else {
                (groups, passEnds) = ([], true)
                return
            }
            groups = row.map { [$0] }
            return
        }
        var examples: [Source.Example] = []
        while examples.count < packing.window {
            guard let row = try nextRow() else {
                passEnds = true
                break
            }
            examples += row
        }
        groups = packing.pack(examples, pass, windows)
        windows += 1
    }

    /// Passes over the rows so far, as the source counts them.
    public var passes: Double { source.passes }

    private var epoch: Double {
        guard let stepsPerPass else { return source.passes }
        return Double(pass) + Double(stepsOfPass) / Double(max(1, stepsPerPass))
    }

    /// The place before the next step, as a checkpoint records it.
    public var position: JSON {
        let isSpent = taken == groups.count && !passEnds
        return [
            "rows": isSpent ? source.position : windowStart, "taken": .integer(isSpent ? 0 : taken),
            // A window that is read again counts itself.
            "windows": .integer(isSpent || plan.packing == nil ? windows : windows - 1), "pass": .integer(pass),
            "steps": .integer(stepsOfPass),
        ]
    }

    /// Goes to a place that `position` gave: the steps from there are those that followed it.
    ///
    /// - Throws: `TrainingError` for a place that is malformed or lies in other data.
    public mutating func seek(to position: JSON) throws {
        func integer(_ name: String) throws -> Int {
            guard let value = position[name]?.int, value >= 0 else {
                throw TrainingError("the checkpoint's place in the data has no `\(name)`; use another checkpoint")
            }
            return value
        }
        try source.seek(to: position["rows"] ?? .null)
        (groups, passEnds) = ([], false)
        (windows, pass, stepsOfPass) = (try integer("windows"), try integer("pass"), try integer("steps"))
        let wanted = try integer("taken")
        windowStart = source.position
        passesAtLastExample = source.passes
        taken = 0
        guard wanted > 0 else { return }
        try readWindow()
        guard wanted <= groups.count else {
            throw TrainingError(
                "the checkpoint is \(wanted) groups into a window that has \(groups.count); the data or the packing "
                    + "have changed since")
        }
        taken = wanted
    }

    /// Steps of each of the next `count` passes, found by going through them without making batches.
    ///
    /// - Throws: what the stream throws.
    public func stepsOfPasses(_ count: Int) throws -> [Int] {
        var copy = self
        return try (0..<count).map { _ in
            var groups = 0
            while try copy.nextGroup() != nil { groups += 1 }
            copy.endPass()
            return (groups + plan.globalBatchSize - 1) / plan.globalBatchSize
        }
    }
}
