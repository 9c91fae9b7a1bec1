import Foundation
import TensorCore
import TextCore

/// A file of a saved model or adapter: its name, its size, and its content, which is made piece by piece when it is
/// written. It may be written on another thread: the tensors keep the numbers that they had.
public struct SavedFile: Sendable {
    /// Its name in the folder.
    public let name: String
    /// Bytes that it will have.
    public let byteCount: Int
    private let content: Content

    private enum Content: Sendable {
        case bytes([UInt8])
        /// Bytes at the start, then the tensors one after the other.
        case tensors([UInt8], [SafetensorsWriter.Item])
    }

    /// A file of these bytes.
    public init(_ name: String, bytes: [UInt8]) {
        self.name = name
        byteCount = bytes.count
        content = .bytes(bytes)
    }

    init(_ name: String, header: [UInt8], _ items: [SafetensorsWriter.Item]) {
        self.name = name
        byteCount = items.reduce(header.count) { $0 + $1.byteCount }
        content = .tensors(header, items)
    }

    /// Hands the content over, in order.
    ///
    /// - Throws: what `sink` throws.
    public func write(to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        switch content {
        case .bytes(let bytes): try bytes.withUnsafeBytes { try sink($0) }
        case .tensors(let header, let items):
            try header.withUnsafeBytes { try sink($0) }
            for item in items { try item.write(to: sink) }
        }
    }

    /// Writes the file into a folder, whole or not at all.
    ///
    /// - Throws: `ModelError` if it cannot be written.
    func write(into folder: URL) throws(ModelError) {
        let path = folder.appendingPathComponent(name).path
        do {
            let writer = try TensorFileWriter(creating: path)
            try write { try writer.write($0) }
            try writer.finish()
        } catch let error as TensorFileError {
            throw ModelError(error)
        } catch {
            throw ModelError("cannot be written: \(error)", location: path)
        }
    }
}
