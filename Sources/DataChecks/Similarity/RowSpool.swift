import Foundation
import ShardIO

#if canImport(Glibc)
    import Glibc
#endif

/// Texts of rows in a temporary file, so that memory does not grow with their length.
final class RowSpool {
    private static let bufferBytes = 1 << 20
    /// What is read at once of a row, in the hope that it is all of it.
    private static let guess = 4096

    private let descriptor: Int32
    private let path: String
    private var buffer: [UInt8] = []
    private var written = 0

    /// - Throws: `DataError` where no temporary file can be made.
    init() throws(DataError) {
        (descriptor, path) = UnnamedFile.make()
        guard descriptor >= 0 else { throw failed("cannot be made") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Keeps the texts of a row.
    ///
    /// - Returns: Where they are.
    /// - Throws: `DataError` where the disk is full.
    func append(_ parts: [[UInt8]]) throws(DataError) -> Int {
        let place = written + buffer.count
        for part in [[UInt8(truncatingIfNeeded: parts.count)]] + parts {
            withUnsafeBytes(of: UInt32(clamping: part.count).littleEndian) { buffer.append(contentsOf: $0) }
            buffer.append(contentsOf: part.prefix(Int(UInt32.max)))
        }
        if buffer.count >= Self.bufferBytes { try flush() }
        return place
    }

    private func flush() throws(DataError) {
        var done = 0
        while done < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                bytes.baseAddress.map { pwrite(descriptor, $0 + done, bytes.count - done, off_t(written + done)) } ?? 0
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failed("cannot be written") }
            done += count
        }
        written += done
        buffer.removeAll(keepingCapacity: true)
    }

    /// The texts of a row.
    ///
    /// - Parameter place: what `append` returned.
    /// - Throws: `DataError` where the file cannot be read.
    func parts(at place: Int) throws(DataError) -> [[UInt8]] {
        var bytes = try read(Self.guess, at: place)
        var offset = 0
        /// The next text of the row, of which more is read where it does not end in what there is.
        func next() throws(DataError) -> [UInt8] {
            if bytes.count < offset + 4 { bytes += try read(Self.guess, at: place + bytes.count) }
            guard bytes.count >= offset + 4 else { throw failed("ends within a row") }
            let count = bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
            offset += 4
            if bytes.count < offset + count {
                bytes += try read(offset + count - bytes.count, at: place + bytes.count)
            }
            guard bytes.count >= offset + count else { throw failed("ends within a row") }
            defer { offset += count }
            return Array(bytes[offset..<offset + count])
        }
        guard let count = try next().first else { throw failed("ends within a row") }
        var parts: [[UInt8]] = []
        for _ in 0..<count { parts.append(try next()) }
        return parts
    }

    private func read(_ count: Int, at offset: Int) throws(DataError) -> [UInt8] {
        if offset + count > written, !buffer.isEmpty { try flush() }
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            while done < count {
                let got = pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failed = true }
                if got <= 0 { return }
                done += got
            }
        }
        if failed { throw self.failed("cannot be read") }
        return bytes
    }

    private func failed(_ what: String) -> DataError {
        DataError(
            .unwritable, file: path,
            message: "the file for rows that are compared \(what): \(String(cString: strerror(errno)))",
            fix: "Make room on the disk, or name another folder for temporary files in TMPDIR.")
    }
}
