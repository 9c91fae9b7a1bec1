import Foundation
import OrderedCollections
import TextCore
public import Verifiers

/// When what a program wrote is what it was to write.
public enum OutputComparison: String, NamedChoice {
    /// Byte by byte.
    case exact
    /// Line by line, without white space at the ends of lines and empty lines at the end of the text.
    case lines
    /// Word by word, whatever the white space between them.
    case tokens
    /// As `tokens`; two numbers may differ by the tolerance, absolute or of the larger.
    case numbers

    func accepts(_ output: [UInt8], _ expected: String, tolerance: Double) -> Bool {
        let wanted = Array(expected.utf8)
        switch self {
        case .exact: return output == wanted
        case .lines: return Self.lines(output) == Self.lines(wanted)
        case .tokens: return Self.tokens(output) == Self.tokens(wanted)
        case .numbers:
            let (first, second) = (Self.tokens(output), Self.tokens(wanted))
            return first.count == second.count
                && zip(first, second).allSatisfy { $0 == $1 || Self.isNear($0, $1, tolerance) }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            line[..<(line.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? line.startIndex)]
        }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private static func tokens(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] { bytes.split(whereSeparator: isSpace) }

    private static func isNear(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>, _ tolerance: Double) -> Bool {
        // Longer ones are no numbers that a Double tells apart.
        guard first.count <= 64, second.count <= 64,
            let first = Double(String(decoding: first, as: UTF8.self)),
            let second = Double(String(decoding: second, as: UTF8.self))
        else { return false }
        return isNear(first, second, tolerance)
    }

    static func isNear(_ first: Double, _ second: Double, _ tolerance: Double) -> Bool {
        guard first.isFinite, second.isFinite else { return first == second }
        return abs(first - second) <= tolerance * max(1, abs(first), abs(second))
    }

    /// Whether two values of JSON are the same, numbers with a fraction within the tolerance. Whole numbers must be
    /// equal.
    static func isSame(_ first: JSON, _ second: JSON, tolerance: Double) -> Bool {
        switch (first, second) {
        case (.null, .null): return true
        case (.bool(let first), .bool(let second)): return first == second
        case (.integer(let first), .integer(let second)): return first == second
        case (.string(let first), .string(let second)): return first.unicodeScalars.elementsEqual(second.unicodeScalars)
        case (.array(let first), .array(let second)):
            return first.count == second.count
                && zip(first, second).allSatisfy { isSame($0, $1, tolerance: tolerance) }
        case (.object(let first), .object(let second)):
            return first.count == second.count
                && first.allSatisfy { key, value in
                    second[key].map { isSame(value, $0, tolerance: tolerance) } ?? false
                }
        default:
            guard let first = first.double, let second = second.double else { return false }
            return isNear(first, second, tolerance)
        }
    }
}
