import Foundation
import TensorCore

#if canImport(Glibc)
    import Glibc
#endif

/// How much memory this process may take in all, and what says so.
struct MachineMemory {
    /// Bytes, those that it has already included.
    let available: Int
    /// What limits them, in words.
    let limitedBy: String
    /// Bytes of the process that are in memory now.
    let resident: Int

    /// Asks the machine, the control groups of the process and its limit on address space; the least counts.
    init() {
        let status = ProcessMemory.fields(of: "/proc/self/status")
        let resident = (status["VmRSS"] ?? 0) + (status["VmSwap"] ?? 0)
        self.resident = resident
        var limits: [(bytes: Int, name: String)] = []
        if let free = ProcessMemory.fields(of: "/proc/meminfo")["MemAvailable"] {
            limits.append((free + resident, "the memory that is free"))
        }
        if let free = Self.controlGroupRoom() { limits.append((free + resident, "the control group's limit")) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < UInt64(Int.max) {
            // Address space without memory, such as stacks that are not used, counts towards this limit.
            let empty = max(0, (status["VmSize"] ?? 0) - resident)
            limits.append((max(0, Int(limit.rlim_cur) - empty), "the limit on address space (ulimit -v)"))
        }
        let least = limits.min { $0.bytes < $1.bytes }
        available = least?.bytes ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)
        limitedBy = least?.name ?? "the machine's memory"
    }

    /// Bytes that the narrowest control group still allows; `nil` where none limits memory.
    private static func controlGroupRoom() -> Int? {
        let text = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
        var rooms: [Int] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[1].isEmpty {
                rooms += room("/sys/fs/cgroup", parts[2], "memory.max", "memory.current", "inactive_file")
            } else if parts[1].split(separator: ",").contains("memory") {
                rooms += room(
                    "/sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes",
                    "total_inactive_file")
            }
        }
        return rooms.min()
    }

    /// The room in a group and in all above it. Pages of files that nobody uses are no obstacle.
    private static func room(
        _ root: String, _ path: Substring, _ limit: String, _ usage: String, _ reclaimable: String
    ) -> [Int] {
        var rooms: [Int] = []
        var parts = path.split(separator: "/")
        while true {
            let folder = ([root] + parts.map(String.init)).joined(separator: "/")
            func number(_ name: String) -> Int? {
                (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)).flatMap {
                    Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
                }
            }
            if let most = number(limit), let used = number(usage), most < 1 << 60 {
                let statistics = (try? String(contentsOfFile: "\(folder)/memory.stat", encoding: .utf8)) ?? ""
                let line = statistics.split(separator: "\n").first { $0.hasPrefix(reclaimable + " ") }
                let cached = line.flatMap { Int($0.dropFirst(reclaimable.count + 1)) } ?? 0
                rooms.append(max(0, most - max(0, used - cached)))
            }
            if parts.popLast() == nil { return rooms }
        }
    }
}
