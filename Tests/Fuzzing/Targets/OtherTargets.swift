import Foundation
import ShardIO
import Tokenization

/// Targets that are read by name and not fuzzed.
extension InputTarget {
    /// Data files with the limits that runs have, read once and forwards; for inputs that no fuzzer makes.
    static let large = largeFiles + [template("large-template", fuel: TemplateLimits().fuel)]

    private static let largeFiles = [
        "large-jsonl": "rows.jsonl", "large-csv": "rows.csv", "large-zst": "rows.jsonl.zst",
    ]
    .sorted { $0.key < $1.key }.map { name, fileName in
        InputTarget(
            name: name, corpus: name, fileName: fileName, form: .bytes,
            read: { input in
                try input.write()
                var rows = try DataSourceOpener.sequential(path: input.file.path).rows()
                while try rows.next() != nil {}
            })
    }

    private struct OtherError: Error {}

    /// Readers that do what none may, so that it is known to be noticed.
    static let broken = ["trap", "hang", "memory", "error"].map { kind in
        InputTarget(
            name: "broken-\(kind)", corpus: "none", fileName: "input", form: .bytes, samples: { [Array("abc".utf8)] },
            read: { input in
                guard input.bytes.count > 8 else { return }
                switch kind {
                case "trap": _ = input.bytes[input.bytes.count]
                case "hang": while input.bytes.count > 8 { usleep(0) }
                case "memory":
                    let bytes = [UInt8](repeating: 1, count: 400 << 20)
                    guard bytes.last == 1 else { return }
                default: throw OtherError()
                }
            })
    }
}
