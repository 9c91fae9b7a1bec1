import CZstd
import Foundation

/// What everything that reads a shard is measured against: the user time of `zstd -dc` on the same files, or, where
/// there is no such command, that of libzstd's own streaming decoder in this process.
struct DecoderBaseline {
    /// What was measured, in words.
    let name: String
    private let command: String?

    init() {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        command = folders.map { "\($0)/zstd" }.first(where: FileManager.default.isExecutableFile(atPath:))
        let version = String(cString: ZSTD_versionString())
        name = command == nil ? "libzstd \(version) in this process (there is no command zstd)" : "zstd -dc"
    }

    /// Decodes files to nothing, each as often as `passes` says.
    ///
    /// - Returns: user seconds.
    func userSeconds(_ files: [String], passes: Int) throws -> Double {
        let files = Array(repeating: files, count: passes).flatMap(\.self)
        guard let command else {
            return try UserTime.seconds(RUSAGE_SELF) { for file in files { try Self.decode(file) } }
        }
        return try UserTime.seconds(RUSAGE_CHILDREN) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: command)
            process.arguments = ["-dc", "--"] + files
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                throw Subprocess.Failure(description: "`\(command) -dc` ended with \(process.terminationStatus)")
            }
        }
    }

    private static func decode(_ file: String) throws {
        let input = try Data(contentsOf: URL(fileURLWithPath: file), options: .alwaysMapped)
        guard let stream = ZSTD_createDStream() else { throw Subprocess.Failure(description: "libzstd has no memory") }
        defer { ZSTD_freeDStream(stream) }
        var output = [UInt8](repeating: 0, count: ZSTD_DStreamOutSize())
        try input.withUnsafeBytes { bytes in
            var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            while source.pos < source.size {
                let code = output.withUnsafeMutableBytes {
                    var target = ZSTD_outBuffer(dst: $0.baseAddress, size: $0.count, pos: 0)
                    return ZSTD_decompressStream(stream, &target, &source)
                }
                guard ZSTD_isError(code) == 0 else {
                    throw Subprocess.Failure(description: "\(file): \(String(cString: ZSTD_getErrorName(code)))")
                }
            }
        }
    }
}

/// Processor time spent in the program itself, on all its threads: it hardly depends on what else the machine does.
enum UserTime {
    /// User seconds that `body` took of this process, or of the processes that it started and that ended.
    static func seconds(_ whose: __rusage_who, _ body: () throws -> Void) rethrows -> Double {
        let start = now(whose)
        try body()
        return now(whose) - start
    }

    private static func now(_ whose: __rusage_who) -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(whose.rawValue), &usage)
        return Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) * 1e-6
    }
}
