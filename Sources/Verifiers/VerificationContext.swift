import Synchronization

/// What surrounds a verifier's call.
public struct VerificationContext: Sendable {
    /// What the score is for.
    public enum Purpose: String, Sendable, Hashable {
        case training
        case evaluation
        case preflight
    }

    /// What the score is for.
    public var purpose: Purpose
    /// When the call must have ended; `nil` for no limit. A verifier in a worker process is ended then; another is
    /// asked to look at it.
    public var deadline: ContinuousClock.Instant?
    /// How often this rollout was judged before.
    public var attempt: Int
    /// Random numbers that depend on the run's seed, the verifier, the row, the rollout and the attempt alone.
    public var random: VerifierRandom
    /// What the verifiers listed before this one say together; `nil` for the first.
    public var earlier: Score?
    /// Where messages and numbers go.
    public let notes: VerificationNotes

    public init(
        purpose: Purpose = .evaluation, deadline: ContinuousClock.Instant? = nil, attempt: Int = 0,
        random: VerifierRandom = VerifierRandom(seed: 0), earlier: Score? = nil,
        notes: VerificationNotes = VerificationNotes()
    ) {
        self.purpose = purpose
        self.deadline = deadline
        self.attempt = attempt
        self.random = random
        self.earlier = earlier
        self.notes = notes
    }

    /// Writes a line next to the verdict.
    public func log(_ message: String) { notes.add(message) }

    /// Keeps a number next to the verdict; it is averaged in the metrics and never becomes part of the score.
    public func metric(_ name: String, _ value: Double) { notes.add(name, value) }
}

/// What a verifier said beside its verdict. It may be written to from several tasks.
public final class VerificationNotes: Sendable {
    private struct Content {
        var messages: [String] = []
        var metrics: [String: Double] = [:]
    }

    private let content = Mutex(Content())

    /// More lines than this are dropped, so that a verifier cannot fill the memory.
    private static let lineLimit = 100

    public init() {}

    func add(_ message: String) {
        content.withLock { if $0.messages.count < Self.lineLimit { $0.messages.append(message) } }
    }

    func add(_ name: String, _ value: Double) {
        content.withLock {
            if $0.metrics.count < Self.lineLimit || $0.metrics[name] != nil { $0.metrics[name] = value }
        }
    }

    /// The lines so far, at most a hundred.
    public var messages: [String] { content.withLock { $0.messages } }

    /// The numbers so far, the last of each name.
    public var metrics: [String: Double] { content.withLock { $0.metrics } }
}

/// Random numbers for verifiers: the same for the same key, whenever and wherever a verifier runs.
///
/// The generator is SplitMix64 (Steele et al., 2014).
public struct VerifierRandom: RandomNumberGenerator, Sendable, Hashable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// A generator for what the parts name together, such as a verifier, a row and a rollout.
    public init(seed: UInt64, _ parts: String...) {
        state = parts.reduce(Self.mix(seed)) { state, part in
            // FNV-1a over the bytes, closed by a byte that no text has.
            let hash = (Array(part.utf8) + [0xFF]).reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
                ($0 ^ UInt64($1)) &* 0x100_0000_01B3
            }
            return Self.mix(state &+ hash)
        }
    }

    /// What a worker process is told, to draw the same numbers.
    public var seed: UInt64 { state }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.finished(state)
    }

    private static func mix(_ value: UInt64) -> UInt64 { finished(value &+ 0x9E37_79B9_7F4A_7C15) }

    private static func finished(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
