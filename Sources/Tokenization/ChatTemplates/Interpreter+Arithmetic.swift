import Foundation

// Python's arithmetic on 64-bit integers and floats; what does not fit is an error, not another number.
extension Interpreter {
    func signed(_ value: Value, negative: Bool) throws -> Value {
        if let number = value.wholeNumber {
            guard negative else { return .integer(number) }
            let (result, overflow) = (0).subtractingReportingOverflow(number)
            if overflow { throw tooLarge }
            return .integer(result)
        }
        if case .double(let number) = value { return .double(negative ? -number : number) }
        if case .undefined(let reason) = value { throw reason.failure }
        throw TemplateFailure.type("bad operand type for unary \(negative ? "-" : "+"): '\(value.typeName)'")
    }

    private var tooLarge: TemplateFailure { .type("the result does not fit 64 bits") }

    func arithmetic(_ symbol: Symbol, _ left: Value, _ right: Value) throws -> Value {
        if case .undefined(let reason) = left { throw reason.failure }
        if case .undefined(let reason) = right { throw reason.failure }
        if let a = left.wholeNumber, let b = right.wholeNumber { return try integerArithmetic(symbol, a, b) }
        if let a = left.number, let b = right.number { return .double(try floatArithmetic(symbol, a, b)) }
        switch symbol {
        case .plus: return try joined(left, right)
        case .multiply:
            if let count = right.wholeNumber { return try repeated(left, count: count, other: right) }
            if let count = left.wholeNumber { return try repeated(right, count: count, other: left) }
        case .remainder:
            if case .string(let format) = left { return .string(try percentFormat(format, right)) }
        default: break
        }
        throw unsupported(symbol, left, right)
    }

    private func unsupported(_ symbol: Symbol, _ left: Value, _ right: Value) -> TemplateFailure {
        let spelling = symbol == .power ? "** or pow()" : symbol.rawValue
        return .type("unsupported operand type(s) for \(spelling): '\(left.typeName)' and '\(right.typeName)'")
    }

    private func integerArithmetic(_ symbol: Symbol, _ left: Int, _ right: Int) throws -> Value {
        let result: (partialValue: Int, overflow: Bool)
        switch symbol {
        case .plus: result = left.addingReportingOverflow(right)
        case .minus: result = left.subtractingReportingOverflow(right)
        case .multiply: result = left.multipliedReportingOverflow(by: right)
        case .divide: return .double(try floatArithmetic(.divide, Double(left), Double(right)))
        case .floorDivide, .remainder:
            guard right != 0 else { throw TemplateFailure.type("integer division or modulo by zero") }
            if right == -1 { return symbol == .remainder ? .integer(0) : try signed(.integer(left), negative: true) }
            let (quotient, remainder) = left.quotientAndRemainder(dividingBy: right)
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            return .integer(
                symbol == .remainder ? (isBelow ? remainder + right : remainder) : quotient - (isBelow ? 1 : 0))
        case .power: return try power(left, right)
        default: throw unsupported(symbol, .integer(left), .integer(right))
        }
        if result.overflow { throw tooLarge }
        return .integer(result.partialValue)
    }

    private func power(_ base: Int, _ exponent: Int) throws -> Value {
        if exponent < 0 {
            if base == 0 { throw TemplateFailure.type("0.0 cannot be raised to a negative power") }
            return .double(pow(Double(base), Double(exponent)))
        }
        if (-1...1).contains(base) {
            return .integer(base == -1 ? (exponent % 2 == 0 ? 1 : -1) : exponent == 0 ? 1 : base)
        }
        guard exponent < 64 else { throw tooLarge }
        var result = 1
        for _ in 0..<exponent {
            let (product, overflow) = result.multipliedReportingOverflow(by: base)
            if overflow { throw tooLarge }
            result = product
        }
        return .integer(result)
    }

    private func floatArithmetic(_ symbol: Symbol, _ left: Double, _ right: Double) throws -> Double {
        switch symbol {
        case .plus: return left + right
        case .minus: return left - right
        case .multiply: return left * right
        case .divide:
            if right == 0 { throw TemplateFailure.type("division by zero") }
            return left / right
        case .floorDivide:
            if right == 0 { throw TemplateFailure.type("float floor division by zero") }
            let remainder = try floatArithmetic(.remainder, left, right)
            return ((left - remainder) / right).rounded()
        case .remainder:
            if right == 0 { throw TemplateFailure.type("float modulo") }
            let remainder = fmod(left, right)
            if remainder == 0 { return right < 0 ? -0.0 : 0.0 }
            return (remainder < 0) != (right < 0) ? remainder + right : remainder
        case .power:
            if left == 0, right < 0 { throw TemplateFailure.type("0.0 cannot be raised to a negative power") }
            let result = pow(left, right)
            if result.isNaN, !left.isNaN, !right.isNaN { throw TemplateFailure.type("the power is no real number") }
            return result
        default: throw unsupported(symbol, .double(left), .double(right))
        }
    }

    private func joined(_ left: Value, _ right: Value) throws -> Value {
        switch (left, right) {
        case (.string(let a), .string(let b)):
            try spend(bytes: a.utf8.count + b.utf8.count)
            return .string(a + b)
        case (.sequence(let a), .sequence(let b)) where a.kind == b.kind && (a.kind == .list || a.kind == .tuple):
            try spend(a.elements.count + b.elements.count)
            guard a.elements.count + b.elements.count <= limits.rangeElements else {
                throw TemplateFailure(.limit, "a list of more than \(limits.rangeElements) elements, the limit")
            }
            return .sequence(try SequenceValue(a.kind, a.elements + b.elements))
        case (.string, _):
            throw TemplateFailure.type("can only concatenate str (not \"\(right.typeName)\") to str")
        case (.sequence(let a), _) where a.kind == .list || a.kind == .tuple:
            throw TemplateFailure.type(
                "can only concatenate \(left.typeName) (not \"\(right.typeName)\") to \(left.typeName)")
        default: throw unsupported(.plus, left, right)
        }
    }

    private func repeated(_ value: Value, count: Int, other: Value) throws -> Value {
        switch value {
        case .string(let text): return .string(try repeated(text, count: count))
        case .sequence(let sequence) where sequence.kind == .list || sequence.kind == .tuple:
            guard count > 0, !sequence.elements.isEmpty else { return .sequence(try SequenceValue(sequence.kind, [])) }
            let (total, overflow) = sequence.elements.count.multipliedReportingOverflow(by: count)
            guard !overflow, total <= limits.rangeElements else {
                throw TemplateFailure(
                    .limit, "a repetition makes more than \(limits.rangeElements) elements, the limit")
            }
            try spend(total)
            return .sequence(
                try SequenceValue(sequence.kind, Array(repeatElement(sequence.elements, count: count).joined())))
        default: throw unsupported(.multiply, value, other)
        }
    }

    /// `text` several times after itself, within the limit on repetitions.
    func repeated(_ text: String, count: Int) throws -> String {
        guard count > 0, !text.isEmpty else { return "" }
        let (total, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
        guard !overflow, total <= limits.repetitionBytes else {
            throw TemplateFailure(
                .limit,
                "a repetition, padding or indentation makes more than \(limits.repetitionBytes) bytes, the limit")
        }
        try spend(bytes: total)
        return String(repeating: text, count: count)
    }
}
