import CKernels

#if canImport(Glibc)
    import Glibc
#endif

/// A file as memory, read-only: its pages are those of the system's cache, so nothing is copied, and pages that nobody
/// reads cost nothing.
///
/// What happens when somebody changes the file meanwhile:
///
/// - Another file under its name, as saving a model and most tools leave it: nothing, the mapping stays with the old one.
/// - Deleted: nothing, the same.
/// - Made shorter in place: the process says so on standard error and ends with status 74 at the first read behind the
///   new end. What was trained since the last checkpoint is lost, as with any failure of a disk.
/// - Other bytes written over it in place: they may be read in place of the old ones. `isUnchanged` tells.
package final class MappedFile: @unchecked Sendable {
    // The bytes are never written, and the rest is set once.
    package let bytes: UnsafeRawPointer
    package let size: Int
    /// Where the file was.
    package let path: String
    private let message: UnsafeMutablePointer<CChar>?
    private let stamp: Stamp

    /// What changes when a file is written to.
    private struct Stamp: Equatable {
        let size: off_t
        let device: dev_t
        let inode: ino_t
        let seconds: Int
        let nanoseconds: Int

        init(_ status: stat) {
            (size, device, inode) = (status.st_size, status.st_dev, status.st_ino)
            (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        }
    }

    // Never read or written.
    private nonisolated(unsafe) static let nothing = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)

    /// - Parameter descriptor: of the file, open for reading; it may be closed afterwards.
    /// - Throws: `TensorFileError` if the file cannot be mapped.
    init(_ descriptor: Int32, path: String) throws(TensorFileError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw TensorFileError(path, "cannot be examined", errno: errno) }
        self.path = path
        stamp = Stamp(status)
        size = Int(status.st_size)
        guard size > 0 else {
            (bytes, message) = (UnsafeRawPointer(Self.nothing), nil)
            return
        }
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw TensorFileError(path, "cannot be mapped into memory", errno: errno)
        }
        // A file that is not in the cache is read ahead while the first weights are in use.
        madvise(start, size, MADV_WILLNEED)
        bytes = UnsafeRawPointer(start)
        message = strdup(
            """
            error: \(path): became shorter while it was in use, or its disk failed, so the weights are no longer there. \
            Nothing was written since the last checkpoint; put the file back and go on from that.

            """)
        if let message { hone_watch_mapping(start, size, message, 74) }
    }

    deinit {
        guard size > 0 else { return }
        hone_forget_mapping(bytes)
        munmap(UnsafeMutableRawPointer(mutating: bytes), size)
        free(message)
    }

    /// Whether the file at the path is still the one that was mapped, as it was then.
    package var isUnchanged: Bool {
        var status = stat()
        return stat(path, &status) == 0 && Stamp(status) == stamp
    }

    /// Says that some bytes will not be read soon: they no longer count as memory of the process.
    func forget(_ start: UnsafeMutableRawPointer, byteCount: Int) {
        let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
        let first = (UInt(bitPattern: start) + page - 1) / page * page
        let end = (UInt(bitPattern: start) + UInt(byteCount)) / page * page
        guard size > 0, end > first else { return }
        madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_DONTNEED)
    }

    /// 16 bytes for each 4 MiB of the file, computed at the speed of memory on all threads.
    ///
    /// They tell apart contents that differ by accident. They do not withstand somebody who wants two contents to be
    /// taken for one another; hash the file with SHA-256 where that matters.
    package var blockDigests: [UInt8] {
        let block = 4 << 20
        let count = (size + block - 1) / block
        var digests = [UInt64](repeating: 0, count: 2 * count)
        digests.withUnsafeMutableBufferPointer { digests in
            // Every task writes its own two places.
            nonisolated(unsafe) let target = digests
            Parallel.forEach(count) { index in
                let start = index * block
                let digest = BlockDigest(UnsafeRawBufferPointer(start: bytes + start, count: min(block, size - start)))
                (target[2 * index], target[2 * index + 1]) = (digest.first, digest.second)
            }
        }
        return digests.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
}

/// 128 bits of a stretch of bytes: four lanes take turns at 16 bytes each, and every word is mixed by a product of which
/// both halves are kept, so that no bit is lost.
private struct BlockDigest {
    let first, second: UInt64

    /// Fractional bits of the square roots of 2, 3, 5, 7 and 11.
    private static let constants: (UInt64, UInt64, UInt64, UInt64, UInt64) = (
        0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1
    )

    init(_ bytes: UnsafeRawBufferPointer) {
        let (a, b, c, d, e) = Self.constants
        var lanes = (a, b, c, d)
        var sum: UInt64 = 0
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        func mix(_ lane: UInt64, _ offset: Int) -> UInt64 {
            let (x, y) = (word(offset), word(offset + 8))
            let product = (x ^ lane).multipliedFullWidth(by: y ^ e)
            // The words are added as well, because a factor of 0 would hide the other.
            return (product.high ^ product.low) &+ (x &* a | 1) ^ ((y &<< 29) | (y &>> 35))
        }
        let whole = bytes.count / 64 * 64
        for offset in stride(from: 0, to: whole, by: 64) {
            lanes.0 = mix(lanes.0, offset)
            lanes.1 = mix(lanes.1, offset + 16)
            lanes.2 = mix(lanes.2, offset + 32)
            lanes.3 = mix(lanes.3, offset + 48)
            sum = (sum &<< 7 | sum &>> 57) ^ lanes.0 &+ lanes.1 ^ lanes.2 &+ lanes.3
        }
        for index in whole..<bytes.count {
            lanes.0 = (lanes.0 ^ UInt64(bytes[index]) &+ 1) &* b
            lanes.1 = (lanes.1 &<< 11 | lanes.1 &>> 53) ^ lanes.0
        }
        func finished(_ x: UInt64, _ y: UInt64) -> UInt64 {
            let product = (x ^ c).multipliedFullWidth(by: y ^ d)
            return product.high ^ product.low ^ x &+ y
        }
        let length = UInt64(bytes.count)
        first = finished(lanes.0 &+ length, lanes.1 ^ sum)
        second = finished(lanes.2 ^ length, lanes.3 &+ first)
    }
}
