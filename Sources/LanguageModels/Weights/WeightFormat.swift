import Foundation
import TextCore

/// Formats of weights that Hone does not read, so that their files are refused by name.
enum WeightFormat {
    case gguf
    case torch

    /// What the first bytes of a file say.
    init?(start: [UInt8]) {
        if start.starts(with: "GGUF".utf8) || start.starts(with: "FUGG".utf8) {
            self = .gguf
        } else if start.starts(with: [0x50, 0x4B, 0x03, 0x04]) || start.starts(with: [0x80, 0x02]) {
            self = .torch
        } else {
            return nil
        }
    }

    /// What a file's name, or the names in a folder, say.
    init?(at url: URL) {
        var names = [url.lastPathComponent]
        names += ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted()
        for name in names {
            if name.hasSuffix(".gguf") {
                self = .gguf
                return
            }
            if name.hasSuffix(".bin") || name.hasSuffix(".pt") || name.hasSuffix(".pth") {
                self = .torch
                return
            }
        }
        return nil
    }

    /// What it is, why it is not read, and what to do.
    var refusal: String {
        switch self {
        case .gguf:
            "these are weights in GGUF, made for inference and mostly rounded to a few bits; Hone trains from "
                + "safetensors. Take the model that the GGUF file was made from: the folder with config.json, "
                + "tokenizer.json and model.safetensors"
        case .torch:
            "these are weights in PyTorch's pickle, which can run any program when it is read; Hone reads safetensors. "
                + "Convert them with transformers: load the model there and call save_pretrained"
        }
    }
}
