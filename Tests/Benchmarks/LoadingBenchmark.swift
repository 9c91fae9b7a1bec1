import Foundation
import LanguageModels
import TensorCore
import TextCore
import Training

/// Seconds from a folder in the page cache to a model that is ready to train: an adapter attached, its moments made, and
/// every weight read once, which is what a mapped file puts off.
struct LoadingBenchmark {
    /// `nil` for a model of the shape of Qwen2.5-0.5B with random weights, stored in bf16.
    let folder: String?

    func run(_ repetitions: Int) throws -> Measurement {
        let made = folder == nil ? try Self.make() : nil
        defer { if let made { try? FileManager.default.removeItem(at: made) } }
        let url = made ?? URL(fileURLWithPath: folder ?? "")
        var result = Measurement()
        result["megabytes"] = .integer(try Self.bytes(in: url) / 1_000_000)
        for dtype in [DType.bfloat16, .float32] {
            let timing = try Timing(repetitions) { try ready(url, dtype) }
            result["seconds_\(dtype.rawValue)"] = .target(timing.wall.median.rounded(digits: 3), atMost: 2)
        }
        let hashing = try Timing(repetitions) { _ = try Self.weights(in: url).map { try $0.blockDigests() } }
        result["seconds_to_hash"] = .number(hashing.wall.median.rounded(digits: 3))
        result["peak_rss_mb"] = .integer(peakResidentMegabytes())
        return result
    }

    private func ready(_ url: URL, _ dtype: DType) throws {
        let model = try ModelLoader.load(folder: url, dtype: dtype)
        try model.attachAdapter(AdapterConfiguration(rank: 16), seed: 3)
        let optimizer = AdamW(model.trainableParameters)
        precondition(optimizer.parameters.count == 2 * model.linearLayers.count, "an adapter on every layer")
        var sum = 0
        for (_, parameter) in model.baseParameters { sum &+= parameter.value.touchedPages() }
        precondition(sum != 1, "read, so that it is not optimised away")
    }

    private static func make() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "hone-bench-\(UUID().uuidString)")
        try BenchmarkModel.halfBillion().save(to: url, dtype: .bfloat16)
        return url
    }

    private static func weights(in folder: URL) throws -> [SafetensorsFile] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "safetensors" }.map { try SafetensorsFile(reading: $0) }
    }

    private static func bytes(in folder: URL) throws -> Int {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.fileSizeKey])
            .filter { $0.pathExtension == "safetensors" }
            .reduce(0) { $0 + (try $1.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0) }
    }
}

extension Tensor {
    /// Reads a byte of every page.
    fileprivate func touchedPages() -> Int {
        let byteCount = count * dtype.size
        return withExtendedLifetime(self) {
            stride(from: 0, to: byteCount, by: 4096).reduce(0) {
                $0 &+ Int(bytes.load(fromByteOffset: $1, as: UInt8.self))
            }
        }
    }
}
