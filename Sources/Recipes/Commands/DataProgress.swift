import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Says on standard error how far a pass over data has come: one line redrawn on a terminal, a line every five seconds
/// in a pipe, nothing with `--quiet` and `--json`.
struct DataProgress {
    private let isShown: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var last: ContinuousClock.Instant
    private var lineIsOpen = false

    init(_ terminal: Terminal) {
        isShown = !terminal.quiet && !terminal.json
        start = clock.now
        last = clock.now
    }

    /// Seconds since the start.
    var seconds: Double {
        let (seconds, attoseconds) = (clock.now - start).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }

    /// Shows `text`, unless something was shown just before.
    mutating func show(_ text: () -> String) {
        guard isShown else { return }
        let now = clock.now
        guard now - last >= (isTerminal ? .milliseconds(200) : .seconds(5)) else { return }
        last = now
        write(isTerminal ? "\r\u{1B}[K" + text() : text() + "\n")
        lineIsOpen = isTerminal
    }

    /// Removes the line that was redrawn, so that results begin on a line of their own.
    mutating func finish() {
        if lineIsOpen { write("\r\u{1B}[K") }
        lineIsOpen = false
    }

    private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

/// Bytes in the unit that fits: `1.4 KB`, `250 MB`.
func byteText(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["bytes", "KB", "MB", "GB", "TB"] {
        if value < 1000 || unit == "TB" {
            let digits = unit == "bytes" ? "\(count)" : value < 10 ? fixed(value, 2) : fixed(value, value < 100 ? 1 : 0)
            return "\(digits) \(unit)"
        }
        value /= 1000
    }
    return "\(count) bytes"
}

/// The number with so many digits behind the point.
func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

/// `1 row`, `12,345 rows`.
func counted(_ count: Int, _ noun: String) -> String {
    "\(grouped(count)) \(noun)\(count == 1 ? "" : noun.hasSuffix("x") ? "es" : "s")"
}
