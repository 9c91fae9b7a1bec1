#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that appears under its name only once it is complete and on the disk.
///
/// It is written beside its place as `.<name>.tmp-<random>`, flushed, and then renamed; if it is dropped before, what
/// was written is deleted.
package final class OutputFile {
    package let path: String
    private let temporaryPath: String
    private let descriptor: Int32
    private var isOpen = true
    private(set) var size = 0

    /// - Throws: `DataError` when the folder is missing or may not be written.
    package init(path: String) throws(DataError) {
        self.path = path
        let name = fileName(path)
        temporaryPath = join(folder(of: path), ".\(name).tmp-\(String(UInt64.random(in: 0 ... .max), radix: 16))")
        descriptor = open(temporaryPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            isOpen = false
            throw Self.failed("cannot be created", path: path)
        }
    }

    deinit {
        guard isOpen else { return }
        close(descriptor)
        unlink(temporaryPath)
    }

    /// Appends bytes.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(DataError) {
        try write(bytes, at: size)
        size += bytes.count
    }

    /// Appends bytes.
    package func write(_ bytes: [UInt8]) throws(DataError) {
        try bytes.withRawBytes { bytes throws(DataError) in try write(bytes) }
    }

    /// Overwrites bytes.
    func write(_ bytes: [UInt8], at offset: Int) throws(DataError) {
        try bytes.withRawBytes { bytes throws(DataError) in try write(bytes, at: offset) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DataError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let written = pwrite(descriptor, base + done, bytes.count - done, off_t(offset + done))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw Self.failed("cannot be written", path: path) }
            done += written
        }
    }

    /// Reads back bytes that were written; fewer only at the end.
    func bytes(count: Int, at offset: Int) throws(DataError) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            while done < count {
                let got = pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failed = true }
                if got <= 0 { return }
                done += got
            }
        }
        guard !failed else { throw Self.failed("cannot be read back", path: path) }
        return bytes
    }

    /// Puts the file on the disk and gives it its name.
    ///
    /// - Throws: `DataError` when flushing or renaming fails; the file then does not appear.
    package func commit() throws(DataError) {
        guard fsync(descriptor) == 0 else { throw Self.failed("cannot be flushed to the disk", path: path) }
        isOpen = false
        guard close(descriptor) == 0, rename(temporaryPath, path) == 0 else {
            let error = Self.failed("cannot be given its name", path: path)
            unlink(temporaryPath)
            throw error
        }
    }

    /// Puts the names of a folder's files on the disk.
    static func flushFolder(_ path: String) throws(DataError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard descriptor >= 0 else { throw failed("cannot be opened", path: path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failed("cannot be flushed to the disk", path: path) }
    }

    /// Makes a folder and those above it.
    package static func makeFolder(_ path: String) throws(DataError) {
        if mkdir(path, 0o755) == 0 || (errno == EEXIST && isFolder(path)) { return }
        let parent = folder(of: path)
        if errno == ENOENT, parent != path, parent != "." {
            try makeFolder(parent)
            if mkdir(path, 0o755) == 0 || (errno == EEXIST && isFolder(path)) { return }
        }
        throw failed("cannot be made", path: path)
    }

    static func failed(_ what: String, path: String) -> DataError {
        DataError(
            .unwritable, file: path, message: "\(what): \(String(cString: strerror(errno)))",
            fix: "Check the path, the permissions and the space on the disk.")
    }
}

/// Whether there is a folder at a path.
func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The names of the files in a folder, sorted; none when it cannot be read.
func fileNames(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) {
                String(cString: $0)
            }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// The part of a path behind its last slash.
func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

/// The part of a path before its last slash.
func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

func join(_ folder: String, _ name: String) -> String { folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)" }

/// Deletes a file, or an empty folder; a path at which there is none is fine.
func remove(_ path: String) throws(DataError) {
    guard unlink(path) == 0 || errno == ENOENT || rmdir(path) == 0 else {
        throw OutputFile.failed("cannot be deleted", path: path)
    }
}
