import CSpawn
import Foundation
import Glibc

/// A file descriptor that is closed when nobody holds it any more.
struct Descriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Reading and writing this descriptor never wait; `poll` does.
    func neverWaits() { _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK) }

    /// Moves a descriptor above those that a child gets for itself, and keeps it from other children.
    fileprivate static func moved(_ number: Int32) -> Int32 {
        let moved = fcntl(number, F_DUPFD_CLOEXEC, 10)
        close(number)
        return moved
    }

    /// A pipe.
    static func pipe() throws(VerifierFailure) -> DescriptorPair { try pair { Glibc.pipe(&$0) } }

    /// Two connected sockets.
    static func sockets() throws(VerifierFailure) -> DescriptorPair {
        try pair { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &$0) }
    }

    private static func pair(_ make: (inout [Int32]) -> Int32) throws(VerifierFailure) -> DescriptorPair {
        var numbers: [Int32] = [-1, -1]
        guard make(&numbers) == 0 else { throw VerifierFailure(.infrastructure, "no descriptors: \(systemError())") }
        let moved = numbers.map(moved)
        guard moved.allSatisfy({ $0 >= 0 }) else {
            for number in moved where number >= 0 { close(number) }
            throw VerifierFailure(.infrastructure, "no descriptors: \(systemError())")
        }
        return DescriptorPair(first: Descriptor(moved[0]), second: Descriptor(moved[1]))
    }
}

/// The two ends of a pipe (read, write) or of a connection.
struct DescriptorPair: ~Copyable {
    var first: Descriptor
    var second: Descriptor
}

/// What the last failed system call says, or what `number` means.
func systemError(_ number: Int32 = errno) -> String { String(cString: strerror(number)) }

/// What to run.
struct ProcessPlan: Sendable {
    /// An executable; a relative path starts from `folder`.
    var executable: String
    /// With the name of the program.
    var arguments: [String]
    var variables: [String: String]
    var folder: String?
    /// Bytes; 0 for no limit.
    var addressSpace = 0
    /// Seconds; 0 for no limit.
    var processorTime = 0

    /// Where a program named without a folder is found; `nil` when it is nowhere on the path.
    static func executable(_ name: String, variables: [String: String], folder: String?) -> String? {
        guard !name.contains("/") else { return name }
        for entry in (variables["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
            let base = entry.hasPrefix("/") ? String(entry) : "\(folder ?? ".")/\(entry)"
            if access("\(base)/\(name)", X_OK) == 0 { return "\(base)/\(name)" }
        }
        return nil
    }

    /// Starts the process; it dies with the calling thread.
    ///
    /// - Parameter input: -1 for an empty one.
    /// - Parameter channel: what the process finds as descriptor 3; -1 for nothing.
    func spawn(input: Int32, output: Int32, error: Int32, channel: Int32) throws(VerifierFailure) -> pid_t {
        let lists = [arguments, variables.map { "\($0.key)=\($0.value)" }.sorted()].map { texts in
            texts.map { strdup($0) } + [nil]
        }
        defer { for list in lists { for text in list { free(text) } } }
        var process: pid_t = 0
        let failure = executable.withCString { path in
            (folder ?? "").withCString { work in
                lists[0].withUnsafeBufferPointer { arguments in
                    lists[1].withUnsafeBufferPointer { variables in
                        var request = hone_spawn_request(
                            path: path, arguments: arguments.baseAddress, environment: variables.baseAddress,
                            folder: folder == nil ? nil : work, input: input, output: output, error: error,
                            channel: channel, address_space_bytes: UInt64(addressSpace),
                            cpu_seconds: UInt64(processorTime))
                        return hone_spawn(&request, &process)
                    }
                }
            }
        }
        guard failure == 0 else {
            let place = folder.map { " in \($0)" } ?? ""
            throw VerifierFailure(.configuration, "cannot run \(executable)\(place): \(systemError(failure))")
        }
        return process
    }
}

/// How a process ended.
struct ProcessEnd: Sendable, Hashable, CustomStringConvertible {
    /// As `waitpid` gives it.
    let status: Int32

    /// The signal that ended it; 0 for none.
    var signal: Int32 { status & 0x7F }
    /// What it exited with; `nil` when a signal ended it.
    var exitStatus: Int32? { signal == 0 ? (status >> 8) & 0xFF : nil }

    var description: String {
        if let exitStatus { return "exited with status \(exitStatus)" }
        let name =
            switch signal {
            case SIGILL, SIGTRAP: "a trap"
            case SIGABRT: "abort"
            case SIGSEGV, SIGBUS: "a bad memory access"
            case SIGFPE: "bad arithmetic"
            case SIGKILL: "it was killed"
            case SIGXCPU: "its processor time is spent"
            default: String(cString: strsignal(signal))
            }
        return "ended by signal \(signal) (\(name))"
    }

    /// Ends a process with all that it started, and waits until it is gone.
    static func killing(_ process: pid_t) -> ProcessEnd {
        kill(-process, SIGKILL)
        // What it started may be in groups of their own. Its number is not given to another before it is waited for.
        for _ in 0..<3 {
            let others = members(ofSession: process)
            for other in others { kill(other, SIGKILL) }
            if others.isEmpty { break }
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return ProcessEnd(status: status)
    }

    /// The living processes that belong to a session, without the one that leads it.
    private static func members(ofSession session: pid_t) -> [pid_t] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var members: [pid_t] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let process = pid_t(name), process != session else { continue }
            // `4711 (name) S parent group session …`; the name may hold anything.
            let file = Descriptor(open("/proc/\(name)/stat", O_RDONLY | O_CLOEXEC))
            var bytes = [UInt8](repeating: 0, count: 512)
            let count = bytes.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
            guard count > 0, let end = bytes[..<count].lastIndex(of: UInt8(ascii: ")")) else { continue }
            let fields = bytes[(end + 1)..<count].split(separator: UInt8(ascii: " ")).prefix(4)
                .map { String(decoding: $0, as: UTF8.self) }
            if fields.count == 4, fields[0] != "Z", pid_t(fields[3]) == session { members.append(process) }
        }
        return members
    }
}
