import ArgumentParser

/// What is measured.
enum Work: String, CaseIterable, ExpressibleByArgument {
    case sftFull = "sft-full"
    case sftLoRA = "sft-lora"
    case sftTiny = "sft-tiny"
    case dpoLoRA = "dpo"
    case rftLoRA = "rft"
    case decodeOne = "decode-1"
    case decodeMany = "decode-16"
    case verifiers
    case loading
    case shards
    case streamMemory = "stream-memory"
    case kernels

    /// For the table.
    var title: String {
        switch self {
        case .sftFull: "SFT, every weight, 4 × 256 tokens"
        case .sftLoRA: "SFT, LoRA r=16 on every linear layer, 4 × 256 tokens"
        case .sftTiny: "SFT, every weight of a tiny model, 32 × 20 tokens"
        case .dpoLoRA: "DPO, LoRA r=16, 8 pairs of GSM8K"
        case .rftLoRA: "GRPO, LoRA r=16, 2 prompts × 8 × 128 tokens, a whole step"
        case .decodeOne: "decoding, 1 sequence"
        case .decodeMany: "decoding, 16 sequences"
        case .verifiers: "calls of a verifier, in the process and in a worker"
        case .loading: "loading a model of the shape of Qwen2.5-0.5B from the page cache"
        case .shards: "shards of preference rows, beside zstd -dc"
        case .streamMemory: "memory of streaming, a small and a large data set"
        case .kernels: "operations of the catalogue"
        }
    }

    /// The script of the peer that does the same work, and its arguments; `nil` where there is none.
    ///
    /// - Parameters:
    ///   - shared: the folder that holds `peers`.
    ///   - model: a folder.
    ///   - steps: how many are counted, where the script can be told.
    func peerArguments(shared: String, model: String, steps: Int) -> [String]? {
        switch self {
        case .sftFull: [shared + "/peers/bench_torch.py", model, "full", "float32"]
        case .sftLoRA: [shared + "/peers/bench_torch.py", model, "lora", "float32"]
        case .dpoLoRA:
            [
                shared + "/peers/bench_trl.py", "dpo", model, "--adapter", "lora", "--dtype", "float32", "--steps",
                "\(steps)",
            ]
        case .rftLoRA:
            [
                shared + "/peers/bench_trl.py", "grpo", model, "--adapter", "lora", "--dtype", "float32", "--steps",
                "\(steps)",
            ]
        default: nil
        }
    }

    /// What the work reads beside a model; it is left out where that is missing and nobody asked for it.
    func neededFile(shared: String) -> String? {
        switch self {
        case .dpoLoRA: Self.preferences(shared)
        case .rftLoRA: Self.questions(shared)
        default: nil
        }
    }

    private static func questions(_ shared: String) -> String { shared + "/data/gsm8k/train.jsonl" }

    private static func preferences(_ shared: String) -> String { shared + "/data/gsm8k/preference.jsonl" }

    /// Whether the work is counted in tokens and has a line in the table.
    var isInTokens: Bool {
        switch self {
        case .verifiers, .loading, .shards, .streamMemory, .kernels: false
        default: true
        }
    }

    /// - Parameters:
    ///   - shared: the folder that holds `data` and `peers`.
    ///   - megabytes: how large a data set is read; `nil` for the usual size.
    func measure(
        _ model: BenchmarkModel, repetitions: Int, threads: Int, shared: String, megabytes: Int?
    ) throws -> Measurement {
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
        case .dpoLoRA:
            return try PreferenceBenchmark(
                model: model.load(), tokenizer: model.tokenizerFolder(shared: shared), data: Self.preferences(shared)
            ).run(steps: repetitions)
        case .rftLoRA:
            return try RewardBenchmark(
                model: model.load(), tokenizer: model.tokenizerFolder(shared: shared), data: Self.questions(shared)
            ).run(steps: repetitions)
        case .verifiers: return try VerifierBenchmark().run(repetitions)
        case .decodeOne: return try DecodingBenchmark(model: model.load(), sequences: 1).run(repetitions)
        case .decodeMany: return try DecodingBenchmark(model: model.load(), sequences: 16).run(repetitions)
        case .loading: return try LoadingBenchmark(folder: model.folder).run(repetitions)
        case .shards: return try ShardBenchmark(megabytes: megabytes ?? 100).run(repetitions)
        case .streamMemory: return try StreamMemoryBenchmark(megabytes: megabytes ?? 2000).run()
        case .kernels: return OperationBenchmark().run(repetitions)
        }
    }
}
