import ArgumentParser
import Foundation
import ShardIO
import TextCore

/// `hone data verify`: everything that is wrong with data, at once.
struct DataVerifyCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read all of a data set or file and say everything that is wrong with it.",
        discussion: """
            Of a folder of shards every byte is checked against the manifest, the checksums of the frames and the \
            index. Other files have fewer checksums or none; what they have is checked, every row is parsed, and \
            what could not be checked is said.
            """)

    @Argument(help: ArgumentHelp("Folders of shards, shards or data files.", valueName: "path"))
    var paths: [String]
    @Flag(help: "Read a folder of shards that has no manifest as far as it goes.")
    var partial = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !paths.isEmpty else { throw ValidationError("name a folder or a file") }
    }

    func run(_ terminal: Terminal) throws {
        let results = try paths.map { path in (path, try DataCheck(path: path, partial: partial, terminal)) }
        if output.json {
            let reports = results.map { path, check in check.json(path: path) }
            terminal.print(reports.count == 1 ? reports[0] : ["results": .array(reports)])
        } else {
            for (path, check) in results {
                for problem in check.report.problems { terminal.print(problem.description) }
                for error in check.malformed { terminal.print(error.description) }
                if check.uncounted > 0 { terminal.print("\(path): and \(counted(check.uncounted, "further problem"))") }
                terminal.print(check.summary(path: path))
            }
        }
        if results.contains(where: { !$0.1.isIntact }) { throw ExitCode(ExitStatus.data.rawValue) }
    }
}

/// What a pass over a data set or file found.
struct DataCheck {
    /// What the checksums, counts and structure say.
    let report: VerificationReport
    /// Rows that cannot be parsed; those of shards are trusted, as they were parsed when they were written.
    private(set) var malformed: [DataError] = []
    /// Malformed rows that are not listed.
    private(set) var uncounted = 0

    private static let listed = 100

    init(path: String, partial: Bool, _ terminal: Terminal) throws {
        var progress = DataProgress(terminal)
        defer { progress.finish() }
        let options = DataFileOptions(partial: partial)
        report = try DataSourceOpener.verify(path: path, options: options) { done in
            progress.show { "\(path): \(byteText(done.bytes)) of \(byteText(done.totalBytes))" }
        }
        if report.isIntact { try parseRows(path, options, &progress) }
    }

    private mutating func parseRows(_ path: String, _ options: DataFileOptions, _ progress: inout DataProgress) throws {
        let source = try DataSourceOpener.open(path: path, options: options)
        if source is ShardedDataset || source is ShardFile { return }
        for index in 0..<source.frames.count {
            let frame = try source.frame(index)
            for row in 0..<frame.count {
                do throws(DataError) {
                    _ = try frame.row(row)
                } catch {
                    if malformed.count < Self.listed { malformed.append(error) } else { uncounted += 1 }
                }
            }
            let rows = source.frames.rows(of: index).upperBound
            progress.show { "\(path): \(counted(rows, "row"))" }
        }
    }

    /// Whether nothing is wrong.
    var isIntact: Bool { report.isIntact && malformed.isEmpty }

    private var problemCount: Int { report.problems.count + malformed.count + uncounted }

    func summary(path: String) -> String {
        let files = "\(counted(report.files, "file")), \(counted(report.frames, "frame"))"
        let rows =
            report.expectedRecords.map { expected in
                expected == report.foundRecords
                    ? counted(expected, "row") : "\(grouped(report.foundRecords)) of \(counted(expected, "row"))"
            } ?? counted(report.foundRecords, "row")
        let verdict = isIntact ? "intact" : "DAMAGED, \(counted(problemCount, "problem"))"
        return "\(path): \(verdict); \(files), \(rows); \(report.integrity)"
    }

    func json(path: String) -> JSON {
        let problems: [JSON] =
            report.problems.map { problem in
                [
                    "file": .string(problem.file), "frame": problem.frame.map(JSON.integer) ?? .null,
                    "byte": problem.byteOffset.map(JSON.integer) ?? .null, "message": .string(problem.message),
                ]
            }
            + malformed.map { error in
                [
                    "file": .string(error.file), "line": error.line.map(JSON.integer) ?? .null,
                    "byte": error.byteOffset.map(JSON.integer) ?? .null, "message": .string(error.message),
                ]
            }
        return [
            "path": .string(path), "intact": .bool(isIntact), "files": .integer(report.files),
            "frames": .integer(report.frames), "rows": .integer(report.foundRecords),
            "expected_rows": report.expectedRecords.map(JSON.integer) ?? .null,
            "integrity": .string(report.integrity), "problem_count": .integer(problemCount),
            "problems": .array(problems),
        ]
    }
}
