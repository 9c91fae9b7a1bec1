public import Foundation

/// Finds the files that tests read from the folder `shared` beside the package.
public enum SharedFolder {
    /// The file or folder at `path` inside the shared folder: `$HONE_SHARED`, else `../shared` from the package root.
    ///
    /// Where the shared folder or `path` is absent this prints a line and returns `nil`, so that the test can skip.
    ///
    /// - Throws: `SharedFolderError` where it is absent and `HONE_REQUIRE_SHARED=1` says that it must not be.
    public static func url(_ path: String) throws -> URL? {
        let url = root.appendingPathComponent(path)
        if FileManager.default.fileExists(atPath: url.path) { return url }
        if ProcessInfo.processInfo.environment["HONE_REQUIRE_SHARED"] == "1" {
            throw SharedFolderError(
                message: "\(url.path) does not exist, and HONE_REQUIRE_SHARED=1 forbids to skip; set HONE_SHARED")
        }
        print("skipped: \(url.path) does not exist (set HONE_SHARED to the shared folder)")
        return nil
    }

    /// The folders directly inside the folder at `path`, by name; none where it is absent (see `url(_:)`).
    public static func folders(in path: String) throws -> [URL] {
        guard let url = try url(path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: [.isDirectoryKey])
            .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
            .sorted { $0.path < $1.path }
    }

    private static var root: URL {
        if let path = ProcessInfo.processInfo.environment["HONE_SHARED"], !path.isEmpty {
            return URL(fileURLWithPath: path, isDirectory: true)
        }
        // Tests/TestSupport/SharedFolder.swift: three levels up is the package root.
        let package = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return package.deletingLastPathComponent().appendingPathComponent("shared", isDirectory: true)
    }
}

/// The shared folder is required and absent.
public struct SharedFolderError: Error, CustomStringConvertible {
    /// What is absent and how to say where it is.
    public let message: String

    public var description: String { message }
}
