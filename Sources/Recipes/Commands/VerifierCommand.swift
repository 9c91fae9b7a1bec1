import ArgumentParser
import Foundation
import TextCore
import Verifiers

/// `hone verifier`: what judges answers, and how to make one.
struct VerifierCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verifier", abstract: "Show the verifiers there are; write, try and build your own.",
        subcommands: [
            VerifierListCommand.self, VerifierOptionsCommand.self, VerifierNewCommand.self, VerifierTestCommand.self,
            VerifierBuildCommand.self,
        ])
}

/// `hone verifier list`: the names that a recipe may use.
struct VerifierListCommand: ReportingCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show the verifiers there are.")

    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let registry = Registry.current.verifiers
        let names = registry.names.sorted()
        if output.json {
            return terminal.print([
                "verifiers": .array(
                    names.map { ["name": .string($0), "summary": .string(registry.summary(of: $0) ?? "")] })
            ])
        }
        let width = names.map(\.count).max() ?? 0
        for name in names {
            let space = String(repeating: " ", count: width - name.count)
            terminal.print("\(name)\(space)  \(registry.summary(of: name) ?? "")")
        }
        terminal.note("Options of one: hone verifier options NAME. One of your own: hone verifier new NAME.")
    }
}

/// `hone verifier options`: what a recipe may set beside a verifier's name.
struct VerifierOptionsCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "options", abstract: "Show the options of a verifier.")

    @Argument(help: "The verifier's name.")
    var name: String
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let registry = Registry.current.verifiers
        guard let options = registry.options(of: name) else {
            let hint = nearestName(to: name, among: registry.names).map { " Did you mean '\($0)'?" } ?? ""
            throw CommandFailure(message: "there is no verifier '\(name)'.\(hint)", status: .usage)
        }
        if output.json {
            return terminal.print([
                "name": .string(name), "summary": .string(registry.summary(of: name) ?? ""),
                "options": .array(
                    options.map {
                        [
                            "name": .string($0.name), "summary": .string($0.summary),
                            "expectation": .string($0.expectation),
                        ]
                    }),
            ])
        }
        terminal.print("\(name): \(registry.summary(of: name) ?? "")")
        for option in options { terminal.print("  \(option.name): \(option.expectation)\n      \(option.summary)") }
        if options.isEmpty { terminal.print("  It has no options.") }
    }
}

/// `hone verifier new`: the first version of a verifier of one's own.
struct VerifierNewCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Write a Swift file with a verifier, and examples that test it.",
        discussion: "A recipe names the file: `verifier: ./NAME.swift`. Hone compiles it the first time it is used.")

    @Argument(help: "The verifier's name: letters, digits and '_'.")
    var name: String
    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("Folder to write.", valueName: "folder"))
    var folder = "."
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let files = try VerifierTemplate(name: name).write(to: URL(filePath: folder, directoryHint: .isDirectory))
            .map { folder == "." ? $0.lastPathComponent : $0.relativePath }
        if output.json {
            return terminal.print(["files": .array(files.map { .string($0) })])
        }
        for file in files { terminal.print(file) }
        terminal.note("Try it: hone verifier test \(files[0])")
    }
}

/// `hone verifier test`: tries a verifier on its examples and on what a model might write.
struct VerifierTestCommand: ConcurrentCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Try a verifier on its examples, on ways to cheat and on hostile texts.",
        discussion: """
            The examples are lines {"reference": …, "pass": ["…"], "fail": ["…"]} of NAME.examples.jsonl beside the file. \
            A verifier must say the same again, also when it is asked many things at once, must pass no empty answer, \
            must judge whatever a model writes, in time, and must refuse options that it does not have. Exit status 3 \
            says that it breaks a rule.
            """)

    @Argument(help: "A Swift file or a worker built from one, with '#' and a name where it has several verifiers.")
    var file: String
    @Option(help: ArgumentHelp("The examples, where they are not beside the file.", valueName: "file"))
    var examples: String?
    @Option(help: ArgumentHelp("The verifier's options, as an object in JSON.", valueName: "json"))
    var options = "{}"
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) async throws {
        guard VerifierFile.isNamed(by: file) else {
            throw CommandFailure(message: "'\(file)' is no .swift and no .verifier file", status: .usage)
        }
        let chosen: JSON
        do throws(JSONError) { chosen = try JSON(parsing: options) } catch {
            throw CommandFailure(message: "--options is not JSON: \(error)", status: .usage)
        }
        let known = try VerifierConformance.examples(in: exampleFile)
        guard !known.isEmpty else {
            throw CommandFailure(message: "\(exampleFile.path) has no example", status: .data)
        }
        let file = file
        let environment = VerifierEnvironment()
        // A file that does not compile or start is told as such, and not as a broken rule.
        _ = try VerifierFile.make(file, options: chosen, in: environment)
        let findings = await VerifierConformance.check(examples: known, options: chosen) {
            (options: JSON) throws(VerifierFailure) in
            try VerifierFile.make(file, options: options, in: environment)
        }
        if output.json {
            terminal.print([
                "examples": .integer(known.count),
                "findings": .array(
                    findings.map { ["rule": .string($0.rule.rawValue), "message": .string($0.message)] }),
            ])
        } else {
            for finding in findings { terminal.print("✗ \(finding)") }
            if findings.isEmpty { terminal.print("✓ \(file) keeps every rule, on \(known.count) examples") }
        }
        if !findings.isEmpty { throw ExitCode(ExitStatus.fellShort.rawValue) }
    }

    private var exampleFile: URL {
        if let examples { return URL(filePath: examples) }
        let path = file.lastIndex(of: "#").map { String(file[..<$0]) } ?? file
        let source = URL(filePath: path).deletingPathExtension()
        return source.deletingLastPathComponent().appending(path: "\(source.lastPathComponent).examples.jsonl")
    }
}

/// `hone verifier build`: a worker for machines without Swift.
struct VerifierBuildCommand: ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Compile a verifier for machines where there is no Swift.",
        discussion: "A recipe names the result in place of the source: `verifier: ./NAME.verifier`.")

    @Argument(help: "A Swift file with a verifier.")
    var source: String
    @Option(name: [.customShort("o"), .customLong("out")], help: ArgumentHelp("File to write.", valueName: "file"))
    var result: String?
    @OptionGroup var output: OutputOptions

    func run(_ terminal: Terminal) throws {
        let file = URL(filePath: source)
        let target =
            result.map { URL(filePath: $0) }
            ?? file.deletingPathExtension().appendingPathExtension("verifier")
        try VerifierFile.build(file, to: target)
        if output.json { return terminal.print(["file": .string(target.path)]) }
        terminal.print(target.path)
    }
}
