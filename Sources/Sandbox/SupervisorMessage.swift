import CSandbox
package import Verifiers

/// How a supervisor keeps programs in; one tier may be reached in several ways.
package enum SandboxWay: Sendable, Hashable, CaseIterable {
    /// Namespaces made by root.
    case root
    /// Namespaces made in a user namespace.
    case user
    /// Landlock and a filter.
    case rules
    /// A filter only.
    case filter

    package var tier: SandboxTier {
        switch self {
        case .root, .user: .a
        case .rules: .b
        case .filter: .c
        }
    }

    var number: UInt32 {
        switch self {
        case .root: UInt32(HONE_SANDBOX_ROOT)
        case .user: UInt32(HONE_SANDBOX_USER)
        case .rules: UInt32(HONE_SANDBOX_RULES)
        case .filter: UInt32(HONE_SANDBOX_FILTER)
        }
    }
}

/// What a test takes away from a supervisor, as a container, a policy or an old kernel would.
package struct SandboxBlock: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let namespaces = SandboxBlock(rawValue: UInt32(HONE_SANDBOX_NO_NAMESPACES))
    package static let mounts = SandboxBlock(rawValue: UInt32(HONE_SANDBOX_NO_MOUNTS))
    package static let landlock = SandboxBlock(rawValue: UInt32(HONE_SANDBOX_NO_LANDLOCK))
    package static let filter = SandboxBlock(rawValue: UInt32(HONE_SANDBOX_NO_FILTER))
}

/// The words between Hone and a supervisor; `csandbox.h` says what they are.
struct MessageWriter {
    var bytes: [UInt8] = []

    mutating func add(_ number: UInt32) { withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) } }
    mutating func add(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) } }
    mutating func add(_ number: Int) { add(UInt64(clamping: number)) }

    mutating func add(_ block: [UInt8]) {
        add(UInt32(clamping: block.count))
        bytes.append(contentsOf: block)
    }

    /// What follows a 0 in a text is lost on its way to a program, so that nothing of it is sent.
    mutating func add(_ text: String) { add(Array(text.utf8.prefix { $0 != 0 })) }

    mutating func add(_ texts: [String]) {
        add(UInt32(clamping: texts.count))
        for text in texts { add(text) }
    }

    mutating func add(_ program: SandboxedProgram) {
        let limits = program.limits
        add(UInt64(max(1, min(limits.seconds, 86_400) * 1000)))
        for limit in [
            limits.processorSeconds, limits.addressSpace, limits.memory, limits.processes, limits.descriptors,
            limits.fileSize, limits.disk, limits.files, limits.output, limits.kept, limits.report, limits.returned,
        ] { add(limit) }
        add(program.arguments)
        add(program.variables.map { "\($0.key)=\($0.value)" }.sorted())
        add(UInt32(clamping: program.files.count))
        for file in program.files {
            add(file.name)
            add(file.isExecutable ? 0o755 : 0o644 as UInt32)
            add(file.bytes)
        }
        add(program.input)
        add(program.returned ?? "")
    }
}

/// Reads an answer of a supervisor; what is missing at the end reads as nothing.
struct MessageReader {
    private let bytes: [UInt8]
    private var next = 0
    /// Whether there was less than was asked for.
    private(set) var isDamaged = false

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        guard count <= bytes.count - next else {
            isDamaged = true
            return []
        }
        defer { next += count }
        return bytes[next..<(next + count)]
    }

    mutating func number32() -> UInt32 { take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) } }
    mutating func number64() -> UInt64 { take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    mutating func block() -> [UInt8] { Array(take(Int(number32()))) }

    mutating func captured() -> CapturedText {
        let written = number64()
        return CapturedText(head: block(), tail: block(), written: Int(clamping: written))
    }

    mutating func result() -> ProgramResult {
        let kind = number32()
        let status = Int(Int32(bitPattern: number32()))
        let end: ProgramResult.End =
            switch Int(kind) {
            case Int(HONE_SANDBOX_EXITED): .exited(status: status)
            case Int(HONE_SANDBOX_SIGNALLED): .signalled(status)
            case Int(HONE_SANDBOX_OUT_OF_TIME): .outOfTime
            case Int(HONE_SANDBOX_OUT_OF_MEMORY): .outOfMemory
            case Int(HONE_SANDBOX_TOO_MUCH_OUTPUT): .tooMuchOutput
            case Int(HONE_SANDBOX_TOO_MUCH_DISK): .tooMuchDisk
            case Int(HONE_SANDBOX_TOO_MANY_PROCESSES): .tooManyProcesses
            default: .dismissed
            }
        let seconds = Double(number64()) / 1e6
        let processor = Double(number64()) / 1e6
        let peak = number64()
        let (output, error) = (captured(), captured())
        let (report, file) = (block(), block())
        let hasFile = number32() != 0
        return ProgramResult(
            end: end, seconds: seconds, processorSeconds: processor, peakMemory: Int(clamping: peak) << 10,
            output: output, error: error, report: report, file: hasFile ? file : nil)
    }
}

/// Why nothing is known of what a program would have done.
public struct SandboxFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened.
    public var message: String
    /// The number of the error of the call that failed; 0 where none did.
    public var code: Int32

    public init(_ message: String, code: Int32 = 0) {
        self.message = message
        self.code = code
    }

    public var description: String { message }
}
