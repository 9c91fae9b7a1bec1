import OrderedCollections

// What can be done with values: text, elements, attributes, equality, order.
extension Interpreter {
    /// The value as printing shows it: a string as it is, everything else as Python's `str`.
    func text(of value: Value) throws -> String {
        switch value {
        case .string(let text): return text
        case .undefined: return ""
        default:
            var result = ""
            try appendRepresentation(of: value, to: &result)
            try spend(bytes: result.utf8.count)
            return result
        }
    }

    func representation(of value: Value) throws -> String {
        var result = ""
        try appendRepresentation(of: value, to: &result)
        return result
    }

    private func appendRepresentation(of value: Value, to result: inout String) throws {
        try spend(1)
        switch value {
        case .undefined: result += "Undefined"
        case .none: result += "None"
        case .bool(let flag): result += flag ? "True" : "False"
        case .integer(let number): result += String(number)
        case .double(let number): result += pythonRepresentation(of: number)
        case .string(let text):
            try spend(bytes: text.utf8.count + result.utf8.count / 16)
            result += pythonRepresentation(of: text)
        case .sequence(let sequence): try appendRepresentation(of: sequence, to: &result)
        case .dictionary(let dictionary):
            try append("{", dictionary.members.elements, "}", to: &result) { member, result in
                try self.appendRepresentation(of: member.key.value, to: &result)
                result += ": "
                try self.appendRepresentation(of: member.value, to: &result)
            }
        case .generator: result += "<generator object>"
        case .namespace: result += "<Namespace>"
        case .loop(let state): result += "<LoopContext \(state.index + 1)/\(state.elements.count)>"
        case .callable(let callable): result += callable.representation
        }
        if result.utf8.count > limits.outputBytes { try spend(bytes: result.utf8.count) }
    }

    private func appendRepresentation(of sequence: SequenceValue, to result: inout String) throws {
        let brackets: (String, String)
        switch sequence.kind {
        case .list: brackets = ("[", "]")
        case .tuple: brackets = ("(", sequence.elements.count == 1 ? ",)" : ")")
        case .keys: brackets = ("dict_keys([", "])")
        case .values: brackets = ("dict_values([", "])")
        case .items: brackets = ("dict_items([", "])")
        case .range(let start, let stop, let step):
            result += step == 1 ? "range(\(start), \(stop))" : "range(\(start), \(stop), \(step))"
            return
        }
        try append(brackets.0, sequence.elements, brackets.1, to: &result) { element, result in
            try self.appendRepresentation(of: element, to: &result)
        }
    }

    private func append<Elements: Collection>(
        _ opening: String, _ elements: Elements, _ closing: String, to result: inout String,
        body: (Elements.Element, inout String) throws -> Void
    ) throws {
        result += opening
        var isFirst = true
        for element in elements {
            if !isFirst { result += ", " }
            isFirst = false
            try body(element, &result)
        }
        result += closing
    }

    // MARK: Elements

    /// What iterating over the value gives.
    func elements(of value: Value) throws -> [Value] {
        let elements: [Value]
        switch value {
        case .sequence(let sequence): elements = sequence.elements
        case .dictionary(let dictionary): elements = dictionary.members.keys.map(\.value)
        case .string(let text):
            try checkCount(ofScalarsIn: text)
            elements = text.unicodeScalars.map { .string(String($0)) }
        case .generator(let generator): elements = generator.rest()
        case .undefined: return []
        default: throw TemplateFailure.type("'\(value.typeName)' object is not iterable")
        }
        try spend(elements.count / 8)
        return elements
    }

    /// A text that is taken apart takes many times its own memory.
    private func checkCount(ofScalarsIn text: String) throws {
        guard text.utf8.count <= SequenceValue.largestCount else {
            throw TemplateFailure(
                .limit, "a text of more than \(SequenceValue.largestCount) bytes taken apart, the limit")
        }
    }

    /// Python's `len`.
    func length(of value: Value) throws -> Int {
        switch value {
        case .string(let text): return text.codePointCount
        case .sequence(let sequence): return sequence.elements.count
        case .dictionary(let dictionary): return dictionary.members.count
        case .undefined: return 0
        case .loop(let state): return state.elements.count
        default: throw TemplateFailure.type("object of type '\(value.typeName)' has no len()")
        }
    }

    /// `value[key]`: the element first, then the attribute of that name.
    func item(_ key: Value, of value: Value) throws -> Value {
        if let found = try element(key, of: value) { return found }
        if case .string(let name) = key { return try attribute(name, of: value, triesElements: false) }
        return .undefined(.element(try representation(of: key), of: value.ownerName))
    }

    /// `value.name`: the attribute first, then the element of that name.
    func attribute(_ name: String, of value: Value, triesElements: Bool = true) throws -> Value {
        switch value {
        case .undefined(let reason): throw reason.failure
        case .namespace(let namespace):
            if let found = namespace.attributes[name] { return found }
        case .loop(let state):
            if let found = try loopAttribute(name, of: state) { return found }
        case .callable(let callable):
            if let found = callable.attributes[name] { return found }
        default:
            if let method = Methods.bind(name, to: value) { return method }
        }
        if name.hasPrefix("__"), name.hasSuffix("__") { return .undefined(.unsafe(name, of: value.typeName)) }
        if triesElements, let found = try element(.string(name), of: value) { return found }
        return .undefined(.attribute(name, of: value.ownerName))
    }

    private func element(_ key: Value, of value: Value) throws -> Value? {
        switch value {
        case .undefined(let reason): throw reason.failure
        case .dictionary(let dictionary):
            guard let key = try? Key(key) else { return nil }
            return dictionary.members[key]
        case .sequence(let sequence):
            switch sequence.kind {
            case .list, .tuple, .range: break
            default: return nil
            }
            guard let index = key.wholeNumber else { return nil }
            let position = index < 0 ? index + sequence.elements.count : index
            return sequence.elements.indices.contains(position) ? sequence.elements[position] : nil
        case .string(let text):
            guard let index = key.wholeNumber else { return nil }
            try spend(text.utf8.count / 64)
            let scalars = text.unicodeScalars
            let start = index < 0 ? scalars.endIndex : scalars.startIndex
            let limit = index < 0 ? scalars.startIndex : scalars.endIndex
            guard let found = scalars.index(start, offsetBy: index, limitedBy: limit), found < scalars.endIndex
            else { return nil }
            return .string(String(scalars[found]))
        default: return nil
        }
    }

    private func loopAttribute(_ name: String, of state: LoopState) throws -> Value? {
        let count = state.elements.count
        let index = state.index
        switch name {
        case "index": return .integer(index + 1)
        case "index0": return .integer(index)
        case "revindex": return .integer(count - index)
        case "revindex0": return .integer(count - index - 1)
        case "first": return .bool(index == 0)
        case "last": return .bool(index == count - 1)
        case "length": return .integer(count)
        case "depth": return .integer(state.level)
        case "depth0": return .integer(state.level - 1)
        case "previtem":
            return index > 0 ? state.elements[index - 1] : .undefined(.because("there is no previous item"))
        case "nextitem":
            return index + 1 < count ? state.elements[index + 1] : .undefined(.because("there is no next item"))
        case "cycle":
            return .callable(
                Callable("<bound method LoopContext.cycle>", depth: state.depth + 1) { _, arguments in
                    guard !arguments.positional.isEmpty else {
                        throw TemplateFailure.type("no items for cycling given")
                    }
                    return arguments.positional[state.index % arguments.positional.count]
                })
        case "changed":
            return .callable(
                Callable("<bound method LoopContext.changed>", depth: state.depth + 1) { interpreter, arguments in
                    let current = arguments.positional
                    defer { state.lastChanged = current }
                    guard let last = state.lastChanged, last.count == current.count else { return .bool(true) }
                    for (old, new) in zip(last, current) where try !interpreter.areEqual(old, new) {
                        return .bool(true)
                    }
                    return .bool(false)
                })
        default: return nil
        }
    }

    /// `value[start:stop:step]`.
    func slice(_ value: Value, start: Value, stop: Value, step: Value) throws -> Value {
        func bound(_ value: Value) throws -> Int? {
            if case .none = value { return nil }
            guard let number = value.wholeNumber else {
                throw TemplateFailure.type("slice indices must be integers or None or have an __index__ method")
            }
            return number
        }
        let step = try bound(step) ?? 1
        if step == 0 { throw TemplateFailure.type("slice step cannot be zero") }
        let start = try bound(start)
        let stop = try bound(stop)
        func picked<Element>(_ elements: [Element]) throws -> [Element] {
            try spend(elements.count / 8)
            return sliceIndices(count: elements.count, start: start, stop: stop, step: step).map { elements[$0] }
        }
        switch value {
        case .string(let text):
            var scalars = String.UnicodeScalarView()
            try checkCount(ofScalarsIn: text)
            scalars.append(contentsOf: try picked(Array(text.unicodeScalars)))
            return .string(String(scalars))
        case .sequence(let sequence):
            switch sequence.kind {
            case .tuple: return try .tuple(picked(sequence.elements))
            case .list, .range: return try .list(picked(sequence.elements))
            default: break
            }
        case .undefined(let reason): throw reason.failure
        default: break
        }
        return .undefined(.element("slice", of: value.ownerName))
    }

    private func sliceIndices(count: Int, start: Int?, stop: Int?, step: Int) -> [Int] {
        func clamped(_ index: Int?, _ fallback: Int) -> Int {
            guard let index else { return fallback }
            let absolute = index < 0 ? max(index, -count - 1) + count : min(index, count)
            return step > 0 ? min(max(absolute, 0), count) : min(max(absolute, -1), count - 1)
        }
        let first = clamped(start, step > 0 ? 0 : count - 1)
        let last = clamped(stop, step > 0 ? count : -1)
        // A step beyond the count picks one element at most; bounding it keeps the addition from overflowing.
        let stride = max(-count - 1, min(step, count + 1))
        return Array(Swift.stride(from: first, to: last, by: stride))
    }

    // MARK: Comparing

    func areEqual(_ left: Value, _ right: Value) throws -> Bool {
        try spend(1)
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let a), .string(let b)): return sameCodePoints(a, b)
        case (.sequence(let a), .sequence(let b)):
            switch (a.kind, b.kind) {
            case (.list, .list), (.tuple, .tuple), (.range, .range), (.keys, .keys): break
            default: return false
            }
            guard a.elements.count == b.elements.count else { return false }
            for (x, y) in zip(a.elements, b.elements) where try !areEqual(x, y) { return false }
            return true
        case (.dictionary(let a), .dictionary(let b)):
            guard a.members.count == b.members.count else { return false }
            for (key, value) in a.members {
                guard let other = b.members[key], try areEqual(value, other) else { return false }
            }
            return true
        case (.generator(let a), .generator(let b)): return a === b
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.loop(let a), .loop(let b)): return a === b
        case (.callable(let a), .callable(let b)): return a === b
        default:
            if let a = left.wholeNumber, let b = right.wholeNumber { return a == b }
            if let a = left.number, let b = right.number { return a == b }
            return false
        }
    }

    func isLess(_ left: Value, _ right: Value, spelling: String = "<") throws -> Bool {
        try spend(1)
        switch (left, right) {
        case (.undefined(let reason), _), (_, .undefined(let reason)): throw reason.failure
        case (.string(let a), .string(let b)): return a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.sequence(let a), .sequence(let b)) where a.kind == b.kind && (a.kind == .list || a.kind == .tuple):
            for (x, y) in zip(a.elements, b.elements) where try !areEqual(x, y) {
                return try isLess(x, y, spelling: spelling)
            }
            return a.elements.count < b.elements.count
        default:
            if let a = left.wholeNumber, let b = right.wholeNumber { return a < b }
            if let a = left.number, let b = right.number { return a < b }
            throw TemplateFailure.type(
                "'\(spelling)' not supported between instances of '\(left.typeName)' and '\(right.typeName)'")
        }
    }

    func holds(_ comparison: Comparison, _ left: Value, _ right: Value) throws -> Bool {
        switch comparison {
        case .equal: return try areEqual(left, right)
        case .notEqual: return try !areEqual(left, right)
        case .less: return try isLess(left, right)
        case .greater: return try isLess(right, left, spelling: ">")
        case .lessOrEqual: return try isAtMost(left, right, spelling: "<=")
        case .greaterOrEqual: return try isAtMost(right, left, spelling: ">=")
        case .contained: return try contains(right, left)
        case .notContained: return try !contains(right, left)
        }
    }

    private func isAtMost(_ left: Value, _ right: Value, spelling: String) throws -> Bool {
        if let a = left.number, let b = right.number, a.isNaN || b.isNaN { return false }
        return try !isLess(right, left, spelling: spelling)
    }

    /// Python's `element in container`.
    func contains(_ container: Value, _ element: Value) throws -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = element else {
                if case .undefined(let reason) = element { throw reason.failure }
                throw TemplateFailure.type(
                    "'in <string>' requires string as left operand, not \(element.typeName)")
            }
            try spend(text.utf8.count / 64)
            return firstOccurrence(of: Array(part.utf8), in: Array(text.utf8), from: 0) != nil
        case .dictionary(let dictionary): return dictionary.members[try Key(element)] != nil
        case .sequence, .generator, .undefined:
            for candidate in try elements(of: container) where try areEqual(candidate, element) { return true }
            return false
        default: throw TemplateFailure.type("argument of type '\(container.typeName)' is not iterable")
        }
    }
}
