import Testing
import TextCore

@Suite struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func equalsThePublishedDigests(text: String, digest: String) {
        #expect(SHA256.digest(of: text).hexadecimal == digest)
    }

    @Test func aMillionLettersEqualThePublishedDigest() {
        let letters = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(
            SHA256.digest(of: letters).hexadecimal == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        )
    }

    @Test func piecesOfAnyLengthHashLikeTheWhole() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let whole = SHA256.digest(of: bytes)
        for length in [1, 3, 55, 56, 63, 64, 65, 127, 128, 200] {
            var hash = SHA256()
            for start in stride(from: 0, to: bytes.count, by: length) {
                hash.update(Array(bytes[start..<min(start + length, bytes.count)]))
                _ = hash.finalized()
            }
            #expect(hash.finalized() == whole)
        }
        for count in 50...140 {
            #expect(SHA256.digest(of: Array(bytes[..<count])) != SHA256.digest(of: Array(bytes[..<(count + 1)])))
        }
    }

    @Test func withoutTheProcessorsInstructionsTheDigestsAreTheSame() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 37 ^ $0 >> 5) }
        for count in 0...bytes.count {
            var (plain, fast) = (SHA256(usesInstructions: false), SHA256())
            for part in [bytes[..<(count / 3)], bytes[(count / 3)..<count]] {
                plain.update(Array(part))
                fast.update(Array(part))
            }
            #expect(plain.finalized() == fast.finalized(), "\(count) bytes")
        }
    }
}
