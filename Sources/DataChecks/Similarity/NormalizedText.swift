import Foundation
import ShardIO

/// A text as it is compared: small letters, composed characters, one space between words, no sentence punctuation.
///
/// Signs that carry meaning stay, so that `a[i]` is not `a(i)`, 3.5 not 35, and 2-1 not 2 1. Apostrophes go without a
/// space: "can't" is "cant".
struct NormalizedText: Sendable, Hashable {
    /// UTF-8.
    let bytes: [UInt8]

    /// What a byte of ASCII becomes.
    private enum Fate: UInt8 {
        case kept, space, dropped
        /// A space, but between two digits.
        case insideNumbers
    }

    private static let fates: [Fate] = (0..<128).map { byte in
        switch UInt8(byte) {
        case UInt8(ascii: "'"), UInt8(ascii: "`"): .dropped
        case UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "-"): .insideNumbers
        case 0...0x20, 0x7F, UInt8(ascii: ";"), UInt8(ascii: "!"), UInt8(ascii: "?"), UInt8(ascii: "\""),
            UInt8(ascii: "("), UInt8(ascii: ")"):
            .space
        default: .kept
        }
    }

    init(_ text: String) {
        var text = text
        bytes = text.withUTF8 { utf8 in
            if utf8.allSatisfy({ $0 < 0x80 }) { return Self.normalized(utf8) }
            let plain = Self.folded(String(decoding: utf8, as: UTF8.self))
            return plain.withUnsafeBufferPointer { Self.normalized($0) }
        }
    }

    /// Bytes that were normalised before.
    init(normalized bytes: [UInt8]) { self.bytes = bytes }

    /// A hash of the text.
    var hash: UInt64 { XXH64.hash(bytes) }

    var isEmpty: Bool { bytes.isEmpty }

    /// A text beyond ASCII with composed characters in small letters, and ASCII in place of other spaces, quotes and
    /// punctuation.
    private static func folded(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        for scalar in text.precomposedStringWithCanonicalMapping.unicodeScalars {
            if scalar.isASCII {
                result.append(UInt8(truncatingIfNeeded: scalar.value))
                continue
            }
            let properties = scalar.properties
            switch properties.generalCategory {
            case .initialPunctuation, .finalPunctuation:
                // ’ is an apostrophe as often as it is a quote.
                result.append(scalar.value == 0x2019 || scalar.value == 0x2018 ? UInt8(ascii: "'") : 0x20)
            case .dashPunctuation: result.append(UInt8(ascii: "-"))
            case .openPunctuation, .closePunctuation, .otherPunctuation, .connectorPunctuation, .spaceSeparator,
                .lineSeparator, .paragraphSeparator, .control:
                result.append(0x20)
            case .format, .unassigned: continue
            default: result.append(contentsOf: properties.lowercaseMapping.utf8)
            }
        }
        return result
    }

    private static func normalized(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: text.count) { result, count in
            var needsSpace = false
            fates.withUnsafeBufferPointer { fates in
                for (index, byte) in text.enumerated() {
                    if byte < 0x80 {
                        switch fates[Int(byte)] {
                        case .dropped: continue
                        case .insideNumbers
                        where index > 0 && index + 1 < text.count && isDigit(text[index - 1])
                            && isDigit(text[index + 1]):
                            break
                        case .space, .insideNumbers:
                            needsSpace = count > 0
                            continue
                        case .kept: break
                        }
                    }
                    // A space always stands for at least one byte that is not taken over, so that there is room.
                    if needsSpace {
                        result[count] = 0x20
                        count += 1
                        needsSpace = false
                    }
                    result[count] = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
                    count += 1
                }
            }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
