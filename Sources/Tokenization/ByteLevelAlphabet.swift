/// The printable stand-in of each byte in a byte-level vocabulary (GPT-2, 2019): printable Latin-1 stands for itself,
/// the other 68 bytes for the scalars from U+0100 in order.
enum ByteLevelAlphabet {
    /// The scalar of each byte.
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0..<256).map { (byte: UInt32) in
            if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) {
                return Unicode.Scalar(UInt8(byte))
            }
            defer { next += 1 }
            return Unicode.Scalar(next) ?? "\u{FFFD}"
        }
    }()

    /// The UTF-8 of each byte's scalar.
    static let encoded: [[UInt8]] = scalars.map { Array(String(Character($0)).utf8) }

    /// The byte of the scalar with each value below 0x144; -1 where there is none.
    private static let bytes: [Int16] = {
        var table = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { table[Int(scalar.value)] = Int16(byte) }
        return table
    }()

    /// The byte that `scalar` stands for, if any.
    static func byte(of scalar: Unicode.Scalar) -> UInt8? {
        guard scalar.value < 0x144, bytes[Int(scalar.value)] >= 0 else { return nil }
        return UInt8(bytes[Int(scalar.value)])
    }

    /// The text of `bytes` in stand-ins, as UTF-8.
    static func encode(_ bytes: some Sequence<UInt8>) -> [UInt8] { bytes.flatMap { encoded[Int($0)] } }

    /// The bytes that `piece` stands for; `nil` when it holds a scalar that is no stand-in.
    static func decode(_ piece: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        for scalar in String(decoding: piece, as: UTF8.self).unicodeScalars {
            guard let byte = byte(of: scalar) else { return nil }
            result.append(byte)
        }
        return result
    }
}
