import ArgumentParser
import Foundation
import LanguageModels
import TensorCore
import TextCore

/// A model on the disk: a model folder, an adapter on its base, or a run.
struct ModelChoice {
    let model: LanguageModel
    let text: ModelText
    /// Where the weights are from; of an adapter, its base model.
    let weightsFolder: URL

    /// Loads a model and its adapter.
    ///
    /// - Parameters:
    ///   - path: a model folder, or an adapter's (then `base` or its configuration names the model), or a run folder.
    ///   - adapter: an adapter to attach.
    ///   - base: the model that an adapter belongs to, where its configuration does not say so.
    ///   - quantizesBase: whether the base of an adapter is quantised as it was while the adapter was trained: what an
    ///     adapter learnt it learnt beside those weights.
    /// - Throws: `ModelError` and errors of the tokenizer.
    init(
        _ path: String, adapter: String? = nil, base: String? = nil, dtype: DType = .float32, quantizesBase: Bool = true
    ) throws {
        for (option, given) in [("model", path), ("adapter", adapter), ("base", base)] {
            guard let given, !FileManager.default.fileExists(atPath: URL(fileURLWithPath: given).path) else { continue }
            throw CommandFailure(
                message: "\(given): no such folder; --\(option) takes one from the current folder, or from '/'",
                status: .missing)
        }
        let folder = Self.resolved(path)
        if Self.isAdapter(folder) {
            let baseFolder = try base.map { URL(fileURLWithPath: $0) } ?? Self.base(of: folder)
            weightsFolder = baseFolder
            let quantization = try quantizesBase ? Quantization(ofAdapter: folder) : nil
            model = try ModelLoader.load(
                folder: baseFolder, dtype: quantization?.numberType ?? dtype, quantization: quantization)
            try model.loadAdapter(from: folder)
            let hasTokenizer = FileManager.default.fileExists(atPath: folder.appending(path: "tokenizer.json").path)
            text = try ModelText(folder: baseFolder, tokenizerFolder: hasTokenizer ? folder : baseFolder)
        } else {
            weightsFolder = folder
            let attached = adapter.map { Self.resolved($0) }
            let quantization = try attached.flatMap { attached in
                try quantizesBase && Self.isAdapter(attached) ? Quantization(ofAdapter: attached) : nil
            }
            model = try ModelLoader.load(
                folder: folder, dtype: quantization?.numberType ?? dtype, quantization: quantization)
            text = try ModelText(folder: folder)
            if let attached { try model.loadAdapter(from: attached) }
        }
        model.setTrainable(.none)
    }

    /// A run folder stands for its trained model.
    static func resolved(_ path: String) -> URL {
        let folder = URL(fileURLWithPath: path)
        let final = folder.appending(path: "final")
        let isRun = FileManager.default.fileExists(atPath: folder.appending(path: "events.jsonl").path)
        return isRun && FileManager.default.fileExists(atPath: final.path) ? final : folder
    }

    static func isAdapter(_ folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: "adapter_config.json").path)
    }

    private static func base(of adapter: URL) throws -> URL {
        let configuration = try ModelText.json(adapter.appending(path: "adapter_config.json"))
        guard let name = configuration["base_model_name_or_path"]?.string, !name.isEmpty else {
            throw CommandFailure(
                message: "\(adapter.path): the adapter does not say which model it belongs to; give it with --base",
                status: .usage)
        }
        let url = URL(fileURLWithPath: name)
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw CommandFailure(
                message: "\(adapter.path): its base model \(name) is not there; give its folder with --base",
                status: .missing)
        }
        return url
    }
}
