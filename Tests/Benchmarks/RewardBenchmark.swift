import Foundation
import LanguageModels
import RFT
import ShardIO
import TensorCore
import TextCore
import Tokenization
import Training
import Verifiers

/// Seconds of a whole step of reward fine-tuning: 2 prompts of GSM8K with 8 answers of up to 128 tokens
/// each, written, judged and trained on with LoRA. Rows, reward and settings are those of `peers/bench_trl.py grpo`.
struct RewardBenchmark {
    let model: LanguageModel
    /// The folder that holds tokenizer and chat template.
    let tokenizer: URL
    /// A file of questions.
    let data: String

    /// Steps that are not counted, as the peer has them.
    private static let warmUp = 2
    private static let prompts = 2
    private static let samples = 8

    /// - Parameter steps: how many are counted.
    func run(steps: Int) throws -> Measurement {
        var verifiers = VerifierRegistry()
        verifiers.register("distinct_words", range: 0...6) {
            Double(Set($0.fullText.split(whereSeparator: \.isWhitespace)).count % 7)
        }
        let rewards = try RewardSet([RewardComponent(try verifiers.make("distinct_words"))])
        let text = try Tokenizer(folder: tokenizer)
        let stream = BatchStream(
            Questions(try questions(text, rewards, count: (Self.warmUp + steps) * Self.prompts)),
            plan: BatchPlan(
                globalBatchSize: 1, limit: .rows(1), length: { $0.ids.count }, name: \.source,
                collate: { groups, cut in cut.map { Array(groups[$0].joined()) } }))
        var settings = RewardSteps<Questions>.Settings()
        settings.groupSize = Self.samples
        settings.promptsPerStep = Self.prompts
        settings.replacesUninformative = false
        settings.advantages = Advantages(rule: .grpo)
        settings.limit = .tokens(4096)
        let objective = try PolicyObjective(settings: settings.policy)
        let collector = RewardSteps(
            stream, engine: LocalEngine(model, settings: generation(text), tokenizer: text), rewards: rewards,
            model: model, objective: objective, settings: settings)
        let schedule = LearningRateSchedule(baseRate: 1e-4, totalSteps: 1_000_000)
        let trainer = Trainer(
            model: model, objective: objective,
            configuration: TrainerConfiguration(schedule: schedule, stepsPerEpoch: 1_000_000))
        return try measure(steps, collector, trainer)
    }

    private func measure(
        _ steps: Int, _ collector: RewardSteps<Questions>, _ trainer: Trainer<PolicyObjective>
    ) throws -> Measurement {
        var start = ContinuousClock.now
        var (tokens, written, generating) = (0, 0.0, 0.0)
        for index in 0..<Self.warmUp + steps {
            if index == Self.warmUp {
                start = .now
                (tokens, written, generating) = (0, 0, 0)
            }
            let batch = try collector.next(step: index)
            tokens += batch.tokens
            written += (batch.metrics["completions/mean_length"] ?? 0) * Double(Self.prompts * Self.samples)
            generating += batch.metrics["seconds/generate"] ?? 0
            _ = try trainer.step(batch)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var result = Measurement()
        let count = Double(steps)
        result["seconds_per_step"] = .number((seconds / count).rounded(digits: 4))
        result["tokens_per_second"] = .number((Double(tokens) / seconds).rounded(digits: 4))
        result["completions_per_second"] = .number(
            (Double(Self.prompts * Self.samples) * count / seconds).rounded(digits: 4))
        result["tokens_per_step"] = .number((Double(tokens) / count).rounded(digits: 6))
        result["decoded_tokens_per_second"] = .number((written / max(generating, 1e-9)).rounded(digits: 4))
        result["seconds_generating_per_step"] = .number((generating / count).rounded(digits: 4))
        result["peak_rss_mb"] = .integer(peakResidentMegabytes())
        return result
    }

    private func generation(_ tokenizer: Tokenizer) -> GenerationSettings {
        var settings = GenerationSettings()
        settings.maximumNewTokens = 128
        settings.stopTokens = Set([tokenizer.endOfSequenceID].compactMap { $0 })
        return settings
    }

    /// The first questions of the file, as the chat template asks them.
    private func questions(_ tokenizer: Tokenizer, _ rewards: RewardSet, count: Int) throws -> [RolloutPrompt] {
        let template = try tokenizer.chatTemplate.map { try ChatTemplate(source: $0) }
        let encoder = ExampleEncoder(tokenizer: tokenizer, template: template, trainOn: .completion)
        var rows = try DataSourceOpener.sequential(path: data).rows()
        return try (0..<count).map { index in
            guard let row = try rows.next(), let question = row.fields["question"] else {
                throw Subprocess.Failure(description: "\(data) has no question \(index + 1); take fewer --repetitions")
            }
            let messages: [JSON] = [["role": "user", "content": question]]
            let ids = try encoder.prompt(messages: messages, source: data).map { Int32($0) }
            return RolloutPrompt(
                source: "\(data):\(index + 1)", item: "\(index)", ids: ids, text: question.string ?? "",
                messages: messages, row: row.fields, rewards: try rewards.bind(row: row.fields, item: "\(index)"))
        }
    }
}

/// Questions one after the other, and again from the first.
private struct Questions: ExampleStream {
    private let prompts: [RolloutPrompt]
    private var taken = 0

    init(_ prompts: [RolloutPrompt]) { self.prompts = prompts }

    mutating func next() throws -> [RolloutPrompt]? {
        defer { taken += 1 }
        return [prompts[taken % prompts.count]]
    }

    var position: JSON { .integer(taken) }
    var passes: Double { Double(taken) / Double(prompts.count) }
    mutating func seek(to position: JSON) throws { taken = position.int ?? 0 }
}

/// Calls of a verifier a second: in this process, and in a worker.
struct VerifierBenchmark {
    /// - Parameter repetitions: counted ones.
    func run(_ repetitions: Int) throws -> Measurement {
        var result = Measurement()
        result["calls_per_second_in_process"] = try rate(
            try VerifierRegistry.builtin.make("exact"), calls: 200_000, repetitions)
        result["calls_per_second_in_a_worker"] = try rate(
            try ProcessVerifier.make(.thisExecutable, verifier: "exact"), calls: 4_000, repetitions)
        result["peak_rss_mb"] = .integer(peakResidentMegabytes())
        return result
    }

    private func rate(_ verifier: AnyVerifier, calls: Int, _ repetitions: Int) throws -> JSON {
        let rewards = try RewardSet([RewardComponent(verifier, reference: .constant("42"), remembers: false)])
        let bound = try rewards.bind(row: [:], item: "0")
        let groups = (0..<calls / 8).map { group in
            RewardGroup(
                (0..<8).map { Rollout("\(group + $0)", item: "0", sample: $0, prompt: "6 times 7 is") }, rewards: bound)
        }
        let timing = try Timing(repetitions) { _ = try rewards.scoreAndWait(groups) }
        let median = timing.wall.sorted()[timing.wall.count / 2]
        return .number((Double(groups.count * 8) / median).rounded(digits: 4))
    }
}
