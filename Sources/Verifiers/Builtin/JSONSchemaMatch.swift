import Foundation
public import TextCore

/// Whether the answer is one JSON value that meets a JSON Schema (draft 2020-12; `JSONSchema` lists the keywords).
///
/// With `mode: all` the value is 1 for a valid answer and 0 for any other. With `mode: fraction` it is the share of
/// leaf constraints that are met, counted as `JSONSchema.report(on:)` says, and 0 for an answer that is no JSON. Either
/// way only a valid answer passes.
///
/// A schema that `{}` or `null` meets asks for nothing; the probes say so before a run.
public struct JSONSchemaMatch: ImmediateVerifier, SelfTesting {
    /// What the value is.
    public enum Mode: String, NamedChoice {
        /// 1 or 0.
        case all
        /// The share of constraints that are met.
        case fraction
    }

    /// A schema, or the file that holds it.
    public enum Source: JSONReadable, Hashable {
        public static let expectation = "a schema (an object), or the path of a file with one"

        case inline(JSON)
        case file(String)

        public init?(json: JSON) {
            switch json {
            case .object: self = .inline(json)
            case .string(let path) where !path.isEmpty: self = .file(path)
            default: return nil
            }
        }
    }

    public struct Configuration: VerifierConfiguration {
        /// The schema; must be given.
        public var schema: Source?
        /// What the value is.
        public var mode = Mode.all
        /// Where the answer is.
        public var extract = Extraction.answer
        /// Arrays and objects inside each other in an answer, at most.
        public var maxDepth = 64
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("schema", \.schema, "The schema, or the path of its file from the recipe's folder.", isPath: true),
            .init("mode", \.mode, "Whether the value is 1 or 0 (all), or the share of constraints that are met."),
            .init("extract", \.extract, "Where the answer is; `json` also finds a value in a fence or among words."),
            .init(
                "max_depth", \.maxDepth, "Arrays and objects inside each other in an answer, at most.",
                allowed: (
                    "a whole number from 1 to \(JSONSchema.depthLimit)", { (1...JSONSchema.depthLimit).contains($0) }
                )),
        ]
    }

    public static let name = "json_schema"
    public static let summary = "the answer is JSON that meets a schema"
    private static let fileLimit = 4 << 20

    private let configuration: Configuration
    /// The schema that answers must meet.
    public let schema: JSONSchema

    /// A verifier whose schema stands in the options.
    ///
    /// - Throws: `VerifierFailure` when no schema is given, or it cannot be used.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        try self.init(configuration, in: VerifierEnvironment())
    }

    /// - Throws: `VerifierFailure` when no schema is given, its file cannot be read, or it cannot be used; the message
    ///   names the keyword.
    public init(_ configuration: Configuration, in environment: VerifierEnvironment) throws(VerifierFailure) {
        self.configuration = configuration
        let json: JSON
        switch configuration.schema {
        case nil:
            throw VerifierFailure(
                .configuration, option: "schema",
                "a schema must be given, such as {type: object, required: [name]}, or the path of a file with one")
        case .inline(let schema): json = schema
        case .file(let path): json = try Self.read(environment.url(path))
        }
        do throws(JSONSchemaError) {
            schema = try JSONSchema(json)
        } catch {
            throw VerifierFailure(.configuration, option: "schema", error.description)
        }
    }

    private static func read(_ url: URL) throws(VerifierFailure) -> JSON {
        let path = url.path(percentEncoded: false)
        let bytes: [UInt8]
        do throws(RegularFile.Problem) {
            bytes = try RegularFile.bytes(at: path, limit: fileLimit)
        } catch {
            throw VerifierFailure(.configuration, option: "schema", "the file \(path) cannot be read: \(error)")
        }
        do throws(JSONError) {
            return try JSON(parsing: bytes, limits: JSONLimits(depth: 256, bytes: fileLimit))
        } catch {
            throw VerifierFailure(.configuration, option: "schema", "\(path):\(error.description)")
        }
    }

    public func verify(_ rollout: Rollout, against reference: NoReference) throws(VerifierFailure) -> Verdict {
        let value: JSON
        do throws(NoJSON) {
            value = try configuration.extract.json(in: rollout, depth: configuration.maxDepth)
        } catch {
            return .fail(note: error.note)
        }
        let report = schema.report(on: value)
        let score = configuration.mode == .all ? (report.isValid ? 1 : 0) : report.fraction
        return .score(
            Score(
                score, passed: report.isValid, parts: ["constraints": report.fraction], extracted: value.text(),
                note: report.isValid ? nil : report.problems.joined(separator: "; ")))
    }

    public func probes(for reference: NoReference) -> [VerifierProbe] {
        var probes = [VerifierProbe("empty", answer: "", passes: false)]
        let cheats = [
            ("{} (does the schema require anything?)", "{}"), ("null (does the schema say a type?)", "null"),
            ("brackets", "{}{}[][]"),
        ]
        for (name, text) in cheats {
            guard let answer = configuration.extract.written(text) else { continue }
            probes.append(VerifierProbe(name, answer: answer, passes: false))
        }
        return probes
    }
}
