public import Decisions
import Foundation
import TextCore

/// The answers of `hone advise` as a file.
public enum AdviceFile {
    /// Reads answers.
    ///
    /// - Throws: `RecipeError` with every problem of the file.
    public static func read(_ path: String) throws(RecipeError) -> AdviceAnswers {
        let source = RecipeSource(
            name: path, directory: RecipePath(path).url.deletingLastPathComponent().path)
        let bytes: [UInt8]
        do throws(RegularFile.Problem) {
            bytes = try RegularFile.bytes(at: RecipePath(path).absolute, limit: YAMLReader.byteLimit)
        } catch {
            throw RecipeError([
                RecipeProblem(
                    RecipePosition(source: source, line: 1, column: 1), "'\(path)': \(error)",
                    why: "Nothing says what was answered",
                    fix: "Write one with `hone advise --template > answers.yaml`", isMissingFile: error == .missing)
            ])
        }
        return try parse(bytes, from: source)
    }

    /// Reads answers from text.
    ///
    /// - Throws: `RecipeError` with every problem of the text.
    public static func parse(_ text: String, name: String = "answers.yaml") throws(RecipeError) -> AdviceAnswers {
        try parse(
            Array(text.utf8),
            from: RecipeSource(name: name, directory: FileManager.default.currentDirectoryPath))
    }

    private static func parse(_ bytes: [UInt8], from source: RecipeSource) throws(RecipeError) -> AdviceAnswers {
        var root = try YAMLReader.read(bytes, from: source)
        if root.isNull { root = RecipeNode(.mapping([]), at: root.position) }
        let decoder = RecipeDecoder(
            root: root, checksFiles: false, other: ("the answers", AdviceAnswers.table.schema))
        let answers = AdviceAnswers.decode(root, decoder)
        guard let answers, decoder.problems.isEmpty else { throw RecipeError(decoder.problems) }
        return answers
    }

    /// A file with every question as a comment and its default as the answer.
    public static var template: String {
        var lines = [
            "# Answers for `hone advise answers.yaml`. What is left out, or is null, has the value written here."
        ]
        let answers = AdviceAnswers()
        var open: [String] = []
        for question in AdviceQuestion.all {
            let steps = question.key.split(separator: ".").map(String.init)
            let sections = Array(steps.dropLast())
            if sections != open {
                if sections.first != open.first || sections.isEmpty { lines.append("") }
                for (depth, section) in sections.enumerated() where depth >= open.count || open[depth] != section {
                    lines.append(String(repeating: "  ", count: depth) + "\(section):")
                }
                open = sections
            } else if open.isEmpty {
                lines.append("")
            }
            let margin = String(repeating: "  ", count: sections.count)
            let gate = question.gate.map { "Gate \($0): " } ?? ""
            lines.append(margin + "# \(gate)\(question.text) \(question.help)")
            lines += question.choices.map { margin + "#   \($0.word): \($0.meaning)" }
            let value = question.current(answers)
            let written = question.key == "task" ? JSON.string(value).text() : value.isEmpty ? "null" : value
            lines.append(margin + "\(steps.last ?? question.key): \(written)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
