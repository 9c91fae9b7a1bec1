import CZstd
import Foundation
import ShardIO
import Testing
import TextCore

/// A folder that is deleted after `body` has run.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("shardio-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

/// JSON lines of varying length that hold their own number.
func testRecords(_ count: Int, seed: UInt64 = 1) -> [JSON] {
    (0..<count).map { index in
        let noise = mix64(seed &+ UInt64(index))
        return [
            "id": .integer(index), "prompt": .string("What is \(noise % 1000) plus \(index)? é\n"),
            "chosen": .string(String(repeating: "It is \(noise). ", count: Int(noise % 7) + 1)),
        ]
    }
}

func jsonLines(_ records: [JSON]) -> [UInt8] { records.flatMap { Array(($0.text() + "\n").utf8) } }

func read(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

/// All rows of a source by its frames.
func framedRows(_ source: any FramedSource) throws -> [JSON] {
    var rows: [JSON] = []
    for index in 0..<source.frames.count {
        let frame = try source.frame(index)
        for row in 0..<frame.count { rows.append(try frame.row(row).fields) }
    }
    return rows
}

/// The bytes of all rows of a source by its frames, each ended by a line feed.
func framedText(_ source: any FramedSource) throws -> [UInt8] {
    var text: [UInt8] = []
    for index in 0..<source.frames.count {
        let frame = try source.frame(index)
        for row in 0..<frame.count {
            frame.withBytes(of: row) { text += $0 }
            text.append(UInt8(ascii: "\n"))
        }
    }
    return text
}

/// All rows of a source one after the other.
func streamedRows(_ source: any RecordSource) throws -> [JSON] {
    var stream = try source.rows()
    var rows: [JSON] = []
    while let row = try stream.next() { rows.append(row.fields) }
    return rows
}

/// The bytes as one zstd frame, made by libzstd.
func zstdFrame(_ bytes: [UInt8], checksum: Bool = true, contentSize: Bool = true, windowLog: Int32 = 0) -> [UInt8] {
    guard let context = ZSTD_createCCtx() else { return [] }
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum ? 1 : 0)
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, contentSize ? 1 : 0)
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, windowLog)
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let size = ZSTD_compress2(context, &output, output.count, bytes, bytes.count)
    precondition(ZSTD_isError(size) == 0, "zstd failed")
    return Array(output[..<size])
}

/// A frame that decoders skip.
func skippableFrame(_ bytes: [UInt8], kind: UInt32 = 7) -> [UInt8] {
    let words = [0x184D_2A50 + kind, UInt32(bytes.count)]
    return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) } } + bytes
}

/// What libzstd's streaming decoder makes of bytes.
func zstdDecode(_ bytes: [UInt8]) throws -> [UInt8] {
    let context = try #require(ZSTD_createDCtx())
    defer { ZSTD_freeDCtx(context) }
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var position = 0
    var last = 0
    while position < bytes.count {
        (last, position) = try bytes.withUnsafeBytes { source in
            try chunk.withUnsafeMutableBytes { target in
                var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: position)
                var result = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                let code = ZSTD_decompressStream(context, &result, &input)
                try #require(ZSTD_isError(code) == 0, "\(String(cString: ZSTD_getErrorName(code)))")
                output += target[..<result.pos]
                return (code, input.pos)
            }
        }
    }
    #expect(last == 0, "the stream ends inside a frame")
    return output
}
