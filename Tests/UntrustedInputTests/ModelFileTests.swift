import Foundation
import LanguageModels
import Testing
import TextCore

/// I1 and I2: weights, and formats of weights that are not read.
@Suite struct ModelFileTests {
    @Test("I1 safetensors.corpus: each class of damage has its own message, under 64 MiB and 100 ms")
    func safetensorsCorpus() throws {
        try HostileCorpus("safetensors").check(seconds: 0.1, growth: 64, count: 60)
        try HostileCorpus("weight-index").check(seconds: 0.1, growth: 64, count: 10)
        try HostileCorpus("model-config").check(seconds: 0.1, growth: 64, count: 20)
        try HostileCorpus("adapter").check(seconds: 0.1, growth: 64, count: 10)
    }

    /// Headers that are as long as any may be cost a few times their length, not a tree of all they say.
    @Test("I1 safetensors.corpus: headers of 16 MiB are bounded, whatever they hold")
    func longHeaders() throws {
        let folder = try TemporaryFolder()
        let limit = 16 << 20
        func file(_ name: String, _ start: String, _ part: String, _ end: String) throws -> URL {
            let count = (limit - start.utf8.count - end.utf8.count) / part.utf8.count
            let length = start.utf8.count + count * part.utf8.count + end.utf8.count
            let header = withUnsafeBytes(of: UInt64(length).littleEndian) { [UInt8]($0) } + Array(start.utf8)
            let url = try folder.write(name, header, repeating: Array(part.utf8), times: count)
            let handle = try FileHandle(forWritingTo: url)
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(end.utf8))
            try handle.close()
            return url
        }
        let files = [
            try file("numbers.safetensors", #"{"a":{"dtype":"F32","shape":["#, "1,", "1]}}"),
            try file("lists.safetensors", #"{"a":"#, "[],", "1}"),
            try file("objects.safetensors", #"{"a":{"#, #""b":{},"#, #""c":1}}"#),
            try file("name.safetensors", #"{""#, "nnnnnnnn", #"":1}"#),
            try file("type.safetensors", #"{"a":{"dtype":""#, "FFFFFFFF", #""}}"#),
            try file("metadata.safetensors", #"{"__metadata__":{"a":""#, "xxxxxxxx", #"\ud800"}}"#),
            try file("spaces.safetensors", "{", "        ", "}"),
            try file("nested.safetensors", #"{"a":"#, "[", "1}"),
        ]
        let readings = try HostileCorpus.read("safetensors", files)
        for reading in readings {
            #expect(reading.outcome == "refused" || reading.file == "spaces.safetensors", "\(reading)")
            // The bytes themselves, and what is kept of them.
            #expect(reading.growth <= 64 << 20, "\(reading)")
            #expect(reading.seconds <= 1, "\(reading)")
        }
        print(HostileCorpus.summary("safetensors, headers of 16 MiB", readings))
    }

    @Test("I2 gguf.corpus: every GGUF file is refused by name, with what to take instead")
    func ggufCorpus() throws {
        try HostileCorpus("gguf", target: "safetensors").check(seconds: 0.1, growth: 16, count: 20)
        // As a folder, as people get it.
        let folder = try TemporaryFolder()
        try folder.write("model-Q4_K_M.gguf", Array("GGUF".utf8), [3, 0, 0, 0])
        let error = #expect(throws: ModelError.self) { try ModelLoader.configuration(folder: folder.url) }
        #expect(
            error?.message.contains("GGUF") == true && error?.message.contains("safetensors") == true, "\(error as Any)"
        )
        try folder.write("config.json", Array(ModelRegistry.families[0].sample.text().utf8))
        let weights = #expect(throws: ModelError.self) { try ModelLoader.load(folder: folder.url) }
        #expect(weights?.message.contains("GGUF") == true, "\(weights as Any)")
        let alone = #expect(throws: ModelError.self) {
            try ModelLoader.configuration(folder: folder.file("model-Q4_K_M.gguf"))
        }
        #expect(alone?.message.contains("GGUF") == true, "\(alone as Any)")
    }

    @Test func `what is no regular file is refused at once`() throws {
        let folder = try TemporaryFolder()
        #expect(mkfifo(folder.file("model.safetensors").path, 0o600) == 0)
        try folder.write("config.json", Array(ModelRegistry.families[0].sample.text().utf8))
        let error = #expect(throws: ModelError.self) { try ModelLoader.load(folder: folder.url) }
        #expect(error?.message.contains("is no regular file") == true)
    }
}
