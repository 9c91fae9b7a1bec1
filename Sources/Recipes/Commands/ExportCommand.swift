import ArgumentParser
import Foundation
import LanguageModels
import TensorCore
import TextCore

/// `hone export`: a run's model for other tools.
struct ExportCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the model of a run as a folder that other tools load.",
        discussion: """
            `merged` is a whole model in Hugging Face layout: an adapter is added to its base, and the logits of both \
            are compared before anything is written. An adapter that was trained with qlora is added to the base's own \
            weights, which are not those it was trained beside; the comparison is with the model that was trained. \
            `adapter` is a PEFT folder.

            A run whose recipe has a gate is exported only when the gate has opened; --despite-gate overrides it, says so, \
            and leaves gate-override.json beside the model.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case merged, adapter
    }

    enum NumberType: String, ExpressibleByArgument, CaseIterable {
        case float32, bfloat16, float16
    }

    @Argument(help: "A run, model or adapter folder.")
    var source: String
    @Option(help: "merged or adapter.")
    var format: Format
    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("Folder to write.", valueName: "folder"))
    var folder: String
    @Option(help: ArgumentHelp("Base model of an adapter that does not name it.", valueName: "folder"))
    var base: String?
    @Option(help: "Type of the numbers of a merged model.")
    var dtype: NumberType = .float32
    @Option(
        help: ArgumentHelp("Export although the run's gate has not opened, for this reason.", valueName: "reason"))
    var despiteGate: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let despiteGate, despiteGate.allSatisfy(\.isWhitespace) {
            throw ValidationError("--despite-gate takes the reason, which is kept beside the model")
        }
    }

    func run(_ terminal: Terminal) throws {
        let modelFolder = ModelChoice.resolved(source)
        let override = try ExportGuard(source)?.check(despite: despiteGate, terminal: terminal)
        let target = URL(fileURLWithPath: folder)
        if let names = try? FileManager.default.contentsOfDirectory(atPath: target.path), !names.isEmpty {
            throw CommandFailure(
                message: "\(folder) is not empty, and exporting into it would mix two models; name another folder",
                status: .usage)
        }
        let choice = try ModelChoice(modelFolder.path, base: base)
        var report: JSON = ["folder": .string(folder), "format": .string(format.rawValue)]
        switch format {
        case .adapter:
            guard choice.model.adapter != nil else {
                throw CommandFailure(
                    message: "\(source): all weights were trained, so there is no adapter; use --format merged",
                    status: .usage)
            }
            try choice.model.saveAdapter(to: target, baseModel: choice.weightsFolder.path)
        case .merged:
            var model = choice.model
            if model.adapter != nil {
                let merge: MergeReport
                var quantization: Quantization?
                if let trained = model.quantization {
                    quantization = trained
                    (model, merge) = try merged(modelFolder, trained: model, on: terminal)
                } else {
                    merge = try model.mergeAdapter()
                }
                report = [
                    "folder": .string(folder), "format": .string(format.rawValue),
                    "base_quantization": quantization.map { .string($0.format.rawValue) } ?? .null,
                    "largest_logit_difference": .number(Double(merge.largestDifference)),
                    "greedy_agreement": .number(merge.greedyAgreement),
                    "mean_kl": .number(merge.meanDivergence),
                ]
                terminal.note(
                    "merged: logits differ by at most \(merge.largestDifference) (of \(merge.largestLogit)), the greedy token "
                        + "agrees at \(merge.greedyAgreement * 100) % of positions, mean KL \(merge.meanDivergence)")
            }
            try model.save(to: target, dtype: DType(rawValue: dtype.rawValue) ?? .float32)
        }
        try LanguageModel.copyTokenizer(from: choice.text.tokenizerFolder, to: target)
        if let override {
            try Data((override.text(.pretty) + "\n").utf8).write(to: target.appending(path: "gate-override.json"))
        }
        if output.json {
            terminal.print(report)
        } else {
            terminal.print("\(format.rawValue) model written to \(folder)")
        }
    }

    /// The adapter of a quantised base merged into numbers: those of the base itself where they are there, else those
    /// that its codes stand for. The report compares with the model that was trained.
    private func merged(
        _ adapter: URL, trained: LanguageModel, on terminal: Terminal
    ) throws -> (LanguageModel, MergeReport) {
        let model = try ModelChoice(adapter.path, base: base, quantizesBase: false).model
        let format = trained.quantization?.format.rawValue ?? ""
        terminal.warn(
            model.quantization == nil
                ? "the adapter was trained beside a base in \(format), and is merged into the base's own weights: "
                    + "what it learnt of the rounding does not fit them"
                : "the base is in \(format): the merged model has the numbers that its codes stand for, as they are "
                    + "rounded")
        try model.mergeAdapter()
        return (model, trained.difference(to: model))
    }
}
