import Foundation

/// The memory of this process.
enum ProcessPeak {
    /// Most bytes that were resident at once so far; 0 where the system does not say.
    ///
    /// What `getrusage` says would include the parent's, from before this program was started.
    static var bytes: Int {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kilobytes = Int(line.dropFirst(6).filter(\.isNumber))
        else { return 0 }
        return kilobytes << 10
    }
}
