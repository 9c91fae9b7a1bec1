import DPO
import Foundation
import LanguageModels
import TensorCore
import TextCore
import Training

/// Log-probabilities of a reference, kept in a file under a name that hashes everything they depend on: the weights of
/// the reference, the tokens of every pair and what the objective makes of them.
struct ReferenceCache {
    /// Where the files are; `nil` keeps nothing.
    let folder: URL?
    /// Hashes of the reference's weights, and the settings that change the sums.
    let reference: JSON

    /// Fills in what the reference says of each example, from the file where there is one.
    ///
    /// - Parameters:
    ///   - parts: sets of examples, such as those to train on and those held out.
    ///   - compute: what the reference says of some examples.
    /// - Returns: Whether all values came from the file.
    /// - Throws: what `compute` throws. A file that cannot be read or written costs time, not the run.
    func fill(
        _ parts: inout [[PreferenceExample]],
        compute: ([PreferenceExample]) throws -> [ReferenceLogProbabilities]
    ) throws -> Bool {
        let file = folder?.appending(path: "reference-\(key(parts)).safetensors")
        let count = parts.reduce(0) { $0 + $1.count }
        if let file, let values = Self.read(file, count: count) {
            apply(values, to: &parts)
            return true
        }
        let values = try parts.flatMap { try compute($0) }
        apply(values, to: &parts)
        if let file { Self.write(values, to: file) }
        return false
    }

    private func apply(_ values: [ReferenceLogProbabilities], to parts: inout [[PreferenceExample]]) {
        var rest = values[...]
        for part in parts.indices {
            for index in parts[part].indices { parts[part][index].reference = rest.popFirst() }
        }
    }

    private func key(_ parts: [[PreferenceExample]]) -> String {
        var hash = SHA256()
        func add(_ numbers: [Int32]) {
            [Int32(numbers.count)].withUnsafeBytes { hash.update($0) }
            numbers.withUnsafeBytes { hash.update($0) }
        }
        Array(reference.text().utf8).withUnsafeBytes { hash.update($0) }
        for part in parts {
            add([Int32(part.count)])
            for example in part {
                add(example.prompt)
                add(example.chosen)
                add(example.rejected)
            }
        }
        return String(hash.finalized().hexadecimal.prefix(32))
    }

    private static let tensorName = "reference_log_probabilities"
    private static let hashName = "sha256"

    /// What a file says of its numbers, so that damage is not taken for them.
    private static func hash(_ numbers: [Float]) -> String {
        var hash = SHA256()
        numbers.withUnsafeBytes { hash.update($0) }
        return hash.finalized().hexadecimal
    }

    private static func read(_ file: URL, count: Int) -> [ReferenceLogProbabilities]? {
        guard FileManager.default.fileExists(atPath: file.path), let weights = try? SafetensorsFile(reading: file),
            let tensor = try? weights.tensor(named: tensorName), tensor.shape == [count, 2], tensor.isFinite
        else { return nil }
        let numbers = tensor.scalars
        guard weights.metadata[hashName] == hash(numbers) else { return nil }
        return (0..<count).map { ReferenceLogProbabilities(chosen: numbers[2 * $0], rejected: numbers[2 * $0 + 1]) }
    }

    private static func write(_ values: [ReferenceLogProbabilities], to file: URL) {
        let folder = file.deletingLastPathComponent()
        guard (try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)) != nil else {
            return
        }
        let numbers = values.flatMap { [$0.chosen, $0.rejected] }
        let tensor = Tensor(numbers, shape: [values.count, 2])
        let metadata = ["format": "pt", hashName: hash(numbers)]
        // Under another name first: a reader never meets half a file.
        let staging = folder.appending(path: ".tmp-\(file.lastPathComponent)-\(getpid())")
        guard (try? SafetensorsWriter.write([.init(tensorName, tensor)], to: staging, metadata: metadata)) != nil,
            rename(staging.path, file.path) == 0
        else {
            try? FileManager.default.removeItem(at: staging)
            return
        }
    }
}
