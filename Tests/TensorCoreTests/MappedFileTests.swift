import Foundation
import TensorCore
import Testing

/// Files as memory.
@Suite struct MappedFileTests {
    private func file(_ numbers: [Float], after padding: Int = 64) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hone-" + UUID().uuidString).path
        let writer = try TensorFileWriter(creating: path)
        try writer.write([UInt8](repeating: 7, count: padding))
        try writer.write(Tensor(numbers, shape: [numbers.count]))
        try writer.finish()
        return path
    }

    @Test func aMappedTensorIsReadFromTheFile() throws {
        let numbers = (0..<5000).map { Float($0) / 7 }
        let path = try file(numbers)
        defer { unlink(path) }
        let tensor = try TensorFile(reading: path).mappedTensor(at: 64, shape: [50, 100], dtype: .float32)
        #expect(!tensor.storage.isWritable)
        #expect(tensor.scalars == numbers)
        #expect(tensor.slice(3..<4).scalars == Array(numbers[300..<400]))
    }

    @Test func writingToAMappedTensorLeavesTheFileAlone() throws {
        let path = try file([1, 2, 3, 4])
        defer { unlink(path) }
        var tensor = try TensorFile(reading: path).mappedTensor(at: 64, shape: [4], dtype: .float32)
        tensor.accumulate(Tensor([1, 1, 1, 1], shape: [4]))
        #expect(tensor.scalars == [2, 3, 4, 5])
        #expect(tensor.storage.isWritable)
        #expect(try TensorFile(reading: path).tensor(at: 64, shape: [4], dtype: .float32).scalars == [1, 2, 3, 4])
    }

    @Test func numbersThatLieBetweenPlacesAreCopied() throws {
        let path = try file([1, 2, 3, 4], after: 3)
        defer { unlink(path) }
        let tensor = try TensorFile(reading: path).mappedTensor(at: 3, shape: [4], dtype: .float32)
        #expect(tensor.storage.isWritable)
        #expect(tensor.scalars == [1, 2, 3, 4])
    }

    @Test func aReplacedOrDeletedFileStaysAsItWas() throws {
        let path = try file([1, 2, 3, 4])
        let source = try TensorFile(reading: path)
        let tensor = try source.mappedTensor(at: 64, shape: [4], dtype: .float32)
        #expect(try source.mapped().isUnchanged)
        unlink(path)
        #expect(try !source.mapped().isUnchanged)
        #expect(tensor.scalars == [1, 2, 3, 4])
    }

    @Test func aTensorBeyondTheEndIsRefused() throws {
        let path = try file([1, 2, 3, 4])
        defer { unlink(path) }
        let source = try TensorFile(reading: path)
        #expect(throws: TensorFileError.self) { try source.mappedTensor(at: 64, shape: [5], dtype: .float32) }
        truncate(path, 70)
        #expect(throws: TensorFileError.self) { try source.mappedTensor(at: 64, shape: [4], dtype: .float32) }
    }

    @Test func digestsTellContentsApart() throws {
        let count = 3 << 20
        let numbers = (0..<count).map { Float($0 &* 48271 % 65537) }
        let path = try file(numbers)
        defer { unlink(path) }
        let digest = try TensorFile(reading: path).mapped().blockDigests
        #expect(digest.count == 16 * ((4 * count + 64 + (4 << 20) - 1) / (4 << 20)))
        #expect(try TensorFile(reading: path).mapped().blockDigests == digest)
        for place in [0, 9, 100, 4 << 20, 4 * count + 63] {
            let handle = try #require(FileHandle(forUpdatingAtPath: path))
            try handle.seek(toOffset: UInt64(place))
            let byte = try #require(try handle.read(upToCount: 1)?.first)
            for bit in 0..<8 {
                try handle.seek(toOffset: UInt64(place))
                try handle.write(contentsOf: [byte ^ (1 << bit)])
                #expect(try TensorFile(reading: path).mapped().blockDigests != digest, "bit \(bit) of byte \(place)")
            }
            try handle.seek(toOffset: UInt64(place))
            try handle.write(contentsOf: [byte])
            try handle.close()
        }
        #expect(try TensorFile(reading: path).mapped().blockDigests == digest)
    }

    @Test func aFileThatIsMadeShorterEndsTheProcessWithAMessage() async throws {
        let result = try #require(
            await #expect(processExitsWith: .exitCode(74), observing: [\.standardErrorContent]) {
                let path = FileManager.default.temporaryDirectory.appendingPathComponent("hone-" + UUID().uuidString)
                    .path
                let writer = try TensorFileWriter(creating: path)
                try writer.write(Tensor.zeros([100_000]))
                try writer.finish()
                let tensor = try TensorFile(reading: path).mappedTensor(at: 0, shape: [100_000], dtype: .float32)
                truncate(path, 4096)
                unlink(path)
                print(tensor.total)
            })
        let message = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(message.contains("became shorter while it was in use"))
    }
}
