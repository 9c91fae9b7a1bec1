import OrderedCollections
import Testing
import TextCore

@Suite struct JSONTests {
    @Test func keepsTheOrderOfKeys() throws {
        let value = try JSON(parsing: #"{"zebra":1,"ant":[true,null,-2.5e3],"bee":{"x":"\u00e9\ud83d\ude00\n"}}"#)
        #expect(value.object?.map(\.key) == ["zebra", "ant", "bee"])
        #expect(value["bee"]?["x"]?.string == "é😀\n")
        #expect(value.text() == #"{"zebra":1,"ant":[true,null,-2500.0],"bee":{"x":"é😀\n"}}"#)
        #expect(try JSON(parsing: value.text(.pretty)) == value)
    }

    @Test(arguments: [
        ("", 1, 1, "the text ends where a value is expected"),
        ("{\"a\":1,\n \"a\":2}", 2, 2, "key \"a\" is written twice"),
        ("[1,2", 1, 5, "the text ends inside an array"),
        ("{\"a\":\"b", 1, 6, "a string that never ends"),
        ("[01]", 1, 2, "a number does not start with 0"),
        ("\"\\ud800\"", 1, 2, "a lone surrogate"),
        ("[1] x", 1, 5, "text after the value"),
        ("[1e999]", 1, 2, "number 1e999 is out of range"),
        ("nul", 1, 1, "expected `null`"),
        ("{\"a\":1,}", 1, 8, "a comma before `}`"),
    ])
    func saysWhatIsWrongAndWhere(text: String, line: Int, column: Int, message: String) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.description == "\(line):\(column): \(message)")
    }

    @Test func refusesDepthBeyondItsLimit() throws {
        let deep = String(repeating: "[", count: 100_000)
        let error = #expect(throws: JSONError.self) { try JSON(parsing: deep) }
        #expect(error?.message == "nested deeper than 64")
    }

    @Test func refusesInvalidUTF8() {
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func aLongIntegerBecomesANumber() throws {
        #expect(try JSON(parsing: "9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try JSON(parsing: "3.0").int == 3)
        #expect(try JSON(parsing: "3.5").int == nil)
    }
}

@Suite struct NearestNameTests {
    @Test func findsTheMisspeltName() {
        #expect(nearestName(to: "learning_rat", among: ["epochs", "learning_rate"]) == "learning_rate")
        #expect(nearestName(to: "zzz", among: ["epochs", "learning_rate"]) == nil)
        #expect(editDistance(Array("ca"), Array("ac")) == 1)
    }
}
