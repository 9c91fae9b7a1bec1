import ArgumentParser
import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TextCore
import Training

/// `hone estimate`: what a run takes before it begins.
struct EstimateCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "estimate",
        abstract: "Say what memory, disk and time a recipe takes, and how to make it fit; no weights are loaded.",
        discussion: """
            Memory is worked out from the model's configuration and the recipe's rows. It ends with status 3 where the \
            run does not fit.
            """)

    @OptionGroup var options: RecipeOptions
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let loaded = try options.load()
        let text = try ModelText(loaded.recipe.model)
        func estimate(_ method: some Method) throws -> RunEstimate {
            // Nothing is written where the run will be.
            let log = FileManager.default.temporaryDirectory.appendingPathComponent("quarantine-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: log) }
            let data = try TrainingData(loaded, method: method, text: text, quarantineLog: log)
            let problems = data.problems(loaded, context: text.contextLength)
            if !problems.isEmpty { throw RecipeError(problems) }
            return try RunEstimate(loaded, method: method, text: text, data: data)
        }
        let estimate = try estimate(loaded.makeMethod(text))
        if output.json { terminal.print(estimate.json) } else { for line in estimate.lines { terminal.print(line) } }
        if estimate.memory.verdict == .no { throw ExitCode(ExitStatus.fellShort.rawValue) }
    }
}

/// What a run takes.
struct RunEstimate {
    let memory: MemoryPlan
    let choice: StepChoice
    /// How to make it fit; empty where it does.
    let remedies: [MemoryRemedy]
    /// Bytes of checkpoints and of what is trained, at the most.
    let diskBytes: Int
    let steps: Int
    /// Of all steps, roughly.
    let seconds: Double
    /// Floating-point operations a second that this machine was found to do.
    let rate: Double

    init<Trained: Method>(
        _ loaded: LoadedRecipe, method: Trained, text: ModelText, data: TrainingData<Trained>
    ) throws {
        let recipe = loaded.recipe
        let rows = try data.stream(acceptsDataChange: false, stop: StopSignal())
        let planner = try MemoryPlanner(
            loaded, method: method, text: text, rows: rows, holdsOut: !data.held.isEmpty)
        let choices = try planner.choices(for: recipe)
        guard let last = choices.last else { preconditionFailure("there is always a choice") }
        let fitting = try choices.first { try planner.plan(recipe, $0).total <= planner.limit }
        choice = fitting ?? last
        memory = try planner.plan(recipe, choice)
        remedies = fitting == nil ? try planner.remedies() : []

        let configuration = try ModelAssembly.configuration(loaded, text: text)
        let model = try ModelMemory(configuration, training: recipe.adapter.memory, storage: recipe.frozenStorage)
        let trained = 4 * model.trainedCount
        let kept = recipe.checkpoint.keepLast + recipe.checkpoint.keepBest + 1
        diskBytes = kept * (trained + model.momentBytes) + trained

        let largest = try method.largest(
            BatchStream(rows, plan: method.plan(recipe, limit: choice.limit)), recipe: recipe, limit: choice.limit,
            steps: 200)
        let rowsOfStep = recipe.rft?.promptsPerStep ?? recipe.train.globalBatchSize
        let perPass = max(1, (data.rowCount + rowsOfStep - 1) / rowsOfStep)
        switch recipe.train.length {
        case .steps(let count): steps = count
        case .epochs(let epochs): steps = Int((epochs * Double(perPass)).rounded(.up))
        }
        rate = Self.measuredRate(configuration)
        let passes = (recipe.adapter.type == .full ? 3.0 : 2.0) + (choice.checkpointing ? 1 : 0)
        let operations = 2 * passes * Double(model.parameterCount) * largest.tokensPerStep
        // Decoding waits for memory more than for products.
        let written = recipe.rft == nil ? 0 : 2 * Double(model.parameterCount) * largest.tokensPerStep * 4
        seconds = Double(steps) * (operations + written) / (0.6 * rate)
    }

    /// Operations a second in a product of the model's own shape.
    private static func measuredRate(_ configuration: DecoderConfiguration) -> Double {
        let (rows, depth, columns) = (512, configuration.width, min(configuration.feedForwardWidth, 4096))
        let x = Tensor(repeating: 0.5, shape: [rows, depth])
        let weight = Tensor(repeating: 0.5, shape: [columns, depth])
        let clock = ContinuousClock()
        let best = (0..<4).map { _ in clock.measure { _ = linear(x, weight) } / .seconds(1) }.min() ?? 1
        return 2 * Double(rows * depth * columns) / max(best, 1e-9)
    }

    var lines: [String] {
        let verdict =
            switch memory.verdict {
            case .fits: "fits: "
            case .tight: "tight: "
            case .no: "does not fit: "
            }
        var lines = memory.lines
        lines.append(
            verdict + "about \(MemoryPlan.shown(memory.total)) of \(MemoryPlan.shown(memory.available)) "
                + "(\(memory.limitedBy)); \(choice.words)")
        if !remedies.isEmpty {
            lines.append("the cheapest ways to make it fit:")
            lines += remedies.map { "  " + $0.line }
        } else if memory.verdict == .no {
            lines.append("no setting of the recipe makes it fit; use a smaller model or shorter rows")
        }
        lines.append("disk          about \(MemoryPlan.shown(diskBytes)) of checkpoints and results, at the most")
        let duration =
            seconds < 90
            ? "\(Int(seconds.rounded(.up))) s"
            : seconds < 5400
                ? "\(Int((seconds / 60).rounded())) min" : String(format: "%.1f h", seconds / 3600)
        lines.append(
            "time          roughly \(duration) for \(grouped(steps)) steps, at \(Int(rate / 1e9)) GFLOP/s measured now")
        return lines
    }

    var json: JSON {
        var members = memory.json.object ?? [:]
        switch choice.limit {
        case .rows(let rows): members["micro_batch"] = ["rows": .integer(rows)]
        case .tokens(let tokens): members["micro_batch"] = ["tokens": .integer(tokens)]
        }
        members["gradient_checkpointing"] = .bool(choice.checkpointing)
        members["remedies"] = .array(remedies.map(\.json))
        members["disk_bytes"] = .integer(diskBytes)
        members["steps"] = .integer(steps)
        members["seconds"] = .number(seconds.rounded())
        return .object(members)
    }
}
