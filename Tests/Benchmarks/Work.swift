import ArgumentParser
import TensorCore

/// How numbers are multiplied.
enum BenchmarkPrecision: String, CaseIterable, ExpressibleByArgument {
    case float32, bf16

    /// In PyTorch's word.
    var torch: String { self == .float32 ? "float32" : "bfloat16" }
    /// In Hone's.
    var products: Precision { self == .float32 ? .float32 : .bfloat16 }
}

/// What is measured.
enum Work: String, CaseIterable, ExpressibleByArgument {
    case sftFull = "sft-full"
    case sftLoRA = "sft-lora"
    case sftSmall = "sft-20m"
    case sftTiny = "sft-tiny"
    case dpoLoRA = "dpo"
    case rftLoRA = "rft"
    case decodeOne = "decode-1"
    case decodeMany = "decode-16"
    case memoryFull = "memory-full"
    case memoryLoRA = "memory-lora"
    case memoryQLoRA = "memory-qlora"
    case scaling
    case verifiers
    case loading
    case shards
    case streamMemory = "stream-memory"
    case dataCheck = "datacheck"
    case checkpoints
    case kernels
    case products

    /// For the table.
    var title: String {
        switch self {
        case .sftFull: "SFT, every weight, 4 × 256 tokens"
        case .sftLoRA: "SFT, LoRA r=16 on every linear layer, 4 × 256 tokens"
        case .sftSmall: "SFT, every weight of a model of 19 million, 4 × 256 tokens"
        case .sftTiny: "SFT, every weight of a tiny model, 32 × 20 tokens"
        case .dpoLoRA: "DPO, LoRA r=16, 8 pairs of GSM8K"
        case .rftLoRA: "GRPO, LoRA r=16, 2 prompts × 8 × 128 tokens, a whole step"
        case .decodeOne: "decoding, 1 sequence"
        case .decodeMany: "decoding, 16 sequences"
        case .memoryFull: "memory of a 0.5 B model, every weight, 1,024 tokens"
        case .memoryLoRA: "memory of a 0.5 B model, LoRA, 1,024 tokens"
        case .memoryQLoRA: "memory of a 0.5 B model, QLoRA, 1,024 tokens"
        case .scaling: "cost against tokens and parameters"
        case .verifiers: "calls of a verifier, in the process and in a worker"
        case .loading: "loading a model of the shape of Qwen2.5-0.5B from the page cache"
        case .shards: "shards of preference rows, beside zstd -dc"
        case .streamMemory: "memory of streaming, a small and a large data set"
        case .dataCheck: "every data check over a million rows"
        case .checkpoints: "a checkpoint after every step, every weight of a model of 19 million"
        case .kernels: "operations of the catalogue"
        case .products: "matrix products, beside OpenBLAS"
        }
    }

    /// The precisions it is measured in unless others are asked for.
    var precisions: [BenchmarkPrecision] {
        switch self {
        case .sftFull, .sftLoRA, .decodeMany: [.float32, .bf16]
        case .dpoLoRA, .rftLoRA, .decodeOne, .memoryFull, .memoryLoRA, .memoryQLoRA: [.bf16]
        default: [.float32]
        }
    }

    /// What is promised of it.
    func targets(_ precision: BenchmarkPrecision) -> Targets {
        switch (self, precision) {
        case (.sftFull, .float32): Targets(trl: 5, torch: 2, share: 0.75)
        case (.sftFull, .bf16): Targets(trl: 6, torch: 1.6, share: 0.65)
        case (.sftLoRA, .float32): Targets(trl: 6, torch: 2, share: 0.65)
        case (.sftLoRA, .bf16): Targets(trl: 8, torch: 2, share: 0.55)
        case (.dpoLoRA, .bf16): Targets(trl: 10)
        case (.rftLoRA, .bf16): Targets(trl: 8)
        case (.decodeMany, .bf16): Targets(share: 0.5)
        case (.sftSmall, .float32): Targets(trl: 8, torch: 1.8)
        case (.memoryFull, _): Targets(bytes: 8)
        case (.memoryLoRA, _): Targets(bytes: 1.5)
        case (.memoryQLoRA, _): Targets(bytes: 0.5)
        default: Targets()
        }
    }

    /// Other programs that do the same work: their names, and the scripts with arguments.
    ///
    /// - Parameters:
    ///   - shared: the folder that holds `peers`.
    ///   - model: a folder.
    ///   - steps: how many are counted, where the script can be told.
    ///   - threads: 0 for as many as processors.
    func peers(
        shared: String, model: String, precision: BenchmarkPrecision, steps: Int, threads: Int
    ) -> [(name: String, arguments: [String])] {
        func trl(_ method: String, _ adapter: String) -> (String, [String]) {
            (
                "TRL",
                [
                    shared + "/peers/bench_trl.py", method, model, "--adapter", adapter, "--dtype", precision.torch,
                    "--steps", "\(steps)",
                ]
            )
        }
        func torch(_ adapter: String) -> (String, [String]) {
            ("PyTorch", [shared + "/peers/bench_torch.py", model, adapter, precision.torch])
        }
        return switch self {
        case .sftFull, .sftSmall: [trl("sft", "full"), torch("full")]
        case .sftLoRA: [trl("sft", "lora"), torch("lora")]
        case .dpoLoRA: [trl("dpo", "lora")]
        case .rftLoRA: [trl("grpo", "lora")]
        case .products: [("PyTorch", ["-c", ProductBenchmark.peerScript, "\(threads)"])]
        default: []
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

    /// The shape of the model where `--model` does not name a folder.
    var shape: BenchmarkModel.Shape {
        switch self {
        case .sftSmall, .checkpoints: .small
        case .sftTiny: .tiny
        case .memoryFull, .memoryLoRA, .memoryQLoRA: .half
        default: .smollm
        }
    }

    /// Whether it may be measured in either precision.
    var hasProducts: Bool { isInTokens && targets(.bf16).bytes == nil }

    /// Whether the work is counted in tokens and has a line in the table.
    var isInTokens: Bool {
        switch self {
        case .scaling, .verifiers, .loading, .shards, .streamMemory, .dataCheck, .checkpoints, .kernels, .products:
            false
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
        func training(_ adapter: BenchmarkModel.Adapter, rows: Int, length: Int) throws -> TrainingBenchmark {
            TrainingBenchmark(
                model: try model.load(adapter), adapter: adapter != .full, precision: model.precision, rows: rows,
                length: length)
        }
        switch self {
        case .sftFull, .sftSmall: return try training(.full, rows: 4, length: 256).run(repetitions)
        case .sftLoRA: return try training(.lora, rows: 4, length: 256).run(repetitions)
        case .sftTiny:
            var benchmark = try training(.full, rows: 32, length: 20)
            benchmark.stepsAtOnce = 50
            return try benchmark.run(repetitions)
        case .dpoLoRA:
            return try PreferenceBenchmark(
                model: model.load(.lora), tokenizer: model.tokenizerFolder(shared: shared),
                data: Self.preferences(shared)
            ).run(steps: repetitions)
        case .rftLoRA:
            return try RewardBenchmark(
                model: model.load(.lora), tokenizer: model.tokenizerFolder(shared: shared),
                data: Self.questions(shared)
            ).run(steps: repetitions)
        case .decodeOne, .decodeMany:
            return try DecodingBenchmark(
                model: model.load(.none), precision: model.precision, sequences: self == .decodeOne ? 1 : 16
            ).run(repetitions)
        case .memoryFull: return try MemoryBenchmark(training(.full, rows: 4, length: 257)).run()
        case .memoryLoRA: return try MemoryBenchmark(training(.lora, rows: 4, length: 257)).run()
        case .memoryQLoRA: return try MemoryBenchmark(training(.qlora, rows: 4, length: 257)).run()
        case .scaling: return try ScalingBenchmark().run(repetitions)
        case .verifiers: return try VerifierBenchmark().run(repetitions)
        case .loading: return try LoadingBenchmark(folder: model.folder).run(repetitions)
        case .shards: return try ShardBenchmark(megabytes: megabytes ?? 100).run(repetitions)
        case .streamMemory: return try StreamMemoryBenchmark(megabytes: megabytes ?? 2000).run()
        case .dataCheck: return try DataCheckBenchmark(rows: megabytes.map { $0 * 4000 } ?? 1_000_000).run()
        case .checkpoints:
            return try CheckpointBenchmark(training: training(.full, rows: 4, length: 256)).run(repetitions)
        case .kernels: return OperationBenchmark().run(repetitions)
        case .products: return ProductBenchmark().run(repetitions)
        }
    }
}

/// What is promised of a work; `nil` where nothing is.
struct Targets {
    /// Tokens a second, as a multiple of TRL's in the same precision.
    var trl: Double?
    /// The same of a loop in PyTorch that pads nothing.
    var torch: Double?
    /// Of the machine's own product rate.
    var share: Double?
    /// Peak memory, as a multiple of the weights' bytes in bf16, at most.
    var bytes: Double?
    /// Peak memory, as a share of TRL's, at most.
    static let memoryOfTRL = 0.3
}
