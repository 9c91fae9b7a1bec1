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

    /// A text is found whole wherever its last quote, an escape or a wider character lies among the words of eight bytes
    /// that are looked at together.
    @Test func textsOfEveryLengthAreReadWhole() throws {
        let inserts = [("", ""), ("\\n", "\n"), ("\\\"", "\""), ("é", "é"), ("\\ud83d\\ude00", "😀"), ("日", "日")]
        for length in 0...40 {
            for position in 0...length {
                for (written, meant) in inserts {
                    let before = String(repeating: "x", count: position)
                    let after = String(repeating: "~", count: length - position)
                    let value = try JSON(parsing: "[\"\(before)\(written)\(after)\", 1]")
                    #expect(value == [.string(before + meant + after), 1])
                }
            }
        }
    }

    @Test func aWrongByteIsFoundWhereverItLies() throws {
        let wrong: [(byte: [UInt8], message: String, isAtStart: Bool)] = [
            ([0x1F], "a control character inside a string; write it as an escape", false),
            ([0x00], "a control character inside a string; write it as an escape", false),
            ([0xFF], "a string that is not valid UTF-8", true),
            ([0xC3], "a string that is not valid UTF-8", true),
            ([0xED, 0xA0, 0x80], "a string that is not valid UTF-8", true),
            ([0xF0, 0x9F, 0x98], "a string that is not valid UTF-8", true),
        ]
        for prefix in ["", "\\n"] {
            for position in 0...20 {
                for (bytes, message, isAtStart) in wrong {
                    let before = Array((prefix + String(repeating: "x", count: position)).utf8)
                    let text = [0x22] + before + bytes + Array("yyyyyyyyyy\"".utf8)
                    let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
                    #expect(error?.message == message)
                    #expect(error?.offset == (isAtStart ? 1 : 1 + before.count))
                }
            }
        }
    }

    @Test(arguments: [
        ("0", 0), ("-0", 0), ("-7", -7), ("999999999999999999", 999_999_999_999_999_999),
        ("-999999999999999999", -999_999_999_999_999_999), ("1000000000000000000", 1_000_000_000_000_000_000),
        ("9223372036854775807", .max), ("-9223372036854775808", .min),
    ])
    func integersAreExact(text: String, value: Int) throws {
        #expect(try JSON(parsing: text) == .integer(value))
    }

    /// Every sequence that could be UTF-8, whole, cut and with a wrong byte, is judged as the standard library does.
    @Test func utf8IsJudgedAsTheStandardLibraryDoes() {
        let follow: [[UInt8]] = [[], [0x41], [0x80], [0x8F], [0x90], [0x9F], [0xA0], [0xBF], [0xC0], [0xFF]]
        let rest: [[UInt8]] = [[], [0x41], [0x80], [0xBF], [0xC0]]
        var valid = 0
        for lead in UInt8(0x80)...0xFF {
            for second in follow {
                for third in rest {
                    for fourth in rest {
                        let bytes = [lead] + second + third + fourth
                        let expected = String(validating: bytes, as: UTF8.self)
                        let text = [0x22] + Array("0123456789".utf8) + bytes + [0x22]
                        #expect((try? JSON(parsing: text)) == expected.map { .string("0123456789" + $0) })
                        if expected != nil { valid += 1 }
                    }
                }
            }
        }
        #expect(valid > 1000)
    }

    @Test func decimalsAreRoundedAsTheStandardLibraryDoes() throws {
        var state: UInt64 = 3
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var digits = String(state >> 5).prefix(2 + Int(state >> 60))
            digits.insert(".", at: digits.index(after: digits.startIndex))
            let shift = Int(state >> 40) % (digits.count - 2)
            let integer = digits.dropFirst(2).prefix(shift)
            let text = (state >> 63 == 0 ? "" : "-") + "1" + integer + "." + digits.dropFirst(2 + shift)
            #expect(try JSON(parsing: text) == .number(try #require(Double(text))), "\(text)")
        }
        for text in ["-0.0", "0.1", "1.7976931348623157e308", "5e-324", "123456789012345.6", "0.00000000000001"] {
            let value = try #require(try JSON(parsing: text).double)
            #expect(value.bitPattern == Double(text)?.bitPattern)
        }
    }
}

@Suite struct NearestNameTests {
    @Test func findsTheMisspeltName() {
        #expect(nearestName(to: "learning_rat", among: ["epochs", "learning_rate"]) == "learning_rate")
        #expect(nearestName(to: "zzz", among: ["epochs", "learning_rate"]) == nil)
        #expect(editDistance(Array("ca"), Array("ac")) == 1)
    }
}
