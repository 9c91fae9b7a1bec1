import ArgumentParser
import Datasets
import Foundation
import OrderedCollections
import TextCore

/// `hone task`: questions that a rule makes, and whose answers a rule judges.
struct TaskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "task", abstract: "Questions made by a rule, and judged by one: data for reward fine-tuning.",
        subcommands: [TaskListCommand.self, TaskSampleCommand.self])
}

/// `hone task list`: which tasks there are.
struct TaskListCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the tasks and their levels.")

    @Argument(help: ArgumentHelp("One task only.", valueName: "name"))
    var name: String?
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let tasks = try name.map { [try procedural($0)] } ?? TaskRegistry.builtin.tasks
        if output.json { return terminal.print(["tasks": .array(tasks.map(Self.json))]) }
        for task in tasks {
            terminal.print("\(task.name): \(task.summary)")
            terminal.print("  by chance: \(task.chance)")
            for (index, level) in task.levels.enumerated() {
                terminal.print("  level \(index + 1): \(level.description)")
            }
            let example = task.item(level: 1, seed: 0, index: 0)
            terminal.print("  such as: \(quoted(example.prompt)) → \(quoted(example.answer))")
        }
    }

    private static func json(_ task: AnyProceduralTask) -> JSON {
        let levels = task.levels.enumerated().map { index, level in
            let parameters = level.parameters.map { ($0.key, JSON.integer($0.value)) }
            return JSON.object([
                "level": .integer(index + 1), "parameters": .object(.init(uniqueKeysWithValues: parameters)),
            ])
        }
        return [
            "name": .string(task.name), "summary": .string(task.summary), "chance": .string(task.chance),
            "levels": .array(levels),
        ]
    }

    private func quoted(_ text: String) -> String { JSON.string(text).text() }
}

/// `hone task sample`: questions of a task as rows.
struct TaskSampleCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Write different questions of a task as JSON lines.",
        discussion: """
            The same options give the same bytes on every machine, and a larger count begins with the same rows. What a \
            question is about decides whether it is for training or for validation, so none is in both, whatever the \
            seeds. Each row has the prompt, a right `answer`, and the `state` by which the verifier `procedural` judges \
            any answer: `rewards: [{verifier: procedural, task: NAME, target: state}]`.
            """)

    @Argument(help: ArgumentHelp("The task, as `hone task list` names it.", valueName: "name"))
    var name: String
    @Option(help: ArgumentHelp("How hard, from 1; several as 1,2: equal shares by turns.", valueName: "level"))
    var level = "1"
    @Option(help: "Questions in all.")
    var count = 10
    @Option(help: "Of the random numbers.")
    var seed: UInt64 = 42
    @Option(help: "Side of the split: train (7 of 8 questions, the default) or validation.", transform: choice)
    var split = TaskSplit.train
    @Option(help: "Rows as prompt (the default), chat-prompt, sft or chat-sft.", transform: choice)
    var format = TaskRowFormat.prompt
    @Option(
        name: [.customShort("o"), .customLong("out")],
        help: ArgumentHelp("File to write; standard output if absent.", valueName: "file"))
    var file: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...10_000_000).contains(count) else { throw ValidationError("--count takes 1 to 10,000,000") }
    }

    func run(_ terminal: Terminal) throws {
        let task = try procedural(name)
        let levels = try levels(of: task)
        let samples = levels.enumerated().map { place, level in
            task.sample(
                count: (count + levels.count - 1 - place) / levels.count, level: level, split: split, seed: seed)
        }
        for (sample, level) in zip(samples, levels) where sample.isExhausted {
            terminal.warn(
                "level \(level) of \(name) has hardly more than \(counted(sample.items.count, "different question")) for "
                    + "\(split.rawValue), so there are no more of it; choose a higher level for more")
        }
        let items = (0..<(samples.map(\.items.count).max() ?? 0)).flatMap { index in
            samples.compactMap { index < $0.items.count ? $0.items[index] : nil }
        }
        let repeats = samples.reduce(0) { $0 + $1.repeats }
        if let file {
            try Data(items.map { $0.row(format).text() + "\n" }.joined().utf8)
                .write(to: URL(fileURLWithPath: file), options: .atomic)
        } else if !output.json {
            for item in items where !terminal.printIfRead(item.row(format).text()) { return }
        }
        report(items, repeats: repeats, to: terminal)
    }

    private func report(_ items: [TaskItem], repeats: Int, to terminal: Terminal) {
        if output.json {
            var report: [(String, JSON)] = [
                ("task", .string(name)), ("split", .string(split.rawValue)), ("rows", .integer(items.count)),
                ("repeats_left_out", .integer(repeats)),
            ]
            report.append(file.map { ("file", .string($0)) } ?? ("items", .array(items.map { $0.row(format) })))
            return terminal.print(.object(.init(uniqueKeysWithValues: report)))
        }
        guard let file else { return }
        terminal.print(
            "\(file): \(counted(items.count, "question")) of \(name) for \(split.rawValue)"
                + (repeats > 0 ? ", \(counted(repeats, "repeat")) left out" : ""))
    }

    private func levels(of task: AnyProceduralTask) throws -> [Int] {
        let levels = level.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        let known = levels.compactMap { $0 }.filter { (1...task.levels.count).contains($0) }
        guard known.count == levels.count, Set(known).count == known.count else {
            throw CommandFailure(
                message: "--level \(level): \(name) has levels 1 to \(task.levels.count); see `hone task list \(name)`",
                status: .usage)
        }
        return known
    }
}

/// One of the values that a choice has.
private func choice<Value: RawRepresentable<String> & CaseIterable>(_ text: String) throws -> Value {
    guard let value = Value(rawValue: text) else {
        throw ValidationError("'\(text)' is none of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return value
}

/// The task with this name.
private func procedural(_ name: String) throws -> AnyProceduralTask {
    let registry = TaskRegistry.builtin
    if let task = registry[name] { return task }
    let hint = nearestName(to: name, among: registry.names).map { "Did you mean '\($0)'? " } ?? ""
    throw CommandFailure(
        message: "there is no task '\(name)'. \(hint)Known: \(registry.names.joined(separator: ", ")).", status: .usage)
}
