import Foundation
import OrderedCollections
import TensorCore
import TextCore

/// The weights of a folder: one safetensors file, or several with an index.
struct Checkpoint {
    /// Every tensor and the file it is in, in the order of the files.
    let entries: [(entry: SafetensorsFile.Entry, file: SafetensorsFile)]
    private let index: [String: Int]

    /// - Throws: `ModelError` if no weights are there, or a shard is missing, named outside the folder, or does not
    ///   hold what the index says.
    init(folder: URL) throws(ModelError) {
        let single = folder.appendingPathComponent("model.safetensors")
        let indexURL = folder.appendingPathComponent("model.safetensors.index.json")
        let manager = FileManager.default
        if manager.fileExists(atPath: single.path) {
            self.init([try SafetensorsFile(reading: single)])
        } else if manager.fileExists(atPath: indexURL.path) {
            self.init(try Self.shards(of: indexURL))
        } else {
            let other = WeightFormat(at: folder).map { ": " + $0.refusal } ?? "; Hone reads no other weights"
            throw ModelError(
                "has neither model.safetensors nor model.safetensors.index.json" + other, location: folder.path)
        }
    }

    private init(_ files: [SafetensorsFile]) {
        entries = files.flatMap { file in file.entries.map { ($0, file) } }
        // Shards were checked to have no name twice.
        index = Dictionary(entries.enumerated().map { ($1.entry.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func entry(named name: String) -> SafetensorsFile.Entry? { index[name].map { entries[$0].entry } }

    /// The matrix of that name as it is quantised; `nil` if the checkpoint does not have it so.
    ///
    /// - Throws: `ModelError` if its parts are missing or do not fit each other or the shape.
    func quantized(named name: String, shape: [Int]) throws(ModelError) -> (any QuantizedEntry)? {
        let file = { (key: String) in index[key].map { entries[$0].file } }
        if index[NF4Entry.stateKey(name)] != nil { return try NF4Entry(name, shape: shape, in: file) }
        if entry(named: name)?.type == "I8" { return try Int8Entry(name, shape: shape, in: file) }
        return nil
    }

    /// Everything that may stand beside the codes of a weight.
    static func companions(of name: String) -> [String] {
        NF4Entry.companions(of: name) + Int8Entry.companions(of: name)
    }

    /// The same, in the numbers of the file and copied: none of the file stays in memory.
    func copy(named name: String) throws(ModelError) -> Tensor {
        guard let place = index[name] else { throw ModelError("no tensor \(name)") }
        return try entries[place].file.tensor(named: name)
    }

    func tensor(named name: String, dtype: DType) throws(ModelError) -> Tensor {
        guard let place = index[name] else { throw ModelError("no tensor \(name)") }
        return try entries[place].file.tensor(named: name, dtype: dtype, isMapped: true)
    }

    /// - Throws: `ModelError` if a file was changed since it was opened.
    func checkUnchanged() throws(ModelError) {
        var checked: Set<ObjectIdentifier> = []
        for (_, file) in entries where checked.insert(ObjectIdentifier(file)).inserted { try file.checkUnchanged() }
    }

    private static func shards(of indexURL: URL) throws(ModelError) -> [SafetensorsFile] {
        let json = try ModelLoader.json(at: indexURL)
        func problem(_ text: String) -> ModelError { ModelError(text, location: indexURL.path) }
        guard let map = json["weight_map"]?.object, !map.isEmpty else {
            throw problem("`weight_map` must be an object that names the file of each tensor")
        }
        var names: [String] = []
        var seen: Set<String> = []
        for (tensor, value) in map {
            guard let name = value.string, name.hasSuffix(".safetensors"), !name.contains("/"), !name.contains("\0")
            else {
                throw problem("tensor \(tensor): \(value.text()) is no safetensors file inside the model's folder")
            }
            if seen.insert(name).inserted { names.append(name) }
        }
        let folder = indexURL.deletingLastPathComponent()
        var files: [SafetensorsFile] = []
        var found: Set<String> = []
        for name in names {
            let file = try SafetensorsFile(reading: folder.appendingPathComponent(name))
            for entry in file.entries {
                guard map[entry.name]?.string == name else {
                    let place = map[entry.name].map { "in \($0.text())" } ?? "nowhere"
                    throw problem("tensor \(entry.name): is in \(name), and the index has it \(place)")
                }
                found.insert(entry.name)
            }
            files.append(file)
        }
        if let missing = map.keys.first(where: { !found.contains($0) }) {
            throw problem("tensor \(missing): is not in \(map[missing]?.text() ?? "") as the index says")
        }
        return files
    }
}
