import DPO
import Foundation
import LanguageModels
import OrderedCollections
import ShardIO
import TensorCore
import TestSupport
import Testing
import TextCore
import Tokenization
import Training

/// A trace of TRL: what a run was, and what came of every step.
private struct Trace {
    let name: String
    let configuration: JSON
    let steps: [JSON]
    let initialScore: [Float]?

    init(_ url: URL) throws {
        let json = try JSON(parsing: Data(contentsOf: url))
        name = url.lastPathComponent
        configuration = try #require(json["config"])
        steps = json["steps"]?.array ?? []
        initialScore = json["initial_score"]?.array?.compactMap { $0.double.map { Float($0) } }
    }

    func number(_ key: String) -> Double? { configuration[key]?.double }
    func text(_ key: String) -> String? { configuration[key]?.string }

    func required(_ key: String) throws -> Double { try #require(number(key)) }
    func count(_ key: String) throws -> Int { Int(try required(key)) }

    var rowsOfMicroBatch: Int { get throws { try count("per_device_train_batch_size") } }
    var rowsOfStep: Int { get throws { try rowsOfMicroBatch * count("gradient_accumulation_steps") } }
    var isOf: Substring { name.prefix { $0 != "-" } }

    /// Settings of the losses over pairs.
    func settings() throws -> LossSettings {
        var settings: LossSettings
        switch isOf {
        case "orpo": settings = LossSettings("orpo")
        case "cpo", "simpo":
            let loss = text("loss_type") ?? "sigmoid"
            settings = LossSettings(loss == "sigmoid" ? "cpo" : loss == "simpo" ? loss : "cpo_" + loss)
            settings.sftWeight = try required("cpo_alpha")
            settings.gamma = number("simpo_gamma") ?? settings.gamma
            settings.alphaPO = number("alpha") ?? 0
        default:
            let names = configuration["loss_type"]?.array?.compactMap(\.string) ?? ["sigmoid"]
            let weights = configuration["loss_weights"]?.array?.compactMap { $0.double }
            settings = LossSettings(
                names.enumerated().map { index, name in
                    LossSettings.Weighted(name, weight: weights?[index] ?? 1)
                })
        }
        settings.beta = try required("beta")
        settings.labelSmoothing = number("label_smoothing") ?? 0
        settings.lengthDiscount = number("ld_alpha")
        settings.weighting = configuration["use_weighting"] == .bool(true)
        if let name = text("f_divergence_type") {
            settings.divergence = try #require(Divergence(rawValue: name))
        }
        return settings
    }

    /// Settings of the losses over single answers.
    func unpairedSettings() throws -> KTOSettings {
        var settings = KTOSettings()
        let name = try #require(text("loss_type"))
        settings.loss = try #require(KTOSettings.Loss(rawValue: name))
        settings.beta = try required("beta")
        settings.desirableWeight = number("desirable_weight") ?? 1
        settings.undesirableWeight = number("undesirable_weight") ?? 1
        return settings
    }

    func compare(_ report: StepReport, tokens: Int, step: Int) throws {
        let expected = steps[step]
        func check(_ name: String, _ found: Double?, relative: Double, absolute: Double) throws {
            guard let exact = expected[name]?.double else { return }
            // A mean over nothing is 0 there and not given here.
            let value = try #require(found ?? (exact == 0 ? 0 : nil), "\(self.name) has no \(name)")
            let difference = abs(value - exact)
            #expect(
                difference <= relative * abs(exact) + absolute,
                "\(self.name), step \(step + 1): \(name) is \(value), not \(exact)")
        }
        try check("loss", report.loss, relative: 1e-4, absolute: 1e-5)
        try check("grad_norm", report.gradientNorm, relative: 1e-3, absolute: 1e-5)
        try check("num_tokens", Double(tokens), relative: 0, absolute: 0)
        var skipped: Set = ["learning_rate", "epoch", "loss", "grad_norm", "num_tokens"]
        // ORPO and CPO average logits over prompts and padding too, which depends on how a batch is padded.
        if ["orpo", "cpo", "simpo"].contains(isOf) { skipped.formUnion(["logits/chosen", "logits/rejected"]) }
        let names = expected.object.map { Array($0.keys) } ?? []
        for name in names where !skipped.contains(name) {
            try check(name, report.metrics[name], relative: 1e-3, absolute: 1e-4)
        }
    }
}

/// The traces of TRL, through encoder, objective and trainer.
@Suite struct PreferenceTraceTests {
    /// The model and the rows that traces are of.
    private struct World {
        let traces: URL
        let modelFolder: URL
        let tokenizer: Tokenizer

        init?() throws {
            guard let traces = try SharedFolder.url("goldens/trl"),
                let folder = try SharedFolder.url("models/stories260K")
            else { return nil }
            self.traces = traces
            modelFolder = folder
            tokenizer = try Tokenizer(folder: folder)
        }

        static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/trl")

        func files(_ folder: URL, _ prefixes: [String]) throws -> [URL] {
            try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .filter { url in
                    let name = url.lastPathComponent
                    return name.hasSuffix(".json") && prefixes.contains { name.hasPrefix($0 + "-") }
                }
                .sorted { $0.path < $1.path }
        }

        func rows(_ trace: Trace) throws -> [(json: JSON, info: RecordInfo)] {
            let file = try #require(trace.text("data"))
            let local = Self.fixtures.appending(path: file)
            let url = FileManager.default.fileExists(atPath: local.path) ? local : traces.appending(path: file)
            let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
            return try lines.enumerated().map { index, line in
                let place = Provenance(file: file, line: index + 1, byteOffset: 0, ordinal: index)
                return (try JSON(parsing: Data(line.utf8)), RecordInfo(provenance: place))
            }
        }

        func encoder(_ trace: Trace) throws -> PreferenceEncoder {
            let template = try tokenizer.chatTemplate.map { try ChatTemplate(source: $0) }
            return PreferenceEncoder(
                encoder: ExampleEncoder(tokenizer: tokenizer, template: template, trainOn: .completion),
                maxLength: try trace.count("max_length"))
        }

        func text(_ row: JSON, _ key: String) throws -> RecordText { .messages(try #require(row[key]?.array)) }

        func pairs(_ trace: Trace) throws -> [PreferenceExample] {
            let encoder = try encoder(trace)
            return try rows(trace).map { row, info in
                let record = PreferenceRecord(
                    prompt: try text(row, "prompt"), chosen: try text(row, "chosen"),
                    rejected: try text(row, "rejected"), margin: row["margin"]?.double, info: info)
                return try #require(try encoder.encode(record).example)
            }
        }

        func answers(_ trace: Trace) throws -> [UnpairedExample] {
            let encoder = try encoder(trace)
            return try rows(trace).map { row, info in
                let record = UnpairedRecord(
                    prompt: try text(row, "prompt"), completion: try text(row, "completion"),
                    isDesirable: row["label"] == .bool(true), info: info)
                return try #require(try encoder.encode(record).example)
            }
        }

        /// The model at the start of a trace, and what it is compared with.
        func model(_ trace: Trace) throws -> (model: LanguageModel, reference: ReferencePolicy) {
            let model = try ModelLoader.load(folder: modelFolder)
            let adapter = trace.text("adapter")
            if let adapter { try model.loadAdapter(from: traces.appending(path: adapter)) }
            if let score = trace.initialScore {
                model.attachRewardHead(seed: 1)
                let head = try #require(model.namedParameters.first { $0.name.hasSuffix("score.weight") })
                head.parameter.value = Tensor(score, shape: [1, score.count])
            }
            model.setTrainable(adapter == nil ? .full : .adapter)
            return (model, adapter == nil ? .model(model.frozenCopy()) : .adapterOff)
        }
    }

    private func follow<Goal: Objective, Example>(
        _ trace: Trace, _ model: LanguageModel, _ objective: Goal, _ examples: [Example],
        tokens: (Example) -> Int, batches: ([Example], Packing.MicroBatchLimit) -> [Goal.Batch]
    ) throws {
        let perStep = try trace.rowsOfStep
        let schedule = LearningRateSchedule(
            baseRate: try trace.required("learning_rate"), totalSteps: trace.steps.count)
        let trainer = Trainer(
            model: model, objective: objective,
            configuration: TrainerConfiguration(
                schedule: schedule, stepsPerEpoch: examples.count / perStep, metricAveraging: .microBatches))
        #expect(!trace.steps.isEmpty)
        for step in trace.steps.indices {
            let part = Array(examples[step * perStep..<(step + 1) * perStep])
            let outcome = try trainer.step(
                StepBatch(
                    microBatches: batches(part, .rows(try trace.rowsOfMicroBatch)),
                    tokens: part.reduce(0) { $0 + tokens($1) }, epoch: 0))
            guard case .updated(let report) = outcome else {
                Issue.record("\(trace.name): step \(step + 1): \(outcome)")
                return
            }
            try trace.compare(report, tokens: trainer.state.tokens, step: step)
        }
    }

    private func followPairs(_ trace: Trace, _ world: World, needsReference: Bool) throws {
        let (model, reference) = try world.model(trace)
        let objective = try PreferenceObjective(
            settings: try trace.settings(), reference: needsReference ? reference : .none, tokenMean: .microBatch)
        try follow(
            trace, model, objective, try world.pairs(trace), tokens: \.tokenCount,
            batches: { PreferenceBatch.microBatches($0, limit: $1) })
    }

    @Test func `DPO in every form is followed step by step`() throws {
        guard let world = try World() else { return }
        let files = try world.files(world.traces, ["dpo"])
        #expect(!files.isEmpty)
        for file in files { try followPairs(try Trace(file), world, needsReference: true) }
    }

    @Test func `ORPO, CPO and SimPO are followed step by step`() throws {
        guard let world = try World() else { return }
        let files = try world.files(World.fixtures, ["orpo", "cpo", "simpo"])
        #expect(!files.isEmpty)
        for file in files { try followPairs(try Trace(file), world, needsReference: false) }
    }

    @Test func `KTO is followed step by step`() throws {
        guard let world = try World() else { return }
        let files = try world.files(World.fixtures, ["kto"])
        #expect(!files.isEmpty)
        for file in files {
            let trace = try Trace(file)
            let (model, reference) = try world.model(trace)
            let objective = try KTOObjective(settings: try trace.unpairedSettings(), reference: reference)
            try follow(
                trace, model, objective, try world.answers(trace), tokens: \.tokenCount,
                batches: { UnpairedBatch.microBatches($0, limit: $1, scope: .microBatch, pairing: .previousRow) })
        }
    }

    @Test func `reward modelling is followed step by step`() throws {
        guard let world = try World() else { return }
        let files = try world.files(World.fixtures, ["reward"])
        #expect(!files.isEmpty)
        for file in files {
            let trace = try Trace(file)
            let (model, _) = try world.model(trace)
            let objective = try RewardObjective(centering: trace.number("center_rewards_coefficient") ?? 0)
            try follow(
                trace, model, objective, try world.pairs(trace), tokens: \.tokenCount,
                batches: { PreferenceBatch.microBatches($0, limit: $1) })
        }
    }
}
