import Foundation
import OrderedCollections
import TestSupport
import Testing
import TextCore
import Tokenization

@Suite struct ChatTemplateGoldenTests {
    @Test func everySharedCaseIsRenderedLikeTransformers() throws {
        let folders = try SharedFolder.folders(in: "goldens/chat_templates")
        var count = 0
        for folder in folders {
            let source = try String(contentsOf: folder.appendingPathComponent("template.jinja"), encoding: .utf8)
            let template = try ChatTemplate(source: source, name: folder.lastPathComponent)
            let lines = try String(contentsOf: folder.appendingPathComponent("cases.jsonl"), encoding: .utf8)
            for (index, line) in lines.split(separator: "\n").enumerated() {
                try check(JSON(parsing: String(line)), template, "\(folder.lastPathComponent) line \(index + 1)")
                count += 1
            }
        }
        #expect(folders.isEmpty || count > 0)
    }

    private func check(_ golden: JSON, _ template: ChatTemplate, _ place: String) throws {
        var variables: [String: JSON] = ["bos_token": "<s>", "eos_token": "</s>"]
        for (name, value) in golden["kwargs"]?.object ?? [:] { variables[name] = value }
        let result = Result {
            try template.render(
                messages: golden["messages"]?.array ?? [], tools: golden["tools"]?.array,
                addGenerationPrompt: golden["add_generation_prompt"]?.bool ?? false, variables: variables)
        }
        switch result {
        case .success(let rendered): #expect(rendered.text == golden["rendered"]?.string, "\(place)")
        case .failure(let error):
            let error = try #require(error as? TemplateError, "\(place)")
            #expect(golden["rendered"] == nil, "\(place): \(error)")
            #expect(error.message == golden["error"]?.string, "\(place)")
        }
    }

    /// `Fixtures/generate/jinja_cases.py` made the file with Jinja itself.
    @Test func expressionsAndBlocksMeanWhatJinjaSaysTheyMean() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/chat_templates/jinja.jsonl")
        var lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try JSON(parsing: String($0))
        }
        var variables: [String: JSON] = [:]
        for (name, value) in lines.removeFirst()["variables"]?.object ?? [:] { variables[name] = value }
        #expect(lines.count > 500)
        for golden in lines {
            let source = try #require(golden["template"]?.string)
            let result = Result { try ChatTemplate(source: source).render(messages: [], variables: variables).text }
            switch result {
            case .success(let text):
                let expected = golden["rendered"]?.string ?? "an error: \(golden["error"]?.string ?? "")"
                #expect(Array(text.unicodeScalars) == Array(expected.unicodeScalars), "\(source)")
            case .failure(let error):
                #expect(error is TemplateError)
                #expect(golden["rendered"] == nil, "\(source): \(error)")
            }
        }
    }
}
