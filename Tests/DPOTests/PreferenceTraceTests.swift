import DPO
import Foundation
import LanguageModels
import OrderedCollections
import ShardIO
import TestSupport
import Testing
import TextCore
import Tokenization
import Training

/// The traces of TRL in the shared folder, through encoder, objective and trainer.
@Suite struct PreferenceTraceTests {
    private struct Trace {
        let name: String
        let configuration: JSON
        let steps: [JSON]

        init(_ url: URL) throws {
            let json = try JSON(parsing: Data(contentsOf: url))
            name = url.lastPathComponent
            configuration = try #require(json["config"])
            steps = json["steps"]?.array ?? []
        }

        func number(_ key: String) -> Double? { configuration[key]?.double }

        func settings() throws -> LossSettings {
            let names = configuration["loss_type"]?.array?.compactMap(\.string) ?? ["sigmoid"]
            let weights = configuration["loss_weights"]?.array?.compactMap { $0.double }
            let listed = names.enumerated().map { index, name in
                LossSettings.Weighted(name, weight: weights?[index] ?? 1)
            }
            var settings = LossSettings(listed)
            settings.beta = try #require(number("beta"))
            settings.labelSmoothing = number("label_smoothing") ?? 0
            settings.lengthDiscount = number("ld_alpha")
            settings.weighting = configuration["use_weighting"] == .bool(true)
            if let name = configuration["f_divergence_type"]?.string {
                settings.divergence = try #require(Divergence(rawValue: name))
            }
            return settings
        }
    }

    private static func examples(_ shared: URL, model: URL, maxLength: Int) throws -> [PreferenceExample] {
        let tokenizer = try Tokenizer(folder: model)
        let template = try tokenizer.chatTemplate.map { try ChatTemplate(source: $0) }
        let encoder = PreferenceEncoder(
            encoder: ExampleEncoder(tokenizer: tokenizer, template: template, trainOn: .completion),
            maxLength: maxLength)
        let text = try String(contentsOf: shared.appending(path: "preference.jsonl"), encoding: .utf8)
        return try text.split(separator: "\n").enumerated().map { index, line in
            let row = try JSON(parsing: Data(line.utf8))
            func messages(_ key: String) throws -> RecordText { .messages(try #require(row[key]?.array)) }
            let record = PreferenceRecord(
                prompt: try messages("prompt"), chosen: try messages("chosen"), rejected: try messages("rejected"),
                info: RecordInfo(
                    provenance: Provenance(file: "preference.jsonl", line: index + 1, byteOffset: 0, ordinal: index)))
            return try #require(try encoder.encode(record).example)
        }
    }

    private static func check(_ trace: Trace, _ traces: URL, _ folder: URL) throws {
        let model = try ModelLoader.load(folder: folder)
        let reference: ReferencePolicy
        if let adapter = trace.configuration["adapter"]?.string {
            try model.loadAdapter(from: traces.appending(path: adapter))
            model.setTrainable(.adapter)
            reference = .adapterOff
        } else {
            reference = .model(model.frozenCopy())
            model.setTrainable(.full)
        }
        let objective = try PreferenceObjective(
            settings: try trace.settings(), reference: reference, tokenMean: .microBatch)
        let rows = Int(try #require(trace.number("per_device_train_batch_size")))
        let perStep = rows * Int(try #require(trace.number("gradient_accumulation_steps")))
        let examples = try examples(traces, model: folder, maxLength: Int(try #require(trace.number("max_length"))))
        let trainer = Trainer(
            model: model, objective: objective,
            configuration: TrainerConfiguration(
                schedule: LearningRateSchedule(
                    baseRate: try #require(trace.number("learning_rate")), totalSteps: trace.steps.count),
                stepsPerEpoch: examples.count / perStep, metricAveraging: .microBatches))
        for (index, expected) in trace.steps.enumerated() {
            let part = Array(examples[index * perStep..<(index + 1) * perStep])
            let outcome = try trainer.step(
                StepBatch(
                    microBatches: PreferenceBatch.microBatches(part, limit: .rows(rows)),
                    tokens: part.reduce(0) { $0 + $1.tokenCount }, epoch: 0))
            guard case .updated(let report) = outcome else {
                Issue.record("\(trace.name): step \(index + 1): \(outcome)")
                return
            }
            try compare(report, trainer.state.tokens, expected, "\(trace.name), step \(index + 1)")
        }
    }

    private static func compare(
        _ report: StepReport, _ tokens: Int, _ expected: JSON, _ place: String
    ) throws {
        let skipped: Set = ["learning_rate", "epoch", "loss", "grad_norm", "num_tokens"]
        func check(_ name: String, _ value: Double?, relative: Double, absolute: Double) throws {
            let exact = try #require(expected[name]?.double)
            let value = try #require(value, "\(place) has no \(name)")
            #expect(abs(value - exact) <= relative * abs(exact) + absolute, "\(place): \(name) \(value), not \(exact)")
        }
        try check("loss", report.loss, relative: 1e-4, absolute: 1e-5)
        try check("grad_norm", report.gradientNorm, relative: 1e-3, absolute: 1e-5)
        try check("num_tokens", Double(tokens), relative: 0, absolute: 0)
        let names = expected.object.map { Array($0.keys) } ?? []
        for name in names where !skipped.contains(name) {
            try check(name, report.metrics[name], relative: 1e-3, absolute: 1e-4)
        }
    }

    @Test func `every trace of the shared folder is followed step by step`() throws {
        guard let traces = try SharedFolder.url("goldens/trl"), let folder = try SharedFolder.url("models/stories260K")
        else { return }
        let files = try FileManager.default.contentsOfDirectory(at: traces, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasPrefix("dpo-") && $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
        #expect(!files.isEmpty)
        for file in files { try Self.check(Trace(file), traces, folder) }
    }
}
