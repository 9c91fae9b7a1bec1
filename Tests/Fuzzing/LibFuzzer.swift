#if HONE_LIBFUZZER
    import Foundation

    /// The same targets under libFuzzer, which is linked where the compiler is called with `-sanitize=fuzzer`.
    enum LibFuzzer {
        private nonisolated(unsafe) static var target: InputTarget?
        private nonisolated(unsafe) static var folder: ScratchFolder?

        /// `hone-fuzz TARGET [options and folders of libFuzzer]`.
        static func run(_ arguments: [String]) throws -> Int32 {
            guard arguments.count > 1 else { throw FuzzError("no target") }
            target = try InputTarget.named(arguments[1])
            folder = try ScratchFolder()
            var pointers: [UnsafeMutablePointer<CChar>?] = ([arguments[0]] + arguments.dropFirst(2)).map { strdup($0) }
            pointers.append(nil)
            var count = Int32(pointers.count - 1)
            return pointers.withUnsafeMutableBufferPointer { list in
                var base = list.baseAddress
                return withUnsafeMutablePointer(to: &base) { runDriver(&count, $0, readOne) }
            }
        }

        private static let readOne: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32 = { data, count in
            guard let target, let folder else { return -1 }
            var bytes = Array(UnsafeBufferPointer(start: data, count: count))
            // Half of the inputs go through the envelope: the last bit says which.
            if let seal = target.seal, bytes.last.map({ $0 & 1 == 0 }) ?? false { bytes = seal(bytes) }
            do {
                _ = try Outcome(reading: Input(bytes, target, in: folder.url), target)
            } catch {
                fatalError("\(error)")
            }
            return 0
        }

        /// Changes an input with our mutator in one case of two, else as libFuzzer does.
        static func mutate(_ data: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: UInt32) -> Int {
            var random = Randomness(seed: UInt64(seed))
            guard let target, random.once(in: 2) else { return mutateBytes(data, count, limit) }
            let bytes = Array(UnsafeBufferPointer(start: data, count: count))
            var mutator = Mutator(target: target, random: random, seeds: [bytes])
            let changed = mutator.changed(bytes).prefix(limit)
            for (index, byte) in changed.enumerated() { data[index] = byte }
            return changed.count
        }
    }

    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<Int32>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ readOne: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32

    @_silgen_name("LLVMFuzzerMutate")
    private func mutateBytes(_ data: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int) -> Int

    @_cdecl("LLVMFuzzerCustomMutator")
    public func mutateInput(_ data: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: UInt32) -> Int {
        LibFuzzer.mutate(data, count, limit, seed)
    }
#endif
