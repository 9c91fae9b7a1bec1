import Foundation
import Testing
import Tokenization

/// What single components do; expected values follow from their definitions in Hugging Face tokenizers.
@Suite struct TokenizerPipelineTests {
    /// A tokenizer whose pieces are single scalars, with the components given.
    static func tokenizer(
        _ components: String, pieces: String = "abcdABCDe12 .,▁é", extra: [String] = [], model: String = "",
        files: [String: String] = [:]
    ) throws -> Tokenizer {
        let all = pieces.unicodeScalars.map { String($0) } + extra
        let vocabulary = all.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
        let text = #"{\#(components)"model":{"type":"BPE",\#(model)"vocab":{\#(vocabulary)},"merges":[]}}"#
        let folder = try TokenizerBadInputTests.folder(files.merging(["tokenizer.json": text]) { $1 })
        return try Tokenizer(folder: folder)
    }

    static func pieces(_ tokenizer: Tokenizer, _ text: String) -> [String] {
        tokenizer.encode(text).map { tokenizer.token(for: $0) ?? "?" }
    }

    static func added(_ flags: String) -> String {
        #""added_tokens":[{"id":90,"content":"<x>",\#(flags)}],"#
    }

    @Test func `an added token takes the spaces that its flags say`() throws {
        let plain = try Self.tokenizer(Self.added(#""special":true"#))
        #expect(Self.pieces(plain, "a <x> b") == ["a", " ", "<x>", " ", "b"])
        let left = try Self.tokenizer(Self.added(#""lstrip":true,"normalized":false"#))
        #expect(Self.pieces(left, "a  <x> b") == ["a", "<x>", " ", "b"])
        #expect(left.encodeWithOffsets("a  <x> b").offsets[1] == 1..<6)
        let right = try Self.tokenizer(Self.added(#""rstrip":true,"normalized":false"#))
        #expect(Self.pieces(right, "a <x>  <x>b") == ["a", " ", "<x>", "<x>", "b"])
        let word = try Self.tokenizer(Self.added(#""single_word":true,"normalized":false"#))
        #expect(Self.pieces(word, "<x> .<x>.").filter { $0 == "<x>" }.count == 2)
        #expect(!Self.pieces(word, "a<x>").contains("<x>"))
    }

    @Test func `a normalized added token is found in the normalized text`() throws {
        let lower = #""normalizer":{"type":"Lowercase"},"#
        let normalized = try Self.tokenizer(#""added_tokens":[{"id":90,"content":"AB","normalized":true}],"# + lower)
        #expect(normalized.encode("cabd").count == 3)
        #expect(normalized.encode("cABd") == normalized.encode("caBd"))
        let plain = try Self.tokenizer(#""added_tokens":[{"id":90,"content":"AB","normalized":false}],"# + lower)
        #expect(plain.encode("AB") == [90])
        #expect(plain.encode("ab").count == 2)
    }

    @Test func `special tokens are left out of decoding where asked`() throws {
        let tokenizer = try Self.tokenizer(Self.added(#""special":true"#) + #""decoder":{"type":"Fuse"},"#)
        #expect(tokenizer.decode(tokenizer.encode("a<x>b")) == "ab")
        #expect(tokenizer.decode(tokenizer.encode("a<x>b"), skipSpecialTokens: false) == "a<x>b")
    }

    @Test func `normalizers keep the place in the original text`() throws {
        func encoding(_ normalizer: String, _ text: String) throws -> ([String], [Range<Int>]) {
            let tokenizer = try Self.tokenizer(#""normalizer":\#(normalizer),"#)
            let encoding = tokenizer.encodeWithOffsets(text)
            return (encoding.ids.map { tokenizer.token(for: $0) ?? "?" }, encoding.offsets)
        }
        #expect(try encoding(#"{"type":"NFC"}"#, "ae\u{301}b") == (["a", "é", "b"], [0..<1, 1..<4, 4..<5]))
        #expect(try encoding(#"{"type":"Lowercase"}"#, "ÉB") == (["é", "b"], [0..<2, 2..<3]))
        #expect(
            try encoding(#"{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"}]}"#, "aéb")
                == (["a", "e", "b"], [0..<1, 1..<3, 3..<4]))
        #expect(try encoding(#"{"type":"Strip"}"#, "  ab\n") == (["a", "b"], [2..<3, 3..<4]))
        #expect(try encoding(#"{"type":"Prepend","prepend":"▁"}"#, "éa") == (["▁", "é", "a"], [0..<2, 0..<2, 2..<3]))
        #expect(
            try encoding(#"{"type":"Replace","pattern":{"Regex":"\\s+"},"content":"▁"}"#, "a  b")
                == (["a", "▁", "b"], [0..<1, 1..<3, 3..<4]))
        #expect(try encoding(#"{"type":"NFKC"}"#, "①b") == (["1", "b"], [0..<3, 3..<4]))
    }

    /// The words that reach the model: with `ignore_merges` a word in the vocabulary is one token.
    static func words(_ preTokenizer: String, _ text: String, _ words: [String]) throws -> [String] {
        let tokenizer = try tokenizer(
            #""pre_tokenizer":\#(preTokenizer),"#, extra: words, model: #""ignore_merges":true,"#)
        return pieces(tokenizer, text)
    }

    @Test(arguments: [
        ("Removed", ["ab", "cd"]), ("Isolated", ["ab", ".", ".", "cd"]), ("Contiguous", ["ab", "..", "cd"]),
        ("MergedWithPrevious", ["ab.", ".", "cd"]), ("MergedWithNext", ["ab", ".", ".cd"]),
    ])
    func `split joins matches as its behaviour says`(behavior: String, expected: [String]) throws {
        let split = #"{"type":"Split","pattern":{"String":"."},"behavior":"\#(behavior)","invert":false}"#
        #expect(try Self.words(split, "ab..cd", ["ab", "cd", "..", "ab.", ".cd"]) == expected)
        let inverted = #"{"type":"Split","pattern":{"Regex":"[^.]+"},"behavior":"\#(behavior)","invert":true}"#
        if behavior == "Removed" || behavior == "Contiguous" {
            #expect(try Self.words(inverted, "ab..cd", ["ab", "cd", "..", "ab.", ".cd"]) == expected)
        }
    }

    @Test func `pre-tokenizers cut as they say`() throws {
        #expect(try Self.words(#"{"type":"WhitespaceSplit"}"#, "ab  cd", ["ab", "cd"]) == ["ab", "cd"])
        #expect(try Self.words(#"{"type":"Whitespace"}"#, "ab.. cd", ["ab", "cd", ".."]) == ["ab", "..", "cd"])
        #expect(try Self.words(#"{"type":"Digits"}"#, "a12b", ["12"]) == ["a", "12", "b"])
        #expect(
            try Self.words(#"{"type":"Digits","individual_digits":true}"#, "a12b", ["12"]) == ["a", "1", "2", "b"])
        #expect(try Self.words(#"{"type":"Punctuation"}"#, "a.,b", [".,"]) == ["a", ".", ",", "b"])
        #expect(try Self.words(#"{"type":"FixedLength","length":2}"#, "aéb", ["aé"]) == ["aé", "b"])
        #expect(try Self.words(#"{"type":"CharDelimiterSplit","delimiter":"."}"#, "ab.c", ["ab"]) == ["ab", "c"])
    }

    @Test(arguments: [("always", ["▁a", "<x>", "▁b"]), ("first", ["▁a", "<x>", "b"]), ("never", ["a", "<x>", "b"])])
    func `metaspace puts its sign where the scheme says`(scheme: String, expected: [String]) throws {
        let metaspace = #"{"type":"Metaspace","replacement":"▁","prepend_scheme":"\#(scheme)","split":true}"#
        let tokenizer = try Self.tokenizer(
            Self.added(#""special":true"#) + #""pre_tokenizer":\#(metaspace),"decoder":\#(metaspace),"#,
            extra: ["▁a", "▁b"], model: #""ignore_merges":true,"#)
        #expect(Self.pieces(tokenizer, "a<x>b") == expected)
        #expect(tokenizer.encodeWithOffsets("a<x>b").offsets == [0..<1, 1..<4, 4..<5])
    }

    @Test func `scalars without a piece are unknown, one or each, or their bytes`() throws {
        let single = try Self.tokenizer("", extra: ["<unk>"], model: #""unk_token":"<unk>","#)
        #expect(Self.pieces(single, "aßßb") == ["a", "<unk>", "<unk>", "b"])
        let fused = try Self.tokenizer("", extra: ["<unk>"], model: #""unk_token":"<unk>","fuse_unk":true,"#)
        #expect(Self.pieces(fused, "aßßb") == ["a", "<unk>", "b"])
        #expect(fused.encodeWithOffsets("aßßb").offsets == [0..<1, 1..<5, 5..<6])
        let bytes = try Self.tokenizer(
            #""decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"}]},"#,
            extra: ["<0xC3>", "<0x9F>"], model: #""byte_fallback":true,"#)
        #expect(Self.pieces(bytes, "ßb") == ["<0xC3>", "<0x9F>", "b"])
        #expect(bytes.encodeWithOffsets("ßb").offsets == [0..<2, 0..<2, 2..<3])
        #expect(bytes.decode(bytes.encode("ßb")) == "ßb")
        #expect(bytes.decode(bytes.encode("ß").prefix(1)) == "\u{FFFD}")
        let dropped = try Self.tokenizer("")
        #expect(Self.pieces(dropped, "aßb") == ["a", "b"])
    }

    @Test func `words carry the prefix inside and the suffix at their end`() throws {
        let suffix = try Self.tokenizer(
            #""pre_tokenizer":{"type":"WhitespaceSplit"},"decoder":{"type":"BPEDecoder","suffix":"</w>"},"#,
            extra: ["b</w>", "d</w>"], model: #""end_of_word_suffix":"</w>","#)
        #expect(Self.pieces(suffix, "ab cd") == ["a", "b</w>", "c", "d</w>"])
        #expect(suffix.decode(suffix.encode("ab cd")) == "ab cd")
        let prefix = try Self.tokenizer("", extra: ["##b"], model: ###""continuing_subword_prefix":"##","###)
        #expect(Self.pieces(prefix, "ab") == ["a", "##b"])
    }

    @Test func `canonically equivalent pieces are different tokens`() throws {
        let tokenizer = try Self.tokenizer("", pieces: "", extra: ["\u{C5}", "\u{212B}", "A\u{30A}"])
        #expect(tokenizer.encode("\u{C5}\u{212B}") == [0, 1])
        #expect(tokenizer.id(for: "A\u{30A}") == 2)
    }

    @Test func `the configuration decides over the start and end tokens`() throws {
        let template = #"""
            "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<x>","type_id":0}},
            {"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<x>":{"id":"<x>","ids":[90],"tokens":["<x>"]}}},
            """#
        func ids(_ configuration: String) throws -> [Int] {
            try Self.tokenizer(
                Self.added(#""special":true"#) + template, files: ["tokenizer_config.json": configuration]
            ).encode("a")
        }
        #expect(try ids(#"{"bos_token":"<x>"}"#) == [90, 0])
        #expect(try ids(#"{"bos_token":{"content":"<x>"},"add_bos_token":true}"#) == [90, 0])
        #expect(try ids(#"{"bos_token":"<x>","add_bos_token":false}"#) == [0])
        #expect(try ids(#"{"bos_token":"<x>","eos_token":"<x>","add_eos_token":true}"#) == [90, 0, 90])
    }

    @Test func `names and numbers of special tokens come from all files`() throws {
        let tokenizer = try Self.tokenizer(
            Self.added(#""special":true"#),
            files: [
                "tokenizer_config.json":
                    #"{"pad_token":"a","chat_template":[{"name":"default","template":"D"},{"name":"rag","template":"R"}],"#
                    + #""added_tokens_decoder":{"91":{"content":"<y>","special":true},"90":{"content":"<x>"}}}"#,
                "special_tokens_map.json": #"{"bos_token":{"content":"<x>","lstrip":false}}"#,
                "generation_config.json": #"{"eos_token_id":[91,1]}"#,
            ])
        #expect(tokenizer.beginningOfSequenceID == 90)
        #expect(tokenizer.endOfSequenceToken == "<y>")
        #expect(tokenizer.endOfSequenceIDs == [91, 1])
        #expect(tokenizer.paddingID == 0)
        #expect(tokenizer.unknownID == nil)
        #expect(tokenizer.encode("<y>") == [91])
        #expect(tokenizer.vocabularySize == 92)
        #expect(tokenizer.chatTemplate == "D")
        #expect(tokenizer.namedChatTemplates["rag"] == "R")
        let file = try Self.tokenizer(
            "", files: ["tokenizer_config.json": #"{"chat_template":"old"}"#, "chat_template.jinja": "new\n"])
        #expect(file.chatTemplate == "new\n")
    }
}
