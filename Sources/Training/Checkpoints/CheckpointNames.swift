import Foundation

/// How the folders of checkpoints are called: `step-N`; `.tmp-…` what is being made or removed; `.bad-step-N-…` what was
/// found damaged.
enum CheckpointNames {
    static let temporary = ".tmp-"

    static func url(ofStep step: Int, in folder: URL) -> URL {
        folder.appendingPathComponent("step-\(step)", isDirectory: true)
    }

    static func step(ofName name: String) -> Int? {
        guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), step >= 0, name == "step-\(step)" else {
            return nil
        }
        return step
    }

    /// The steps of a folder, rising.
    static func steps(in folder: URL) -> [Int] {
        DurableFiles.names(in: folder.path).compactMap(step(ofName:)).sorted()
    }

    /// The end of a name that nothing else has.
    static func mark() -> String { "\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 16))" }
}
