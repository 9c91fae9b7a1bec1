import ShardIO
import Testing
import TextCore

@Suite struct RowFilterTests {
    private let row: JSON = [
        "lang": "de", "score": 0.75, "stars": 4, "good": true, "title": "Rechnung 17", "note": .null,
        "source": ["kind": "mail", "size": ["kb": 12]], "a.b": "dotted", "a": ["b": "nested"],
        "csv": "3.50", "flag": "True", "tags": ["x"],
        "meta": ["reviewed": "yes", "lang": "xx", "source": ["url": "https://example.org"]],
    ]

    private func passes(_ filter: JSON) throws -> Bool {
        try RowFilter(json: filter, place: "recipe.yaml: data.train[0].filter").matches(
            RawRow(fields: row, provenance: Provenance(file: "x", line: 1, byteOffset: 0, ordinal: 0)))
    }

    @Test(
        arguments: [
            ["lang": "de"], ["lang": ["en", "de"]], ["score": ["min": 0.75, "max": 0.75]], ["stars": 4.0],
            ["stars": ["min": 4]], ["good": true], ["title": ["matches": #"^Rechnung \d+$"#]],
            ["title": ["matches": "(?i)RECHNUNG", "not": "Rechnung 18"]], ["source.kind": "mail"],
            ["source.size.kb": ["max": 20]], ["a.b": "dotted"], ["reviewed": "yes"], ["meta.reviewed": "yes"],
            ["source.url": ["exists": true]], ["csv": 3.5], ["csv": ["min": 3, "max": 4]], ["flag": true],
            ["nothing": ["exists": false]], ["note": ["exists": false]], ["note": .null], ["lang": ["exists": true]],
            ["lang": ["not": ["en", "fr"]]], ["lang": "de", "stars": [3, 4]], [:], .null,
        ] as [JSON])
    func lets(filter: JSON) throws { #expect(try passes(filter)) }

    @Test(
        arguments: [
            ["lang": "en"], ["lang": ["en", "fr"]], ["score": ["min": 0.76]], ["score": ["max": 0.5]], ["stars": "4"],
            ["good": false], ["title": ["matches": "^17"]], ["score": ["matches": "0"]], ["lang": ["min": 0]],
            ["nothing": "x"], ["nothing": ["not": "x"]], ["nothing": ["exists": true]], ["note": ["exists": true]],
            ["lang": ["exists": false]], ["lang": ["not": "de"]], ["lang": "de", "stars": 5], ["source.size.mb": 1],
            ["source": "mail"], ["tags": "x"], ["lang.x": 1], ["flag": false], ["stars": true], ["csv": "3.5"],
        ] as [JSON])
    func stops(filter: JSON) throws { #expect(try !passes(filter)) }

    @Test(arguments: [
        ("[1]", "a filter is an array, not a mapping. Write columns"),
        (#"{"a":{}}"#, "the filter of 'a' has no condition. Write one of min, max, not, matches, exists"),
        (#"{"a":{"mim":1}}"#, "the filter of 'a' has the unknown condition 'mim'. Did you mean 'min'?"),
        (#"{"a":{"kind":1}}"#, "unknown condition 'kind'. Known are"),
        (#"{"a":{"min":"x"}}"#, "the filter of 'a' has 'min' that is a string. Write a number."),
        (#"{"a":{"min":2,"max":1}}"#, "has a 'min' above its 'max'"),
        (#"{"a":{"exists":1}}"#, "has 'exists' that is an integer"),
        (#"{"a":{"matches":"(x"}}"#, "has a bad regular expression"),
        (#"{"a":{"matches":1}}"#, "has 'matches' that is an integer"),
        (#"{"a":[]}"#, "has an empty list"), (#"{"a":[[1]]}"#, "has an array as a value"),
        (#"{"a":{"not":{"b":1}}}"#, "has 'not' with an object as a value"), (#"{"":1}"#, "a filter names no column"),
    ])
    func saysWhatIsWrongWithAFilter(text: String, message: String) throws {
        let error = #expect(throws: DataError.self) {
            try RowFilter(json: JSON(parsing: text), place: "recipe.yaml")
        }
        #expect(error?.description.hasPrefix("recipe.yaml: ") == true)
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func namesTheColumnsThatARowLacks() throws {
        let filter = try RowFilter(json: ["lnag": "de", "stars": 1, "reviewd": "yes", "zzz": 1], place: "r")
        let missing = filter.missingColumns(
            in: RawRow(fields: row, provenance: Provenance(file: "x", line: 1, byteOffset: 0, ordinal: 0)))
        #expect(missing.map(\.column) == ["lnag", "reviewd", "zzz"])
        #expect(missing.map(\.nearest) == ["lang", "reviewed", nil])
        #expect(!filter.isEmpty)
        #expect(try RowFilter(json: [:], place: "r").isEmpty && RowFilter().isEmpty)
    }
}
