/// Which weights to train, by the memory that each way takes.
public struct AdapterChoice: Sendable, Hashable {
    /// A way to train.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case full, lora, qlora

        /// Memory as a multiple of the model in bfloat16: weights, gradients and AdamW's moments and master copy in
        /// float32 for all of them; the frozen weights and a small adapter; the same with weights of four bits.
        public var memoryFactor: Double {
            switch self {
            case .full: 8
            case .lora: 1.5
            case .qlora: 0.5
            }
        }

        var title: String {
            switch self {
            case .full: "full"
            case .lora: "LoRA"
            case .qlora: "QLoRA"
            }
        }
    }

    /// One way and what it takes.
    public struct Option: Sendable, Hashable {
        /// The way.
        public let kind: Kind
        /// Bytes that it takes; `nil` where the model is not chosen.
        public let bytes: Int?
        /// Whether it fits; `nil` where the model or the memory is not known.
        public let fits: Bool?
    }

    /// All ways, the largest first.
    public let options: [Option]
    /// The way to take; `nil` where none fits.
    public let kind: Kind?
    /// Why.
    public let reason: String

    /// The smallest way that serves, where what is to be learnt needs no more.
    ///
    /// - Parameters:
    ///   - model: the model and the memory.
    ///   - learnsMuch: whether so much is learnt that an adapter would hold it back, as when pretraining goes on.
    init(_ model: ModelAnswers, learnsMuch: Bool) {
        let options = Kind.allCases.map { kind -> Option in
            // Two bytes a parameter in bfloat16.
            let bytes = model.parameters.flatMap { Int(exactly: (2 * kind.memoryFactor * Double($0.count)).rounded()) }
            let fits = bytes.flatMap { bytes in model.memory.map { bytes <= $0.bytes } }
            return Option(kind: kind, bytes: bytes, fits: fits)
        }
        self.options = options
        func fits(_ kind: Kind) -> Bool { options.contains { $0.kind == kind && $0.fits != false } }
        let isKnown = model.parameters != nil && model.memory != nil
        if learnsMuch, fits(.full) {
            kind = .full
            reason = "so much text is learnt that an adapter would hold it back"
        } else if fits(.lora) {
            kind = .lora
            reason =
                learnsMuch
                ? "full training does not fit; an adapter of a high rank is the next best"
                : "an adapter learns a narrow task as well as full training, can be taken off again, "
                    + "and forgets less" + (isKnown ? "" : " (name the model and the memory to have it checked)")
        } else if fits(.qlora) {
            kind = .qlora
            reason = "only with weights of four bits does it fit"
        } else {
            kind = nil
            reason = "no way fits; take a smaller model or a machine with more memory"
        }
    }
}
