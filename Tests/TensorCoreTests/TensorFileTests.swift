import Foundation
import TensorCore
import Testing

/// Rows written in place, streams of parts, and tensors in files.
@Suite struct TensorFileTests {
    @Test func writingRowsLeavesOtherHoldersAlone() {
        var tensor = Tensor((0..<12).map { Float($0) }, shape: [4, 3])
        let other = tensor
        tensor.setRows(from: 1, to: Tensor(repeating: -1, shape: [2, 3]))
        #expect(tensor.scalars == [0, 1, 2, -1, -1, -1, -1, -1, -1, 9, 10, 11])
        #expect(other.scalars == (0..<12).map { Float($0) })
    }

    @Test(arguments: [DType.float32, .bfloat16]) func appendedKeysAreTheKeysInOrder(type: DType) {
        var rows = KeyValueRows(columns: 4, dtype: type)
        var all: [Float] = []
        for (step, count) in [1, 40, 1, 1, 90].enumerated() {
            let new = Tensor.uniform([count, 4], stream: RandomStream(seed: 1, purpose: "rows", step: step))
                .converted(to: type).converted(to: .float32)
            let before = rows
            rows.append(key: new, value: new.scaled(by: 2))
            all += new.scalars
            #expect(rows.count == all.count / 4)
            #expect(rows.key.slice(0..<rows.count).scalars == all)
            #expect(rows.value.slice(0..<rows.count).scalars == all.map { $0 * 2 })
            #expect(before.key.slice(0..<before.count).scalars == Array(all.dropLast(new.count)))
        }
    }

    @Test func streamsOfPartsDiffer() {
        let stream = RandomStream(seed: 1, purpose: "dropout", step: 3)
        let words = [stream, stream.substream("a"), stream.substream("b")].map { stream in (0..<4).map(stream.word) }
        #expect(Set(words).count == 3)
        #expect(stream.substream("a") == stream.substream("a"))
        #expect(stream.substream("a") != RandomStream(seed: 1, purpose: "dropout", step: 4).substream("a"))
    }

    @Test func aTensorIsReadBackFromItsPlace() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hone-" + UUID().uuidString).path
        defer { unlink(path) }
        let tensor = Tensor([1, -2.5, 3e-9, .infinity], shape: [2, 2])
        let writer = try TensorFileWriter(creating: path)
        try writer.write([7, 8, 9])
        try writer.write(tensor)
        #expect(!FileManager.default.fileExists(atPath: path), "a file has its name only when it is whole")
        try writer.finish()
        let file = try TensorFile(reading: path)
        #expect(file.size == 19)
        #expect(try file.bytes(at: 1, count: 2) == [8, 9])
        #expect(try file.tensor(at: 3, shape: [2, 2], dtype: .float32).scalars == tensor.scalars)
        #expect(throws: TensorFileError.self) { try file.tensor(at: 4, shape: [2, 2], dtype: .float32) }
        #expect(throws: TensorFileError.self) { try file.bytes(at: -1, count: 1) }
        #expect(throws: TensorFileError.self) { try file.bytes(at: 2, count: .max) }
        truncate(path, 10)
        #expect(throws: TensorFileError.self) { try file.tensor(at: 3, shape: [2, 2], dtype: .float32) }
    }

    @Test func aWriterThatDoesNotFinishLeavesNothing() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hone-" + UUID().uuidString).path
        do {
            let writer = try TensorFileWriter(creating: path)
            try writer.write([1])
        }
        #expect(
            !FileManager.default.fileExists(atPath: path) && !FileManager.default.fileExists(atPath: path + ".partial"))
    }
}
