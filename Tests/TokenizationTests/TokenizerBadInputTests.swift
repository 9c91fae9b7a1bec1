import Foundation
import Testing
import Tokenization

/// Damaged or unknown `tokenizer.json`: an error that names the place and says what is wrong, and never a trap.
@Suite struct TokenizerBadInputTests {
    static func folder(_ files: [String: String]) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hone-tokenizer-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
        return folder
    }

    static let vocabulary = #"{"<s>":0,"a":1,"b":2,"ab":3,"▁":4}"#

    /// A small valid file with parts replaced.
    static func file(
        vocabulary: String = vocabulary, merges: String = #"["a b"]"#, model: String = "", top: String = ""
    ) -> String {
        #"{"version":"1.0",\#(top)"model":{"type":"BPE",\#(model)"vocab":\#(vocabulary),"merges":\#(merges)}}"#
    }

    static func message(_ text: String, _ others: [String: String] = [:]) throws -> String {
        let folder = try folder(others.merging(["tokenizer.json": text]) { $1 })
        defer { try? FileManager.default.removeItem(at: folder) }
        let error = #expect(throws: TokenizationError.self) { try Tokenizer(folder: folder) }
        return (error?.description ?? "no error").replacingOccurrences(of: folder.path + "/", with: "")
    }

    @Test func `the small file itself is valid`() throws {
        let folder = try Self.folder(["tokenizer.json": Self.file()])
        let tokenizer = try Tokenizer(folder: folder)
        #expect(tokenizer.encode("abba") == [3, 2, 1])
        #expect(tokenizer.vocabularySize == 5)
    }

    @Test func `a missing file, a folder and no JSON are named`() throws {
        let folder = try Self.folder([:])
        let missing = #expect(throws: TokenizationError.self) { try Tokenizer(folder: folder) }
        #expect(missing?.description.contains("tokenizer.json: there is no such file") == true)
        let directory = #expect(throws: TokenizationError.self) { try Tokenizer(file: folder) }
        #expect(directory?.message == "this is no regular file")
        #expect(
            try Self.message("{\n\"model\": nonsense}").hasPrefix(
                "tokenizer.json:2:10: this is not JSON: expected `null`"))
        #expect(try Self.message("[]") == "tokenizer.json:: an object is expected here, not an array")
        #expect(try Self.message("{}").contains("the key `model` is missing"))
    }

    @Test func `every prefix of a valid file is an error`() throws {
        let whole = Array(Self.file(top: #""decoder":{"type":"Fuse"},"#).utf8)
        for length in 0..<whole.count {
            let text = String(decoding: whole.prefix(length), as: UTF8.self)
            #expect(try Self.message(text) != "no error", "\(length) bytes")
        }
    }

    @Test func `every changed byte of a valid file is an error or another tokenizer, not a trap`() throws {
        let whole = Array(Self.file(top: #""pre_tokenizer":{"type":"Digits"},"decoder":{"type":"Fuse"},"#).utf8)
        let folder = try Self.folder([:])
        let url = folder.appendingPathComponent("tokenizer.json")
        for position in whole.indices {
            for byte in [UInt8(ascii: "\""), UInt8(ascii: "9"), UInt8(ascii: "\\"), UInt8(ascii: "{"), 0xFF] {
                var bytes = whole
                bytes[position] = byte
                try Data(bytes).write(to: url)
                _ = (try? Tokenizer(file: url))?.encode("abc 12")
            }
        }
    }

    @Test func `a damaged vocabulary is named with line and column`() throws {
        #expect(
            try Self.message(Self.file(vocabulary: "{\"a\":1,\n\"b\":1}"))
                == #"tokenizer.json:2:1: number 1 is given to "b" here and to "a" before"#)
        #expect(try Self.message(Self.file(vocabulary: #"{"a":1,"a":2}"#)).contains("a piece has one number"))
        #expect(try Self.message(Self.file(vocabulary: #"{"a":2147483647}"#)).contains("is not below 4194304"))
        #expect(try Self.message(Self.file(vocabulary: #"{"a":-1}"#)).contains("a whole number from 0"))
        #expect(try Self.message(Self.file(vocabulary: #"{"a":1.5}"#)).contains("a whole number from 0"))
        #expect(try Self.message(Self.file(vocabulary: #"{"a":99999999999999999999}"#)).contains("a whole number"))
        #expect(try Self.message(Self.file(vocabulary: #"{"\ud800":1}"#)).contains("a lone surrogate"))
        #expect(try Self.message(Self.file(vocabulary: "[]")).contains("the key `vocab` is missing"))
        let long = String(repeating: "x", count: 70_000)
        #expect(try Self.message(Self.file(vocabulary: "{\"\(long)\":0}")).contains("the limit is 65536"))
    }

    @Test func `damaged merges are named by their rank`() throws {
        #expect(
            try Self.message(Self.file(merges: #"["a b","a c"]"#)).hasPrefix(
                #"tokenizer.json: model.merges[1]: the merge of "a" and "c" needs the piece "c""#))
        #expect(try Self.message(Self.file(merges: #"["b a"]"#)).contains(#"needs the piece "ba""#))
        for merges in ["[\"a\"]", "[\"a b c\"]", "[[\"a\"]]", "[3]", "[\" b\"]"] {
            #expect(try Self.message(Self.file(merges: merges)).contains("a merge is two pieces"))
        }
        #expect(try Self.message(Self.file(merges: "{}")).contains("model.merges: an array is expected, not an object"))
    }

    @Test func `unknown components and keys are refused with the nearest known`() throws {
        func top(_ text: String) throws -> String { try Self.message(Self.file(top: text)) }
        #expect(
            try top(#""normalizer":{"type":"NFKX"},"#).contains("the normalizer `NFKX` is not supported; is `NFKC`"))
        #expect(try top(#""pre_tokenizer":{"type":"Splitt"},"#).contains("is `Split` meant?"))
        #expect(try top(#""decoder":{"type":"CTC"},"#).contains("the decoder `CTC` is not supported"))
        #expect(try top(#""post_processor":{"type":"Magic"},"#).contains("the post-processor `Magic`"))
        #expect(try top(#""normaliser":null,"#).contains("is `normalizer` meant?"))
        #expect(try top(#""normalizer":{"type":"Lowercase","locale":"tr"},"#).contains("the key `locale` is not known"))
        #expect(
            try top(#""normalizer":3,"#) == "tokenizer.json: normalizer: an object is expected here, not an integer")
        #expect(try top(#""normalizer":{},"#).contains("the key `type` is missing"))
        #expect(try Self.message(#"{"model":{"type":"Unigram","vocab":{}}}"#).contains("`Unigram` is not supported"))
        #expect(try Self.message(Self.file(model: #""dropout":0.1,"#)).contains("makes the tokens of a text random"))
        #expect(try Self.message(Self.file(model: #""unk_token":"<unk>","#)).contains("is not in the vocabulary"))
    }

    @Test func `malformed components are named by their path`() throws {
        func top(_ text: String) throws -> String { try Self.message(Self.file(top: text)) }
        #expect(
            try top(
                #""pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits"},{"type":"Split"}]},"#
            ).hasPrefix("tokenizer.json: pre_tokenizer.pretokenizers[1]: the key `pattern` is missing"))
        let split = #""pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"PATTERN"}},"#
        func regex(_ pattern: String) throws -> String {
            try top(split.replacingOccurrences(of: "PATTERN", with: pattern))
        }
        #expect(try regex("(?<=a)b").contains("lookbehind is not supported"))
        #expect(try regex(#"(a)\\1"#).contains("a back-reference is not supported"))
        #expect(try regex("(a").contains("`(` is never closed (at character 1 of the pattern (a)"))
        #expect(try regex("((a{1000}){1000}){1000}").contains("needs more than 20000 instructions"))
        #expect(try top(#""pre_tokenizer":{"type":"FixedLength","length":0},"#).contains("a whole number from 1"))
        #expect(
            try top(#""decoder":{"type":"Strip","content":" ","start":-1,"stop":0},"#).contains("decoder.start"))
        #expect(try top(#""decoder":{"type":"Strip","content":"ab","start":1,"stop":0},"#).contains("one character"))
        let template = #""post_processor":{"type":"TemplateProcessing","single":SINGLE,"special_tokens":{}},"#
        func single(_ text: String) throws -> String {
            try top(template.replacingOccurrences(of: "SINGLE", with: text))
        }
        #expect(try single(#"[{"SpecialToken":{"id":"<x>"}},{"Sequence":{"id":"A"}}]"#).contains("names `<x>`"))
        #expect(try single("[]").contains("a template holds the text once, not 0 times"))
        #expect(try single(#"[{"Sequence":{"id":"B"}}]"#).contains("names text `B`"))
        let deep = String(repeating: #"{"type":"Sequence","normalizers":["#, count: 10_000)
        #expect(try top(#""normalizer":\#(deep),"#).contains("nested deeper than 64"))
    }

    @Test func `added tokens that contradict the vocabulary or each other are refused`() throws {
        func added(_ tokens: String) throws -> String {
            try Self.message(Self.file(top: #""added_tokens":[\#(tokens)],"#))
        }
        #expect(
            try added(#"{"id":1,"content":"<x>"}"#).contains(
                #"the added token "<x>" has number 1, which the vocabulary gives to "a""#))
        #expect(try added(#"{"id":9,"content":"<x>"},{"id":9,"content":"<y>"}"#).contains("share number 9"))
        #expect(try added(#"{"id":9000000,"content":"<x>"}"#).contains("a whole number from 0 to 4194303"))
        #expect(try added(#"{"content":"<x>"}"#).contains("added_tokens[0]: the key `id` is missing"))
    }

    @Test func `the files beside it are checked too`() throws {
        #expect(
            try Self.message(Self.file(), ["tokenizer_config.json": #"{"eos_token":"</s>"}"#]).contains(
                #"the eos_token "</s>" that the files beside it name is not among its tokens"#))
        #expect(
            try Self.message(Self.file(), ["tokenizer_config.json": #"{"eos_token":3}"#]).contains(
                "tokenizer_config.json: eos_token: a string is expected"))
        #expect(try Self.message(Self.file(), ["special_tokens_map.json": "{"]).contains("this is not JSON"))
        #expect(
            try Self.message(Self.file(), ["tokenizer_config.json": #"{"add_bos_token":true}"#]).contains(
                "no bos_token is named"))
        #expect(
            try Self.message(Self.file(), ["tokenizer_config.json": #"{"chat_template":[{"name":"x"}]}"#]).contains(
                "chat_template[0]: the key `template` is missing"))
    }
}
