import TensorCore
import TextCore

/// Why a model, its weights or an adapter cannot be used.
public struct ModelError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, why it matters, and what to do.
    public let message: String
    /// The file or folder concerned, and the place in it; `nil` where there is none.
    public let location: String?

    /// An error about `location`.
    public init(_ message: String, location: String? = nil) {
        // What a file says in a gigabyte is not repeated whole.
        self.message = message.clipped(to: 8192)
        self.location = location
    }

    init(_ error: TensorFileError) { self.init(error.description) }

    public var description: String { location.map { "\($0): \(message)" } ?? message }
}

/// Runs `body` and turns a file's error into the module's.
func readingFiles<Result>(_ body: () throws(TensorFileError) -> Result) throws(ModelError) -> Result {
    do {
        return try body()
    } catch {
        throw ModelError(error)
    }
}

extension [String] {
    /// Problems, one a line; of very many the first ones and their number.
    var shown: String {
        let first = prefix(20).joined(separator: "\n")
        return count > 20 ? "\(first)\nand \(count - 20) more" : first
    }
}
