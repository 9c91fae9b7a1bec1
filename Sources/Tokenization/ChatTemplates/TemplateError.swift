import TextCore

/// Why a chat template could not be parsed or rendered, and where in its source.
public struct TemplateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What sort of thing went wrong.
    public enum Kind: Sendable, Hashable {
        /// The source is not a template.
        case syntax
        /// A value that is not there was used.
        case undefined
        /// An operation was given a value that it does not take.
        case type
        /// The template asked for something that templates may not do.
        case security
        /// The template called `raise_exception`; the message is its own.
        case raised
        /// A limit of `TemplateLimits` was passed.
        case limit
        /// What was given to the template, rather than the template, is wrong.
        case input
    }

    /// What sort of thing went wrong.
    public let kind: Kind
    /// The template's name, as given to `ChatTemplate`.
    public let template: String
    /// Line in the template's source, from 1.
    public let line: Int
    /// Column in the line, in Unicode scalars from 1.
    public let column: Int
    /// What happened; for `raised`, the text that the template passed to `raise_exception`, its first 4,000 scalars.
    public let message: String

    public var description: String {
        kind == .raised
            ? "\(template):\(line):\(column): the template refuses this conversation: \(message)"
            : "\(template):\(line):\(column): \(message)"
    }
}

/// What parsing and rendering one template may cost; beyond a limit is an error, never a trap.
public struct TemplateLimits: Sendable {
    /// Bytes of source.
    public var sourceBytes = 1 << 20
    /// Blocks, expressions and macro calls inside each other, and nesting of values; at most 128, which is what a
    /// thread with a stack of 512 KiB carries.
    public var depth = 128 {
        didSet { precondition((1...128).contains(depth), "template depth limit \(depth) is not in 1...128") }
    }
    /// Evaluated nodes; copying counts one for every 64 bytes of text or every element.
    public var fuel = 10_000_000
    /// Elements of a `range`.
    public var rangeElements = 100_000
    /// Bytes that one repetition (`'x' * n`), padding or indentation may make.
    public var repetitionBytes = 1 << 20
    /// Bytes of output, and of any one string on the way to it.
    public var outputBytes = 16 << 20
    /// Bytes of all texts that are made on the way, of which a template may keep every one.
    public var textBytes = 256 << 20
    /// Wall time of one rendering.
    public var seconds = 2.0

    /// The limits of reliability for templates that come with a model.
    public init() {}
}

/// An error inside the interpreter, before its place in the source is known to the thrower.
struct TemplateFailure: Error {
    let kind: TemplateError.Kind
    let message: String
    /// Byte offset, when the thrower knows better than the interpreter's current position.
    var offset: Int?

    init(_ kind: TemplateError.Kind, _ message: String, offset: Int? = nil) {
        self.kind = kind
        self.message = message
        self.offset = offset
    }

    static func type(_ message: String) -> TemplateFailure { TemplateFailure(.type, message) }
}

/// A template's text with its newlines made `\n`, and the way from byte offsets to lines.
struct TemplateSource: Sendable {
    let name: String
    let bytes: [UInt8]

    /// Turns `\r\n` and `\r` into `\n` and drops one newline at the end, as Jinja does by default.
    init(_ text: String, name: String) {
        self.name = name
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var afterReturn = false
        for byte in text.utf8 {
            if byte == 0x0D {
                bytes.append(0x0A)
            } else if byte != 0x0A || !afterReturn {
                bytes.append(byte)
            }
            afterReturn = byte == 0x0D
        }
        if bytes.last == 0x0A { bytes.removeLast() }
        self.bytes = bytes
    }

    func error(_ failure: TemplateFailure, at fallback: Int) -> TemplateError {
        let offset = min(max(failure.offset ?? fallback, 0), bytes.count)
        var line = 1
        var column = 1
        for byte in bytes[..<offset] {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return TemplateError(
            kind: failure.kind, template: name, line: line, column: column,
            message: failure.message.clipped(to: 4000))
    }
}
