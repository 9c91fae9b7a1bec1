import LanguageModels
import TensorCore
import TextCore

/// Tokens a second of writing greedily after short prompts.
struct DecodingBenchmark {
    let model: LanguageModel
    let precision: BenchmarkPrecision
    let sequences: Int

    func run(_ repetitions: Int) throws -> Measurement {
        var settings = GenerationSettings()
        settings.sampling.temperature = 0
        settings.batchLimit = sequences
        let prompts = (0..<sequences).map { sequence in
            (0..<32).map { (sequence * 977 + $0 * 7919 + 3) % model.configuration.vocabularySize }
        }
        // Two lengths, so that what the prompts cost cancels out.
        let (short, long) = (4, 36)
        let times = try [short, long].map { length in
            settings.maximumNewTokens = length
            let generator = try Generator(model, settings)
            return try Timing(min(repetitions, 3)) { _ = try generator.completions(of: prompts) }.wall.median
        }
        var result = Measurement()
        let seconds = (times[1] - times[0]) / Double(long - short)
        result["tokens_per_second"] = .number((Double(sequences) / seconds).rounded(digits: 4))
        result["milliseconds_per_token"] = .number((1000 * seconds).rounded(digits: 4))
        // Every weight is multiplied once for every token, the embedding as the head.
        let weights = model.baseParameters.reduce(0.0) { $0 + Double($1.parameter.value.count) }
        let operations = 2 * weights * Double(sequences)
        result["share_of_machine"] = .number(
            (operations / seconds / (MachineRate.measure(precision).max() ?? .nan)).rounded(digits: 3))
        let bytes = precision == .float32 ? 4.0 : 2.0
        result["weight_gigabytes_per_second"] = .number((bytes * weights / seconds / 1e9).rounded(digits: 3))
        result["peak_rss_mb"] = .integer(peakResidentMegabytes())
        return result
    }
}
