import Foundation
import LanguageModels
import OrderedCollections
import RFT
import TensorCore
import TestSupport
import Testing
import TextCore
import Training

/// A trace of TRL's GRPO with scripted answers.
private struct PolicyTrace {
    let name: String
    let configuration: JSON
    let steps: [JSON]
    let probe: [Int]
    let lastLogits: [Double]

    init(_ url: URL) throws {
        let json = try JSON(parsing: Data(contentsOf: url))
        name = url.lastPathComponent
        configuration = try #require(json["config"])
        steps = try #require(json["steps"]?.array)
        probe = json["probe"]?["input_ids"]?.array?.compactMap(\.int) ?? []
        lastLogits = json["probe"]?["last_logits"]?.array?.compactMap(\.double) ?? []
    }

    func number(_ key: String) -> Double? { configuration[key]?.double }
    func text(_ key: String) -> String? { configuration[key]?.string }
    func flag(_ key: String) -> Bool { configuration[key] == .bool(true) }
    func count(_ key: String) throws -> Int { try #require(configuration[key]?.int) }

    func settings() throws -> PolicySettings {
        var settings = PolicySettings(text("loss_type") ?? "dapo")
        settings.scope = .microBatch
        settings.importanceLevel = text("importance_sampling_level").flatMap { .init(rawValue: $0) }
        // Losses that take no bounds have them in their traces all the same, as TRL's defaults.
        if let options = PolicyLossRegistry.standard[settings.loss]?.options {
            if options.contains(.epsilon) { settings.epsilon = number("epsilon") ?? settings.epsilon }
            if options.contains(.epsilonHigh) { settings.epsilonHigh = number("epsilon_high") }
        }
        settings.delta = number("delta")
        settings.beta = number("beta") ?? 0
        settings.masksTruncated = flag("mask_truncated_completions")
        settings.topEntropyQuantile = number("top_entropy_quantile") ?? 1
        settings.temperature = number("temperature") ?? 1
        settings.maximumCompletionLength = try count("max_completion_length")
        return settings
    }

    /// Every number of a step that is not of the clock or the schedule.
    ///
    /// - Parameter entropies: what the mean over micro-batches may be, where TRL has put the answers into them by chance.
    func compare(_ step: Int, _ report: StepReport, tokens: Int, entropies: [Double]?) throws {
        for (name, value) in try #require(steps[step].object) {
            guard let exact = value.double, !["learning_rate", "epoch"].contains(name) else { continue }
            if name == "entropy", let entropies {
                #expect(
                    entropies.contains { abs($0 - exact) < 1e-4 },
                    "\(self.name), step \(step + 1): no cut of the answers has the entropy \(exact)")
                continue
            }
            let found: Double?
            var (relative, absolute) = (1e-3, 1e-4)
            switch name {
            case "loss": (found, relative, absolute) = (report.loss, 1e-4, 1e-5)
            case "grad_norm": (found, absolute) = (report.gradientNorm, 1e-5)
            case "num_tokens": (found, relative, absolute) = (Double(tokens), 0, 0)
            default: found = report.metrics[name]
            }
            let number = try #require(found, "\(self.name), step \(step + 1) has no \(name)")
            #expect(
                abs(number - exact) <= relative * abs(exact) + absolute,
                "\(self.name), step \(step + 1): \(name) is \(number), not \(exact)")
        }
    }
}

@Suite struct PolicyTraceTests {
    /// Prompts with their scripted answers, cut where TRL cuts them, and the rewards.
    private func rollouts(
        _ url: URL, longest: Int, endTokens: [Int]
    ) throws -> [(group: PolicyGroup, rewards: [SampleRewards])] {
        try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map { line in
            let row = try JSON(parsing: Data(line.utf8))
            let prompt = try #require(row["prompt_ids"]?.array).compactMap { $0.int.map(Int32.init) }
            var group = PolicyGroup(prompt: prompt, samples: [])
            var rewards: [SampleRewards] = []
            for completion in try #require(row["completions"]?.array) {
                let ids = try #require(completion["ids"]?.array).prefix(longest).compactMap(\.int)
                let isTruncated = !endTokens.contains(try #require(ids.last))
                group.samples.append(PolicySample(completion: ids.map { Int32($0) }, isTruncated: isTruncated))
                rewards.append(SampleRewards(completion["reward"]?.double, length: ids.count))
            }
            return (group, rewards)
        }
    }

    private func follow(_ trace: PolicyTrace, folder: URL, modelFolder: URL) throws {
        let model = try ModelLoader.load(folder: modelFolder)
        try model.loadAdapter(from: folder.appending(path: try #require(trace.text("adapter"))))
        model.setTrainable(.adapter)
        let settings = try trace.settings()
        let objective = try PolicyObjective(settings: settings, reference: .adapterOff)
        let schedule = LearningRateSchedule(
            baseRate: try #require(trace.number("learning_rate")), curve: .constant, totalSteps: trace.steps.count)
        let trainer = Trainer(
            model: model, objective: objective,
            configuration: TrainerConfiguration(schedule: schedule, stepsPerEpoch: 1, metricAveraging: .microBatches))
        let rows = try rollouts(
            folder.appending(path: try #require(trace.text("data"))), longest: settings.maximumCompletionLength,
            endTokens: model.files.endTokens)
        let perMicroBatch = try trace.count("per_device_train_batch_size")
        let perStep =
            try perMicroBatch * trace.count("gradient_accumulation_steps") / trace.count("num_generations")
        let iterations = try trace.count("num_iterations")
        let rule = try #require(AdvantageRule(scaleRewards: trace.text("scale_rewards") ?? "group"))
        var advantages = Advantages(rule: rule, names: ["scripted_reward"], missing: .countsZero)
        var groups: [PolicyGroup] = []
        for step in trace.steps.indices {
            var metrics = MetricSums()
            if step % iterations == 0 {
                let start = step / iterations * perStep % rows.count
                let part = rows[start..<start + perStep]
                let outcome = advantages.compute(part.map(\.rewards))
                groups = part.map(\.group)
                for (group, values) in outcome.advantages.enumerated() {
                    for (sample, value) in values.enumerated() {
                        groups[group].samples[sample].advantage = try #require(value)
                    }
                }
                metrics = outcome.metrics
                metrics.merge(.completions(of: groups))
                try objective.complete(&groups, model: model, isReused: iterations > 1)
            }
            let batch = StepBatch(
                microBatches: PolicyBatch.plan(groups, settings: settings, limit: .rows(perMicroBatch)),
                tokens: step % iterations == 0 ? PolicyBatch.tokensRead(groups) : 0, epoch: 0, metrics: metrics)
            let entropies =
                perMicroBatch < batch.microBatches.reduce(0) { $0 + $1.sampleCount }
                ? try entropiesOfCuts(groups, perMicroBatch, objective, model) : nil
            guard case .updated(let report) = try trainer.step(batch) else {
                Issue.record("\(trace.name): step \(step + 1) was refused")
                return
            }
            try trace.compare(step, report, tokens: trainer.state.tokens, entropies: entropies)
        }
        let hidden = model.hiddenStates(PackedTokens([trace.probe]))
        let logits = model.logits(hidden: embedding(hidden, [trace.probe.count - 1])).scalars
        #expect(logits.count == trace.lastLogits.count)
        for (found, exact) in zip(logits, trace.lastLogits) where abs(Double(found) - exact) > 1e-3 {
            Issue.record("\(trace.name): a logit of the probe is \(found), not \(exact)")
            break
        }
    }

    /// For every way to put the answers into micro-batches of `size`, the mean of the entropies of these.
    private func entropiesOfCuts(
        _ groups: [PolicyGroup], _ size: Int, _ objective: PolicyObjective, _ model: LanguageModel
    ) throws -> [Double] {
        let single = PolicyBatch.plan(groups, settings: objective.settings, limit: .rows(1))
        let answers = try single.map { batch in
            let metrics = try objective.loss(batch, model: model, context: StepContext(seed: 0)).metrics
            let mean = try #require(metrics["entropy"])
            return (sum: mean * Double(batch.tokenCount), count: Double(batch.tokenCount))
        }
        func means(_ left: [Int]) -> [[Double]] {
            guard let first = left.first else { return [[]] }
            return combinations(Array(left.dropFirst()), size - 1).flatMap { others in
                let part = [first] + others
                let entropy = part.reduce(0) { $0 + answers[$1].sum } / part.reduce(0) { $0 + answers[$1].count }
                return means(left.filter { !part.contains($0) }).map { [entropy] + $0 }
            }
        }
        return means(Array(answers.indices)).map { $0.reduce(0, +) / Double($0.count) }
    }

    private func combinations(_ items: [Int], _ size: Int) -> [[Int]] {
        guard size > 0, let first = items.first else { return size == 0 ? [[]] : [] }
        let rest = Array(items.dropFirst())
        return combinations(rest, size - 1).map { [first] + $0 } + combinations(rest, size)
    }

    @Test func `GRPO in every form is followed step by step`() throws {
        guard let folder = try SharedFolder.url("goldens/trl"),
            let modelFolder = try SharedFolder.url("models/stories260K")
        else { return }
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasPrefix("grpo-") && $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
        #expect(!files.isEmpty)
        for file in files { try follow(PolicyTrace(file), folder: folder, modelFolder: modelFolder) }
    }
}
