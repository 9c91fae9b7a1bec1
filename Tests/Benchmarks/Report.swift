import Foundation
import OrderedCollections
import TensorCore
import TextCore

/// All that was measured.
struct Report {
    /// A kind of work, Hone's numbers, and the peer's.
    struct Line {
        let work: Work
        let hone: JSON
        let peer: JSON?

        /// Tokens a second, as a multiple of the peer's.
        var ratio: Double? {
            guard let own = hone["tokens_per_second"]?.double, let other = peer?["tokens_per_second"]?.double
            else { return nil }
            return own / other
        }
    }

    var lines: [Line] = []

    private var machine: JSON {
        [
            "processors": .integer(ProcessInfo.processInfo.activeProcessorCount),
            "instruction_sets": .string(InstructionSets.available.joined(separator: " ")),
            "matrix_library": .string(MatrixLibrary.configuration), "matrix_core": .string(MatrixLibrary.core),
        ]
    }

    var json: JSON {
        let list = lines.map { line -> JSON in
            var members: OrderedDictionary<String, JSON> = ["work": .string(line.work.rawValue), "hone": line.hone]
            if let peer = line.peer { members["peer"] = peer }
            if let ratio = line.ratio { members["ratio"] = .number(ratio.rounded(digits: 3)) }
            return .object(members)
        }
        return ["machine": machine, "lines": .array(list)]
    }

    /// A line for each kind of work, and below it all other numbers.
    var table: String {
        var text =
            machine.object?.map { "\($0.key): \($0.value.string ?? $0.value.text())" }.joined(separator: "\n") ?? ""
        text += "\n\n" + Self.row(["work", "tok/s", "s/step", "peak MiB", "share", "peer tok/s", "peer MiB", "ratio"])
        for line in lines where line.work.isInTokens {
            text += Self.row([
                line.work.title, Self.cell(line.hone["tokens_per_second"]), Self.cell(line.hone["seconds_per_step"]),
                Self.cell(line.hone["peak_rss_mb"]), Self.cell(line.hone["share_of_machine"]),
                Self.cell(line.peer?["tokens_per_second"]), Self.cell(line.peer?["peak_rss_mb"]),
                line.ratio.map { "\($0.rounded(digits: 3))" } ?? "–",
            ])
        }
        let shown: Set = ["tokens_per_second", "seconds_per_step", "peak_rss_mb", "share_of_machine"]
        for line in lines {
            text += "\n\(line.work.title)\n"
            for (name, value) in line.hone.object ?? [:] where !shown.contains(name) {
                text += "  \(name.replacing("_", with: " ")): \(Self.detail(value))\n"
            }
        }
        return text
    }

    /// A value, and whether it is as it should be.
    private static func detail(_ value: JSON) -> String {
        guard let reached = value["value"]?.double else { return value.text() }
        if let least = value["at_least"]?.double {
            return "\(reached), \(reached >= least ? "at least" : "MISSES") \(least)"
        }
        if let most = value["at_most"]?.double {
            return "\(reached), \(reached <= most ? "at most" : "EXCEEDS") \(most)"
        }
        return value.text()
    }

    private static func cell(_ value: JSON?) -> String { value?.text() ?? "–" }

    private static func row(_ cells: [String]) -> String {
        let widths = [54, 10, 9, 9, 7, 11, 9, 6]
        return zip(cells, widths).enumerated().map { index, pair in
            let padding = String(repeating: " ", count: max(0, pair.1 - pair.0.count))
            return index == 0 ? pair.0 + padding : padding + pair.0
        }.joined(separator: " ") + "\n"
    }
}
