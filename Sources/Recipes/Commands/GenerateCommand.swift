import ArgumentParser
import Foundation
import LanguageModels
import TextCore
import Tokenization
import Training

/// `hone generate`: text from a model.
struct GenerateCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Write text with a model, or talk to it.",
        discussion: """
            Without --prompt and --chat the model writes from its start token. With --chat, messages are read line by \
            line until the input ends; the chat template must be the model's own.
            """)

    @Option(help: ArgumentHelp("Model, adapter or run folder.", valueName: "folder"))
    var model: String
    @Option(help: ArgumentHelp("Adapter to attach.", valueName: "folder"))
    var adapter: String?
    @Option(help: ArgumentHelp("Base model of an adapter that does not name it.", valueName: "folder"))
    var base: String?
    @Option(help: "Text to go on with.")
    var prompt: String?
    @Flag(help: "Talk with the model, through its chat template.")
    var chat = false
    @Option(help: "System message of a chat.")
    var system: String?
    @Option(help: "Tokens to write, at most.")
    var maxNewTokens = 256
    @Option(help: "0 takes the likeliest token every time.")
    var temperature = 1.0
    @Option(help: "Keep the likeliest tokens up to this share of probability.")
    var topP = 1.0
    @Option(help: "Keep this many of the likeliest tokens; 0 for all.")
    var topK = 0
    @Option(help: "Keep tokens at least this many times as likely as the likeliest.")
    var minP = 0.0
    @Option(help: "Divides the logits of tokens that have occurred; 1 for none.")
    var repetitionPenalty = 1.0
    @Flag(help: "Always take the likeliest token.")
    var greedy = false
    @Option(help: "Text that ends the answer.")
    var stop: [String] = []
    @Option(help: "Of the random numbers.")
    var seed: UInt64 = 0
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if chat, prompt != nil { throw ValidationError("--prompt and --chat exclude each other") }
        if system != nil, !chat { throw ValidationError("--system goes with --chat") }
        if chat, output.json { throw ValidationError("--json does not go with --chat") }
    }

    func run(_ terminal: Terminal) throws {
        let choice = try ModelChoice(model, adapter: adapter, base: base)
        if chat { return try talk(choice, on: terminal) }
        let ids: [Int]
        if let prompt {
            ids = choice.text.tokenizer.encode(prompt)
        } else {
            guard let start = choice.text.tokenizer.beginningOfSequenceID else {
                throw CommandFailure(
                    message: "the model has no start token to write from; give --prompt", status: .usage)
            }
            ids = [start]
        }
        let stop = StopSignal()
        let completion = try write(after: ids, choice, on: terminal, stop: stop)
        if stop.isRequested { throw ExitCode(ExitStatus.stopped) }
        guard output.json else { return }
        terminal.print([
            "prompt_ids": .array(ids.map { .integer($0) }), "ids": .array(completion.ids.map { .integer($0) }),
            "text": .string(choice.text.tokenizer.decode(completion.ids)),
            "log_probabilities": .array(completion.logProbabilities.map { .number(Double($0)) }),
            "stop_reason": .string(completion.stopReason.rawValue),
        ])
    }

    /// Writes as it goes, so that a person need not wait. An interruption ends the text, in a chat only the answer.
    private func write(
        after ids: [Int], _ choice: ModelChoice, on terminal: Terminal, stop: StopSignal = StopSignal()
    ) throws -> Completion {
        var settings = GenerationSettings()
        settings.sampling.temperature = greedy ? 0 : temperature
        settings.sampling.topP = topP
        settings.sampling.topK = topK > 0 ? topK : nil
        settings.sampling.minP = minP
        settings.sampling.repetitionPenalty = repetitionPenalty
        settings.maximumNewTokens = maxNewTokens
        settings.stopTokens = choice.text.stopIDs
        settings.stopStrings = self.stop
        settings.decode = { choice.text.tokenizer.decode($0) }
        settings.seed = seed
        let handlers = SignalHandlers(stop)
        defer { handlers.cancel() }
        let generator = try Generator(choice.model, settings)
        if output.json {
            return try generator.completions(of: [ids], shouldStop: { stop.isRequested })[0]
        }
        var decoder = StreamingDecoder(choice.text.tokenizer)
        let completion = try generator.completions(
            of: [ids],
            onToken: { _, token in
                if !choice.text.stopIDs.contains(token) { terminal.write(decoder.append(token)) }
            }, shouldStop: { stop.isRequested })[0]
        terminal.write(decoder.finish() + "\n")
        return completion
    }

    private func talk(_ choice: ModelChoice, on terminal: Terminal) throws {
        let encoder = choice.text.encoder(trainOn: .assistant)
        var messages: [JSON] = []
        if let system { messages.append(["role": "system", "content": .string(system)]) }
        if terminal.isInteractive { terminal.write("> ") }
        var lines = InputLines()
        while let line = try lines.next() {
            if !line.isEmpty {
                messages.append(["role": "user", "content": .string(line)])
                let ids = try encoder.prompt(messages: messages, source: model)
                let completion = try write(after: ids, choice, on: terminal)
                let answer = choice.text.tokenizer.decode(completion.ids.filter { !choice.text.stopIDs.contains($0) })
                messages.append(["role": "assistant", "content": .string(answer)])
            }
            if terminal.isInteractive { terminal.write("> ") }
        }
        if terminal.isInteractive { terminal.write("\n") }
    }
}
