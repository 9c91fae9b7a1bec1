import ArgumentParser
import Foundation
import OrderedCollections
import TextCore
import Tokenization
import Training

/// `hone tokenize`: what a model's tokenizer makes of a text or a conversation, and back.
struct TokenizeCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Show the tokens of a text or a conversation, and the text they decode to.")

    @Option(help: ArgumentHelp("Folder of the model or its tokenizer.", valueName: "folder"))
    var model: String
    @Option(help: "The text.")
    var text: String?
    @Option(
        help: ArgumentHelp("A conversation: a JSON file with messages, or `-` for standard input.", valueName: "file"))
    var messages: String?
    @Flag(help: "Leave out the tokens that the tokenizer adds around a text.")
    var noSpecialTokens = false
    @Flag(help: "End a conversation where the model is to answer.")
    var generationPrompt = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (text == nil) != (messages == nil) else { throw ValidationError("give either --text or --messages") }
    }

    func run(_ terminal: Terminal) throws {
        let folder = URL(fileURLWithPath: model)
        let tokenizer = try Tokenizer(folder: folder)
        var spans: [Range<Int>] = []
        let encoding: Encoding
        let rendered: String
        if let text {
            rendered = text
            encoding = tokenizer.encodeWithOffsets(text, addSpecialTokens: !noSpecialTokens)
        } else {
            (rendered, spans) = try render(tokenizer, folder: folder)
            encoding = tokenizer.encodeWithOffsets(rendered, addSpecialTokens: false)
        }
        let decoded = tokenizer.decode(encoding.ids, skipSpecialTokens: false)
        let pieces = encoding.ids.map { tokenizer.token(for: $0) ?? "" }
        if output.json {
            var report: JSON = [
                "text": .string(rendered), "ids": .array(encoding.ids.map { .integer($0) }),
                "pieces": .array(pieces.map { .string($0) }),
                "offsets": .array(encoding.offsets.map { [.integer($0.lowerBound), .integer($0.upperBound)] }),
                "decoded": .string(decoded),
            ]
            if messages != nil, case .object(var members) = report {
                members["generated"] = .array(tokenMask(spans: spans, offsets: encoding.offsets).map { .bool($0) })
                report = .object(members)
            }
            return terminal.print(report)
        }
        let mask = tokenMask(spans: spans, offsets: encoding.offsets)
        for (index, (id, piece)) in zip(encoding.ids, pieces).enumerated() {
            let mark = messages == nil ? "" : mask[index] ? " *" : "  "
            terminal.print("\(String(id).leftPadded(to: 7))\(mark) \(JSON.string(piece).text())")
        }
        terminal.print("\(encoding.ids.count) tokens: \(encoding.ids.map(String.init).joined(separator: " "))")
        terminal.print("decoded: \(JSON.string(decoded).text())\(decoded == rendered ? "" : "  (not the text given)")")
    }

    /// The text of the conversation, and what in it the model would write.
    private func render(_ tokenizer: Tokenizer, folder: URL) throws -> (String, [Range<Int>]) {
        guard let source = tokenizer.chatTemplate else {
            throw CommandFailure(
                message: "\(model): the tokenizer has no chat template, so a conversation has no text", status: .data)
        }
        let bytes = try CommandInput.read(messages ?? "-")
        let json: JSON
        do { json = try JSON(parsing: bytes) } catch {
            throw CommandFailure(message: "\(messages ?? ""):\(error)", status: .data)
        }
        guard let list = json.array ?? json["messages"]?.array else {
            throw CommandFailure(
                message: "\(messages ?? ""): write an array of messages, or an object with `messages`", status: .data)
        }
        let template = try ChatTemplate(source: source, name: folder.lastPathComponent + "/chat_template")
        let text = try ModelText(folder: folder)
        let encoder = text.encoder(trainOn: .assistant)
        let variables = encoder.variables
        if generationPrompt {
            let rendered = try template.render(
                messages: list, tools: json["tools"]?.array, addGenerationPrompt: true, variables: variables)
            return (rendered.text, [])
        }
        let conversation = Conversation(
            messages: try list.map { try Message($0) }, tools: json["tools"]?.array ?? [], variables: variables)
        let rendered = try RenderedConversation(
            conversation, template: template, stopTokens: encoder.stopTokens, variables: variables)
        return (rendered.text, rendered.trainedSpans(for: .assistant))
    }
}

/// Files that commands read.
enum CommandInput {
    /// The bytes of a file, or of standard input for `-`; at most 64 MiB.
    static func read(_ path: String) throws -> Data {
        let limit = 64 << 20
        let data: Data
        if path == "-" {
            data = try FileHandle.standardInput.read(upToCount: limit + 1) ?? Data()
        } else {
            guard let file = FileHandle(forReadingAtPath: path) else {
                throw CommandFailure(message: "\(path): no such file", status: .missing)
            }
            data = try file.read(upToCount: limit + 1) ?? Data()
        }
        guard data.count <= limit else {
            throw CommandFailure(message: "\(path): more than 64 MiB, too much for one input", status: .data)
        }
        return data
    }
}

extension String {
    func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
    func rightPadded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
