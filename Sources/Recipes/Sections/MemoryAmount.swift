import Foundation
import TextCore

/// An amount of memory: a size, or a share of what the machine has.
public enum MemoryAmount: Sendable, Hashable {
    case bytes(Int)
    /// In (0, 1].
    case share(Double)

    /// The amount where so much is there.
    func bytes(of available: Int) -> Int {
        switch self {
        case .bytes(let bytes): min(bytes, available)
        case .share(let share): Int(share * Double(available))
        }
    }

    private static let units: [String: Double] = [
        "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 0x1p10, "mib": 0x1p20, "gib": 0x1p30,
        "tib": 0x1p40,
    ]

    /// `8GiB`, `500 MB`, `75%`; `nil` for anything else.
    init?(_ text: String) {
        let trimmed = text.trimmingCharacters(in: .whitespaces)
        if trimmed.hasSuffix("%") {
            guard let percent = Double(trimmed.dropLast()), percent > 0, percent <= 100 else { return nil }
            self = .share(percent / 100)
            return
        }
        let digits = trimmed.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        let unit = trimmed.dropFirst(digits.count).trimmingCharacters(in: .whitespaces).lowercased()
        guard let number = Double(digits), let factor = Self.units[unit], number * factor >= 1,
            number * factor < 0x1p62
        else { return nil }
        self = .bytes(Int(number * factor))
    }
}

extension MemoryAmount: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: [
                "anyOf": [
                    ["type": "string", "minLength": 2], ["type": "number", "exclusiveMinimum": 0, "maximum": 1],
                ]
            ], expected: "a size with its unit, or a share")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> MemoryAmount? {
        if let text = node.string, let amount = MemoryAmount(text) { return amount }
        switch node.scalar {
        case .number(let share) where share > 0 && share <= 1: return .share(share)
        case .integer(1): return .share(1)
        default:
            decoder.reportType(node, expected: shape.expected, example: "8GiB")
            return nil
        }
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        switch self {
        case .share(let share): .number(share)
        case .bytes(let bytes): .string(bytes % (1 << 20) == 0 ? "\(bytes >> 20)MiB" : "\(bytes)B")
        }
    }
}
