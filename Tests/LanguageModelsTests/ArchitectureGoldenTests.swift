import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TestSupport
import Testing
import TextCore

/// Every folder of `goldens/architectures` against the numbers that `transformers` gave for it.
@Suite struct ArchitectureGoldenTests {
    struct Golden: CustomTestStringConvertible, Sendable {
        let folder: URL
        var testDescription: String { folder.lastPathComponent }
    }

    /// What the files of a case say.
    struct Expected {
        let ids: [[Int]]
        let labels: [[Int]]
        let logits: Tensor
        let file: SafetensorsFile
        let json: JSON

        init(_ golden: Golden) throws {
            file = try SafetensorsFile(reading: golden.folder.appendingPathComponent("golden.safetensors"))
            json = try JSON(parsing: Data(contentsOf: golden.folder.appendingPathComponent("golden.json")))
            logits = try file.tensor(named: "logits")
            let length = try #require(file.entry(named: "input_ids")).shape[1]
            func rows(_ numbers: [Int]) -> [[Int]] {
                stride(from: 0, to: numbers.count, by: length).map { Array(numbers[$0..<$0 + length]) }
            }
            ids = rows(try file.integers(named: "input_ids"))
            labels = rows(try file.integers(named: "labels"))
        }
    }

    static let goldens = Result {
        try SharedFolder.folders(in: "goldens/architectures").map(Golden.init)
    }

    @Test func goldensAreReadable() throws { _ = try Self.goldens.get() }

    @Test(arguments: (try? goldens.get()) ?? [])
    func logitsAndGreedyContinuationAgreeWithTheReference(_ golden: Golden) throws {
        let expected = try Expected(golden)
        let model = try ModelLoader.load(folder: golden.folder)
        let logits = model.logits(hidden: model.hiddenStates(PackedTokens(expected.ids)))
        let difference = zip(logits.scalars, expected.logits.scalars).map { abs($0 - $1) }.max() ?? .infinity
        print("\(golden.testDescription): logits differ by at most \(difference)")
        #expect(difference < 1e-4)
        var settings = GenerationSettings()
        settings.sampling = .greedy
        let greedy = try #require(expected.json["greedy"]?.array).compactMap(\.int)
        settings.maximumNewTokens = greedy.count
        let prompt = try #require(expected.json["prompt"]?.array).compactMap(\.int)
        // Twice in one batch: neither sequence may disturb the other.
        let completions = try Generator(model, settings).completions(of: [prompt, prompt])
        #expect(completions.map(\.ids) == [greedy, greedy])
    }

    @Test(arguments: (try? goldens.get()) ?? [], [false, true])
    func lossAndGradientsAgreeWithTheReference(_ golden: Golden, checkpointing: Bool) throws {
        let expected = try Expected(golden)
        let model = try ModelLoader.load(folder: golden.folder)
        model.setTrainable(.full)
        let parameters = model.trainableParameters
        var gradients = Gradients(count: parameters.count)
        var options = ForwardOptions()
        options.checkpointing = checkpointing
        // Position t of a row predicts the label of t + 1; -100 marks a label that does not count.
        var positions: [Int] = []
        var labels: [Int32] = []
        for (row, numbers) in expected.labels.enumerated() {
            for column in 1..<numbers.count where numbers[column] >= 0 {
                positions.append(row * numbers.count + column - 1)
                labels.append(Int32(numbers[column]))
            }
        }
        let (loss, _) = valueAndGradient(of: parameters.map(\.parameter), addingTo: &gradients) {
            let hidden = model.hiddenStates(PackedTokens(expected.ids), options: options)
            let scores = model.labelLogProbabilities(
                hidden: embedding(hidden, positions), labels: labels, expectsUniformGradient: true)
            return (scores.logProbability.sum().scaled(by: -1 / Float(labels.count)), ())
        }
        let wanted = try #require(expected.json["loss"]?.double)
        #expect(abs(Double(loss) - wanted) < 1e-5)
        let norms = try #require(expected.json["grad_norms"]?.object)
        #expect(Set(norms.keys) == Set(parameters.map(\.name)))
        var worst = 0.0
        for ((name, _), gradient) in zip(parameters, gradients.tensors) {
            let gradient = try #require(gradient, "\(name) has no gradient")
            let norm = gradient.sumOfSquares.squareRoot()
            let reference = try #require(norms[name]?.double)
            worst = max(worst, abs(norm - reference) / reference)
            #expect(abs(norm - reference) <= 1e-3 * reference, "norm of the gradient of \(name)")
            if expected.file.entry(named: "grad." + name) != nil {
                let whole = try expected.file.tensor(named: "grad." + name)
                let distance = (gradient - whole).sumOfSquares.squareRoot()
                #expect(distance <= 1e-3 * reference, "gradient of \(name)")
            }
        }
        print("\(golden.testDescription): loss \(loss) for \(wanted), gradient norms within \(worst)")
    }
}
