import Foundation
import Testing
import TextCore
import Tokenization

@Suite struct ChatTemplateConversationTests {
    private static let chatML = """
        {%- for message in messages -%}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
        """
    private static let markedChatML = """
        {%- for message in messages -%}
        {{- '<|im_start|>' + message.role + '\\n' -}}
        {%- if message.role == 'assistant' -%}
        {%- generation -%}{{- message.content + '<|im_end|>' -}}{%- endgeneration -%}{{- '\\n' -}}
        {%- else -%}{{- message.content + '<|im_end|>\\n' -}}{%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
        """
    /// Drops the reasoning of all but the last turn, as Qwen 3 does.
    private static let forgetful = """
        {%- for m in messages -%}{{- '<|im_start|>' + m.role + '\\n' -}}
        {%- if m.role == 'assistant' and not loop.last -%}{{- m.content.split('</think>')[-1].lstrip('\\n') -}}
        {%- else -%}{{- m.content -}}{%- endif -%}{{- '<|im_end|>\\n' -}}{%- endfor -%}
        {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
        """

    private func conversation(weights: [Bool] = [true, true]) -> Conversation {
        Conversation(messages: [
            Message(role: "system", content: "Be brïef."),
            Message(role: "user", content: "One?"), Message(role: "assistant", content: "1 日", isTrained: weights[0]),
            Message(role: "user", content: "Two?"), Message(role: "assistant", content: "2", isTrained: weights[1]),
        ])
    }

    private func texts(_ rendered: RenderedConversation, _ choice: TrainOn) -> [String] {
        let bytes = Array(rendered.text.utf8)
        return rendered.trainedSpans(for: choice).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    private func render(
        _ source: String, _ conversation: Conversation, stop: [String] = ["<|im_end|>"]
    ) throws -> RenderedConversation {
        try RenderedConversation(conversation, template: ChatTemplate(source: source), stopTokens: stop)
    }

    @Test func spansFromPrefixesAndFromMarkersAgree() throws {
        for weights in [[true, true], [true, false], [false, true]] {
            let plain = try render(Self.chatML, conversation(weights: weights))
            let marked = try render(Self.markedChatML, conversation(weights: weights))
            #expect(plain.text == marked.text)
            #expect(plain.assistantSpans == marked.assistantSpans)
            #expect(plain.warnings.isEmpty)
            #expect(marked.warnings.isEmpty)
            #expect(marked.usesGenerationMarkers)
            for choice in TrainOn.allCases {
                #expect(plain.trainedSpans(for: choice) == marked.trainedSpans(for: choice), "\(choice)")
            }
        }
    }

    @Test func theStopTokenIsTrainedAndTheNewlineAfterItIsNot() throws {
        let rendered = try render(Self.chatML, conversation())
        #expect(texts(rendered, .assistant) == ["1 日<|im_end|>", "2<|im_end|>"])
        #expect(texts(rendered, .lastAssistant) == ["2<|im_end|>"])
        #expect(texts(rendered, .completion) == ["2<|im_end|>\n"])
        #expect(texts(rendered, .all) == [rendered.text])
        #expect(rendered.assistantSpans.allSatisfy { $0.endsWithStopToken })
    }

    @Test func messagesOfWeightZeroAreNotTrained() throws {
        let rendered = try render(Self.chatML, conversation(weights: [false, true]))
        #expect(texts(rendered, .assistant) == ["2<|im_end|>"])
        #expect(texts(rendered, .all).count == 2)
        #expect(texts(rendered, .all)[0].hasSuffix("<|im_start|>assistant\n"))
        let last = try render(Self.chatML, conversation(weights: [true, false]))
        #expect(texts(last, .lastAssistant) == [])
    }

    @Test func aPromptCountSaysWhereTheCompletionBegins() throws {
        var given = conversation()
        given.promptCount = 2
        #expect(texts(try render(Self.chatML, given), .completion)[0].hasPrefix("1 日<|im_end|>\n<|im_start|>user"))
        given.promptCount = 3
        #expect(texts(try render(Self.chatML, given), .completion)[0].hasPrefix("<|im_end|>\n<|im_start|>user"))
    }

    @Test func aMissingStopTokenIsReported() throws {
        let source =
            "{% for m in messages %}{{ m.role[0] }}: {{ m.content }}\n{% endfor %}{{ 'a: ' if add_generation_prompt }}"
        let rendered = try render(source, conversation(), stop: ["</s>"])
        #expect(texts(rendered, .assistant) == ["1 日\n", "2\n"])
        #expect(rendered.warnings == [.stopTokenMissing(message: 2), .stopTokenMissing(message: 4)])
    }

    @Test func theModelStopsAtTheFirstOfSeveralStopTokensInARow() throws {
        let source =
            "{% for m in messages %}[{{ m.content }}<end>\n]{% endfor %}{{ '</s>' if not add_generation_prompt }}"
            .replacingOccurrences(of: "]", with: "").replacingOccurrences(of: "[", with: "")
        let rendered = try render(source, conversation(), stop: ["</s>", "<end>"])
        #expect(texts(rendered, .assistant) == ["1 日<end>", "2<end>"])
        #expect(rendered.warnings == [.historyRewritten(message: 2)])
        let quoting = Conversation(messages: [
            Message(role: "user", content: "?"), Message(role: "assistant", content: "Say <end> or </s> here"),
        ])
        #expect(
            texts(try render(source, quoting, stop: ["</s>", "<end>"]), .assistant) == ["Say <end> or </s> here<end>"])
    }

    @Test func whitespaceAfterTheStopTokenInAGenerationBlockIsTheTemplatesChoice() throws {
        let source =
            "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% generation %}{{ '<end>\n' }}{% endgeneration %}{% endfor %}"
        let rendered = try render(
            source, Conversation(messages: [Message(role: "assistant", content: "A")]), stop: ["<end>"])
        #expect(texts(rendered, .assistant) == ["A<end>\n"])
        #expect(rendered.warnings.isEmpty)
    }

    @Test func rewrittenHistoryIsReported() throws {
        let thinking = Conversation(messages: [
            Message(role: "user", content: "One?"),
            Message(role: "assistant", content: "<think>\nhm\n</think>\n\n1"),
            Message(role: "user", content: "Two?"),
            Message(role: "assistant", content: "<think>\nho\n</think>\n\n2"),
        ])
        let rendered = try render(Self.forgetful, thinking)
        #expect(texts(rendered, .assistant) == ["1<|im_end|>", "<think>\nho\n</think>\n\n2<|im_end|>"])
        #expect(rendered.warnings == [.historyRewritten(message: 1)])
        let lost = try render(Self.forgetful, thinking, stop: [])
        #expect(texts(lost, .assistant) == ["<think>\nho\n</think>\n\n2<|im_end|>\n"])
        #expect(lost.warnings.contains { if case .notAligned(message: 1, _) = $0 { true } else { false } })
    }

    @Test func aGenerationPromptThatTheMessageDoesNotRepeatIsCutToWhatIsCommon() throws {
        let source = Self.chatML.replacingOccurrences(
            of: "'<|im_start|>assistant\\n'", with: "'<|im_start|>assistant\\n<think>\\n'")
        let rendered = try render(source, conversation())
        #expect(texts(rendered, .assistant) == ["1 日<|im_end|>", "2<|im_end|>"])
        #expect(
            rendered.warnings == [.generationPromptRewritten(message: 2), .generationPromptRewritten(message: 4)])
    }

    @Test func aConversationMayBeginWithTheAssistant() throws {
        let greeting = Conversation(messages: [
            Message(role: "assistant", content: "Hello."), Message(role: "user", content: "Hi."),
            Message(role: "assistant", content: "Yes?"),
        ])
        #expect(texts(try render(Self.chatML, greeting), .assistant) == ["Hello.<|im_end|>", "Yes?<|im_end|>"])
        let picky = "{% if messages[0]['role'] == 'system' %}{{ 'S' }}{% endif %}" + Self.chatML
        #expect(texts(try render(picky, greeting), .assistant) == ["Hello.<|im_end|>", "Yes?<|im_end|>"])
    }

    @Test func generationBlocksBecomeSpansOfBytes() throws {
        let template = try ChatTemplate(source: Self.markedChatML)
        let rendered = try template.render(messages: conversation().messages.map(\.json))
        let bytes = Array(rendered.text.utf8)
        #expect(
            rendered.generationSpans.map { String(decoding: bytes[$0], as: UTF8.self) }
                == ["1 日<|im_end|>", "2<|im_end|>"])
        #expect(rendered.hasGenerationMarkers)
        #expect(rendered.untracedGenerations == 0)
        let hidden = try RenderedConversation(
            conversation(),
            template: ChatTemplate(
                source: "{% macro g() %}{% generation %}x{% endgeneration %}{% endmacro %}{{ g() }}"))
        #expect(hidden.assistantSpans.isEmpty)
        #expect(hidden.warnings == [.untracedGenerations(count: 1)])
    }

    @Test func severalBlocksOfOneMessageKeepItsWeight() throws {
        let source = """
            {%- for m in messages -%}{{- m.role[0] -}}{%- if m.role == 'assistant' -%}
            {%- for part in m.content.split(' ') -%}{%- generation -%}{{- part -}}{%- endgeneration -%}{{- '_' -}}{%- endfor -%}
            {%- else -%}{{- m.content -}}{%- endif -%}{%- endfor -%}
            """
        let rendered = try render(source, conversation(weights: [false, true]), stop: [])
        #expect(rendered.assistantSpans.map(\.message) == [2, 2, 4])
        #expect(texts(rendered, .assistant) == ["2"])
    }

    @Test func theFinalMessageCanBeContinued() throws {
        func continued(_ source: String, _ content: JSON) throws -> String {
            try ChatTemplate(source: source).render(
                messages: [["role": "user", "content": "Q"], ["role": "assistant", "content": content]],
                continueFinalMessage: true
            ).text
        }
        #expect(
            try continued(Self.chatML, "The answer ")
                == "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nThe answer ")
        let trimming = "{% for m in messages %}[{{ m.content | trim }}]{% endfor %}"
        #expect(try continued(trimming, "The answer ") == "[Q][The answer")
        let parts =
            "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{{ m.content[0].text }}{% endif %};{% endfor %}"
        #expect(try continued(parts, [["type": "text", "text": "So"]]) == "Q;So")
        #expect(throws: TemplateError.self) { try continued("nothing", "x") }
        #expect(throws: TemplateError.self) { try continued(Self.chatML, .null) }
        #expect(throws: TemplateError.self) {
            try ChatTemplate(source: Self.chatML).render(
                messages: [["role": "user", "content": "Q"]], addGenerationPrompt: true, continueFinalMessage: true)
        }
    }

    @Test func noToolsAreNone() throws {
        let template = try ChatTemplate(source: "{{ tools is none }}{{ tools is defined }}{{ documents is none }}")
        #expect(try template.render(messages: [], tools: []).text == "TrueTrueTrue")
        #expect(try template.render(messages: [], tools: [["name": "f"]]).text == "FalseTrueTrue")
    }

    @Test func theClockCanBeSet() throws {
        let template = try ChatTemplate(
            source: "{{ strftime_now('%Y-%m-%d %d %b %Y %B %A %j %-d %y %p %%') }}")
        let noon = Date(timeIntervalSince1970: 1_784_116_800)
        #expect(
            try template.render(messages: [], date: noon).text == "2026-07-15 15 Jul 2026 July Wednesday 196 15 26 PM %"
        )
    }

    @Test func templateHealthIsFound() throws {
        let good = TemplateHealth(
            probing: try ChatTemplate(source: Self.chatML), stopTokens: ["<|im_end|>"], startToken: "<s>")
        #expect(good.trainsStopToken == true)
        #expect(good.isPrefixPreserving == true)
        #expect(!good.writesStartToken)
        #expect(!good.showsTools)
        #expect(good.remarks.isEmpty)
        let source =
            "{{ bos_token }}{{ tools | tojson if tools }}{% for m in messages %}{{ m.content }}{{ '!' if loop.last }}{% endfor %}"
        let bad = TemplateHealth(
            probing: try ChatTemplate(source: source), stopTokens: ["</s>"], startToken: "<s>",
            variables: ["bos_token": "<s>"])
        #expect(bad.trainsStopToken != true)
        #expect(bad.isPrefixPreserving == false)
        #expect(bad.writesStartToken)
        #expect(bad.showsTools)
        #expect(!bad.remarks.isEmpty)
    }

    @Test func messagesKeepTheirKeysAndRefuseWrongOnes() throws {
        let text =
            #"{"role":"assistant","content":null,"extra":{"b":1,"a":2},"tool_calls":[{"x":1}],"weight":0,"name":null}"#
        let message = try Message(JSON(parsing: text))
        #expect(!message.isTrained)
        #expect(message.toolCalls.count == 1)
        #expect(message.name == nil)
        #expect(
            message.json.text() == #"{"role":"assistant","content":null,"extra":{"b":1,"a":2},"tool_calls":[{"x":1}]}"#)
        for bad in [
            "[]", "{}", #"{"role":1}"#, #"{"role":"user","content":3}"#, #"{"role":"user","content":"x","weight":0.5}"#,
            #"{"role":"user","content":"x","tool_calls":{}}"#, #"{"role":"user","content":"x","name":[]}"#,
        ] {
            #expect(throws: MessageError.self, "\(bad)") { try Message(JSON(parsing: bad)) }
        }
    }

    @Test func aTokenIsTrainedWhenItSharesAByteWithASpan() {
        let offsets = [0..<0, 0..<3, 3..<5, 5..<5, 5..<8, 8..<10, 8..<10, 10..<12]
        #expect(tokenMask(spans: [3..<8], offsets: offsets) == [false, false, true, false, true, false, false, false])
        #expect(tokenMask(spans: [4..<6], offsets: offsets) == [false, false, true, false, true, false, false, false])
        #expect(tokenMask(spans: [9..<10], offsets: offsets) == [false, false, false, false, false, true, true, false])
        #expect(
            tokenMask(spans: [10..<12, 0..<1, 2..<2], offsets: offsets) == [
                false, true, false, false, false, false, false, true,
            ])
        #expect(tokenMask(spans: [], offsets: offsets).allSatisfy { !$0 })
        #expect(tokenMask(spans: [0..<100], offsets: []) == [])
    }

    @Test func theMaskEqualsAByteByByteOne() {
        var state: UInt64 = 7
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<300 {
            var offsets: [Range<Int>] = []
            var end = 0
            while end < 40 {
                let next = end + random(5)
                offsets.append(end..<next)
                end = next
            }
            let spans = (0..<random(5)).map { _ in
                let start = random(40)
                return start..<start + random(10)
            }
            let bytes = Set(spans.flatMap(Array.init))
            let expected = offsets.map { offset in offset.contains { bytes.contains($0) } }
            #expect(tokenMask(spans: spans, offsets: offsets) == expected)
        }
    }
}
