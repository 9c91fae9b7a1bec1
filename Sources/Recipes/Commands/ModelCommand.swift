import ArgumentParser
import Foundation
import LanguageModels
import TensorCore
import TextCore
import Tokenization

/// `hone model`: making models.
struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Make a model.", subcommands: [ModelInitCommand.self])
}

/// `hone model init`: a model from scratch.
struct ModelInitCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a model with random weights from a configuration and a tokenizer.")

    @Option(help: ArgumentHelp("A Hugging Face config.json; its vocab_size follows the tokenizer.", valueName: "file"))
    var config: String
    @Option(help: ArgumentHelp("Folder with tokenizer.json.", valueName: "folder"))
    var tokenizer: String
    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("Folder to write.", valueName: "folder"))
    var folder: String
    @Option(help: "Of the random numbers.")
    var seed: UInt64 = 42
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let source = URL(fileURLWithPath: tokenizer)
        let words = try Tokenizer(folder: source)
        let model = try ModelInitializer.model(
            configuration: try ModelText.configuration(URL(fileURLWithPath: config), for: words),
            vocabularySize: words.vocabularySize, seed: seed, location: config)
        try model.save(to: URL(fileURLWithPath: folder), copyingTokenizerFrom: source)
        let count = model.namedParameters.reduce(0) { $0 + $1.parameter.value.count }
        if output.json { return terminal.print(["folder": .string(folder), "parameters": .integer(count)]) }
        terminal.print("\(folder): \(grouped(count)) parameters")
    }
}
