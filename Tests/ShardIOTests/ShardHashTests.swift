import ShardIO
import Testing
import TextCore

@Suite struct XXH64Tests {
    /// Published with the algorithm, with Python's binding and with several ports of it.
    @Test(
        arguments: [
            ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ] as [(String, UInt64)])
    func agreesWithPublishedHashes(text: String, hash: UInt64) {
        #expect(XXH64.hash(Array(text.utf8)) == hash)
    }

    /// The checksum of a zstd frame is the lower half of the hash.
    @Test func agreesWithTheChecksumsOfZstd() {
        for count in Array(0...100) + [1000, 4095, 4096, 100_003] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: mix64(UInt64($0))) }
            let checksum = zstdFrame(bytes).suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            #expect(UInt32(truncatingIfNeeded: XXH64.hash(bytes)) == checksum, "\(count) bytes")
        }
    }

    @Test func piecesHashAsTheWhole() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: mix64(UInt64($0))) }
        for seed in [0, 7, UInt64.max] {
            let whole = XXH64.hash(bytes, seed: seed)
            for pieces in [1, 3, 8, 31, 32, 33, 64, 999] {
                var hash = XXH64(seed: seed)
                var start = 0
                while start < bytes.count {
                    let end = min(bytes.count, start + pieces)
                    hash.update(Array(bytes[start..<end]))
                    start = end
                    #expect(hash.digest() == XXH64.hash(Array(bytes[..<end]), seed: seed))
                }
                #expect(hash.digest() == whole)
            }
        }
        #expect(Set([0, 1, 2].map { XXH64.hash(bytes, seed: $0) }).count == 3)
    }
}
