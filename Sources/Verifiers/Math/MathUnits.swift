/// Units of measure by their names, as far as two answers may be told apart by them.
enum MathUnits {
    /// The one name of a known unit; `nil` for words that are no unit known here.
    static func canonical(_ unit: String) -> String? {
        var text = unit.lowercased().filter { $0 != "." }
        if let known = names[text] { return known }
        for (words, power) in [("square ", "^2"), ("sq ", "^2"), ("cubic ", "^3"), ("cu ", "^3")]
        where text.hasPrefix(words) {
            text = String(text.dropFirst(words.count)) + power
        }
        let parts = text.replacing(" per ", with: "/").split(separator: "/", omittingEmptySubsequences: false)
        var known: [String] = []
        for part in parts {
            let pieces = part.split(separator: "^", maxSplits: 1)
            guard let first = pieces.first, let name = names[String(first).trimmed] else { return nil }
            known.append(pieces.count == 2 ? "\(name)^\(pieces[1])" : name)
        }
        return known.joined(separator: "/")
    }

    private static let names: [String: String] = {
        let aliases: [String: [String]] = [
            "m": ["m", "meter", "meters", "metre", "metres"],
            "cm": ["cm", "centimeter", "centimeters", "centimetre", "centimetres"],
            "mm": ["mm", "millimeter", "millimeters", "millimetre", "millimetres"],
            "km": ["km", "kilometer", "kilometers", "kilometre", "kilometres"],
            "in": ["in", "inch", "inches"], "ft": ["ft", "foot", "feet"], "yd": ["yd", "yard", "yards"],
            "mi": ["mi", "mile", "miles"], "mi/h": ["mph"], "g": ["g", "gram", "grams"],
            "kg": ["kg", "kilogram", "kilograms"], "mg": ["mg", "milligram", "milligrams"],
            "lb": ["lb", "lbs", "pound", "pounds"], "oz": ["oz", "ounce", "ounces"],
            "l": ["l", "liter", "liters", "litre", "litres"], "ml": ["ml", "milliliter", "milliliters"],
            "s": ["s", "sec", "secs", "second", "seconds"], "min": ["min", "mins", "minute", "minutes"],
            "h": ["h", "hr", "hrs", "hour", "hours"], "day": ["day", "days"], "week": ["week", "weeks"],
            "month": ["month", "months"], "year": ["year", "years"],
            "dollar": ["dollar", "dollars", "usd"], "cent": ["cent", "cents"],
            "base 2": ["base 2", "base two"], "base 3": ["base 3", "base three"], "base 4": ["base 4", "base four"],
            "base 5": ["base 5", "base five"], "base 6": ["base 6", "base six"], "base 7": ["base 7", "base seven"],
            "base 8": ["base 8", "base eight"], "base 9": ["base 9", "base nine"], "base 10": ["base 10", "base ten"],
            "base 12": ["base 12"], "base 16": ["base 16"],
        ]
        var names: [String: String] = [:]
        for (unit, words) in aliases { for word in words { names[word] = unit } }
        return names
    }()
}
