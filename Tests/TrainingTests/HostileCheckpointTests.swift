import Foundation
import OrderedCollections
import Testing
import TextCore
import Training

/// Folders in the place of a checkpoint that nobody of ours wrote.
@Suite struct HostileCheckpointTests {
    private func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-checkpoint-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private func message(_ folder: URL) -> String {
        do {
            _ = try Checkpoint(folder)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    @Test func aPipeInThePlaceOfAFileIsNotWaitedFor() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let manifest = folder.appending(path: "MANIFEST.json")
        #expect(mkfifo(manifest.path, 0o600) == 0)
        #expect(message(folder).contains("is no regular file"))
        try FileManager.default.removeItem(at: manifest)
        var content: JSON = [
            "format": 1, "step": 3, "fingerprint": .null, "files": ["state.json": ["size": 2, "sha256": "00"]],
        ]
        if case .object(var members) = content {
            members["manifest_sha256"] = .string(SHA256.digest(of: content.text()).hexadecimal)
            content = .object(members)
        }
        try Data(content.text().utf8).write(to: manifest)
        #expect(mkfifo(folder.appending(path: "state.json").path, 0o600) == 0)
        #expect(message(folder).contains("is no regular file"))
    }

    @Test func aManifestOfTenGigabytesIsRefusedByItsSize() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let manifest = folder.appending(path: "MANIFEST.json")
        try Data("{".utf8).write(to: manifest)
        #expect(truncate(manifest.path, 10 << 30) == 0)
        #expect(message(folder).contains("10737418240 bytes, and at most 16777216 are read"))
    }
}
