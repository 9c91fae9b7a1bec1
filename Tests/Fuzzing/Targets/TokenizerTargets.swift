import Foundation
import TextCore
import Tokenization

/// A tokenizer's files, and the texts that it then cuts.
extension InputTarget {
    static let tokenizers = [tokenizer, tokenizerConfiguration]

    private static let texts = [
        "", "abba Ab  ba\n", "e\u{301}é👩‍👩‍👧‍👦 \u{FDFA}", "<s>a</s> <0x41>", String(repeating: "ab ", count: 200),
    ]

    private static func use(_ tokenizer: Tokenizer) throws {
        for text in texts {
            let encoding = tokenizer.encodeWithOffsets(text)
            guard encoding.ids == tokenizer.encode(text), encoding.offsets.count == encoding.ids.count else {
                throw FuzzError("two ways to encode '\(text)' differ")
            }
            guard encoding.offsets.allSatisfy({ $0.lowerBound >= 0 && $0.upperBound <= text.utf8.count }) else {
                throw FuzzError("a token of '\(text)' lies outside of it")
            }
            _ = tokenizer.decode(encoding.ids, skipSpecialTokens: false)
        }
    }

    static let sampleTokenizer = #"""
        {"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"<s>","special":true,
        "normalized":false},{"id":9,"content":"AB","normalized":true,"lstrip":true,"rstrip":true,"single_word":true}],
        "normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Prepend","prepend":"▁"},
        {"type":"Replace","pattern":{"String":" "},"content":"▁"},{"type":"Lowercase"},{"type":"StripAccents"}]},
        "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\d{1,3}| ?\\p{L}+"},
        "behavior":"Isolated","invert":false},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}]},
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
        {"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]}}},
        "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},
        {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
        "model":{"type":"BPE","unk_token":"<s>","fuse_unk":true,"byte_fallback":true,"ignore_merges":false,
        "vocab":{"<s>":0,"a":1,"b":2,"ab":3,"▁":4,"▁a":5,"<0x41>":6,"ba":7,"abba":8},
        "merges":["a b",["b","a"],"ab ba","▁ a"]}}
        """#

    private static let byteLevelTokenizer = #"""
        {"added_tokens":[{"id":3,"content":"<|end|>","special":true}],"normalizer":null,
        "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true,"use_regex":true},
        "post_processor":{"type":"ByteLevel"},"decoder":{"type":"ByteLevel"},
        "model":{"type":"BPE","vocab":{"a":0,"b":1,"Ġ":2,"ab":4,"Ġab":5},"merges":["a b","Ġ ab"]}}
        """#

    static let tokenizer = InputTarget(
        name: "tokenizer", corpus: "tokenizer", fileName: "tokenizer.json", form: .json,
        samples: { [sampleTokenizer, byteLevelTokenizer].map { Array($0.utf8) } },
        read: { input in
            try input.write()
            try use(try Tokenizer(file: input.file))
        })

    static let tokenizerConfiguration = InputTarget(
        name: "tokenizer-config", corpus: "tokenizer-config", fileName: "tokenizer_config.json", form: .json,
        samples: {
            [
                Array(
                    #"""
                    {"add_bos_token":true,"add_eos_token":false,"bos_token":"<s>","eos_token":{"content":"ab"},"pad_token":null,
                    "added_tokens_decoder":{"12":{"content":"<pad>","lstrip":false,"normalized":false,"special":true}},
                    "chat_template":[{"name":"default","template":"{{ messages }}"}],"model_max_length":1e30}
                    """#.utf8)
            ]
        },
        read: { input in
            try input.write()
            try input.write(Array(sampleTokenizer.utf8), to: "tokenizer.json")
            try use(try Tokenizer(folder: input.folder))
        })
}
