import COpenBLAS
import Foundation
import OrderedCollections
import TensorCore
import TextCore

/// All that was measured.
struct Report {
    /// A kind of work, Hone's numbers, and the peers'.
    struct Line {
        let work: Work
        let precision: BenchmarkPrecision
        let hone: JSON
        let peers: OrderedDictionary<String, JSON>

        var title: String { work.hasProducts ? "\(work.title), \(precision.rawValue)" : work.title }

        /// Tokens a second, as a multiple of a peer's.
        func speed(against peer: String) -> Double? {
            Self.ratio(hone["tokens_per_second"], peers[peer]?["tokens_per_second"])
        }

        /// Peak memory, as a share of a peer's.
        func memory(against peer: String) -> Double? {
            Self.ratio(hone["peak_rss_mb"], peers[peer]?["peak_rss_mb"])
        }

        private static func ratio(_ own: JSON?, _ other: JSON?) -> Double? {
            guard let own = own?.double, let other = other?.double, other > 0 else { return nil }
            return own / other
        }
    }

    /// Folder of the model that was measured, where one was named.
    var model: String?
    var lines: [Line] = []

    private var machine: OrderedDictionary<String, String> {
        let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let name = info.split(separator: "\n").first { $0.hasPrefix("model name") }
        return [
            "processor": name.flatMap { $0.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } }
                ?? "unknown",
            "processors": "\(ProcessInfo.processInfo.activeProcessorCount)",
            "instruction sets": InstructionSets.available.joined(separator: " "),
            "matrix library": "\(String(cString: openblas_get_config())) (\(String(cString: openblas_get_corename())))",
        ]
    }

    var json: JSON {
        let list = lines.map { line -> JSON in
            var members: OrderedDictionary<String, JSON> = [
                "work": .string(line.work.rawValue), "precision": .string(line.precision.rawValue), "hone": line.hone,
            ]
            for (name, numbers) in line.peers {
                members[name] = numbers
                if let ratio = line.speed(against: name) {
                    members["ratio_\(name)"] = .number(ratio.rounded(digits: 3))
                }
            }
            return .object(members)
        }
        return [
            "machine": .object(OrderedDictionary(uniqueKeysWithValues: machine.map { ($0.key, .string($0.value)) })),
            "lines": .array(list),
        ]
    }

    // MARK: For a terminal

    /// A line for each kind of work, and below it all other numbers.
    var table: String {
        var text = machine.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
        text += "\n\n" + Self.row(["work", "tok/s", "s/step", "peak MiB", "share", "TRL", "× TRL", "torch", "× torch"])
        for line in lines where line.work.isInTokens {
            text += Self.row([
                line.title, Self.cell(line.hone["tokens_per_second"]), Self.cell(line.hone["seconds_per_step"]),
                Self.cell(line.hone["peak_rss_mb"]), Self.cell(line.hone["share_of_machine"]),
                Self.cell(line.peers["TRL"]?["tokens_per_second"]), Self.cell(line.speed(against: "TRL")),
                Self.cell(line.peers["PyTorch"]?["tokens_per_second"]), Self.cell(line.speed(against: "PyTorch")),
            ])
        }
        let shown: Set = ["tokens_per_second", "seconds_per_step", "peak_rss_mb", "share_of_machine"]
        for line in lines {
            text += "\n\(line.title)\n"
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

    private static func cell(_ value: Double?) -> String { value.map { "\($0.rounded(digits: 3))" } ?? "–" }

    private static func row(_ cells: [String]) -> String {
        let widths = [62, 8, 8, 9, 6, 7, 6, 7, 7]
        return zip(cells, widths).enumerated().map { index, pair in
            let padding = String(repeating: " ", count: max(0, pair.1 - pair.0.count))
            return index == 0 ? pair.0 + padding : padding + pair.0
        }.joined(separator: " ") + "\n"
    }

    // MARK: For a page

    /// The page `BENCHMARKS.md`.
    func markdown(date: String) -> String {
        var text = """
            # Benchmarks

            Written by `PEERS=venv make bench` on \(date). Everything was measured in one
            sitting, each line in a process of its own and a peer right behind it, with nothing else running. Machines differ:
            compare the ratios.

            | | |
            |---|---|

            """
        for (name, value) in machine { text += "| \(name) | \(value) |\n" }
        text += """

            ## Beside the peers

            Tokens a second of data, also where Hone computes a shared prompt once. TRL pads rows of GSM8K in batches of 8; the
            loop in PyTorch has no padding to pad. The share is that of the rate at which this machine multiplies matrices,
            measured in the same process. A star marks a target that is missed.

            | work | Hone tok/s | s/step | share | TRL tok/s | × TRL | PyTorch tok/s | × PyTorch | peak MiB | TRL MiB | of TRL |
            |---|---|---|---|---|---|---|---|---|---|---|

            """
        for line in lines where line.work.isInTokens && line.work.targets(line.precision).bytes == nil {
            text += page(line)
        }
        let memory = lines.filter { $0.work.targets($0.precision).bytes != nil }
        if !memory.isEmpty {
            text += """

                ## Memory of a model of half a billion weights

                1,024 trained tokens in one micro-batch, gradient checkpointing, the whole process at its peak.

                | work | peak MiB | × the weights in bf16 | at most | s/step |
                |---|---|---|---|---|

                """
            for line in memory {
                let most = line.work.targets(line.precision).bytes
                let reached = line.hone["times_bf16_weights"]?.double
                text += "| \(line.work.title) | \(Self.cell(line.hone["peak_rss_mb"])) | "
                text += Self.marked(reached, most: most)
                text += " | \(Self.cell(most)) | \(Self.cell(line.hone["seconds_per_step"])) |\n"
            }
        }
        for line in lines where !line.work.isInTokens {
            text += "\n## \(line.title.prefix(1).uppercased() + line.title.dropFirst())\n\n"
            if line.work == .scaling { text += "![Cost](docs/scaling.svg)\n\n" }
            text += "| | |\n|---|---|\n"
            for (name, value) in line.hone.object ?? [:] where value.array == nil {
                text += "| \(name.replacing("_", with: " ")) | \(Self.detail(value)) |\n"
            }
        }
        return text
    }

    private func page(_ line: Line) -> String {
        let targets = line.work.targets(line.precision)
        let cells = [
            line.title, Self.cell(line.hone["tokens_per_second"]), Self.cell(line.hone["seconds_per_step"]),
            Self.marked(line.hone["share_of_machine"]?.double, least: targets.share),
            Self.cell(line.peers["TRL"]?["tokens_per_second"]),
            Self.marked(line.speed(against: "TRL"), least: targets.trl),
            Self.cell(line.peers["PyTorch"]?["tokens_per_second"]),
            Self.marked(line.speed(against: "PyTorch"), least: targets.torch), Self.cell(line.hone["peak_rss_mb"]),
            Self.cell(line.peers["TRL"]?["peak_rss_mb"]),
            Self.marked(line.memory(against: "TRL"), most: Targets.memoryOfTRL),
        ]
        return "| " + cells.joined(separator: " | ") + " |\n"
    }

    private static func marked(_ value: Double?, least: Double? = nil, most: Double? = nil) -> String {
        guard let value else { return "–" }
        let isMissed = least.map { value < $0 } ?? most.map { value > $0 } ?? false
        let target = least.map { " (≥ \($0))" } ?? most.map { " (≤ \($0))" } ?? ""
        return "\(value.rounded(digits: 3))\(isMissed ? "\\*" : "")\(target)"
    }
}
