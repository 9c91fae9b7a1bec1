import Foundation
import Testing
import TextCore

/// No trap is to be reached from data: the sources of readers are searched for what traps.
///
/// A line that is meant to be there stands in `allowed-traps.json` with the reason why no input reaches it.
@Suite struct TrapLintTests {
    /// What reads files, answers of others and recipes.
    private static let places = [
        "TextCore", "Tokenization", "ShardIO", "Judges", "Verifiers", "LanguageModels/Weights",
        "LanguageModels/Adapters", "LanguageModels/Families", "LanguageModels/ConfigurationReader.swift",
        "LanguageModels/ModelLoader.swift", "LanguageModels/ModelRegistry.swift", "Recipes/Language", "Recipes/Schema",
        "Recipes/Sections", "Decisions/Gate/GateVerdictJSON.swift", "Decisions/Release/ReleaseLog.swift",
        "Decisions/Release/ReleaseRow.swift", "Decisions/Release/ReleaseComparison.swift", "Training/Checkpoints",
        "Training/Run", "Training/TrainingState.swift",
    ]

    private static let conversions =
        #"\b(?:U?Int(?:8|16|32|64)?)\((?![^)]*\b(?:exactly|clamping|truncatingIfNeeded|bitPattern|ascii|littleEndian):)"#

    /// What traps, or may.
    private static var rules: [(name: String, pattern: Regex<AnyRegexOutput>)] {
        get throws {
            [
                ("trap", try Regex(#"\b(?:fatalError|preconditionFailure|precondition|assertionFailure|assert)\("#)),
                ("try!", try Regex(#"\btry!"#)), ("as!", try Regex(#"\bas!"#)),
                ("forced value", try Regex(#"[A-Za-z0-9_)\]]!(?!=)"#)),
                ("unsafe cast", try Regex(#"\b(?:unsafeBitCast|unsafelyUnwrapped|unsafeDowncast)\b"#)),
                (
                    "number to whole number",
                    try Regex(conversions + #"[^)]*(?:rounded|Double|floor|ceil|pow|\s[*/]\s)"#)
                ),
                ("number to duration", try Regex(#"\.(?:seconds|milliseconds|microseconds)\((?![0-9_.]+\))"#)),
                // These mend invalid text in silence; what was read is not what is used then.
                ("mended text", try Regex(#"String\((?:contentsOf|decoding: data\b)"#)),
                ("file of any size", try Regex(#"\b(?:Data|NSData)\(contentsOf"#)),
            ]
        }
    }

    private struct Finding: Hashable {
        let rule, file, line: String
    }

    @Test("no trap in a reader that is not explained")
    func readersHaveNoTraps() throws {
        let allowed = try Self.allowed()
        let found = try Self.findings()
        #expect(found.count > 20, "the search finds what is known to be there")
        for finding in found where allowed[finding] == nil {
            Issue.record("\(finding.file): \(finding.rule): \(finding.line)")
        }
        for finding in allowed.keys where !found.contains(finding) {
            Issue.record("allowed-traps.json explains what is not there: \(finding.file): \(finding.line)")
        }
        for (finding, reason) in allowed where reason.count < 12 {
            Issue.record("no reason: \(finding.file): \(finding.line)")
        }
    }

    @Test func `what traps is seen, and what only looks so is not`() throws {
        let bad = [
            "fatalError(\"x\")", "let a = try! f()", "let b = x as! Int", "let c = list.first!", "f(x!)",
            "Int(x.rounded())",
            "Int(Double(a) * 0.5)", "UInt8(x * 2)", ".seconds(value)", "precondition(x > 0)",
            "unsafeBitCast(x, to: Y.self)",
            "Data(contentsOf: url)",
        ]
        for line in bad { #expect(try Self.rules.contains { line.contains($0.pattern) }, "\(line)") }
        let good = [
            "if a != b { }", "if !isEmpty { }", "Int(exactly: x.rounded())", "Int(byte)", ".seconds(60)", "try? f()",
            "x as? Int", "Int(truncatingIfNeeded: a * b)",
        ]
        for line in good { #expect(try !Self.rules.contains { line.contains($0.pattern) }, "\(line)") }
        #expect(Self.code(#"let a = "try! x" // fatalError()"#) == #"let a = "" "#)
    }

    private static func findings() throws -> Set<Finding> {
        let sources = PackageFolder.url.appending(path: "Sources")
        let rules = try rules
        var findings: Set<Finding> = []
        for place in places {
            let url = sources.appending(path: place)
            let below = try FileManager.default.subpathsOfDirectoryOrFile(url).filter { $0.hasSuffix(".swift") }
            #expect(!below.isEmpty, "nothing is at \(place)")
            for path in below {
                let name = path.hasPrefix("/") ? String(path.dropFirst(sources.path.count + 1)) : "\(place)/\(path)"
                let text = try String(contentsOf: sources.appending(path: name), encoding: .utf8)
                for line in text.split(separator: "\n") {
                    let code = code(String(line))
                    for rule in rules where code.contains(rule.pattern) {
                        let trimmed = line.trimmingCharacters(in: .whitespaces)
                        findings.insert(Finding(rule: rule.name, file: name, line: trimmed))
                    }
                }
            }
        }
        return findings
    }

    /// A line without its comment and the content of its texts.
    private static func code(_ line: String) -> String {
        let withoutTexts = line.replacing(#/"(?:\\.|[^"\\])*"/#, with: "\"\"")
        return String(withoutTexts.prefix(upTo: withoutTexts.firstRange(of: "//")?.lowerBound ?? withoutTexts.endIndex))
    }

    private static func allowed() throws -> [Finding: String] {
        let url = PackageFolder.url.appending(path: "Tests/Fixtures/allowed-traps.json")
        var allowed: [Finding: String] = [:]
        for json in try JSON(parsing: [UInt8](try Data(contentsOf: url))).array ?? [] {
            let finding = Finding(
                rule: json["rule"]?.string ?? "", file: json["file"]?.string ?? "", line: json["line"]?.string ?? "")
            allowed[finding] = json["reason"]?.string ?? ""
        }
        return allowed
    }
}

extension FileManager {
    /// The files below a folder, or the file itself with its whole path.
    fileprivate func subpathsOfDirectoryOrFile(_ url: URL) throws -> [String] {
        url.pathExtension == "swift" ? [url.path] : try subpathsOfDirectory(atPath: url.path)
    }
}
