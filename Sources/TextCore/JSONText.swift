/// A byte in each of the eight of a word.
@inline(__always) private func eight(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 * UInt64(byte) }

extension UnsafeRawBufferPointer {
    /// The first quote, backslash or control character at or after `start`, or the end; and whether all before it is
    /// ASCII.
    @inline(__always)
    func plainRun(from start: Int) -> (end: Int, isASCII: Bool) {
        guard let base = baseAddress else { return (start, true) }
        let count = self.count
        var index = start
        var high: UInt64 = 0
        while index &+ 8 <= count {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            // A byte's top bit is set where it ends the run. Borrows from such a byte may mark bytes above it too, so only
            // the lowest mark counts.
            let quotes = (word ^ eight(UInt8(ascii: "\""))) &- eight(1)
            let slashes = (word ^ eight(UInt8(ascii: "\\"))) &- eight(1)
            let controls = word &- eight(0x20)
            let found = (quotes | slashes | controls) & ~word & eight(0x80)
            if found != 0 {
                let plain = found.trailingZeroBitCount / 8
                high |= word & ((1 << (8 * UInt64(plain))) &- 1)
                return (index + plain, high & eight(0x80) == 0)
            }
            high |= word
            index &+= 8
        }
        while index < count {
            let byte = self[index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            high |= UInt64(byte)
            index += 1
        }
        return (index, high & eight(0x80) == 0)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// The text that these bytes are; `nil` where they are not UTF-8.
    ///
    /// - Parameter isASCII: whether no byte has its top bit set.
    func text(isASCII: Bool) -> String? {
        guard isASCII || isUTF8 else { return nil }
        #if os(Linux)
            // The bytes have been looked at; looking again would cost more than everything else.
            return String(copying: unsafe UTF8Span(unchecked: span, isKnownASCII: isASCII))
        #else
            return String(decoding: self, as: UTF8.self)
        #endif
    }

    /// Whether these bytes are well-formed UTF-8 (Unicode 16, table 3-7): no byte missing or left over, nothing written
    /// longer than it must be, no surrogate, nothing above U+10FFFF.
    private var isUTF8: Bool {
        let raw = UnsafeRawBufferPointer(self)
        var index = 0
        while index < count {
            let lead = self[index]
            if lead < 0x80 {
                index += 1
                while index + 8 <= count,
                    raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & eight(0x80) == 0
                {
                    index += 8
                }
                continue
            }
            let second: ClosedRange<UInt8>
            let length: Int
            switch lead {
            case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
            case 0xE0: (length, second) = (3, 0xA0...0xBF)
            case 0xED: (length, second) = (3, 0x80...0x9F)
            case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
            case 0xF0: (length, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
            case 0xF4: (length, second) = (4, 0x80...0x8F)
            default: return false
            }
            guard index + length <= count, second.contains(self[index + 1]) else { return false }
            for next in stride(from: 2, to: length, by: 1) where self[index + next] & 0xC0 != 0x80 { return false }
            index += length
        }
        return true
    }
}
