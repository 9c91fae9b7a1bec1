/// A text that equals another only where all scalars are the same.
///
/// `String` takes é for e and an accent; where texts are keys, or are counted, that would compare what `exact` tells
/// apart, and take far longer.
struct ScalarText: Hashable, Sendable {
    private let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    init(_ scalars: some Sequence<Unicode.Scalar>) {
        var bytes: [UInt8] = []
        for scalar in scalars { bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
        self.bytes = bytes
    }

    /// The text.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension ScalarText: Comparable {
    static func < (first: ScalarText, second: ScalarText) -> Bool {
        first.bytes.lexicographicallyPrecedes(second.bytes)
    }
}
