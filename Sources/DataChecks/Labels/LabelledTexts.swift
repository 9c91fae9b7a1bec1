import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Texts with their labels and where they stand, in the order they came: in memory while they are few, else in a
/// temporary file without a name.
package final class LabelledTexts {
    /// One of them.
    package struct Entry: Equatable {
        package var label: Int
        package var source: String
        package var text: String
    }

    /// Bytes that are held in memory.
    private let memoryLimit: Int
    package private(set) var count = 0
    /// Bytes of the texts.
    private(set) var textBytes = 0
    private var pending: [UInt8] = []
    private var file: Int32 = -1
    private var failure: TextStoreError?

    package init(memoryLimit: Int = 64 << 20) { self.memoryLimit = memoryLimit }

    deinit { if file >= 0 { close(file) } }

    /// Keeps a text. If it cannot be written, `forEach` throws.
    package func append(_ text: String, label: Int, source: String) {
        for number in [label, source.utf8.count, text.utf8.count] {
            withUnsafeBytes(of: UInt64(number)) { pending.append(contentsOf: $0) }
        }
        pending.append(contentsOf: source.utf8)
        pending.append(contentsOf: text.utf8)
        count += 1
        textBytes += text.utf8.count
        if pending.count > memoryLimit { flush() }
    }

    /// Forgets all of them.
    package func removeAll() {
        pending = []
        count = 0
        textBytes = 0
        if file >= 0 { close(file) }
        file = -1
    }

    /// Calls `body` with each, in their order.
    ///
    /// - Throws: `TextStoreError` when the temporary file could not be written or read, and what `body` throws.
    package func forEach(_ body: (Int, Entry) throws -> Void) throws {
        if file >= 0 { flush() }
        if let failure { throw failure }
        guard file >= 0 else {
            var reader = EntryReader(bytes: pending)
            for number in 0..<count {
                guard let entry = reader.next() else { break }
                try body(number, entry)
            }
            return
        }
        guard lseek(file, 0, SEEK_SET) == 0 else { throw TextStoreError(action: "read", number: errno) }
        var reader = EntryReader(bytes: [])
        var number = 0
        while number < count {
            guard let entry = reader.next() else {
                guard try reader.fill(from: file) else { throw TextStoreError(action: "read", number: EIO) }
                continue
            }
            try body(number, entry)
            number += 1
        }
        lseek(file, 0, SEEK_END)
    }

    private func flush() {
        defer { pending.removeAll(keepingCapacity: true) }
        guard failure == nil else { return }
        if file < 0 {
            file = UnnamedFile.make().descriptor
            guard file >= 0 else {
                failure = TextStoreError(action: "made", number: errno)
                return
            }
        }
        var start = 0
        while start < pending.count {
            let written = pending.withUnsafeBytes { buffer in
                buffer.baseAddress.map { write(file, $0 + start, buffer.count - start) } ?? 0
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                failure = TextStoreError(action: "written", number: errno)
                return
            }
            start += written
        }
    }
}

/// A temporary file that cannot be used.
public struct TextStoreError: Error, CustomStringConvertible {
    let action: String
    let number: Int32

    /// What happened and what to do.
    public var description: String {
        "the temporary file of the data check cannot be \(action) (\(String(cString: strerror(number)))); it needs as "
            + "much space as the rows' texts. Make room, or name another folder in TMPDIR"
    }
}

/// Takes entries off bytes.
private struct EntryReader {
    private var bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// The next entry; `nil` where its end is not there yet.
    mutating func next() -> LabelledTexts.Entry? {
        let header = 24
        guard bytes.count - position >= header else { return nil }
        let (label, sourceCount, textCount) = bytes.withUnsafeBytes { buffer in
            let numbers = (0..<3).map { buffer.loadUnaligned(fromByteOffset: position + 8 * $0, as: UInt64.self) }
            return (
                Int(truncatingIfNeeded: numbers[0]), Int(truncatingIfNeeded: numbers[1]),
                Int(truncatingIfNeeded: numbers[2])
            )
        }
        guard bytes.count - position - header >= sourceCount + textCount else { return nil }
        let middle = position + header + sourceCount
        let source = String(decoding: bytes[(position + header)..<middle], as: UTF8.self)
        let text = String(decoding: bytes[middle..<(middle + textCount)], as: UTF8.self)
        position = middle + textCount
        return LabelledTexts.Entry(label: label, source: source, text: text)
    }

    /// Reads more; false at the end of the file.
    mutating func fill(from file: Int32) throws -> Bool {
        bytes.removeFirst(position)
        position = 0
        let start = bytes.count
        let chunk = 4 << 20
        bytes.append(contentsOf: repeatElement(0, count: chunk))
        var count: Int
        repeat {
            count = bytes.withUnsafeMutableBytes { buffer in
                buffer.baseAddress.map { read(file, $0 + start, chunk) } ?? 0
            }
        } while count < 0 && errno == EINTR
        bytes.removeLast(chunk - max(0, count))
        guard count >= 0 else { throw TextStoreError(action: "read", number: errno) }
        return count > 0
    }
}
