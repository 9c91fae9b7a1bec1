import Synchronization
import TextCore

/// Verdicts that cannot change, by what was judged. It may be used from several tasks.
///
/// It has two halves: when the newer is full, the older is forgotten. What is asked for again is kept.
final class VerdictMemo: Sendable {
    /// What a verdict depends on.
    struct Key: Hashable, Sendable {
        /// The verifier with its options.
        var component: SHA256.Digest
        /// The row with what it expects, and what was written.
        var rollout: SHA256.Digest
        /// What other verifiers said before; `nil` for verifiers that are not told.
        var earlier: Score?
    }

    private struct Halves {
        var newer: [Key: Verdict] = [:]
        var older: [Key: Verdict] = [:]
    }

    private let halves = Mutex(Halves())
    private let halfSize: Int

    /// - Parameter capacity: verdicts that are kept at most.
    init(capacity: Int = 1 << 17) { halfSize = max(1, capacity / 2) }

    subscript(key: Key) -> Verdict? {
        get {
            halves.withLock { halves in
                if let verdict = halves.newer[key] { return verdict }
                guard let verdict = halves.older[key] else { return nil }
                insert(verdict, key, &halves)
                return verdict
            }
        }
        set {
            guard let newValue else { return }
            halves.withLock { insert(newValue, key, &$0) }
        }
    }

    private func insert(_ verdict: Verdict, _ key: Key, _ halves: inout sending Halves) {
        if halves.newer.count >= halfSize {
            halves.older = halves.newer
            halves.newer = [:]
        }
        halves.newer[key] = verdict
    }
}

extension SHA256 {
    /// Adds a text together with its length, so that two texts cannot run into each other.
    mutating func update(part text: String) {
        var text = text
        text.withUTF8 { bytes in
            var count = UInt64(bytes.count).littleEndian
            withUnsafeBytes(of: &count) { update($0) }
            update(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Adds a whole number.
    mutating func update(part number: Int) {
        var number = UInt64(bitPattern: Int64(number)).littleEndian
        withUnsafeBytes(of: &number) { update($0) }
    }
}

extension Rollout {
    /// Stands for everything in the rollout that a verifier may go by.
    ///
    /// - Parameter row: stands for the row and what it expects.
    func digest(row: SHA256.Digest) -> SHA256.Digest {
        var hash = SHA256()
        hash.update(row.bytes)
        hash.update(part: prompt)
        hash.update(part: fullText)
        hash.update(part: lastTurn ?? "")
        hash.update(part: stopReason.rawValue)
        hash.update(part: tokenCount)
        hash.update(part: reasoningIsOpen ? 1 : 0)
        hash.update(part: tokens.count)
        tokens.withUnsafeBytes { hash.update($0) }
        for call in toolCalls {
            hash.update(part: call.name)
            hash.update(part: call.rawArguments)
        }
        return hash.finalized()
    }
}
