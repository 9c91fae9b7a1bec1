/// A program that nobody trusts, with all that it is given: it sees no file, no variable and no descriptor but these.
public struct SandboxedProgram: Sendable, Hashable {
    /// A file in the folder that the program works in.
    public struct File: Sendable, Hashable {
        /// Without a folder, and not beginning with a dot.
        public var name: String
        public var bytes: [UInt8]
        public var isExecutable: Bool

        public init(_ name: String, _ bytes: [UInt8], isExecutable: Bool = false) {
            self.name = name
            self.bytes = bytes
            self.isExecutable = isExecutable
        }

        public init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }
    }

    /// The program's path and its arguments. A relative path starts from the folder that it works in.
    public var arguments: [String]
    /// Beside `HOME` and `TMPDIR`, which are where it may write.
    public var variables: [String: String]
    public var files: [File]
    /// What it reads from its standard input.
    public var input: [UInt8]
    /// The name of a file that it leaves behind and that is brought back.
    public var returned: String?
    public var limits: SandboxLimits

    public init(
        _ arguments: [String], files: [File] = [], input: [UInt8] = [], returned: String? = nil,
        limits: SandboxLimits = SandboxLimits(), variables: [String: String] = Self.plainVariables
    ) {
        self.arguments = arguments
        self.files = files
        self.input = input
        self.returned = returned
        self.limits = limits
        self.variables = variables
    }

    /// What makes programs behave the same whenever and wherever they run.
    public static let plainVariables = [
        "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "USER": "sandbox",
        "PYTHONHASHSEED": "0", "SWIFT_DETERMINISTIC_HASHING": "1", "SWIFT_BACKTRACE": "enable=no",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    ]
}

/// What a program may use.
public struct SandboxLimits: Sendable, Hashable {
    /// Seconds on the clock, for all its processes.
    public var seconds = 10.0
    /// Seconds of processor time of each process.
    public var processorSeconds = 8
    /// Address space of each process, in bytes; 0 for no limit.
    public var addressSpace = 2 << 30
    /// Memory of all its processes together, in bytes. Looked at every 10 ms, so that it may be passed for a moment.
    public var memory = 512 << 20
    /// Processes and threads at the same time.
    public var processes = 32
    /// Open files of each process.
    public var descriptors = 64
    /// Size of one file, in bytes.
    public var fileSize = 16 << 20
    /// All that it writes to files, in bytes.
    public var disk = 64 << 20
    /// Files and folders.
    public var files = 4096
    /// What it may write to standard output and standard error together before it is ended, in bytes.
    public var output = 16 << 20
    /// Bytes at the beginning and at the end of each that are kept.
    public var kept = 64 << 10
    /// Bytes of its report.
    public var report = 16 << 20
    /// Bytes of the file that is brought back.
    public var returned = 64 << 20

    public init() {}

    /// Limits under which a compiler can work.
    public static var building: SandboxLimits {
        var limits = SandboxLimits()
        limits.seconds = 60
        limits.processorSeconds = 60
        limits.addressSpace = 0
        limits.memory = 2 << 30
        limits.processes = 128
        limits.descriptors = 1024
        limits.fileSize = 256 << 20
        limits.disk = 512 << 20
        limits.files = 16384
        return limits
    }
}

/// What a program did.
public struct ProgramResult: Sendable, Hashable {
    /// How it ended.
    public enum End: Sendable, Hashable {
        case exited(status: Int)
        /// By a signal that was not sent from outside.
        case signalled(Int)
        case outOfTime
        case outOfMemory
        case tooMuchOutput
        case tooMuchDisk
        case tooManyProcesses
        /// Ended because the program that it talked to had ended.
        case dismissed
    }

    public var end: End
    /// Seconds on the clock.
    public var seconds: Double
    /// Seconds of processor time; of a program that was ended from outside, only what is known.
    public var processorSeconds: Double
    /// Largest memory seen, in bytes.
    public var peakMemory: Int
    public var output: CapturedText
    public var error: CapturedText
    /// What it wrote to descriptor 3.
    public var report: [UInt8]
    /// The file to be brought back, when it left one.
    public var file: [UInt8]?

    /// Whether it ended by itself, with status 0.
    public var isSuccess: Bool { end == .exited(status: 0) }
}

extension ProgramResult.End: CustomStringConvertible {
    public var description: String {
        switch self {
        case .exited(0): "ended"
        case .exited(let status): "ended with status \(status)"
        case .signalled(let number): "ended by signal \(number)"
        case .outOfTime: "out of time"
        case .outOfMemory: "out of memory"
        case .tooMuchOutput: "wrote too much"
        case .tooMuchDisk: "filled its disk"
        case .tooManyProcesses: "started too many processes"
        case .dismissed: "dismissed"
        }
    }
}

/// What a program wrote, of which only the beginning and the end are kept where it is long.
public struct CapturedText: Sendable, Hashable {
    public var head: [UInt8]
    /// What comes last behind `head`.
    public var tail: [UInt8]
    /// Bytes that were written.
    public var written: Int

    public init(head: [UInt8] = [], tail: [UInt8] = [], written: Int = 0) {
        self.head = head
        self.tail = tail
        self.written = written
    }

    /// All of it; `nil` when something is missing in the middle.
    public var whole: [UInt8]? { head.count + tail.count == written ? head + tail : nil }

    /// The beginning for people, in one line that no terminal and no page takes for more than text.
    ///
    /// - Parameter limit: scalars at most.
    public func shown(_ limit: Int = 120) -> String { Self.shown(head + (whole == nil ? [] : tail), limit: limit) }

    /// Bytes of unknown meaning, for people: what is no text, or is more than text, is written as an escape.
    public static func shown(_ bytes: [UInt8], limit: Int = 120) -> String {
        var text = ""
        var count = 0
        for scalar in String(decoding: bytes.prefix(limit * 4), as: UTF8.self).unicodeScalars {
            guard count < limit else { break }
            count += 1
            switch scalar {
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\\": text += "\\\\"
            default:
                switch scalar.properties.generalCategory {
                case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                    text += "\\u{\(String(scalar.value, radix: 16))}"
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        return count == limit ? text + "…" : text
    }
}
