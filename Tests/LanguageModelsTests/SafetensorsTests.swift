import Foundation
import LanguageModels
import TensorCore
import Testing
import TextCore

/// Files of safetensors, whole and hostile.
@Suite struct SafetensorsTests {
    private static let one = #"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#

    /// The message for a file of these bytes, without its path.
    private func problem(_ header: String, data: Int = 8, length: UInt64? = nil) throws -> String {
        let folder = try TemporaryFolder()
        let url = folder.file("x.safetensors")
        var bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) }
        bytes += Data(header.utf8) + Data(count: data)
        try bytes.write(to: url)
        return message { _ = try SafetensorsFile(reading: url) }.replacingOccurrences(of: url.path + ": ", with: "")
    }

    @Test func aWholeFileIsRead() throws {
        #expect(try problem(#"{"__metadata__":{"format":"pt"},"a":\#(Self.one)}"#) == "no error")
        #expect(
            try problem(#"{"e":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},"a":\#(Self.one)}  "#) == "no error")
        #expect(try problem(#"{"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#) == "no error")
    }

    @Test(arguments: [
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4,
            "tensor a: ends at byte 8 of 4 bytes of data; the file is truncated. Copy or download it again"
        ),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9, "1 bytes after tensor a belong to no tensor"),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
            12, "tensor b: overlaps tensor a"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
            12, "tensor b: leaves a gap after tensor a"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8,
            "tensor a: shape [3] of F32 takes 12 bytes, and it has 8"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#, 8,
            "tensor a: shape [4611686018427387904, 4] has more numbers than can be counted"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[1e300],"data_offsets":[0,8]}}"#, 8,
            "tensor a: `shape` must be a list of whole numbers, none below 0"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8,
            "tensor a: `shape` must be a list of whole numbers, none below 0"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8,
            "tensor a: `data_offsets` must be two whole numbers, the second not below the first"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#, 8,
            "tensor a: `x` is not a key of the format"
        ),
        (
            #"{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}"#, 8,
            "tensor a: type Q4 is unknown; known are BF16, BOOL, F16, F32, F64, F8_E4M3, F8_E5M2, I16, I32, I64, I8, "
                + "U16, U32, U64, U8"
        ),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":1}"#, 8,
            #"its header is not JSON: 1:55: key "a" is written twice"#
        ),
        (#"{"__metadata__":{"format":1}}"#, 0, "`__metadata__.format` is an integer, not a string"),
        (#"[1]"#, 0, "its header is an array, not an object"),
        (#"{"a":[[[[[[[[[[1]]]]]]]]]]}"#, 0, "its header is not JSON: 1:13: nested deeper than 8"),
        (#"{}"#, 3, "3 bytes after the header belong to no tensor"),
    ])
    func aDamagedFileIsRefusedWithItsTensor(_ header: String, _ data: Int, _ expected: String) throws {
        #expect(try problem(header, data: data) == expected)
    }

    @Test func aHeaderLongerThanTheFileOrTheLimitIsRefused() throws {
        #expect(
            try problem("{}", data: 0, length: 100)
                == "its header claims 100 bytes and the file has 2 more; it is truncated. Copy or download it again")
        #expect(
            try problem("{}", data: 0, length: .max)
                == "its header claims \(UInt64.max) bytes, and at most 16777216 are read; is it safetensors?")
        let folder = try TemporaryFolder()
        try Data([1, 2, 3]).write(to: folder.file("x"))
        #expect(
            message { _ = try SafetensorsFile(reading: folder.file("x")) }.hasSuffix(
                "3 bytes are no safetensors file; it is truncated. Copy or download it again"))
        #expect(message { _ = try SafetensorsFile(reading: folder.url) }.hasSuffix("is no regular file"))
        #expect(
            message { _ = try SafetensorsFile(reading: folder.file("none")) }.hasSuffix(
                "cannot be opened: No such file or directory"))
    }

    @Test func everyTypeThatIsWrittenIsReadBack() throws {
        let folder = try TemporaryFolder()
        let url = folder.file("x.safetensors")
        let values = Tensor([1.5, -0.25, 3, .infinity, 0, 1e-3], shape: [2, 3])
        let types = DType.numbers
        try SafetensorsWriter.write(
            types.map { .init($0.rawValue, values, dtype: $0) } + [.init("empty", .zeros([0, 4]))], to: url)
        let file = try SafetensorsFile(reading: url)
        #expect(file.metadata == ["format": "pt"])
        for type in types {
            #expect(bits(try file.tensor(named: type.rawValue, dtype: .float32)) == bits(values.converted(to: type)))
            #expect(try file.tensor(named: type.rawValue).dtype == type)
        }
        #expect(try file.tensor(named: "empty").shape == [0, 4])
        #expect(message { _ = try file.tensor(named: "none") } == "\(url.path): has no tensor none")
    }

    @Test func aWeightOfWholeNumbersIsRefused() throws {
        let folder = try TemporaryFolder()
        let url = folder.file("x.safetensors")
        let header = #"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#
        try
            (withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8)
            + Data([255, 255, 255, 255, 255, 255, 255, 255])).write(to: url)
        let file = try SafetensorsFile(reading: url)
        #expect(try file.integers(named: "a") == [-1])
        #expect(
            message { _ = try file.tensor(named: "a") }
                == "\(url.path): tensor a: type I64 is not read as a weight; Hone reads F32, BF16 and F16")
    }

    @Test(arguments: [
        (#"{"weight_map":{"a":"../m.safetensors"}}"#, "tensor a: \"../m.safetensors\" is no safetensors file inside"),
        (#"{"weight_map":{"a":"/etc/passwd"}}"#, "tensor a: \"/etc/passwd\" is no safetensors file inside"),
        (#"{"weight_map":{"a":5}}"#, "tensor a: 5 is no safetensors file inside"),
        (#"{"weight_map":{}}"#, "`weight_map` must be an object"),
        (#"{"weight_map":{"a":"none.safetensors"}}"#, "none.safetensors: cannot be opened"),
        (#"{"weight_map":{"a":"m.safetensors","b":"m.safetensors"}}"#, "tensor b: is not in \"m.safetensors\" as"),
        (#"{"weight_map":{"b":"m.safetensors"}}"#, "tensor a: is in m.safetensors, and the index has it nowhere"),
        (
            #"{"weight_map":{"a":"m.safetensors","c":"n.safetensors"}}"#,
            "tensor a: is in n.safetensors, and the index has it in \"m.safetensors\""
        ),
    ])
    func anIndexThatIsWrongIsRefused(_ index: String, _ part: String) throws {
        let folder = try TemporaryFolder()
        let family = try #require(ModelRegistry.families.first)
        try Data(family.sample.text().utf8).write(to: folder.file("config.json"))
        try Data(index.utf8).write(to: folder.file("model.safetensors.index.json"))
        try SafetensorsWriter.write([.init("a", Tensor(1))], to: folder.file("m.safetensors"))
        try SafetensorsWriter.write([.init("a", Tensor(1)), .init("c", Tensor(1))], to: folder.file("n.safetensors"))
        let text = message { _ = try ModelLoader.load(folder: folder.url) }
        #expect(text.contains(part), "\(text)")
    }

    @Test func anUnfinishedFileLeavesNothing() throws {
        let folder = try TemporaryFolder()
        let text = message {
            try SafetensorsWriter.write([.init("a", Tensor(1))], to: folder.file("no/such/x.safetensors"))
        }
        #expect(text.hasSuffix("cannot be created: No such file or directory"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }
}
