import Foundation

/// What Linux says of the memory of this program.
public enum ProcessMemory {
    /// The most bytes that were resident at any time; 0 where the system does not say. What `getrusage` says would include
    /// the process that started this program.
    public static var peakResidentBytes: Int { fields(of: "/proc/self/status")["VmHWM"] ?? 0 }

    /// The lines `name: number kB` of a file such as `/proc/meminfo`, in bytes; none of a file that cannot be read.
    package static func fields(of path: String) -> [String: Int] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        var fields: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == ":" })
            if words.count == 3, words[2] == "kB", let number = Int(words[1]) {
                fields[String(words[0])] = number << 10
            }
        }
        return fields
    }
}
