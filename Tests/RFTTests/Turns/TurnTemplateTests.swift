import Foundation
import RFT
import TestSupport
import Testing
import TextCore
import Tokenization
import Training

/// The tokens between two turns of a model.
@Suite struct TurnTemplateTests {
    /// The tokenizer of the peers, and a template of the goldens in place of its own.
    private func encoder(_ template: String?, stop: String = "<|im_end|>") throws -> ExampleEncoder? {
        guard let folder = try SharedFolder.url("peers/tokenizer") else { return nil }
        let tokenizer = try Tokenizer(folder: folder)
        guard let template else { return ExampleEncoder(tokenizer: tokenizer, template: nil, trainOn: .assistant) }
        guard let file = try SharedFolder.url("goldens/chat_templates/\(template)/template.jinja") else { return nil }
        let source = try String(contentsOf: file, encoding: .utf8)
        return ExampleEncoder(
            tokenizer: tokenizer, template: try ChatTemplate(source: source, name: template), trainOn: .assistant,
            stopIDs: Set([tokenizer.id(for: stop)].compactMap { $0 }))
    }

    private let answer: [JSON] = [["role": "tool", "content": "5", "name": "add", "tool_call_id": "call00001"]]

    @Test func onlyWhatFollowsTheStopTokenIsAppended() throws {
        guard let encoder = try encoder("reasoning") else { return }
        let tokenizer = encoder.tokenizer
        let stop = try #require(tokenizer.id(for: "<|im_end|>"))
        let template = try TurnTemplate(encoder)
        let ids = try template.tokens(appending: answer, after: stop)
        let text = "\n<|im_start|>user\n<tool_response>\n5\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
        #expect(tokenizer.decode(ids, skipSpecialTokens: false) == text)
        #expect(ids == Array(tokenizer.encode("<|im_end|>" + text, addSpecialTokens: false).dropFirst()))
        // A turn that a text ended lacks the stop token, so the template's own is appended.
        let whole = try template.tokens(appending: answer, after: nil)
        #expect(whole == [stop] + ids)
        let two = try template.tokens(appending: answer + answer, after: stop)
        #expect(tokenizer.decode(two, skipSpecialTokens: false).components(separatedBy: "<tool_response>").count == 3)
    }

    @Test func whatIsAppendedIsWhatTheWholeConversationHas() throws {
        for name in ["chatml", "reasoning", "headers"] {
            guard let encoder = try encoder(name, stop: name == "headers" ? "<|endoftext|>" : "<|im_end|>") else {
                return
            }
            let messages: [JSON] = [["role": "user", "content": "2 + 3?"]]
            let said: JSON = ["role": "assistant", "content": "Let me add them."]
            let template = try TurnTemplate(encoder)
            let source = try #require(encoder.template)
            let whole = try source.render(
                messages: messages + [said] + answer, addGenerationPrompt: true, variables: encoder.variables
            ).text
            let stop = encoder.tokenizer.id(for: "<|im_end|>")
            let prompt = try source.render(
                messages: messages, addGenerationPrompt: true, variables: encoder.variables
            ).text
            let isStop = name != "headers"
            let written = prompt + "Let me add them." + (isStop ? "<|im_end|>" : "")
            let rest = try template.tokens(appending: answer, after: isStop ? stop : nil)
            #expect(written + encoder.tokenizer.decode(rest, skipSpecialTokens: false) == whole, "\(name)")
        }
    }

    @Test func aTemplateThatRewritesAnswersIsRefused() throws {
        guard let encoder = try encoder("reasoning"), let bare = try self.encoder(nil) else { return }
        // Earlier reasoning is dropped once a user speaks again, but not when a tool answers.
        _ = try TurnTemplate(encoder, roles: ["tool"])
        #expect {
            _ = try TurnTemplate(encoder, roles: ["tool", "user"])
        } throws: {
            ("\($0)").contains("shows an answer with reasoning in another way once a message of the role 'user'")
        }
        #expect {
            _ = try TurnTemplate(bare)
        } throws: { ("\($0)").contains("set `model.chat_template`") }
        let picky = ExampleEncoder(
            tokenizer: encoder.tokenizer,
            template: try ChatTemplate(
                source: "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
                    + "{{ m.content }}<|im_end|>{% endfor %}"),
            trainOn: .assistant)
        #expect {
            _ = try TurnTemplate(picky)
        } throws: { ("\($0)").contains("refuses a message of the role 'tool' after an answer") }
    }
}
