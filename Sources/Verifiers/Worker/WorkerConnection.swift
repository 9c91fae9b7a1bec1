import Foundation
import Glibc

/// Why an exchange with a worker brought no answer.
enum WorkerEnd: Error {
    /// The process ended or closed its channel.
    case closed
    /// The time is over.
    case deadline
    /// What came back is no message.
    case damaged(String)
    /// The worker is well, and has no verdict.
    case refused(VerifierFailure)
}

/// A running worker process and what connects us. Used by one thread only, which must live as long as the process.
final class WorkerConnection {
    /// How messages are told apart.
    enum Framing: Sendable {
        /// Four bytes of length, lowest first, on a private descriptor.
        case lengths
        /// A line each, on standard input and output.
        case lines
    }

    /// A message is at most this long, in bytes.
    static let messageLimit = 64 << 20
    private static let tailLimit = 4096
    private static let lineLimit = 100

    let process: pid_t
    let framing: Framing
    /// What the worker said of itself when it started.
    var greeting: WorkerReply?
    /// The references that it knows.
    var prepared: Set<Int> = []
    /// Calls so far.
    var calls = 0
    /// Whether it ever answered.
    private(set) var hasAnswered = false

    private let input: Descriptor
    private let output: Descriptor
    private let errors: Descriptor
    private var errorsAreOpen = true
    private var received: [UInt8] = []
    private var scanned = 0
    private var errorTail: [UInt8] = []
    private var errorLine: [UInt8] = []
    private var errorLines: [String] = []
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)
    private var isEnded = false

    /// Starts the process.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration` when it cannot be run.
    init(_ plan: ProcessPlan, framing: Framing) throws(VerifierFailure) {
        self.framing = framing
        let errors = try Descriptor.pipe()
        switch framing {
        case .lengths:
            let channel = try Descriptor.sockets()
            process = try plan.spawn(
                input: -1, output: errors.second.number, error: errors.second.number, channel: channel.second.number)
            // One descriptor for both ways; the copy lets each way be closed alone.
            input = Descriptor(fcntl(channel.first.number, F_DUPFD_CLOEXEC, 10))
            output = channel.takeFirst()
        case .lines:
            let toChild = try Descriptor.pipe()
            let fromChild = try Descriptor.pipe()
            process = try plan.spawn(
                input: toChild.first.number, output: fromChild.second.number, error: errors.second.number, channel: -1)
            input = toChild.takeSecond()
            output = fromChild.takeFirst()
        }
        self.errors = errors.takeFirst()
        input.neverWaits()
        output.neverWaits()
        self.errors.neverWaits()
    }

    deinit { if !isEnded { _ = ProcessEnd.killing(process) } }

    // MARK: Messages

    /// Sends a message and waits for the answer.
    func exchange(_ message: [UInt8], until deadline: ContinuousClock.Instant) throws(WorkerEnd) -> [UInt8] {
        var rest = framed(message)[...]
        while true {
            if rest.isEmpty, let answer = try nextMessage() {
                drainErrors()
                hasAnswered = true
                return answer
            }
            try wait(sending: !rest.isEmpty, until: deadline)
            if !rest.isEmpty { try write(&rest) }
            drainErrors()
            try readMore()
        }
    }

    /// Sends a message that has no answer, as far as the worker takes it at once.
    func send(_ message: [UInt8]) {
        var rest = framed(message)[...]
        try? write(&rest)
    }

    /// Waits for a message that was not asked for.
    func receive(until deadline: ContinuousClock.Instant) throws(WorkerEnd) -> [UInt8] {
        while true {
            if let message = try nextMessage() { return message }
            try wait(sending: false, until: deadline)
            drainErrors()
            try readMore()
        }
    }

    /// Whether the process still listens, and has said nothing that nobody asked for.
    func isQuiet() -> Bool {
        var entry = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
        return received.isEmpty && poll(&entry, 1, 0) == 0
    }

    private func framed(_ message: [UInt8]) -> [UInt8] {
        switch framing {
        case .lengths: withUnsafeBytes(of: UInt32(message.count).littleEndian, Array.init) + message
        case .lines: message + [UInt8(ascii: "\n")]
        }
    }

    private func nextMessage() throws(WorkerEnd) -> [UInt8]? {
        let body: Range<Int>
        let end: Int
        switch framing {
        case .lengths:
            guard received.count >= 4 else { return nil }
            let length = received[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
            guard length <= Self.messageLimit else { throw .damaged("a message of \(length) bytes") }
            guard received.count >= 4 + length else { return nil }
            body = 4..<(4 + length)
            end = 4 + length
        case .lines:
            guard let newline = received[scanned...].firstIndex(of: UInt8(ascii: "\n")) else {
                scanned = received.count
                guard scanned <= Self.messageLimit else { throw .damaged("a line of more than \(scanned) bytes") }
                return nil
            }
            body = 0..<newline
            end = newline + 1
        }
        let message = Array(received[body])
        received.removeSubrange(..<end)
        scanned = 0
        return message
    }

    private func wait(sending: Bool, until deadline: ContinuousClock.Instant) throws(WorkerEnd) {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw .deadline }
            // Waking a millisecond late is better than turning in circles.
            let milliseconds =
                min(left.components.seconds, 3600) * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1
            var entries = [
                pollfd(fd: output.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: sending ? input.number : -1, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: errorsAreOpen ? errors.number : -1, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&entries, 3, Int32(milliseconds)) > 0 { return }
        }
    }

    private func write(_ rest: inout ArraySlice<UInt8>) throws(WorkerEnd) {
        let count = rest.withUnsafeBytes { Glibc.write(input.number, $0.baseAddress, $0.count) }
        if count > 0 {
            rest = rest.dropFirst(count)
        } else if count < 0, errno != EAGAIN, errno != EINTR {
            throw .closed
        }
    }

    private func readMore() throws(WorkerEnd) {
        let count = scratch.withUnsafeMutableBytes { read(output.number, $0.baseAddress, $0.count) }
        if count > 0 { received.append(contentsOf: scratch[..<count]) }
        if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { throw .closed }
    }

    // MARK: What it prints

    /// The lines that the worker printed since the last call of this, at most a hundred.
    func takePrinted() -> [String] {
        defer { errorLines = [] }
        return errorLines
    }

    /// The end of all that it printed.
    private var lastWords: String {
        let lines = String(decoding: errorTail, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
        return lines.last { $0.contains("rror:") } ?? lines.last ?? ""
    }

    private func drainErrors() {
        // A process that prints without end must not keep us here.
        for _ in 0..<16 where errorsAreOpen {
            let count = scratch.withUnsafeMutableBytes { read(errors.number, $0.baseAddress, $0.count) }
            if count > 0 { noteErrors(scratch[..<count]) }
            if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { errorsAreOpen = false }
            if count < scratch.count { return }
        }
    }

    private func noteErrors(_ bytes: ArraySlice<UInt8>) {
        errorTail = Array((errorTail + bytes).suffix(Self.tailLimit))
        for byte in bytes where errorLines.count < Self.lineLimit {
            if byte != UInt8(ascii: "\n") {
                if errorLine.count < 1000 { errorLine.append(byte) }
            } else {
                errorLines.append(String(decoding: errorLine, as: UTF8.self))
                errorLine = []
            }
        }
    }

    // MARK: The end

    /// Ends the process and all of its group.
    ///
    /// - Returns: how it ended by itself, or that it was killed, and the last it printed.
    func end() -> String {
        isEnded = true
        let end = ProcessEnd.killing(process)
        drainErrors()
        let words = lastWords
        return words.isEmpty ? "\(end)" : "\(end): \(words.prefix(500))"
    }

    /// Memory that the process holds, in bytes; 0 when the system does not say.
    var residentBytes: Int {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8) else { return 0 }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }
}

extension DescriptorPair {
    /// The first end; the other is closed.
    consuming func takeFirst() -> Descriptor { first }
    /// The second end; the other is closed.
    consuming func takeSecond() -> Descriptor { second }
}

/// What a worker answered, and what it printed meanwhile.
struct WorkerReply: Sendable {
    var message: [UInt8]
    var printed: [String] = []
}
