/// An expression of whole numbers, `+ - * /`, parentheses and spaces, and its exact value. No signs, no powers, no
/// names: nothing is run, and the work is bounded by the length.
struct ArithmeticExpression {
    /// The longest text that is read, bytes.
    static let longest = 256
    /// The deepest nesting that is read.
    static let deepest = 32

    let value: Rational
    /// The numbers, as they come.
    private(set) var numbers: [Int] = []
    /// The operators used.
    private(set) var operators: Set<Character> = []

    /// `nil` when the text is something else, divides by zero, or holds numbers too large to be exact.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.longest else { return nil }
        var reader = Reader(bytes: bytes)
        guard let value = reader.sum(depth: 0), reader.next == nil else { return nil }
        self.value = value
        numbers = reader.numbers
        operators = reader.operators
    }

    private struct Reader {
        let bytes: [UInt8]
        var place = 0
        var numbers: [Int] = []
        var operators: Set<Character> = []

        init(bytes: [UInt8]) { self.bytes = bytes }

        /// The next byte that is no space.
        var next: UInt8? {
            mutating get {
                while place < bytes.count, bytes[place] == UInt8(ascii: " ") { place += 1 }
                return place < bytes.count ? bytes[place] : nil
            }
        }

        mutating func sum(depth: Int) -> Rational? {
            guard var value = product(depth: depth) else { return nil }
            while let sign = next, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                take(sign)
                guard let right = product(depth: depth),
                    let result = sign == UInt8(ascii: "+") ? value + right : value - right
                else { return nil }
                value = result
            }
            return value
        }

        mutating func product(depth: Int) -> Rational? {
            guard var value = operand(depth: depth) else { return nil }
            while let sign = next, sign == UInt8(ascii: "*") || sign == UInt8(ascii: "/") {
                take(sign)
                guard let right = operand(depth: depth),
                    let result = sign == UInt8(ascii: "*") ? value * right : value / right
                else { return nil }
                value = result
            }
            return value
        }

        mutating func operand(depth: Int) -> Rational? {
            guard let byte = next else { return nil }
            if byte == UInt8(ascii: "(") {
                guard depth < ArithmeticExpression.deepest else { return nil }
                place += 1
                guard let value = sum(depth: depth + 1), next == UInt8(ascii: ")") else { return nil }
                place += 1
                return value
            }
            let start = place
            var number = 0
            while place < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) {
                number = number * 10 + Int(bytes[place] - UInt8(ascii: "0"))
                place += 1
                guard place - start <= 9 else { return nil }
            }
            // No digit is no number, and 07 is none either.
            guard place > start, place == start + 1 || byte != UInt8(ascii: "0") else { return nil }
            numbers.append(number)
            return Rational(number)
        }

        private mutating func take(_ sign: UInt8) {
            operators.insert(Character(Unicode.Scalar(sign)))
            place += 1
        }
    }
}
