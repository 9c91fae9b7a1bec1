import TextCore

/// Why a tokenizer cannot be read, made or trained.
public struct TokenizationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened, why it matters and what to do about it.
    public let message: String
    /// Where: a file, and inside it a line and column or the path of a value; `nil` where no file is concerned.
    public let location: String?

    /// - Parameters:
    ///   - message: what happened, why it matters, what to do about it.
    ///   - location: the file and the place in it.
    public init(_ message: String, at location: String? = nil) {
        // What a file says in a gigabyte is not repeated whole.
        self.message = message.clipped(to: 4000)
        self.location = location?.clipped(to: 4000)
    }

    public var description: String { location.map { "\($0): \(message)" } ?? message }
}
