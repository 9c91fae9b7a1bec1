import CZstd

/// How the memory of frames is given back.
enum FrameMemory {
    /// Lets allocations of 128 KiB and more, frames among them, go back to the system when they are freed.
    ///
    /// glibc begins that way, but raises the limit at the first such block that is freed; from then on frames share
    /// its heaps with small blocks that live longer, and the longer a stream runs the more holes they have. Setting
    /// the limit keeps it.
    static let returnPromptly: Void = {
        #if canImport(Glibc)
            mallopt(M_MMAP_THRESHOLD, 128 << 10)
        #endif
    }()
}
