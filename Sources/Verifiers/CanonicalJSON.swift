import OrderedCollections
import TextCore

extension JSON {
    /// Bytes that are the same for values that JSON Schema calls equal, and differ for all others.
    ///
    /// Numbers are equal when they are the same number (`1` and `1.0`), texts when their scalars are, objects whatever
    /// the order of their members; a truth value is no number.
    var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        writeCanonical(to: &bytes)
        return bytes
    }

    private func writeCanonical(to bytes: inout [UInt8]) {
        switch self {
        case .null, .bool, .integer, .string: bytes.append(contentsOf: utf8())
        case .number: bytes.append(contentsOf: withSimplestNumber.utf8())
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for element in elements {
                element.writeCanonical(to: &bytes)
                bytes.append(UInt8(ascii: ","))
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (key, value) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                bytes.append(contentsOf: JSON.string(key).utf8())
                bytes.append(UInt8(ascii: ":"))
                value.writeCanonical(to: &bytes)
                bytes.append(UInt8(ascii: ","))
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// This number as a whole one where it is whole (`3` for `3.0`); anything else as it is.
    var withSimplestNumber: JSON {
        if case .number(let value) = self, let whole = Int(exactly: value) { return .integer(whole) }
        return self
    }
}

extension OrderedDictionary<String, JSON> {
    /// Where the member is whose key has the same scalars. (The dictionary takes é for e and an accent.)
    func exactIndex(of key: String) -> Int? {
        guard let index = index(forKey: key), keys[index].isSameText(as: key) else { return nil }
        return index
    }
}

/// A number as people write it: ± digits · 10^exponent, where the digits do not end in 0.
///
/// Binary fractions stand for the shortest decimal that reads back as the same number, so that 0.3 is a multiple of 0.1.
struct ExactDecimal: Hashable {
    let isNegative: Bool
    let digits: UInt64
    let exponent: Int

    /// `nil` when `json` is no finite number.
    init?(_ json: JSON) {
        switch json {
        case .integer(let value): self.init(negative: value < 0, digits: UInt64(value.magnitude), exponent: 0)
        case .number(let value) where value.isFinite: self.init(decimal: "\(value)")
        default: return nil
        }
    }

    private init(negative: Bool, digits: UInt64, exponent: Int) {
        var (digits, exponent) = (digits, exponent)
        while digits > 0, digits.isMultiple(of: 10) {
            digits /= 10
            exponent += 1
        }
        isNegative = negative && digits > 0
        self.digits = digits
        self.exponent = digits == 0 ? 0 : exponent
    }

    /// Reads what Swift prints for a `Double`: `-1.25e-07`, at most 17 digits apart from zeros at the ends.
    private init?(decimal text: String) {
        var digits: UInt64 = 0
        var exponent = 0
        var isFraction = false
        var bytes = text.utf8[...]
        let negative = bytes.first == UInt8(ascii: "-")
        if negative { bytes.removeFirst() }
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
                let (sum, carry) = product.addingReportingOverflow(UInt64(byte & 15))
                guard !overflow, !carry else { return nil }
                digits = sum
                if isFraction { exponent -= 1 }
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "e"):
                guard let power = Int(Substring(bytes)) else { return nil }
                exponent += power
                bytes = bytes[bytes.endIndex...]
            default: return nil
            }
        }
        self.init(negative: negative, digits: digits, exponent: exponent)
    }

    /// Whether this is a whole number times `unit`, which is not 0; exactly.
    func isMultiple(of unit: ExactDecimal) -> Bool {
        guard digits > 0, unit.digits > 0 else { return digits == 0 }
        var shift = exponent - unit.exponent
        guard shift >= 0 else {
            // The unit has zeros at its end that this number has not.
            return false
        }
        var remainder = digits % unit.digits
        while shift > 0, remainder > 0 {
            let product = remainder.multipliedFullWidth(by: 10)
            remainder = unit.digits.dividingFullWidth(product).remainder
            shift -= 1
        }
        return remainder == 0
    }
}
