import Foundation
import OrderedCollections
import TextCore

/// What a checkpoint's folder must hold, to the byte.
struct Manifest {
    static let name = "MANIFEST.json"
    static let format = 1
    /// Bytes of it; it lists some files.
    private static let sizeLimit = 16 << 20
    /// The member that holds the hash of the others, so that damage of the manifest itself is noticed too.
    private static let ownHash = "manifest_sha256"

    struct File: Equatable {
        var name: String
        var size: Int
        var hash: String
    }

    var step: Int
    var fingerprint: JSON
    var files: [File]

    init(step: Int, fingerprint: JSON, files: [File]) {
        self.step = step
        self.fingerprint = fingerprint
        self.files = files
    }

    /// Reads a folder's manifest and checks every file it names.
    init(verifying folder: URL) throws {
        try self.init(reading: folder)
        for file in files { try Self.verify(file, in: folder) }
    }

    /// Whether every file is there with its size. It takes no longer for large files, but finds no damage inside them.
    static func isComplete(_ folder: URL) -> Bool {
        guard let manifest = try? Manifest(reading: folder) else { return false }
        return manifest.files.allSatisfy { file in
            var status = stat()
            return stat(folder.appendingPathComponent(file.name).path, &status) == 0 && Int(status.st_size) == file.size
        }
    }

    /// Reads a folder's manifest, and checks that itself only.
    private init(reading folder: URL) throws {
        let url = folder.appendingPathComponent(Self.name)
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw TrainingError("\(Self.name) is missing")
        }
        let json: JSON
        do { json = try JSON(parsing: DurableFiles.read(url.path, limit: Self.sizeLimit)) } catch let error as JSONError
        {
            throw TrainingError("\(Self.name):\(error)")
        }
        guard json["format"]?.int == Self.format else {
            throw TrainingError("\(Self.name) has not the format \(Self.format) that this version reads")
        }
        var content = json.object ?? [:]
        let written = content.removeValue(forKey: Self.ownHash)?.string
        guard written == SHA256.digest(of: JSON.object(content).text()).hexadecimal else {
            throw TrainingError("\(Self.name) is damaged: its content is not what \(Self.ownHash) says")
        }
        guard let step = json["step"]?.int, let listed = json["files"]?.object else {
            throw TrainingError("\(Self.name) has no `step` or no `files`")
        }
        let files = try listed.map { name, value in
            guard let size = value["size"]?.int, let hash = value["sha256"]?.string, !name.contains("/") else {
                throw TrainingError("\(Self.name) does not give size and SHA-256 of \(name)")
            }
            return File(name: name, size: size, hash: hash)
        }
        self.init(step: step, fingerprint: json["fingerprint"] ?? .null, files: files)
    }

    private static func verify(_ file: File, in folder: URL) throws {
        let url = folder.appendingPathComponent(file.name)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), !isFolder.boolValue else {
            throw TrainingError("\(file.name) is missing")
        }
        let (size, hash) = try measure(url)
        guard size == file.size else {
            throw TrainingError("\(file.name) has \(size) bytes where \(file.size) were written")
        }
        guard hash == file.hash else {
            throw TrainingError("\(file.name) is damaged: its SHA-256 is \(hash), not \(file.hash)")
        }
    }

    private static func measure(_ url: URL) throws -> (size: Int, hash: String) {
        var hash = SHA256()
        var size = 0
        try DurableFiles.forEachChunk(of: url.path) {
            hash.update($0)
            size += $0.count
        }
        return (size, hash.finalized().hexadecimal)
    }

    var json: JSON {
        let listed = files.map { ($0.name, ["size": .integer($0.size), "sha256": .string($0.hash)] as JSON) }
        var content: OrderedDictionary<String, JSON> = [
            "format": .integer(Self.format), "step": .integer(step), "fingerprint": fingerprint,
            "files": .object(OrderedDictionary(listed, uniquingKeysWith: { $1 })),
        ]
        content[Self.ownHash] = .string(SHA256.digest(of: JSON.object(content).text()).hexadecimal)
        return .object(content)
    }
}
