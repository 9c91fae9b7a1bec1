import DPO
import Foundation
import ShardIO
import TestSupport
import Testing
import TextCore
import Tokenization
import Training

@Suite struct PreferenceEncoderTests {
    private struct Text {
        let tokenizer: Tokenizer
        let encoder: ExampleEncoder

        init?() throws {
            guard let folder = try SharedFolder.url("models/stories260K") else { return nil }
            tokenizer = try Tokenizer(folder: folder)
            let template = try tokenizer.chatTemplate.map { try ChatTemplate(source: $0) }
            encoder = ExampleEncoder(tokenizer: tokenizer, template: template, trainOn: .completion)
        }

        func text(_ ids: [Int32]) -> String { tokenizer.decode(ids.map(Int.init), skipSpecialTokens: false) }
    }

    private func info(_ line: Int = 1) -> RecordInfo {
        RecordInfo(weight: 2, provenance: Provenance(file: "pairs.jsonl", line: line, byteOffset: 0, ordinal: line - 1))
    }

    private func messages(_ role: String, _ content: String) -> RecordText {
        .messages([["role": .string(role), "content": .string(content)]])
    }

    private func record(_ prompt: String, _ chosen: String, _ rejected: String) -> PreferenceRecord {
        PreferenceRecord(
            prompt: .text(prompt), chosen: .text(chosen), rejected: .text(rejected), margin: 0.5, info: info())
    }

    @Test func `text is joined before it is tokenized, and both answers end in the stop token`() throws {
        guard let text = try Text() else { return }
        let encoder = PreferenceEncoder(encoder: text.encoder)
        let pair = try encoder.encode(record("Once upon a", " time there was", " day she ran"))
        let example = try #require(pair.example)
        let stop = Int32(try #require(text.tokenizer.endOfSequenceID))
        #expect(example.prompt.first == text.tokenizer.beginningOfSequenceID.map { Int32($0) })
        #expect(example.chosen.last == stop && example.rejected.last == stop)
        #expect(
            example.prompt + example.chosen
                == text.tokenizer.encode("Once upon a time there was</s>").map { Int32($0) })
        #expect(example.margin == 0.5 && example.weight == 2 && example.source == "pairs.jsonl:1")
        #expect(pair.length == example.longestRow && pair.fault == nil && !pair.isCut)
    }

    @Test func `a token that merges with an answer belongs to the answers`() throws {
        guard let text = try Text() else { return }
        let encoder = PreferenceEncoder(encoder: text.encoder)
        let words = "Once upon a time there was a little girl who played outside"
        // A beginning of which the last token is another once the rest follows.
        let cut = try #require(
            (1..<words.count).first { count in
                let alone = text.tokenizer.encode(String(words.prefix(count)))
                return !text.tokenizer.encode(words).starts(with: alone)
            })
        let prompt = String(words.prefix(cut))
        let pair = try encoder.encode(record(prompt, String(words.dropFirst(cut)), "! No."))
        let example = try #require(pair.example)
        for answer in [example.chosen, example.rejected] {
            #expect(text.text(example.prompt + answer).contains(prompt))
        }
        let alone = text.tokenizer.encode(prompt)
        #expect(pair.lostPromptCount == alone.count - example.prompt.count && pair.lostPromptCount > 0)
        var health = PairHealth()
        health.inspect(pair)
        #expect(health.movedBoundary.count == 1 && health.problems().map(\.refuses) == [false])
    }

    @Test func `messages go through the template, and what it writes after an answer is kept`() throws {
        guard let text = try Text() else { return }
        let pair = try PreferenceEncoder(encoder: text.encoder).encode(
            PreferenceRecord(
                prompt: messages("user", "Tell me about a cat."), chosen: messages("assistant", "It ran."),
                rejected: messages("assistant", "It sat."), info: info()))
        let example = try #require(pair.example)
        #expect(text.text(example.prompt).hasSuffix("Story:"))
        #expect(text.text(example.prompt + example.chosen).hasSuffix("Story: It ran.</s>\n"))
        #expect(example.rejected.contains(Int32(try #require(text.tokenizer.endOfSequenceID))))
        let bare = ExampleEncoder(tokenizer: text.tokenizer, template: nil, trainOn: .completion)
        #expect(throws: EncodingError.self) {
            try PreferenceEncoder(encoder: bare).encode(
                PreferenceRecord(
                    prompt: messages("user", "x"), chosen: messages("assistant", "y"),
                    rejected: messages("assistant", "z"), info: info()))
        }
        #expect(throws: EncodingError.self) {
            try PreferenceEncoder(encoder: text.encoder).encode(
                PreferenceRecord(
                    prompt: messages("user", "x"), chosen: .text("y"), rejected: .text("z"), info: info()))
        }
    }

    @Test func `answers lose their ends, prompts never`() throws {
        guard let text = try Text() else { return }
        let long = record("Once upon a time", " there was a little girl named Lily", " she ran")
        let whole = try #require(try PreferenceEncoder(encoder: text.encoder).encode(long).example)
        let room = whole.prompt.count + 3
        let cut = try PreferenceEncoder(encoder: text.encoder, maxLength: room).encode(long)
        #expect(cut.isCut && cut.length == whole.longestRow)
        #expect(cut.example?.prompt == whole.prompt && cut.example?.chosen == Array(whole.chosen.prefix(3)))
        #expect(cut.example?.rejected.count == min(3, whole.rejected.count))
        func fault(_ maxLength: Int, _ overflow: PreferenceEncoder.Overflow = .truncate) throws -> PairFault? {
            let pair = try PreferenceEncoder(encoder: text.encoder, maxLength: maxLength, overflow: overflow)
                .encode(long)
            #expect((pair.example == nil) == (pair.fault != nil))
            return pair.fault
        }
        #expect(try fault(room, .leaveOut) == .overlong)
        #expect(try fault(whole.prompt.count) == .answerCutAway)
        #expect(try fault(whole.prompt.count - 1) == .longPrompt)
        #expect(try fault(whole.longestRow, .leaveOut) == nil)
    }

    @Test func `pairs that teach nothing are counted, placed and refused above the limit`() throws {
        guard let text = try Text() else { return }
        let good = record("Once", " upon a time", " more")
        let same = record("Once", " upon", " upon")
        let empty = record("Once", " ", " upon")
        let equalWhenCut = record("Once", " upon a time there was a little boy", " upon a time there was a little girl")
        let whole = try #require(try PreferenceEncoder(encoder: text.encoder).encode(equalWhenCut).example)
        let common = zip(whole.chosen, whole.rejected).prefix { $0 == $1 }.count
        let encoder = PreferenceEncoder(encoder: text.encoder, maxLength: whole.prompt.count + common)
        var health = PairHealth()
        for (index, row) in ([same, empty, equalWhenCut] + Array(repeating: good, count: 17)).enumerated() {
            var row = row
            row.info = info(index + 1)
            let pair = try encoder.encode(row)
            #expect((pair.example == nil) == (index < 3))
            health.inspect(pair)
        }
        #expect(health.rows == 20 && health.equalAnswers.count == 2 && health.emptyAnswer.count == 1)
        #expect(health.equalAnswers.first == ["pairs.jsonl:1", "pairs.jsonl:3"])
        let problems = health.problems()
        #expect(problems.map(\.refuses) == [true, false])
        #expect(
            problems[0].message.hasPrefix(
                "2 of 20 rows (10.0 %) have a chosen answer that equals the rejected one (first: pairs.jsonl:1"))
        #expect(health.problems(.all(nil)).allSatisfy { !$0.refuses })
    }

    @Test func `an answer with a verdict is encoded alike`() throws {
        guard let text = try Text() else { return }
        let encoder = PreferenceEncoder(encoder: text.encoder)
        let pair = try #require(try encoder.encode(record("Once upon a", " time", " day")).example)
        let row = try encoder.encode(
            UnpairedRecord(
                prompt: .text("Once upon a"), completion: .text(" time"), isDesirable: false, info: info()))
        #expect(
            row.example
                == UnpairedExample(
                    prompt: pair.prompt, completion: pair.chosen, isDesirable: false, weight: 2,
                    source: "pairs.jsonl:1"))
        let empty = try encoder.encode(
            UnpairedRecord(prompt: .text("Once"), completion: .text(""), isDesirable: true, info: info()))
        #expect(empty.fault == .emptyAnswer && empty.example == nil)
    }
}
