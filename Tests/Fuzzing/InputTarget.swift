import Foundation
import OrderedCollections
import TextCore

/// A reader of outside input, in the form in which it is fed with anything.
///
/// Reading either takes the input or throws one of the module's own errors. A trap, a hang, much memory, or an error
/// that is not ours is a finding.
struct InputTarget: Sendable {
    /// How an input may be changed so that more than its first byte is tried.
    enum Form: Sendable {
        /// One JSON value.
        case json
        /// A JSON value on each line.
        case lines
        /// Text with words of its own.
        case text(words: [String])
        /// Anything.
        case bytes
    }

    /// The name on the command line.
    let name: String
    /// The folder of `Tests/Fixtures/hostile` whose files are the first inputs.
    let corpus: String
    /// The name that the input has as a file.
    let fileName: String
    let form: Form
    /// What the process may hold at its peak while it reads inputs of the fuzzer, in MiB.
    var memoryLimit = 128
    /// Whole inputs that real writers would write.
    var samples: @Sendable () throws -> [[UInt8]] = { [] }
    /// Puts an input into the envelope that the reader opens first, such as compression or a checksum.
    var seal: (@Sendable ([UInt8]) -> [UInt8])?
    /// Reads the input.
    let read: @Sendable (Input) throws -> Void

    static let all: [InputTarget] = text + models + tokenizers + data + runs + judging

    static func named(_ name: String) throws -> InputTarget {
        guard let target = (all + large + broken).first(where: { $0.name == name }) else {
            let near = nearestName(to: name, among: all.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
            throw FuzzError("there is no target '\(name)'\(near) Known: \(all.map(\.name).joined(separator: ", "))")
        }
        return target
    }
}

/// A fault of the command line or of the machine, not of a reader.
struct FuzzError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// One input, as bytes and as a file in a folder of its own.
struct Input {
    let bytes: [UInt8]
    let folder: URL
    let file: URL
    private let isPlaced: Bool

    /// - Parameter isPlaced: whether the file is there already and too large for memory.
    init(_ bytes: [UInt8], _ target: InputTarget, in folder: URL, isPlaced: Bool = false) {
        self.bytes = bytes
        self.folder = folder
        self.isPlaced = isPlaced
        file = folder.appending(path: target.fileName)
    }

    /// Writes the input where `file` says.
    func write() throws { if !isPlaced { try Self.write(bytes, to: file) } }

    /// Writes another file beside it.
    func write(_ bytes: [UInt8], to name: String) throws { try Self.write(bytes, to: folder.appending(path: name)) }

    static func write(_ bytes: [UInt8], to url: URL) throws {
        let file = open(url.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw FuzzError("cannot write \(url.path)") }
        defer { close(file) }
        let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw FuzzError("cannot write \(url.path)") }
    }
}

/// What became of one input.
struct Outcome: Sendable {
    /// The error's type; `nil` when the input was taken.
    var error: String?
    /// What the error says.
    var message = ""

    /// Reads `input`.
    ///
    /// - Throws: `FuzzError` when the reader gave an error that is not its own, or one that says too much.
    init(reading input: Input, _ target: InputTarget) throws {
        do {
            try target.read(input)
        } catch let fault as FuzzError {
            throw fault
        } catch {
            (self.error, message) = ("\(type(of: error))", "\(error)")
            guard Self.ownErrors.contains(self.error ?? "") else {
                throw FuzzError("an error of type \(type(of: error)), which is no reader's own: \(message.prefix(300))")
            }
            guard message.utf8.count <= Self.longestMessage else {
                throw FuzzError("an error of \(message.utf8.count) bytes: \(message.prefix(200))")
            }
        }
    }

    /// Errors that say what is wrong, where, and what to do.
    private static let ownErrors: Set<String> = [
        "DataError", "EncodingError", "FileError", "JSONError", "MessageError", "ModelError", "PatternError",
        "RecipeError", "RegexError", "RolloutLineError", "SchemaError", "TemplateError", "TokenizationError",
        "TrainingError", "VerifierFailure",
    ]
    /// A person reads it, and a recipe may have a hundred problems; an input is not repeated whole.
    private static let longestMessage = 64 << 10
}
