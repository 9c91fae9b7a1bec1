import Foundation

/// Writes `bytes` to a file that is deleted after `body` has run.
func withFile<Result>(_ name: String, _ bytes: some Sequence<UInt8>, _ body: (String) throws -> Result) throws -> Result
{
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("shardio-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appendingPathComponent(name)
    try Data(bytes).write(to: url)
    return try body(url.path)
}

/// Writes `text` to a file that is deleted after `body` has run.
func withFile<Result>(_ name: String, _ text: String, _ body: (String) throws -> Result) throws -> Result {
    try withFile(name, Array(text.utf8), body)
}
