import Foundation
import Testing
import Tokenization

@Suite struct TokenizerTrainingTests {
    static let texts = [
        "The quick brown fox jumps over the lazy dog. The dog sleeps.", "A dog and a fox: 1234 times, they're friends!",
        "Über größe, naïve café — 你好，世界 こんにちは", "The fox, the dog, the quick, the lazy; the the the.",
    ]

    static func trained(
        _ trainer: BPETrainer, on texts: [String] = texts
    ) throws -> (tokenizer: Tokenizer, file: String) {
        let folder = try TokenizerBadInputTests.folder([:])
        try trainer.train(on: texts).write(to: folder)
        let file = try String(contentsOf: folder.appendingPathComponent("tokenizer.json"), encoding: .utf8)
        return (try Tokenizer(folder: folder), file)
    }

    @Test func `a trained tokenizer gives back any text`() throws {
        let trainer = BPETrainer(
            vocabularySize: 320, specialTokens: ["<|a|>", "<|b|>"], beginningOfSequence: "<s>", endOfSequence: "</s>",
            padding: "<pad>", addsBeginningOfSequence: true, minimumFrequency: 1, chatTemplate: "{{ messages }}")
        let (tokenizer, _) = try Self.trained(trainer)
        #expect(tokenizer.vocabularySize == 320)
        #expect(tokenizer.id(for: "<|a|>") == 0)
        #expect(tokenizer.beginningOfSequenceID == 2)
        #expect(tokenizer.endOfSequenceToken == "</s>")
        #expect(tokenizer.paddingID == 4)
        #expect(tokenizer.chatTemplate == "{{ messages }}")
        #expect(tokenizer.encode("a").first == 2)
        #expect(tokenizer.encode("The dog").count < "The dog".utf8.count)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var text = ""
            for _ in 0..<Int.random(in: 0..<60, using: &generator) {
                let limit: UInt32 = Bool.random(using: &generator) ? 0x80 : 0x10FFFF
                if let scalar = Unicode.Scalar(UInt32.random(in: 0...limit, using: &generator)) {
                    text.unicodeScalars.append(scalar)
                }
            }
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
            var decoder = StreamingDecoder(tokenizer)
            let streamed = ids.map { decoder.append($0) }.joined() + decoder.finish()
            #expect(streamed.utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
        }
    }

    @Test func `training twice, and in another order, gives the same file`() throws {
        let trainer = BPETrainer(vocabularySize: 400)
        let first = try Self.trained(trainer).file
        #expect(try Self.trained(trainer).file == first)
        #expect(try Self.trained(trainer, on: Self.texts.reversed()).file == first)
    }

    @Test func `the most frequent pair is merged first and of equals the smaller one`() throws {
        // Pairs: cd 3 times, ab and bc... each word apart: "ab" twice, "ba" twice, "cd" three times.
        let trainer = BPETrainer(vocabularySize: 259, minimumFrequency: 1, splitPattern: #"\S+"#)
        let (tokenizer, _) = try Self.trained(trainer, on: ["ba cd ab cd ab ba cd"])
        #expect(tokenizer.token(for: 256) == "cd")
        #expect(tokenizer.token(for: 257) == "ab")
        #expect(tokenizer.token(for: 258) == "ba")
    }

    @Test func `merging stops at the minimum frequency`() throws {
        let trainer = BPETrainer(vocabularySize: 1000, minimumFrequency: 3, splitPattern: #"\S+"#)
        let trained = try trainer.train(on: ["ab ab ab cd cd"])
        #expect(trained.vocabularySize == 257)
    }

    @Test func `settings that cannot be met say why`() throws {
        func message(_ trainer: BPETrainer) -> String {
            (#expect(throws: TokenizationError.self) { try trainer.train(on: ["a"]) })?.description ?? "no error"
        }
        #expect(message(BPETrainer(vocabularySize: 100)).contains("need 256"))
        #expect(message(BPETrainer(vocabularySize: 300, specialTokens: [""])).contains("has 0 bytes"))
        #expect(message(BPETrainer(vocabularySize: 300, splitPattern: "(")).contains("never closed"))
        #expect(message(BPETrainer(vocabularySize: 300, minimumFrequency: 0)).contains("the least is 1"))
        #expect(message(BPETrainer(vocabularySize: 300, addsBeginningOfSequence: true)).contains("none is named"))
    }

    @Test func `megabytes train in seconds`() throws {
        // Synthetic words with a long tail, so that there is something to learn to the end.
        var state: UInt64 = 7
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let syllables = [
            "ka", "to", "mi", "ren", "sol", "ba", "du", "fe", "gor", "lin", "ost", "pra", "qui", "sh", "tz",
        ]
        let lexicon = (0..<40_000).map { _ in (0...next(5)).map { _ in syllables[next(syllables.count)] }.joined() }
        var text = ""
        while text.utf8.count < 4 << 20 { text += lexicon[min(next(40_000), next(40_000))] + " " }
        var size = 0
        let time = try ContinuousClock().measure {
            size = try BPETrainer(vocabularySize: 8192).train(on: [text]).vocabularySize
        }
        #expect(size == 8192)
        #expect(time < .seconds(60), "\(time)")
        print("trained 8192 pieces on \(text.utf8.count) bytes in \(time)")
    }
}
