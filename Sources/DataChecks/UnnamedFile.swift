import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// A temporary file without a name: it goes away with the process, however that ends, and no other process inherits it.
enum UnnamedFile {
    /// Opens an empty one in `TMPDIR`, for this user alone.
    ///
    /// - Returns: its descriptor, below 0 with `errno` where it cannot be made, and the path that it had.
    static func make() -> (descriptor: Int32, path: String) {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hone-\(UUID().uuidString)").path
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 { unlink(path) }
        return (descriptor, path)
    }
}
