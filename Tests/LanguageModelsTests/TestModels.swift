import Foundation
import LanguageModels
import TensorCore
import Testing
import TextCore

/// A family, shown by its name in the results of tests.
struct FamilyCase: CustomTestStringConvertible, Sendable {
    let family: ModelFamily
    var testDescription: String { family.modelType }

    static let all = ModelRegistry.families.map(FamilyCase.init)

    /// A small model with random weights, norms and biases included, so that none is at a value that hides it.
    func model() throws -> LanguageModel {
        let model = try ModelInitializer.model(configuration: family.sample, seed: 7)
        for (name, parameter) in model.baseParameters where parameter.value.shape.count == 1 {
            let stream = RandomStream(seed: 3, purpose: name)
            parameter.value =
                parameter.value + Tensor.uniform(parameter.value.shape, from: -0.3, to: 0.3, stream: stream)
        }
        return model
    }
}

/// A folder that is removed when the test ends.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("hone-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}

/// Ids that a model of at least 53 tokens knows.
func someTokens(_ count: Int, seed: UInt64 = 1) -> [Int] {
    let stream = RandomStream(seed: seed, purpose: "tokens")
    return (0..<count).map { Int(stream.word($0) % 53) }
}

/// The bits of every number: equal means the same, signs of zero included.
func bits(_ tensor: Tensor) -> [UInt32] { tensor.scalars.map(\.bitPattern) }

/// The largest difference of two tensors of one shape.
func distance(_ first: Tensor, _ second: Tensor) -> Float {
    precondition(first.shape == second.shape, "\(first.shape) and \(second.shape)")
    return zip(first.scalars, second.scalars).map { abs($0 - $1) }.max() ?? 0
}

/// The error that `body` throws, as a user reads it.
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "no error"
    } catch {
        return "\(error)"
    }
}
