public import Training

/// A micro-batch of sampled answers.
public struct PolicyBatch: Sendable {
    /// What a whole optimiser step has, so that its mean is the same however it is cut.
    public struct StepTotals: Sendable, Hashable {
        /// Answers, those without a trained token included.
        public var samples = 0.0
        /// Trained tokens.
        public var tokens = 0.0
        /// The entropy that a token must have to be trained on; `nil` where this is not decided over the step.
        public var entropyThreshold: Float?
    }

    /// All answers of the micro-batch, those that carry no signal included.
    public let groups: [PolicyGroup]
    /// The answers that carry a signal.
    let active: PackedPolicy?
    /// Those that do not, and are only measured.
    let idle: PackedPolicy?
    /// What the whole step has.
    public let totals: StepTotals

    /// Answers in this micro-batch.
    public var sampleCount: Int { groups.reduce(0) { $0 + $1.samples.count } }
    /// Trained tokens in this micro-batch.
    public var tokenCount: Int { (active?.answers.labels.count ?? 0) + (idle?.answers.labels.count ?? 0) }
    /// Whether nothing in it could change the weights.
    public var isIdle: Bool { active == nil }

    init(_ groups: [PolicyGroup], settings: PolicySettings, totals: StepTotals) {
        self.groups = groups
        self.totals = totals
        active = PackedPolicy(groups.filter(settings.trains), settings: settings)
        idle = PackedPolicy(groups.filter { !settings.trains($0) }, settings: settings)
    }

    /// The answers of an optimiser step in micro-batches.
    ///
    /// A group is cut where a micro-batch is full; its advantages are known by then, so that changes nothing.
    ///
    /// - Parameters:
    ///   - groups: all of the step, each with its prompt.
    ///   - settings: say which tokens are trained and which answers need no training.
    ///   - limit: how much goes into one micro-batch: answers, or tokens with each prompt counted once.
    /// - Precondition: prompts are not empty, and everything per token is as long as its answer.
    public static func plan(
        _ groups: [PolicyGroup], settings: PolicySettings, limit: Packing.MicroBatchLimit
    ) -> [PolicyBatch] {
        precondition(groups.allSatisfy { !$0.prompt.isEmpty }, "a prompt without tokens")
        precondition(groups.allSatisfy { $0.samples.allSatisfy(\.isConsistent) }, "lists of other lengths than answers")
        var totals = StepTotals()
        for sample in groups.lazy.flatMap(\.samples) {
            totals.samples += 1
            totals.tokens += Double(settings.trainedTokens(of: sample).count)
        }
        totals.entropyThreshold = entropyThreshold(groups, settings)
        return pieces(groups, limit).map { PolicyBatch($0, settings: settings, totals: totals) }
    }

    /// Trained tokens and all others that a step reads, each prompt once for each of its answers as TRL counts them.
    public static func tokensRead(_ groups: [PolicyGroup]) -> Int {
        groups.reduce(0) { sum, group in
            group.samples.reduce(sum) { $0 + group.prompt.count + $1.completion.count }
        }
    }

    private static func pieces(_ groups: [PolicyGroup], _ limit: Packing.MicroBatchLimit) -> [[PolicyGroup]] {
        var pieces: [[PolicyGroup]] = []
        var (current, count, tokens): ([PolicyGroup], Int, Int) = ([], 0, 0)
        for group in groups {
            var isOpen = false
            for sample in group.samples {
                let length = sample.completion.count + (isOpen ? 0 : group.prompt.count)
                let isFull =
                    switch limit {
                    case .rows(let rows): count >= max(1, rows)
                    case .tokens(let most): count > 0 && tokens + length > most
                    }
                if isFull {
                    pieces.append(current)
                    (current, count, tokens, isOpen) = ([], 0, 0, false)
                }
                if !isOpen {
                    current.append(PolicyGroup(prompt: group.prompt, samples: []))
                    tokens += group.prompt.count
                    isOpen = true
                }
                current[current.count - 1].samples.append(sample)
                count += 1
                tokens += sample.completion.count
            }
        }
        if count > 0 { pieces.append(current) }
        return pieces
    }

    private static func entropyThreshold(_ groups: [PolicyGroup], _ settings: PolicySettings) -> Float? {
        guard settings.topEntropyQuantile < 1, settings.scope == .step else { return nil }
        var values: [Float] = []
        for sample in groups.lazy.flatMap(\.samples) {
            guard let entropies = sample.entropies else { return nil }
            values += settings.trainedTokens(of: sample).map { entropies[$0] }
        }
        return values.quantile(1 - settings.topEntropyQuantile)
    }
}

extension [Float] {
    /// The quantile `share` of the numbers, between two of them by linear interpolation; `nil` of none.
    package func quantile(_ share: Double) -> Float? {
        guard !isEmpty else { return nil }
        let sorted = sorted()
        let place = Swift.min(Swift.max(share, 0), 1) * Double(count - 1)
        let low = Int(place)
        let next = Swift.min(low + 1, count - 1)
        return sorted[low] + (sorted[next] - sorted[low]) * Float(place - Double(low))
    }
}

/// Answers laid end to end, with what is known of each of their trained tokens.
struct PackedPolicy: Sendable {
    /// The tokens; the labels are the trained ones.
    let answers: PackedAnswers
    /// The answers in the order of `answers.ranges`.
    let samples: [PolicySample]
    /// Where each of them comes from: the number of its group, and of the sample in it.
    let places: [PackedAnswers.Place]
    /// For each label the sample it is of.
    let owners: [Int]
    /// For each label which token of its sample it is.
    let indices: [Int]

    /// - Returns: `nil` where there is no trained token.
    init?(_ groups: [PolicyGroup], settings: PolicySettings) {
        var packed: [PackedAnswers.Group] = []
        var kept: [[(sample: PolicySample, place: PackedAnswers.Place)]] = []
        for (number, group) in groups.enumerated() {
            var answers: [[Int32]] = []
            var flags: [[Bool]] = []
            var samples: [(PolicySample, PackedAnswers.Place)] = []
            for (index, sample) in group.samples.enumerated() {
                let trained = settings.trainedTokens(of: sample)
                guard let last = trained.last else { continue }
                // Nothing after the last trained token can change what is said of it.
                answers.append(Array(sample.completion[...last]))
                flags.append(Array(sample.isTrained[...last]))
                samples.append((sample, PackedAnswers.Place(group: number, answer: index)))
            }
            guard !samples.isEmpty else { continue }
            packed.append(PackedAnswers.Group(prompt: group.prompt, answers: answers, isPredicted: flags))
            kept.append(samples)
        }
        guard !packed.isEmpty else { return nil }
        let answers = PackedAnswers(packed)
        self.answers = answers
        let sources = answers.places.map { kept[$0.group][$0.answer] }
        let samples = sources.map(\.sample)
        self.samples = samples
        places = sources.map(\.place)
        owners = answers.ranges.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element.count) }
        indices = samples.flatMap { settings.trainedTokens(of: $0) }
    }

    /// What is known of each label: `fallback` of the label's place where a sample does not say.
    func values(_ list: KeyPath<PolicySample, [Float]?>, fallback: (Int) -> Float) -> [Float] {
        zip(owners, indices).enumerated().map { label, place in
            samples[place.0][keyPath: list]?[place.1] ?? fallback(label)
        }
    }
}
