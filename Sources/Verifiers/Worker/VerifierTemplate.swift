public import Foundation
import OrderedCollections
import TextCore

/// The first version of a verifier in a file of its own, with the examples that test it.
public struct VerifierTemplate: Sendable {
    /// The verifier's name in recipes.
    public let name: String
    /// `NAME.swift`, which compiles and passes its examples.
    public var source: String { Self.source(name, type: type) }
    /// `NAME.examples.jsonl`.
    public var examples: String { Self.exampleLines }

    private let type: String

    /// - Parameter name: letters, digits and underscores, beginning with a letter.
    /// - Throws: `VerifierFailure` of kind `configuration` for any other name.
    public init(name: String) throws(VerifierFailure) {
        let isName =
            name.utf8.count <= 64 && name.unicodeScalars.first?.isASCIILetter == true
            && name.unicodeScalars.allSatisfy { $0.isASCIILetter || ("0"..."9").contains($0) || $0 == "_" }
        guard isName, name != "main" else {
            throw VerifierFailure(
                .configuration,
                "'\(name)' is no name for a verifier: take letters, digits and '_', and begin with a letter")
        }
        self.name = name
        type = name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() + "Verifier"
    }

    /// Writes both files.
    ///
    /// - Returns: the files, the source first.
    /// - Throws: `VerifierFailure` of kind `configuration` when one is there already or cannot be written.
    public func write(to folder: URL) throws(VerifierFailure) -> [URL] {
        let files = [
            (folder.appending(path: "\(name).swift"), source),
            (folder.appending(path: "\(name).examples.jsonl"), examples),
        ]
        for (file, _) in files where FileManager.default.fileExists(atPath: file.path) {
            throw VerifierFailure(.configuration, "\(file.path) exists; take another name, or remove it first")
        }
        for (file, text) in files {
            do {
                try Data(text.utf8).write(to: file)
            } catch {
                throw VerifierFailure(.configuration, "cannot write \(file.path): \(error.localizedDescription)")
            }
        }
        return files.map(\.0)
    }

    private static func source(_ name: String, type: String) -> String {
        """
        import TextCore
        import Verifiers

        // A verifier for Hone. In a recipe:
        //
        //     rewards:
        //       - {verifier: ./\(name).swift, target: answer, ignore_case: true}
        //
        // Try it on the answers of \(name).examples.jsonl, and on what a model might write to cheat or to break it:
        //
        //     hone verifier test \(name).swift
        //
        // It runs in a process of its own. A crash, a hang or a score that is no number is counted as a failure of that
        // answer, which is left out of the training; it is never taken for a score of 0.
        struct \(type): ImmediateVerifier {
            static let name = "\(name)"
            static let summary = "the answer's last line is the expected one"

            // What a recipe may set, with the defaults. Anything else in the recipe is an error.
            struct Configuration: VerifierConfiguration {
                static let options: [ConfigurationOption<Self>] = [
                    ConfigurationOption("ignore_case", \\.ignoresCase, "whether small and capital letters are the same")
                ]
                var ignoresCase = false
            }

            private let ignoresCase: Bool

            init(_ configuration: Configuration) {
                ignoresCase = configuration.ignoresCase
            }

            // What a row of the data says the answer should be: the column that `target` names. It is read once, when the
            // data are loaded, so a row without it is an error before any training. `Int`, `Double`, `[String]` or a type
            // of your own (JSONReadable) do as well.
            func check(_ reference: String) throws(VerifierFailure) {
                // A reference that any answer would meet is an error of the data.
                if reference.isEmpty { throw VerifierFailure(.item, "the expected answer is empty") }
            }

            // Judges one answer. Called many times at once, so it keeps nothing between calls.
            func verify(_ rollout: Rollout, against reference: String) throws(VerifierFailure) -> Verdict {
                // The text behind the model's reasoning; there is none when the reasoning never ended.
                guard let answer = rollout.answerText else { return .fail(note: "no answer behind the reasoning") }
                guard let line = answer.split(whereSeparator: \\.isNewline).last.map(String.init) else {
                    return .fail(note: "an empty answer")
                }
                // Texts are compared scalar by scalar: to Swift, some different texts are equal.
                let isRight =
                    ignoresCase
                    ? line.lowercased().unicodeScalars.elementsEqual(reference.lowercased().unicodeScalars)
                    : line.unicodeScalars.elementsEqual(reference.unicodeScalars)
                // Also: .score(Score(0.5, passed: false, parts: ["form": 1, "content": 0])), or .abstain(reason: "…") where
                // the verifier has nothing to say.
                return .check(isRight, extracted: line)
            }
        }

        """
    }

    private static let exampleLines = """
        {"reference": "Paris", "pass": ["Paris", "<think>The capital.</think>Paris"], "fail": ["Lyon", "Paris or Lyon", "paris"]}
        {"reference": "4", "pass": ["2 + 2 makes:\\n4"], "fail": ["44", "4\\n5"]}

        """
}

extension Unicode.Scalar {
    fileprivate var isASCIILetter: Bool { ("a"..."z").contains(self) || ("A"..."Z").contains(self) }
}

extension VerifierConformance {
    /// The examples of a file: a line each, `{"reference": …, "pass": ["…"], "fail": ["…"]}`.
    ///
    /// - Throws: `VerifierFailure` of kind `item` with file and line of what cannot be read.
    public static func examples(in file: URL) throws(VerifierFailure) -> [Example] {
        guard let bytes = try? Data(contentsOf: file) else {
            throw VerifierFailure(.item, "there is no file \(file.path)")
        }
        var examples: [Example] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        where !line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }) {
            let place = "\(file.path):\(index + 1)"
            let json: JSON
            do throws(JSONError) { json = try JSON(parsing: Array(line)) } catch {
                throw VerifierFailure(.item, "\(place):\(error.column): \(error.message)")
            }
            examples.append(try example(json, place))
        }
        return examples
    }

    private static func example(_ json: JSON, _ place: String) throws(VerifierFailure) -> Example {
        let known = ["reference", "pass", "fail"]
        guard let members = json.object else { throw VerifierFailure(.item, "\(place): \(json.kind), not an object") }
        for key in members.keys where !known.contains(key) {
            let hint = nearestName(to: key, among: known).map { " Did you mean '\($0)'?" } ?? ""
            throw VerifierFailure(.item, "\(place): unknown member '\(key)'.\(hint)")
        }
        var texts: [[String]] = []
        for key in ["pass", "fail"] {
            guard let list = [String](json: json[key] ?? []) else {
                throw VerifierFailure(.item, "\(place): '\(key)' must be a list of answers")
            }
            texts.append(list)
        }
        return Example(reference: json["reference"] ?? .null, passing: texts[0], failing: texts[1])
    }
}
