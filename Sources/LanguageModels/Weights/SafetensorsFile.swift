public import Foundation
import OrderedCollections
public import TensorCore
import TextCore

/// A safetensors file: named tensors behind a JSON header, checked whole before any number is read.
///
/// Nothing is allocated for a size that the file only claims: every tensor's place is compared with the file first.
public final class SafetensorsFile {
    /// Where a tensor is and what it is.
    public struct Entry: Sendable, Hashable {
        /// The name in the file.
        public let name: String
        /// The type as the file has it: `F32`, `BF16`, `I64`, …
        public let type: String
        /// The shape, row-major.
        public let shape: [Int]
        /// Bytes from the end of the header.
        let range: Range<Int>
    }

    /// The file.
    public let url: URL
    /// The tensors, in the order of the file's header.
    public let entries: [Entry]
    /// The texts under `__metadata__`.
    public let metadata: [String: String]
    private let file: TensorFile
    private let dataStart: Int
    private let index: [String: Int]

    /// The longest header that is read, in bytes.
    static let headerLimit = 16 << 20
    /// Bytes of a number of each type.
    static let sizes = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4,
        "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
    ]

    /// Reads and checks the header.
    ///
    /// - Throws: `ModelError` if the file cannot be read or its header is not one: too long, no JSON, a tensor of an
    ///   unknown type, a shape that does not match its bytes, bytes that overlap, leave a gap or end elsewhere than
    ///   the file.
    public init(reading url: URL) throws(ModelError) {
        self.url = url
        let file = try readingFiles { () throws(TensorFileError) in try TensorFile(reading: url.path) }
        self.file = file
        func problem(_ text: String) -> ModelError { ModelError(text, location: url.path) }
        guard file.size >= 8 else {
            throw problem("\(file.size) bytes are no safetensors file; it is truncated. Copy or download it again")
        }
        let lengthBytes = try readingFiles { () throws(TensorFileError) in try file.bytes(at: 0, count: 8) }
        if let other = WeightFormat(start: lengthBytes) { throw problem(other.refusal) }
        let length = lengthBytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(Self.headerLimit) else {
            throw problem(
                "its header claims \(length) bytes, and at most \(Self.headerLimit) are read; is it safetensors?")
        }
        dataStart = 8 + Int(length)
        guard dataStart <= file.size else {
            throw problem(
                "its header claims \(length) bytes and the file has \(file.size - 8) more; it is truncated. Copy or "
                    + "download it again")
        }
        let text = try readingFiles { () throws(TensorFileError) in try file.bytes(at: 8, count: Int(length)) }
        var header = SafetensorsHeader(location: url.path)
        try header.read(text)
        try Self.check(header.entries, dataSize: file.size - dataStart, location: url.path)
        entries = header.entries
        metadata = header.metadata
        index = header.index
    }

    /// Tensors fill the data from its start to its end, without gap or overlap.
    private static func check(_ entries: [Entry], dataSize: Int, location: String) throws(ModelError) {
        var end = 0
        var previous = "the header"
        let ordered = entries.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        for entry in ordered {
            guard entry.range.upperBound <= dataSize else {
                throw ModelError(
                    "tensor \(entry.name.clipped(to: 200)): ends at byte \(entry.range.upperBound) of \(dataSize) bytes of data; "
                        + "the file is truncated. Copy or download it again", location: location)
            }
            guard entry.range.lowerBound == end else {
                let what = entry.range.lowerBound < end ? "overlaps" : "leaves a gap after"
                throw ModelError("tensor \(entry.name.clipped(to: 200)): \(what) \(previous)", location: location)
            }
            (end, previous) = (entry.range.upperBound, "tensor \(entry.name.clipped(to: 200))")
        }
        guard end == dataSize else {
            throw ModelError("\(dataSize - end) bytes after \(previous) belong to no tensor", location: location)
        }
    }

    /// What the file says of a tensor; `nil` if it has none of that name.
    public func entry(named name: String) -> Entry? { index[name].map { entries[$0] } }

    /// A tensor, converted to `dtype`.
    ///
    /// - Parameters:
    ///   - dtype: `nil` for the type of the file.
    ///   - isMapped: whether the numbers may stay in the file and be read from there when they are used: nothing is then
    ///     copied that has the right type already. The file must be left as it is while the tensor is in use; it may be
    ///     deleted or replaced, but where it is made shorter in place, the process ends with a message and status 74.
    /// - Throws: `ModelError` if there is none of that name, its numbers are not floating point of 16 or 32 bits, or
    ///   the file cannot be read.
    public func tensor(
        named name: String, dtype: DType? = nil, isMapped: Bool = false
    ) throws(ModelError) -> Tensor {
        let entry = try required(name)
        guard let stored = Self.dtype(of: entry.type) else {
            throw ModelError(
                "tensor \(name): type \(entry.type) is not read as a weight; Hone reads F32, BF16 and F16",
                location: url.path)
        }
        let (file, start) = (file, dataStart + entry.range.lowerBound)
        let tensor = try readingFiles { () throws(TensorFileError) in
            isMapped
                ? try file.mappedTensor(at: start, shape: entry.shape, dtype: stored)
                : try file.tensor(at: start, shape: entry.shape, dtype: stored)
        }
        return tensor.converted(to: dtype ?? stored)
    }

    /// - Throws: `ModelError` if the file was written to, replaced or removed since it was opened, so that what was read
    ///   of it may be of two files.
    func checkUnchanged() throws(ModelError) {
        let file = file
        let isUnchanged = try readingFiles { () throws(TensorFileError) in try file.mapped() }.isUnchanged
        guard isUnchanged else {
            throw ModelError("was changed while it was read; load the model again when it is whole", location: url.path)
        }
    }

    /// 16 bytes for each 4 MiB of the file; they tell apart contents that differ by accident.
    ///
    /// - Throws: `ModelError` if the file cannot be read.
    package func blockDigests() throws(ModelError) -> [UInt8] {
        let file = file
        return try readingFiles { () throws(TensorFileError) in try file.mapped() }.blockDigests
    }

    /// The bytes of a tensor of any type, copied.
    ///
    /// - Throws: `ModelError` if there is none of that name, or the file cannot be read.
    package func bytes(named name: String) throws(ModelError) -> [UInt8] {
        let entry = try required(name)
        let (file, start) = (file, dataStart + entry.range.lowerBound)
        return try readingFiles { () throws(TensorFileError) in try file.bytes(at: start, count: entry.range.count) }
    }

    /// The same where they lie in the file (see `tensor(named:dtype:isMapped:)` for what that asks of it).
    func storage(named name: String) throws(ModelError) -> Storage {
        let entry = try required(name)
        let (file, start) = (file, dataStart + entry.range.lowerBound)
        return try readingFiles { () throws(TensorFileError) in
            try file.mappedStorage(at: start, byteCount: entry.range.count)
        }
    }

    /// The numbers of a tensor of type `I64` or `I32`, row-major.
    ///
    /// - Throws: `ModelError` if there is none of that name, it is of another type, or the file cannot be read.
    public func integers(named name: String) throws(ModelError) -> [Int] {
        let entry = try required(name)
        guard entry.type == "I64" || entry.type == "I32" else {
            throw ModelError("tensor \(name): type \(entry.type) is no I64 or I32", location: url.path)
        }
        let (file, start) = (file, dataStart + entry.range.lowerBound)
        let bytes = try readingFiles { () throws(TensorFileError) in
            try file.bytes(at: start, count: entry.range.count)
        }
        let size = entry.type == "I64" ? 8 : 4
        return stride(from: 0, to: bytes.count, by: size).map { first in
            let word = (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[first + $1]) << (8 * $1) }
            return size == 8 ? Int(Int64(bitPattern: word)) : Int(Int32(truncatingIfNeeded: word))
        }
    }

    private func required(_ name: String) throws(ModelError) -> Entry {
        guard let entry = entry(named: name) else {
            throw ModelError("has no tensor \(name)", location: url.path)
        }
        return entry
    }

    static func dtype(of type: String) -> DType? {
        switch type {
        case "F32": .float32
        case "BF16": .bfloat16
        case "F16": .float16
        default: nil
        }
    }
}
