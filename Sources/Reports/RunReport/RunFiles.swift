import Foundation
import TextCore

/// The files of a run folder as a report reads them: whatever is missing or damaged is noted, and never ends the report.
struct RunFiles {
    let folder: URL
    /// What could not be read, in sentences.
    private(set) var problems: [String] = []

    /// Largest file that is read.
    private static let byteLimit = 1 << 30

    init(_ folder: URL) { self.folder = folder }

    /// The text of a file; `nil` where there is none, or none that can be read.
    ///
    /// - Parameter why: what is missing from the report without it; `nil` where a run need not have it.
    mutating func text(_ name: String, missing why: String? = nil) -> String? {
        guard let bytes = bytes(name, missing: why) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            problems.append("\(ReportText.code(name)) is not UTF-8 text, and is left out.")
            return nil
        }
        return text
    }

    /// The JSON of a file; `nil` where there is none, or none that can be read.
    mutating func json(_ name: String, missing why: String? = nil) -> JSON? {
        guard let bytes = bytes(name, missing: why) else { return nil }
        do throws(JSONError) { return try JSON(parsing: bytes) } catch {
            problems.append("\(ReportText.code(name)) is damaged (\(error)), and is left out.")
            return nil
        }
    }

    /// The bytes of a file; `nil` where there is none, or none that can be read.
    mutating func bytes(_ name: String, missing why: String? = nil) -> [UInt8]? {
        do throws(RegularFile.Problem) {
            return try RegularFile.bytes(at: folder.appendingPathComponent(name).path, limit: Self.byteLimit)
        } catch {
            if error != .missing {
                problems.append("\(ReportText.code(name)) was left out: \(error).")
            } else if let why {
                problems.append("\(ReportText.code(name)) is missing: \(why).")
            }
            return nil
        }
    }

    /// Notes something else that is wrong.
    mutating func note(_ problem: String) { problems.append(problem) }

    /// The names in a folder of the run, sorted; none where it is not there.
    func names(in name: String) -> [String] {
        let path = folder.appendingPathComponent(name).path
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    /// Bytes of the files in a folder of the run.
    func size(of name: String) -> Int {
        names(in: name).reduce(0) { sum, file in
            let path = folder.appendingPathComponent(name).appendingPathComponent(file).path
            let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? NSNumber
            return sum + (size?.intValue ?? 0)
        }
    }
}

extension JSON {
    /// A measured number, of which JSON may hold what is not finite as a word.
    var measured: Double? {
        if let double { return double }
        switch string {
        case "NaN": return .nan
        case "Infinity": return .infinity
        case "-Infinity": return -.infinity
        default: return nil
        }
    }
}
