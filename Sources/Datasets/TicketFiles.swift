import Foundation
import TextCore

extension TicketGenerator {
    /// The rows of tickets as the bytes of a JSONL file.
    public static func jsonLines(_ tickets: [Ticket]) -> String { tickets.map { $0.row.text() + "\n" }.joined() }

    /// Writes `train.jsonl`, `test.jsonl` and `preference.jsonl` into a folder, which is made if need be; no customer of
    /// the test, and no prompt of one file, is in another.
    ///
    /// - Parameters:
    ///   - count: tickets in all.
    ///   - folder: path of the folder.
    ///   - testFraction: share of the customers whose tickets are for the test.
    ///   - pairs: rows of `preference.jsonl`.
    /// - Returns: the number of rows in each file.
    /// - Throws: the file system's error when a file cannot be written.
    @discardableResult
    public func write(
        count: Int, to folder: String, testFraction: Double = 0.1, pairs: Int = 2000
    ) throws -> (train: Int, test: Int, pairs: Int) {
        let sides = split(tickets(count: count), testFraction: testFraction)
        let preferences = preferences(count: pairs, after: count, testFraction: testFraction)
        let url = URL(fileURLWithPath: folder, isDirectory: true)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for (name, lines) in [
            ("train.jsonl", Self.jsonLines(sides.train)), ("test.jsonl", Self.jsonLines(sides.test)),
            ("preference.jsonl", Self.jsonLines(preferences)),
        ] {
            try Data(lines.utf8).write(to: url.appendingPathComponent(name), options: .atomic)
        }
        return (sides.train.count, sides.test.count, preferences.count)
    }
}
