import ArgumentParser
import Foundation
import OrderedCollections
import ShardIO
import TextCore
import Tokenization

/// `hone tokenizer`: making tokenizers.
struct TokenizerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer", abstract: "Make a tokenizer.", subcommands: [TokenizerTrainCommand.self])
}

/// `hone tokenizer train`: byte-pair encoding from text.
struct TokenizerTrainCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Learn a byte-level BPE tokenizer from data files.",
        discussion: """
            Of rows in a format that Hone trains on, the messages, prompts, completions or texts are read; of others, \
            such as a CSV file with columns of its own, every field. The folder that is written loads in Hugging Face's \
            tokenizers and transformers.
            """)

    @Argument(help: "JSONL, JSON, CSV, TSV or text files.")
    var files: [String]
    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("Folder to write.", valueName: "folder"))
    var folder: String
    @Option(help: "Tokens of the vocabulary, special ones included.")
    var vocabularySize = 4096
    @Option(help: "Times a pair must occur to be merged.")
    var minimumFrequency = 2
    @Option(help: ArgumentHelp("Special tokens beside <|start|>, <|end|> and <|pad|>.", valueName: "token"))
    var specialToken: [String] = []
    @Option(
        help: ArgumentHelp(
            "Make every value of this column one token of its own: for labels.", valueName: "column"))
    var tokenPerValue: String?
    @Flag(help: "Turn all text to lower case.")
    var lowercase = false
    @Option(help: ArgumentHelp("Chat template, a Jinja file, to store with it.", valueName: "file"))
    var chatTemplate: String?
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        var texts: [String] = []
        var values: Set<String> = []
        for file in files {
            let source = try DataFile(path: file)
            // Rows that a model would be trained on give what it would read; of others every text counts.
            let decoder = tokenPerValue == nil ? try? RecordDecoder(source: source) : nil
            var stream = try source.rows()
            while let row = try stream.next() {
                if let tokenPerValue {
                    guard let value = row.fields[tokenPerValue]?.string else {
                        throw CommandFailure(
                            message: "\(file):\(row.provenance.line): no text in column '\(tokenPerValue)'",
                            status: .data)
                    }
                    values.insert(value)
                }
                if let decoder {
                    texts += try decoder.record(row).texts
                } else {
                    Self.collect(row.fields, except: tokenPerValue, into: &texts)
                }
            }
        }
        var trainer = BPETrainer(vocabularySize: vocabularySize)
        trainer.minimumFrequency = minimumFrequency
        trainer.specialTokens = ["<|pad|>", "<|start|>", "<|end|>"] + specialToken
        trainer.beginningOfSequence = "<|start|>"
        trainer.endOfSequence = "<|end|>"
        trainer.padding = "<|pad|>"
        trainer.lowercases = lowercase
        trainer.addedTokens = values.sorted()
        if let chatTemplate {
            trainer.chatTemplate = String(decoding: try CommandInput.read(chatTemplate), as: UTF8.self)
        }
        let trained = try trainer.train(on: texts)
        try trained.write(to: URL(fileURLWithPath: folder))
        if output.json {
            return terminal.print([
                "folder": .string(folder), "vocabulary_size": .integer(trained.vocabularySize),
                "texts": .integer(texts.count),
            ])
        }
        terminal.print("\(folder): \(trained.vocabularySize) tokens from \(grouped(texts.count)) texts")
    }

    private static func collect(_ value: JSON, except key: String?, into texts: inout [String]) {
        switch value {
        case .string(let text): texts.append(text)
        case .array(let elements): for element in elements { collect(element, except: nil, into: &texts) }
        case .object(let members):
            for (name, member) in members where name != key && name != "role" {
                collect(member, except: nil, into: &texts)
            }
        default: break
        }
    }
}

extension TrainingRecord {
    /// What is said in it.
    fileprivate var texts: [String] {
        switch self {
        case .conversation(let record): record.messages.compactMap { $0["content"]?.string }
        case .completion(let record): [record.prompt, record.completion]
        case .text(let record): [record.text]
        case .preference(let record): record.prompt.texts + record.chosen.texts + record.rejected.texts
        case .unpaired(let record): record.prompt.texts + record.completion.texts
        case .prompt(let record): record.prompt.texts
        }
    }
}

extension RecordText {
    fileprivate var texts: [String] {
        switch self {
        case .text(let text): [text]
        case .messages(let messages): messages.compactMap { $0["content"]?.string }
        }
    }
}
