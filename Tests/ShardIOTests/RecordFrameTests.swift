import Foundation
import ShardIO
import TestSupport
import Testing
import TextCore

@Suite struct RecordFrameTests {
    /// Every row of a frame gives the record, or the error, that the row gives by itself.
    private func check(_ source: any FramedSource, _ decoder: RecordDecoder) throws -> (records: Int, errors: Int) {
        var (records, errors) = (0, 0)
        for index in 0..<source.frames.count {
            let frame = try source.frame(index)
            for row in 0..<frame.count {
                let direct = Result { () throws -> TrainingRecord in try decoder.record(frame, row) }
                let parsed = Result { () throws -> TrainingRecord in try decoder.record(try frame.row(row)) }
                switch (direct, parsed) {
                case (.success(let first), .success(let second)):
                    #expect(first == second)
                    records += 1
                case (.failure(let first as DataError), .failure(let second as DataError)):
                    #expect(first == second)
                    errors += 1
                default: Issue.record("row \(row) is a record one way and an error the other")
                }
            }
        }
        return (records, errors)
    }

    @Test func rowsOfAFrameGiveTheSameRecordsAndErrors() throws {
        let lines = """
            {"prompt":"p","chosen":"a","rejected":"b"}
            {"prompt":"p","chosen":[{"role":"assistant","content":"a"}],"rejected":[]}
            {"prompt":"p","chosen":"a"}

            {"prompt":"p","chosen":"a","rejected":"b","prompt":"q"}
            {"chosen":[{"content":"q","role":"user"}],"rejected":[{"content":"r","role":"user","name":null}]}
            """
        try withFile("x.jsonl", lines) { path in
            let file = try DataFile(path: path)
            let decoder = try RecordDecoder(source: file, format: "preference")
            let counts = try check(DataSourceOpener.open(path: path), decoder)
            #expect(counts == (2, 3))
        }
        try withFile("x.csv", "prompt,chosen,rejected\np,a,b\n") { path in
            let decoder = try RecordDecoder(source: try DataFile(path: path))
            #expect(try check(DataSourceOpener.open(path: path), decoder) == (1, 0))
        }
    }

    @Test func realPairsAreReadTheSameFromFrames() throws {
        guard let url = try SharedFolder.url("data/gsm8k/preference.jsonl") else { return }
        let source = try DataSourceOpener.open(path: url.path)
        let counts = try check(source, try RecordDecoder(source: try DataFile(path: url.path)))
        #expect(counts.records > 1000)
        #expect(counts.errors == 0)
    }
}
