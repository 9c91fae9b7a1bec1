import DPO
import Foundation
import LanguageModels
import ShardIO
import TensorCore
import TextCore
import Tokenization
import Training

/// Seconds of an optimiser step of DPO: LoRA on every linear layer, the reference is the model with its
/// adapter off, in every step anew. Rows and settings are those of `peers/bench_trl.py dpo`.
struct PreferenceBenchmark {
    let model: LanguageModel
    /// The folder that holds tokenizer and chat template.
    let tokenizer: URL
    /// A file of preferences.
    let data: String

    private static let pairs = 8
    /// Steps that are not counted, as the peer has them.
    private static let warmUp = 2

    /// - Parameter steps: how many are counted.
    func run(steps: Int) throws -> Measurement {
        let schedule = LearningRateSchedule(baseRate: 1e-4, totalSteps: 1_000_000)
        let trainer = Trainer(
            model: model, objective: try PreferenceObjective(reference: .adapterOff),
            configuration: TrainerConfiguration(schedule: schedule, stepsPerEpoch: 1_000_000))
        let examples = try encode(count: (Self.warmUp + steps) * Self.pairs)
        let batches = stride(from: 0, to: examples.count, by: Self.pairs).map {
            Array(examples[$0..<$0 + Self.pairs])
        }
        var losses: [Double] = []
        var start = ContinuousClock.now
        for (index, batch) in batches.enumerated() {
            if index == Self.warmUp { start = .now }
            let step = StepBatch(
                microBatches: [PreferenceBatch(batch)], tokens: batch.reduce(0) { $0 + $1.tokenCount }, epoch: 0)
            guard case .updated(let report) = try trainer.step(step) else {
                throw TrainingError("a step changed nothing")
            }
            losses.append(report.loss)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1) / Double(steps)
        let counted = examples.dropFirst(Self.warmUp * Self.pairs)
        return measurement(seconds, counted: counted, steps: steps, losses: losses)
    }

    private func measurement(
        _ seconds: Double, counted: ArraySlice<PreferenceExample>, steps: Int, losses: [Double]
    ) -> Measurement {
        // A prompt counts with either answer, as TRL counts, though it is computed once.
        let tokens = Double(counted.reduce(0) { $0 + $1.tokenCount }) / Double(steps)
        let computed = Double(counted.reduce(0) { $0 + $1.packedCount }) / Double(steps)
        var result = Measurement()
        result["seconds_per_step"] = .number(seconds.rounded(digits: 4))
        result["tokens_per_second"] = .number((tokens / seconds).rounded(digits: 4))
        result["pairs_per_second"] = .number((Double(Self.pairs) / seconds).rounded(digits: 4))
        result["tokens_per_step"] = .number(tokens.rounded(digits: 6))
        result["tokens_computed_per_step"] = .number(computed.rounded(digits: 6))
        result["first_loss"] = .number((losses.first ?? .nan).rounded(digits: 6))
        result["last_loss"] = .number((losses.last ?? .nan).rounded(digits: 6))
        result["peak_rss_mb"] = .integer(peakResidentMegabytes())
        return result
    }

    /// The first pairs of the file; every one must do, or the peer would train on others.
    private func encode(count: Int) throws -> [PreferenceExample] {
        let tokenizer = try Tokenizer(folder: tokenizer)
        let template = try tokenizer.chatTemplate.map { try ChatTemplate(source: $0) }
        let encoder = PreferenceEncoder(
            encoder: ExampleEncoder(tokenizer: tokenizer, template: template, trainOn: .completion), maxLength: 512)
        let source = try DataSourceOpener.sequential(path: data)
        let decoder = try RecordDecoder(source: source, format: "preference")
        var rows = try source.rows()
        return try (0..<count).map { index in
            guard let row = try rows.next(), case .preference(let record) = try decoder.record(row) else {
                throw Subprocess.Failure(description: "\(data) has no pair \(index + 1); take fewer --repetitions")
            }
            guard let example = try encoder.encode(record).example else {
                throw Subprocess.Failure(description: "\(data): pair \(index + 1) cannot be trained on")
            }
            return example
        }
    }
}
