import Foundation
import Testing
import TextCore

/// Streaming as `make bench` measures it, over less data.
@Suite struct StreamMemoryTests {
    @Test func `stream.rss_flat: ten times the data take no more memory, and little more than an empty process`()
        throws
    {
        let process = try HoneProcess(
            benchmark: ["--single", "--work", "stream-memory", "--megabytes", "200"],
            in: FileManager.default.temporaryDirectory)
        let result = try process.result(timeLimit: 120)
        #expect(result.status == 0, "\(result)")
        let measured = try result.json()
        let rows = (measured["rows"]?.array ?? []).compactMap(\.int)
        #expect(rows.count == 2 && rows[1] >= 9 * rows[0], "\(rows) rows were read")
        let growth = try #require(measured["growth"]?["value"]?.double)
        #expect(growth <= 0.05, "\(measured.text())")
        let overEmpty = try #require(measured["over_empty_mib"]?["value"]?.double)
        #expect(overEmpty > 1 && overEmpty <= 96, "\(measured.text())")
    }
}
