import ArgumentParser
import Foundation
import ShardIO
import TextCore

/// `hone data head`: some rows of a data set or file.
struct DataHeadCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "head", abstract: "Print rows as JSON lines, from any place: of shards one frame is read for it.")

    @Argument(help: ArgumentHelp("Folder of shards, shard or data file.", valueName: "path"))
    var path: String
    @Option(help: ArgumentHelp("Number of the first row, counted from 0.", valueName: "row"))
    var at = 0
    @Option(name: [.customShort("n"), .customLong("rows")], help: "How many rows.")
    var count = 5
    @Flag(help: "Read a folder of shards that has no manifest as far as it goes.")
    var partial = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard at >= 0 else { throw ValidationError("--at counts from 0") }
        guard count >= 0 else { throw ValidationError("-n takes a count of rows") }
    }

    func run(_ terminal: Terminal) throws {
        let source = try DataSourceOpener.sequential(path: path, options: DataFileOptions(partial: partial))
        var stream = try source.rows()
        if at > 0, try !stream.seek(toRow: at) {
            var rows = 0
            if let framed = source as? any FramedSource {
                rows = framed.frames.rowCount
            } else {
                rows = try DataSourceOpener.open(path: path).frames.rowCount
            }
            throw CommandFailure(
                message:
                    "\(path): there is no row \(at): it has \(counted(rows, "row")), numbered from 0 to \(rows - 1)",
                status: .usage)
        }
        var collected: [JSON] = []
        var printed = 0
        while printed < count, let row = try stream.next() {
            if output.json {
                collected.append(row.fields)
            } else if !terminal.printIfRead(row.fields.text()) {
                return
            }
            printed += 1
        }
        if output.json {
            terminal.print(["path": .string(path), "at": .integer(at), "rows": .array(collected)])
        }
    }
}
