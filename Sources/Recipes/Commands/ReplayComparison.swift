import Foundation
import OrderedCollections
import TextCore
import Verifiers

/// Old and new scores of the same rollouts, side by side.
struct ReplayComparison {
    private struct Change {
        var line: RolloutLine
        var new: RolloutScore
        var size: Double
    }

    /// What a component said.
    private struct Figures {
        var values = 0
        var sum = 0.0
        var passed = 0
        var abstained = 0
        var failed = 0
        var skipped = 0
        var asked = 0
    }

    private let rewards: RewardSet
    private let shown: Int
    /// Rollouts.
    private(set) var count = 0
    private var groups = 0
    private var informative = (old: 0, new: 0)
    private var sums = (old: 0.0, new: 0.0)
    private var scored = (old: 0, new: 0)
    private var passed = (old: 0, new: 0)
    private var gained = 0
    private var lost = 0
    /// Pairs of rewards, for their correlation: Σx, Σy, Σx², Σy², Σxy and their number.
    private var moments = (x: 0.0, y: 0.0, xx: 0.0, yy: 0.0, xy: 0.0, count: 0)
    private var ledger = RewardLedger()
    private var components: OrderedDictionary<String, Figures> = [:]
    /// Those that change the most, the most first.
    private var changes: [Change] = []

    init(_ rewards: RewardSet, shown: Int) {
        self.rewards = rewards
        self.shown = shown
        for component in rewards.components { components[component.id] = Figures() }
    }

    /// Takes one group.
    mutating func add(_ lines: [RolloutLine], _ scores: [RolloutScore]) {
        groups += 1
        count += lines.count
        ledger = ledger + RewardLedger(requested: lines.count, scores)
        if Set(lines.compactMap(\.score.total)).count > 1 { informative.old += 1 }
        if Set(scores.compactMap(\.total)).count > 1 { informative.new += 1 }
        for (line, new) in zip(lines, scores) {
            add(line.score, new)
            for part in new.parts { add(part) }
            keep(line, new)
        }
    }

    private mutating func add(_ old: RolloutScore, _ new: RolloutScore) {
        if let total = old.total {
            sums.old += total
            scored.old += 1
        }
        if let total = new.total {
            sums.new += total
            scored.new += 1
        }
        if let x = old.total, let y = new.total {
            moments.x += x
            moments.y += y
            moments.xx += x * x
            moments.yy += y * y
            moments.xy += x * y
            moments.count += 1
        }
        if old.passed == true { passed.old += 1 }
        if new.passed == true { passed.new += 1 }
        if old.passed == false, new.passed == true { gained += 1 }
        if old.passed == true, new.passed == false { lost += 1 }
    }

    private mutating func add(_ part: ComponentOutcome) {
        var figures = components[part.id] ?? Figures()
        switch part.status {
        case .scored: figures.asked += 1
        case .abstained: figures.abstained += 1
        case .errored, .timedOut: figures.failed += 1
        case .skipped: figures.skipped += 1
        }
        if let value = part.value {
            figures.values += 1
            figures.sum += value
        }
        if part.passed == true { figures.passed += 1 }
        components[part.id] = figures
    }

    private mutating func keep(_ line: RolloutLine, _ new: RolloutScore) {
        let size = abs((new.total ?? 0) - (line.score.total ?? 0)) + (new.status == line.score.status ? 0 : 1)
        guard size > 0, shown > 0 else { return }
        guard changes.count < shown || size > changes[changes.count - 1].size else { return }
        let place = changes.firstIndex { $0.size < size } ?? changes.count
        changes.insert(Change(line: line, new: new, size: size), at: place)
        if changes.count > shown { changes.removeLast() }
    }

    /// Pearson's; `nil` where one of the two does not vary.
    private var correlation: Double? {
        let count = Double(moments.count)
        let a = moments.xx * count - moments.x * moments.x
        let b = moments.yy * count - moments.y * moments.y
        let scale = (a * b).squareRoot()
        guard a > 0, b > 0, scale.isFinite, scale > 0 else { return nil }
        return max(-1, min(1, (moments.xy * count - moments.x * moments.y) / scale))
    }

    private static func mean(_ sum: Double, _ count: Int) -> Double? { count > 0 ? sum / Double(count) : nil }

    private static func figure(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "-" }

    var text: String {
        func share(_ part: Int, _ whole: Int) -> String {
            whole == 0 ? "-" : String(format: "%.1f %%", 100 * Double(part) / Double(whole))
        }
        var lines = [
            "\(grouped(count)) rollouts in \(grouped(groups)) groups",
            "                      before      after",
        ]
        func row(_ name: String, _ old: String, _ new: String) {
            lines.append(name.rightPadded(to: 18) + old.leftPadded(to: 10) + new.leftPadded(to: 11))
        }
        row("reward", Self.figure(Self.mean(sums.old, scored.old)), Self.figure(Self.mean(sums.new, scored.new)))
        row("passed", share(passed.old, count), share(passed.new, count))
        row("informative", share(informative.old, groups), share(informative.new, groups))
        lines.append("correlation of the two rewards: \(Self.figure(correlation))")
        lines.append("now passed and not before: \(grouped(gained)); passed before and not now: \(grouped(lost))")
        lines.append("ledger: \(ledger.text)")
        for (id, figures) in components {
            var words = "  \(id): mean \(Self.figure(Self.mean(figures.sum, figures.values)))"
            if figures.passed > 0 { words += ", passed \(grouped(figures.passed))" }
            for (name, number) in [
                ("abstained", figures.abstained), ("failed", figures.failed), ("not asked", figures.skipped),
            ] where number > 0 {
                words += ", \(name) \(grouped(number))"
            }
            lines.append(words)
        }
        if !changes.isEmpty { lines.append("changed the most:") }
        for change in changes {
            let rollout = change.line.rollout
            lines.append(
                "  \(rollout.item) #\(rollout.sample): \(Self.figure(change.line.score.total)) → "
                    + "\(Self.figure(change.new.total))" + (change.new.note.map { " (\($0))" } ?? ""))
            lines.append("    " + JSON.string(String(rollout.fullText.prefix(200))).text())
        }
        return lines.joined(separator: "\n")
    }

    var json: JSON {
        func number(_ value: Double?) -> JSON { value.map(JSON.number) ?? .null }
        return [
            "rollouts": .integer(count), "groups": .integer(groups),
            "reward": [
                "before": number(Self.mean(sums.old, scored.old)), "after": number(Self.mean(sums.new, scored.new)),
            ],
            "passed": ["before": .integer(passed.old), "after": .integer(passed.new)],
            "informative": ["before": .integer(informative.old), "after": .integer(informative.new)],
            "correlation": number(correlation), "now_passed": .integer(gained), "no_longer_passed": .integer(lost),
            "ledger": .object(
                OrderedDictionary(uniqueKeysWithValues: ledger.counts.map { ($0.name, JSON.integer($0.count)) })),
            "components": .object(
                components.mapValues { figures in
                    [
                        "mean": number(Self.mean(figures.sum, figures.values)), "passed": .integer(figures.passed),
                        "abstained": .integer(figures.abstained), "failed": .integer(figures.failed),
                        "skipped": .integer(figures.skipped),
                    ]
                }),
            "changed": .array(
                changes.map { change in
                    [
                        "item": .string(change.line.rollout.item), "sample": .integer(change.line.rollout.sample),
                        "before": number(change.line.score.total), "after": number(change.new.total),
                        "text": .string(change.line.rollout.fullText),
                    ]
                }),
        ]
    }
}
