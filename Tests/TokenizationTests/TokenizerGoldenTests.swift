import Foundation
import TestSupport
import Testing
import TextCore
import Tokenization

/// Every folder of `goldens/tokenizers`: a `tokenizer.json` and `cases.jsonl` with what the reference makes of each text.
@Suite struct TokenizerGoldenTests {
    struct Family: CustomTestStringConvertible, Sendable {
        let folder: URL
        var testDescription: String { folder.lastPathComponent }
    }

    struct Case {
        let text: String
        let ids, idsWithoutSpecial: [Int]
        let decoded, decodedWithoutSpecial: String
    }

    static let families = (try? SharedFolder.folders(in: "goldens/tokenizers").map { Family(folder: $0) }) ?? []

    static func cases(of family: Family) throws -> [Case] {
        let data = try Data(contentsOf: family.folder.appendingPathComponent("cases.jsonl"))
        return try data.split(separator: UInt8(ascii: "\n")).map { line in
            let json = try JSON(parsing: line)
            func ids(_ key: String) throws -> [Int] { try #require(json[key]?.array).map { try #require($0.int) } }
            return Case(
                text: try #require(json["text"]?.string), ids: try ids("ids"),
                idsWithoutSpecial: try ids("ids_without_special"), decoded: try #require(json["decoded"]?.string),
                decodedWithoutSpecial: try #require(json["decoded_without_special"]?.string))
        }
    }

    @Test func `the shared folder has families, where it is there`() throws {
        guard try SharedFolder.url("goldens/tokenizers") != nil else { return }
        #expect(!Self.families.isEmpty)
    }

    @Test(arguments: families) func `ids are those of the reference`(family: Family) throws {
        let tokenizer = try Tokenizer(folder: family.folder)
        let cases = try Self.cases(of: family)
        #expect(!cases.isEmpty)
        for golden in cases {
            #expect(tokenizer.encode(golden.text) == golden.ids, "\(golden.text.debugDescription)")
            #expect(
                tokenizer.encode(golden.text, addSpecialTokens: false) == golden.idsWithoutSpecial,
                "\(golden.text.debugDescription)")
        }
    }

    @Test(arguments: families) func `decoding gives back the bytes of the reference`(family: Family) throws {
        let tokenizer = try Tokenizer(folder: family.folder)
        for golden in try Self.cases(of: family) {
            let decoded = tokenizer.decode(golden.idsWithoutSpecial, skipSpecialTokens: false)
            #expect(decoded.utf8.elementsEqual(golden.decoded.utf8), "\(decoded.debugDescription)")
            let plain = tokenizer.decode(golden.ids, skipSpecialTokens: true)
            #expect(plain.utf8.elementsEqual(golden.decodedWithoutSpecial.utf8), "\(plain.debugDescription)")
        }
    }

    @Test(arguments: families) func `offsets are in order and cover the text`(family: Family) throws {
        let tokenizer = try Tokenizer(folder: family.folder)
        for golden in try Self.cases(of: family) {
            let encoding = tokenizer.encodeWithOffsets(golden.text)
            #expect(encoding.ids == golden.ids)
            #expect(encoding.offsets.count == encoding.ids.count)
            var covered = 0
            for range in encoding.offsets {
                #expect(range.lowerBound <= covered, "a gap in \(golden.text.debugDescription)")
                #expect(range.upperBound <= golden.text.utf8.count)
                covered = max(covered, range.upperBound)
                // Whole scalars, so that every range is a text.
                #expect(String(validating: Array(golden.text.utf8)[range], as: UTF8.self) != nil)
            }
            #expect(covered == golden.text.utf8.count, "\(golden.text.debugDescription)")
        }
    }

    @Test(arguments: families) func `streaming gives what decoding at once gives`(family: Family) throws {
        let tokenizer = try Tokenizer(folder: family.folder)
        for golden in try Self.cases(of: family) {
            for skips in [false, true] {
                var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: skips)
                var text = ""
                for id in golden.ids { text += decoder.append(id) }
                text += decoder.finish()
                let whole = tokenizer.decode(golden.ids, skipSpecialTokens: skips)
                #expect(text.utf8.elementsEqual(whole.utf8), "\(text.debugDescription) for \(whole.debugDescription)")
            }
        }
    }

    @Test(arguments: families) func `every piece is found by its text and every number by its piece`(
        family: Family
    ) throws {
        let tokenizer = try Tokenizer(folder: family.folder)
        #expect(tokenizer.vocabularySize > 256)
        for id in 0..<tokenizer.vocabularySize {
            let piece = try #require(tokenizer.token(for: id))
            #expect(tokenizer.id(for: piece) == id)
        }
        #expect(tokenizer.token(for: tokenizer.vocabularySize) == nil)
        #expect(tokenizer.token(for: -1) == nil)
        #expect(tokenizer.decode([Int.min, -1, tokenizer.vocabularySize, Int.max]) == "")
    }

    @Test(arguments: families) func `a megabyte of one thing is encoded and covered`(family: Family) throws {
        let tokenizer = try Tokenizer(folder: family.folder)
        let hostile = [
            String(repeating: " ", count: 1 << 20), String(repeating: "a", count: 1 << 20),
            "e" + String(repeating: "\u{301}", count: 1 << 19), String(repeating: "\n ", count: 1 << 19),
            String(repeating: "1", count: 1 << 20), String(repeating: "é🙂", count: 1 << 17),
        ]
        for text in hostile {
            let clock = ContinuousClock()
            var encoding = Encoding(ids: [], offsets: [])
            let time = clock.measure { encoding = tokenizer.encodeWithOffsets(text, addSpecialTokens: false) }
            #expect(encoding.offsets.last?.upperBound == text.utf8.count)
            let last = text.unicodeScalars.last.map { String($0.value, radix: 16) } ?? ""
            print("\(family.folder.lastPathComponent): \(text.utf8.count) bytes up to U+\(last) in \(time)")
            // Quadratic time would be minutes.
            #expect(time < .seconds(20), "\(time) for \(text.prefix(2).debugDescription)")
        }
    }
}

@Suite struct TokenizerModelFolderTests {
    @Test func `every model folder tells its special tokens and gives back plain text`() throws {
        for folder in try SharedFolder.folders(in: "models") {
            let tokenizer = try Tokenizer(folder: folder)
            let begin = try #require(tokenizer.beginningOfSequenceID)
            let end = try #require(tokenizer.endOfSequenceID)
            #expect(tokenizer.token(for: begin) == tokenizer.beginningOfSequenceToken)
            #expect(tokenizer.endOfSequenceIDs.contains(end))
            #expect(tokenizer.specialIDs.isSuperset(of: [begin, end]))
            #expect(tokenizer.chatTemplate?.isEmpty == false)
            let text = "Once upon a time, there was a little girl named Lily."
            let encoding = tokenizer.encodeWithOffsets(text)
            #expect(encoding.ids.first == begin)
            #expect(encoding.offsets.first == 0..<0)
            #expect(tokenizer.decode(encoding.ids) == text)
        }
    }
}
