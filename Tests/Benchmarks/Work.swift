import ArgumentParser

/// What is measured.
enum Work: String, CaseIterable, ExpressibleByArgument {
    case sftFull = "sft-full"
    case sftLoRA = "sft-lora"
    case sftTiny = "sft-tiny"
    case decodeOne = "decode-1"
    case decodeMany = "decode-16"
    case shards
    case streamMemory = "stream-memory"
    case kernels

    /// For the table.
    var title: String {
        switch self {
        case .sftFull: "SFT, every weight, 4 × 256 tokens"
        case .sftLoRA: "SFT, LoRA r=16 on every linear layer, 4 × 256 tokens"
        case .sftTiny: "SFT, every weight of a tiny model, 32 × 20 tokens"
        case .decodeOne: "decoding, 1 sequence"
        case .decodeMany: "decoding, 16 sequences"
        case .shards: "shards of preference rows, beside zstd -dc"
        case .streamMemory: "memory of streaming, a small and a large data set"
        case .kernels: "operations of the catalogue"
        }
    }

    /// The argument of `bench_torch.py` for the same work; `nil` where it has none.
    var peerAdapter: String? {
        switch self {
        case .sftFull: "full"
        case .sftLoRA: "lora"
        default: nil
        }
    }

    /// Whether the work is counted in tokens and has a line in the table.
    var isInTokens: Bool {
        switch self {
        case .shards, .streamMemory, .kernels: false
        default: true
        }
    }

    /// - Parameter megabytes: text of the data set that is read; `nil` for the usual size.
    func measure(_ model: BenchmarkModel, repetitions: Int, threads: Int, megabytes: Int?) throws -> Measurement {
        setThreads(threads)
        switch self {
        case .sftFull:
            return try TrainingBenchmark(model: model.load(), adapter: false, rows: 4, length: 256).run(repetitions)
        case .sftLoRA:
            return try TrainingBenchmark(model: model.load(), adapter: true, rows: 4, length: 256).run(repetitions)
        case .sftTiny:
            return try TrainingBenchmark(
                model: BenchmarkModel.tiny(), adapter: false, rows: 32, length: 20, stepsAtOnce: 50
            ).run(repetitions)
        case .decodeOne: return try DecodingBenchmark(model: model.load(), sequences: 1).run(repetitions)
        case .decodeMany: return try DecodingBenchmark(model: model.load(), sequences: 16).run(repetitions)
        case .shards: return try ShardBenchmark(megabytes: megabytes ?? 100).run(repetitions)
        case .streamMemory: return try StreamMemoryBenchmark(megabytes: megabytes ?? 2000).run()
        case .kernels: return OperationBenchmark().run(repetitions)
        }
    }
}
