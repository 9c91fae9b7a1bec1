import Foundation
import Synchronization
import Training

#if canImport(Glibc)
    import Glibc
#endif

/// Turns signals into requests to a command, while this value lives.
///
/// SIGINT, SIGTERM and, where there is a terminal that can hang up, SIGHUP ask it to stop; a second one ends the process
/// at once. SIGUSR1 asks a run for a checkpoint. SIGHUP is ignored where nobody can hang up, or where it was ignored
/// before, as under `nohup`.
final class SignalHandlers {
    private var before: [(number: Int32, action: sigaction)] = []
    private let receiver: Unmanaged<StopSignal>

    /// - Parameter saves: whether there is something that SIGUSR1 could save; it is ignored otherwise.
    init(_ stop: StopSignal, saves: Bool = false) {
        receiver = .passRetained(stop)
        SignalReceiver.address.store(UInt(bitPattern: receiver.toOpaque()), ordering: .releasing)
        SignalReceiver.number.store(0, ordering: .releasing)
        set(SIGINT, stopHandler)
        set(SIGTERM, stopHandler)
        if !Self.isIgnored(SIGHUP) { set(SIGHUP, Self.hasTerminal ? stopHandler : SIG_IGN) }
        set(SIGUSR1, saves ? saveHandler : SIG_IGN)
    }

    /// Puts back what signals did before.
    func cancel() {
        for (number, action) in before.reversed() {
            var action = action
            sigaction(number, &action, nil)
        }
        guard !before.isEmpty else { return }
        before = []
        SignalReceiver.address.store(0, ordering: .releasing)
        receiver.release()
    }

    deinit { cancel() }

    private func set(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
        set(number, Optional(handler))
    }

    private func set(_ number: Int32, _ handler: __sighandler_t?) {
        var action = sigaction()
        var old = sigaction()
        action.__sigaction_handler = .init(sa_handler: handler)
        action.sa_flags = SA_RESTART
        sigemptyset(&action.sa_mask)
        if sigaction(number, &action, &old) == 0 { before.append((number, old)) }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// Whether the process has a terminal that could hang up.
    private static var hasTerminal: Bool {
        let terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return false }
        close(terminal)
        return true
    }
}

/// What handlers read and write: numbers alone, as nothing else is allowed in them.
private enum SignalReceiver {
    /// Where the `StopSignal` is; 0 for nowhere.
    static let address = Atomic<UInt>(0)
    /// The signal that asked the command to stop; 0 for none.
    static let number = Atomic<Int32>(0)

    static var stop: StopSignal? {
        UnsafeRawPointer(bitPattern: address.load(ordering: .acquiring)).map {
            Unmanaged<StopSignal>.fromOpaque($0).takeUnretainedValue()
        }
    }
}

/// The first signal asks; the second does not wait for an answer.
private func stopHandler(_ number: Int32) {
    let code = errno
    let isFirst = SignalReceiver.number.compareExchange(
        expected: 0, desired: number, ordering: .acquiringAndReleasing
    ).exchanged
    guard isFirst else { _exit(128 + number) }
    SignalReceiver.stop?.requestStop(signal: number)
    let text: StaticString = "\nstopping as soon as what is done can be kept; once more to stop at once\n"
    _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    errno = code
}

private func saveHandler(_ number: Int32) {
    let code = errno
    SignalReceiver.stop?.requestSave()
    errno = code
}

extension ExitStatus {
    /// The status of a command that a signal stopped: 128 and the signal's number, as shells have it.
    static func stopped(by signal: Int32?) -> Int32 { 128 + (signal ?? SIGINT) }

    /// The status of a command that the last signal stopped.
    static var stopped: Int32 {
        let number = SignalReceiver.number.load(ordering: .acquiring)
        return stopped(by: number > 0 ? number : nil)
    }
}
