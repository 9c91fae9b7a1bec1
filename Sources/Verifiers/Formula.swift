import Foundation

/// Why a formula has no value.
public struct FormulaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The text is no formula.
        case parse
        /// A name stands for nothing.
        case unknownVariable = "unknown_variable"
        /// A division by zero.
        case divisionByZero = "division_by_zero"
        /// A value that is no finite number, such as the logarithm of 0.
        case notFinite = "not_finite"
    }

    /// What went wrong.
    public let kind: Kind
    /// What happened and where.
    public let message: String

    public var description: String { message }
}

/// An arithmetic formula over named numbers, such as `0.8 * correct + 0.2 * min(format, 1)`.
///
/// It is made of numbers, names (a letter or `_`, then letters, digits and `_`), `+ - * / ^`, parentheses, and the
/// functions `min` and `max` of one or more values and `abs floor ceil exp sqrt log` (natural) of one. `^` binds
/// strongest and to the right, and a sign less than it: `-2^2` is -4 and `2^-1` a half. A value that is not finite, at
/// any place, is an error.
public struct Formula: Sendable {
    private enum Step: Sendable {
        case number(Double)
        case variable(Int)
        case negate
        case binary(UInt8)
        case function(Function, arguments: Int)
    }

    private enum Function: String {
        case min, max, abs, floor, ceil, exp, sqrt, log

        var takesMany: Bool { self == .min || self == .max }
    }

    /// The formula as it was written.
    public let text: String
    /// The names in it, in order of their first use.
    public let variables: [String]
    /// What is done, operands before operators.
    private let steps: [Step]

    /// Nesting of parentheses, functions, signs and powers, at most.
    static let depthLimit = 64
    private static let byteLimit = 10_000

    /// Whether a text may be a name in a formula.
    public static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, Parser.isLetter(first), Function(rawValue: text) == nil else { return false }
        return bytes.allSatisfy { Parser.isLetter($0) || Parser.isDigit($0) }
    }

    /// Reads a formula.
    ///
    /// - Parameter known: the names that may occur.
    /// - Throws: `FormulaError` of kind `parse`, or `unknownVariable` for another name.
    public init(_ text: String, variables known: some Sequence<String>) throws(FormulaError) {
        guard text.utf8.count <= Self.byteLimit else {
            throw FormulaError(kind: .parse, message: "a formula has at most \(Self.byteLimit) bytes")
        }
        var parser = Parser(bytes: Array(text.utf8))
        try parser.sum(depth: 0)
        parser.skipSpaces()
        guard parser.position == parser.bytes.count else { throw parser.error("an operator is expected") }
        let known = Set(known)
        for name in parser.names where !known.contains(name) {
            throw FormulaError(
                kind: .unknownVariable,
                message: "'\(name)' stands for nothing; known: \(known.sorted().joined(separator: ", "))")
        }
        self.text = text
        variables = parser.names
        steps = parser.steps
    }

    /// The value with a number for each name.
    ///
    /// - Precondition: every name of `variables` has one.
    /// - Throws: `FormulaError` of kind `divisionByZero` or `notFinite`.
    public func value(_ numbers: [String: Double]) throws(FormulaError) -> Double {
        let numbers = variables.map { name in
            guard let number = numbers[name] else { preconditionFailure("no value for '\(name)' in \(text)") }
            return number
        }
        var stack: [Double] = []
        for step in steps {
            let result: Double
            switch step {
            case .number(let number): result = number
            case .variable(let index): result = numbers[index]
            case .negate: result = -stack.removeLast()
            case .binary(let symbol):
                let right = stack.removeLast()
                result = try Self.result(of: symbol, stack.removeLast(), right)
            case .function(let function, let count):
                let arguments = Array(stack.suffix(count))
                stack.removeLast(count)
                result = Self.result(of: function, arguments)
            }
            guard result.isFinite else {
                throw FormulaError(kind: .notFinite, message: "a part of \(text) is not a finite number (\(result))")
            }
            stack.append(result)
        }
        return stack[0]
    }

    private static func result(of symbol: UInt8, _ left: Double, _ right: Double) throws(FormulaError) -> Double {
        switch symbol {
        case UInt8(ascii: "+"): return left + right
        case UInt8(ascii: "-"): return left - right
        case UInt8(ascii: "*"): return left * right
        case UInt8(ascii: "^"): return pow(left, right)
        default:
            guard right != 0 else {
                throw FormulaError(kind: .divisionByZero, message: "\(left) is divided by zero")
            }
            return left / right
        }
    }

    private static func result(of function: Function, _ arguments: [Double]) -> Double {
        switch function {
        case .min: arguments.dropFirst().reduce(arguments[0]) { Swift.min($0, $1) }
        case .max: arguments.dropFirst().reduce(arguments[0]) { Swift.max($0, $1) }
        case .abs: Swift.abs(arguments[0])
        case .floor: arguments[0].rounded(.down)
        case .ceil: arguments[0].rounded(.up)
        case .exp: Foundation.exp(arguments[0])
        case .sqrt: arguments[0].squareRoot()
        case .log: Foundation.log(arguments[0])
        }
    }

    /// Reads by recursive descent and writes the steps in the order in which they are done.
    private struct Parser {
        let bytes: [UInt8]
        var position = 0
        var steps: [Step] = []
        var names: [String] = []

        static func isLetter(_ byte: UInt8) -> Bool {
            let small = byte | 0x20
            return (small >= UInt8(ascii: "a") && small <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
        }

        static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

        private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

        init(bytes: [UInt8]) { self.bytes = bytes }

        func error(_ message: String) -> FormulaError {
            let found = current.map { byte in
                byte < 0x80 ? "'\(Character(Unicode.Scalar(byte)))'" : "a character that is not ASCII"
            }
            return FormulaError(
                kind: .parse,
                message: "\(message) at byte \(position + 1), and \(found ?? "the end") is there")
        }

        mutating func skipSpaces() {
            while let byte = current, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
        }

        private mutating func take(_ symbol: Unicode.Scalar) -> Bool {
            skipSpaces()
            guard current == UInt8(ascii: symbol) else { return false }
            position += 1
            return true
        }

        private mutating func takeOne(of symbols: StaticString) -> UInt8? {
            skipSpaces()
            guard let byte = current, "\(symbols)".utf8.contains(byte) else { return nil }
            position += 1
            return byte
        }

        mutating func sum(depth: Int) throws(FormulaError) {
            guard depth < Formula.depthLimit else { throw error("nested deeper than \(Formula.depthLimit)") }
            try product(depth: depth)
            while let symbol = takeOne(of: "+-") {
                try product(depth: depth)
                steps.append(.binary(symbol))
            }
        }

        private mutating func product(depth: Int) throws(FormulaError) {
            try signed(depth: depth)
            while let symbol = takeOne(of: "*/") {
                try signed(depth: depth)
                steps.append(.binary(symbol))
            }
        }

        private mutating func signed(depth: Int) throws(FormulaError) {
            guard depth < Formula.depthLimit else { throw error("nested deeper than \(Formula.depthLimit)") }
            guard let sign = takeOne(of: "+-") else { return try power(depth: depth) }
            try signed(depth: depth + 1)
            if sign == UInt8(ascii: "-") { steps.append(.negate) }
        }

        private mutating func power(depth: Int) throws(FormulaError) {
            try primary(depth: depth)
            guard take("^") else { return }
            try signed(depth: depth + 1)
            steps.append(.binary(UInt8(ascii: "^")))
        }

        private mutating func primary(depth: Int) throws(FormulaError) {
            if take("(") {
                try sum(depth: depth + 1)
                guard take(")") else { throw error("')' is expected") }
                return
            }
            guard let byte = current else { throw error("a value is expected") }
            if Self.isDigit(byte) || byte == UInt8(ascii: ".") { return try number() }
            guard Self.isLetter(byte) else { throw error("a value is expected") }
            let start = position
            while let byte = current, Self.isLetter(byte) || Self.isDigit(byte) { position += 1 }
            let name = String(decoding: bytes[start..<position], as: UTF8.self)
            if take("(") { return try call(name, depth: depth) }
            guard Function(rawValue: name) == nil else { throw error("'(' is expected after \(name)") }
            let index = names.firstIndex(of: name) ?? names.count
            if index == names.count { names.append(name) }
            steps.append(.variable(index))
        }

        private mutating func call(_ name: String, depth: Int) throws(FormulaError) {
            guard let function = Function(rawValue: name) else {
                throw FormulaError(
                    kind: .parse,
                    message: "there is no function '\(name)'; known: min, max, abs, floor, ceil, exp, sqrt, log")
            }
            var count = 0
            repeat {
                try sum(depth: depth + 1)
                count += 1
            } while take(",")
            guard take(")") else { throw error("')' is expected") }
            guard function.takesMany || count == 1 else {
                throw FormulaError(kind: .parse, message: "\(name) takes one value, and \(count) are given")
            }
            steps.append(.function(function, arguments: count))
        }

        private mutating func number() throws(FormulaError) {
            let start = position
            while let byte = current, Self.isDigit(byte) || byte == UInt8(ascii: ".") { position += 1 }
            if let byte = current, byte | 0x20 == UInt8(ascii: "e") {
                position += 1
                if let sign = current, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
                while let byte = current, Self.isDigit(byte) { position += 1 }
            }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            guard let value = Double(text), value.isFinite else {
                throw FormulaError(kind: .parse, message: "'\(text)' is no number")
            }
            steps.append(.number(value))
        }
    }
}
