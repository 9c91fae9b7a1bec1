public import Foundation
import OrderedCollections
public import TextCore

/// The report of a run, made of the files in its folder alone.
///
/// Whatever is missing or damaged is named in the report, and the rest is shown all the same.
public struct RunReport: Sendable {
    /// A file of the run that another part of Hone writes and knows how to show.
    public struct Section: Sendable {
        /// The file, in the run folder.
        public var file: String
        /// The heading it is shown below.
        public var heading: String
        /// Where it stands.
        public var place: Place
        /// Its blocks.
        public var blocks: @Sendable (JSON) throws -> [ReportBlock]

        /// Where a section stands.
        public enum Place: Sendable, Hashable {
            /// At the beginning; its first verdict is that of the whole report.
            case verdict
            /// With the data.
            case data
        }

        /// A file of the run and how it is shown.
        public init(
            file: String, heading: String, place: Place, blocks: @escaping @Sendable (JSON) throws -> [ReportBlock]
        ) {
            self.file = file
            self.heading = heading
            self.place = place
            self.blocks = blocks
        }
    }

    /// The report.
    public let document: ReportDocument
    /// The run folder.
    public let folder: URL

    /// Reads a run folder.
    ///
    /// - Parameters:
    ///   - folder: the run folder.
    ///   - sections: files that others write there.
    ///   - pricePerHour: what an hour of the machine costs; `nil` where money is left out.
    ///   - currency: what stands before an amount.
    public init(folder: URL, sections: [Section], pricePerHour: Double? = nil, currency: String = "$") {
        self.folder = folder
        var files = RunFiles(folder)
        let events = RunEvents(
            files.bytes("events.jsonl", missing: "there are no curves, and nothing is known of the run's course") ?? [])
        // In the order of the recipe, as the events have them.
        let order = Array(events.suites.keys)
        let suites = RunSuite.all(&files).enumerated().sorted {
            (order.firstIndex(of: $0.element.name) ?? order.count, $0.offset)
                < (order.firstIndex(of: $1.element.name) ?? order.count, $1.offset)
        }.map(\.element)
        var parts: [(section: Section, blocks: [ReportBlock])] = []
        for section in sections {
            guard let json = files.json(section.file) else { continue }
            do { parts.append((section, try section.blocks(json))) } catch {
                files.note(
                    "\(ReportText.code(section.file)) cannot be shown: \(ReportText.literal("\(error)".clipped(to: 400)))"
                )
            }
        }
        let writer = RunReportWriter(
            folder: folder, events: events, suites: suites, parts: parts, pricePerHour: pricePerHour,
            currency: currency)
        document = writer.document(&files)
    }

    /// Writes `report.md` and `report.html` into the run folder, each whole or not at all.
    ///
    /// - Returns: the HTML page.
    /// - Throws: the error of the disk.
    @discardableResult
    public func write() throws -> URL {
        try Data(document.markdown.utf8).write(to: folder.appendingPathComponent("report.md"), options: .atomic)
        let page = folder.appendingPathComponent("report.html")
        try Data(document.html.utf8).write(to: page, options: .atomic)
        return page
    }
}
