import CSandbox
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// A process that runs programs one after another, or two that talk to each other, in one way.
final class Supervisor: Sendable {
    /// How supervisors are made.
    struct Plan: Sendable {
        var way: SandboxWay
        /// What programs may read.
        var readable: [String]
        /// Where their folders are made where they have no root of their own.
        var folder: String
        var block: SandboxBlock = []
    }

    /// The process.
    let process: pid_t
    private let socket: Int32
    /// What the kernel has of Landlock; 0 for none.
    let landlock: Int
    /// Whether the memory of all processes of a program together can be watched.
    let seesMemory: Bool

    /// Longest that a start may take; a machine that is busy takes long.
    private static let patience = 30.0
    /// Slots so far in this process, each with users of its own.
    private static let slots = Mutex<UInt32>(0)

    /// Starts one and waits until it is ready.
    ///
    /// - Throws: `SandboxFailure` with the call that failed.
    init(_ plan: Plan) throws(SandboxFailure) {
        var process: pid_t = 0
        let socket = hone_sandbox_start(&process)
        guard socket >= 0 else {
            throw SandboxFailure("the supervisor cannot be started: \(Self.words(-socket))", code: -socket)
        }
        self.process = process
        self.socket = socket
        var message = MessageWriter()
        message.add(1 as UInt32)
        message.add(plan.way.number)
        message.add(Self.user(plan))
        message.add(plan.block.rawValue)
        message.add(plan.folder)
        message.add(plan.readable)
        do throws(SandboxFailure) {
            var answer = try Self.exchange(message.bytes, socket, seconds: Self.patience)
            let features = answer.number32()
            landlock = Int(answer.number32())
            seesMemory = features & UInt32(HONE_SANDBOX_SEES_MEMORY) != 0
        } catch {
            Self.end(process, socket)
            throw error
        }
    }

    deinit { Self.end(process, socket) }

    /// A user that nobody else has: the kernel counts processes by user, and users may end each other's.
    private static func user(_ plan: Plan) -> UInt32 {
        guard geteuid() == 0 else { return 0 }
        let slot = slots.withLock { slots in
            defer { slots = (slots + 1) % 64 }
            return slots
        }
        // Far above the users of systems; below 2³¹ for the largest number of a process, 2²².
        return 1_600_000_000 + UInt32(truncatingIfNeeded: getpid()) % (1 << 22) * 128 + slot * 2
    }

    private static func end(_ process: pid_t, _ socket: Int32) {
        // It ends when the other end is closed, and takes along what it runs; the kernel sees to it that it does.
        close(socket)
        for _ in 0..<200 {
            if waitpid(process, nil, WNOHANG) != 0 { return }
            usleep(5000)
        }
        kill(process, SIGKILL)
        while waitpid(process, nil, 0) < 0, errno == EINTR {}
    }

    /// Ends what it runs, from any thread; whoever waits for that gets a failure.
    func interrupt() { shutdown(socket, Int32(SHUT_RDWR)) }

    /// Runs programs; this thread waits.
    ///
    /// - Throws: `SandboxFailure` when nothing is known of them. A supervisor that threw is not asked again.
    func run(_ programs: [SandboxedProgram]) throws(SandboxFailure) -> [ProgramResult] {
        var message = MessageWriter()
        message.add(2 as UInt32)
        message.add(UInt32(programs.count))
        for program in programs { message.add(program) }
        let longest = programs.map(\.limits.seconds).max() ?? 0
        var answer = try Self.exchange(message.bytes, socket, seconds: longest + Self.patience)
        var results: [ProgramResult] = []
        for _ in programs { results.append(answer.result()) }
        guard !answer.isDamaged else { throw SandboxFailure("the supervisor's answer is damaged") }
        return results
    }

    // MARK: The socket

    private static func words(_ code: Int32) -> String { String(cString: strerror(code)) }

    private static func exchange(
        _ message: [UInt8], _ socket: Int32, seconds: Double
    ) throws(SandboxFailure) -> MessageReader {
        var length = MessageWriter()
        length.add(UInt32(clamping: message.count))
        let deadline = ContinuousClock.now + .seconds(seconds)
        try send(length.bytes, socket)
        try send(message, socket)
        var header = MessageReader(try receive(4, socket, until: deadline))
        var answer = MessageReader(try receive(Int(header.number32()), socket, until: deadline))
        guard answer.number32() == 0 else {
            let code = Int32(truncatingIfNeeded: answer.number32())
            let stage = String(decoding: answer.block(), as: UTF8.self)
            throw SandboxFailure("\(stage): \(words(code))", code: code)
        }
        return answer
    }

    private static func send(_ bytes: [UInt8], _ socket: Int32) throws(SandboxFailure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SandboxFailure("the supervisor is gone", code: errno) }
            sent += count
        }
    }

    private static func receive(
        _ count: Int, _ socket: Int32, until deadline: ContinuousClock.Instant
    ) throws(SandboxFailure) -> [UInt8] {
        var failure: SandboxFailure?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let left = deadline - ContinuousClock.now
                var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
                let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
                guard left > .zero else {
                    failure = SandboxFailure("the supervisor does not answer")
                    return
                }
                guard poll(&waiting, 1, Int32(clamping: milliseconds + 1)) > 0 else { continue }
                let got = read(socket, buffer.baseAddress.map { $0 + filled }, count - filled)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    failure = SandboxFailure("the supervisor is gone")
                    return
                }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
