import OrderedCollections

extension Filters {
    static let collectionFilters: [String: Body] = {
        let length: Body = { interpreter, value, _ in .integer(try interpreter.length(of: value)) }
        let fallback: Body = { _, value, arguments in
            let values = try arguments.bound("default", ["default_value", "boolean"])
            let isMissing = value.isUndefined || (values[1]?.isTrue ?? false) && !value.isTrue
            return isMissing ? values[0] ?? .string("") : value
        }
        return [
            "length": length, "count": length,
            "default": fallback, "d": fallback,
            "list": { interpreter, value, _ in try .list(interpreter.elements(of: value)) },
            "first": { interpreter, value, _ in
                if case .generator(let generator) = value {
                    return generator.next() ?? .undefined(.because("No first item, sequence was empty."))
                }
                return try interpreter.elements(of: value).first
                    ?? .undefined(.because("No first item, sequence was empty."))
            },
            "last": { interpreter, value, _ in
                if case .generator = value { throw TemplateFailure.type("'generator' object is not reversible") }
                return try interpreter.elements(of: value).last
                    ?? .undefined(.because("No last item, sequence was empty."))
            },
            "join": { interpreter, value, arguments in
                let values = try arguments.bound("join", ["d", "attribute"])
                var elements = try interpreter.elements(of: value)
                if let path = values[1], !isNone(path) {
                    elements = try elements.map { try interpreter.value(at: path, of: $0) }
                }
                return .string(
                    try interpreter.join(
                        elements.map(interpreter.text(of:)), with: interpreter.text(of: values[0] ?? .string(""))))
            },
            "reverse": { interpreter, value, _ in
                let reversed = Array(try interpreter.elements(of: value).reversed())
                if case .string(let text) = value {
                    return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
                }
                return .generator(over: reversed)
            },
            "items": { interpreter, value, _ in
                if value.isUndefined { return .generator(over: []) }
                guard case .dictionary(let dictionary) = value else {
                    throw TemplateFailure.type("Can only get item pairs from a mapping.")
                }
                return .generator(over: try interpreter.pairs(of: dictionary))
            },
            "dictsort": { interpreter, value, arguments in try dictionarySort(interpreter, value, arguments) },
            "sort": { interpreter, value, arguments in
                let values = try arguments.bound("sort", ["reverse", "case_sensitive", "attribute"])
                let key = try sortKey(interpreter, attribute: values[2], caseSensitive: values[1]?.isTrue ?? false)
                return try .list(
                    interpreter.sorted(
                        interpreter.elements(of: value), descending: values[0]?.isTrue ?? false, by: key))
            },
            "unique": { interpreter, value, arguments in
                let values = try arguments.bound("unique", ["case_sensitive", "attribute"])
                let key = try sortKey(interpreter, attribute: values[1], caseSensitive: values[0]?.isTrue ?? false)
                var seen: Set<Key> = []
                return .generator(
                    over: try interpreter.elements(of: value).filter { try seen.insert(Key(key($0))).inserted })
            },
            "min": { interpreter, value, arguments in try extreme(interpreter, value, arguments, name: "min") },
            "max": { interpreter, value, arguments in try extreme(interpreter, value, arguments, name: "max") },
            "sum": { interpreter, value, arguments in
                let values = try arguments.bound("sum", ["attribute", "start"])
                return try interpreter.elements(of: value).reduce(values[1] ?? .integer(0)) { total, element in
                    try interpreter.spend(1)
                    let path = values[0] ?? .none
                    return try interpreter.arithmetic(
                        .plus, total, isNone(path) ? element : interpreter.value(at: path, of: element))
                }
            },
            "attr": { interpreter, value, arguments in
                let name = try arguments.bound("attr", ["name"], required: 1)[0] ?? .none
                return try interpreter.attribute(interpreter.text(of: name), of: value, triesElements: false)
            },
            "map": { interpreter, value, arguments in try map(interpreter, value, arguments) },
            "select": { interpreter, value, arguments in
                try select(interpreter, value, arguments, keeps: true, byAttribute: false)
            },
            "reject": { interpreter, value, arguments in
                try select(interpreter, value, arguments, keeps: false, byAttribute: false)
            },
            "selectattr": { interpreter, value, arguments in
                try select(interpreter, value, arguments, keeps: true, byAttribute: true)
            },
            "rejectattr": { interpreter, value, arguments in
                try select(interpreter, value, arguments, keeps: false, byAttribute: true)
            },
            "groupby": { interpreter, value, arguments in try group(interpreter, value, arguments) },
            "batch": { interpreter, value, arguments in try batch(interpreter, value, arguments) },
            "slice": { interpreter, value, arguments in try sliceEvenly(interpreter, value, arguments) },
        ]
    }()

    static func isNone(_ value: Value) -> Bool { if case .none = value { true } else { false } }

    private static func dictionarySort(_ interpreter: Interpreter, _ value: Value, _ arguments: Arguments) throws
        -> Value
    {
        let values = try arguments.bound("dictsort", ["case_sensitive", "by", "reverse"])
        guard case .dictionary(let dictionary) = value else {
            throw TemplateFailure.type("dictsort takes a mapping, not '\(value.typeName)'")
        }
        let by = try interpreter.text(of: values[1] ?? .string("key"))
        guard by == "key" || by == "value" else {
            throw TemplateFailure.type("You can only sort by either \"key\" or \"value\"")
        }
        let isCaseSensitive = values[0]?.isTrue ?? false
        let members = try interpreter.sorted(
            dictionary.members.map { ($0.key.value, $0.value) }, descending: values[2]?.isTrue ?? false
        ) { member in
            lowercased(by == "key" ? member.0 : member.1, unless: isCaseSensitive)
        }
        return try .list(members.map { try .tuple([$0.0, $0.1]) })
    }

    private static func lowercased(_ value: Value, unless isCaseSensitive: Bool) -> Value {
        if !isCaseSensitive, case .string(let text) = value { return .string(text.lowercased()) }
        return value
    }

    /// What an element is ordered by: itself or its attributes, strings without regard to case unless asked for.
    private static func sortKey(
        _ interpreter: Interpreter, attribute: Value?, caseSensitive: Bool
    ) throws -> (Value) throws -> Value {
        guard let attribute, !isNone(attribute) else { return { lowercased($0, unless: caseSensitive) } }
        let paths: [Value] =
            if case .string(let text) = attribute { split(text, on: ",").map(Value.string) } else { [attribute] }
        return { element in
            let keys = try paths.map { lowercased(try interpreter.value(at: $0, of: element), unless: caseSensitive) }
            return keys.count == 1 ? keys[0] : try .list(keys)
        }
    }

    private static func extreme(
        _ interpreter: Interpreter, _ value: Value, _ arguments: Arguments, name: String
    ) throws -> Value {
        let values = try arguments.bound(name, ["case_sensitive", "attribute"])
        let key = try sortKey(interpreter, attribute: values[1], caseSensitive: values[0]?.isTrue ?? false)
        var best: (value: Value, key: Value)?
        for element in try interpreter.elements(of: value) {
            let candidate = try key(element)
            if let current = best {
                let isBetter =
                    try name == "min"
                    ? interpreter.isLess(candidate, current.key)
                    : interpreter.isLess(current.key, candidate, spelling: ">")
                if !isBetter { continue }
            }
            best = (element, candidate)
        }
        return best?.value ?? .undefined(.because("No aggregated item, sequence was empty."))
    }

    private static func map(_ interpreter: Interpreter, _ value: Value, _ arguments: Arguments) throws -> Value {
        guard value.isTrue else { return .generator(over: []) }
        let elements = try interpreter.elements(of: value)
        if arguments.positional.isEmpty, arguments.keywords.contains(where: { $0.name == "attribute" }) {
            let values = try arguments.bound("map", ["attribute", "default"])
            return .generator(
                over: try elements.map {
                    try interpreter.value(at: values[0] ?? .none, of: $0, orElse: values[1])
                })
        }
        guard let first = arguments.positional.first, case .string(let name) = first else {
            throw TemplateFailure.type("map requires a filter argument")
        }
        let rest = Arguments(positional: Array(arguments.positional.dropFirst()), keywords: arguments.keywords)
        try interpreter.enter()
        defer { interpreter.leave() }
        return .generator(
            over: try elements.map { element in
                try interpreter.spend(1)
                return try interpreter.apply(filter: name, to: element, rest)
            })
    }

    private static func select(
        _ interpreter: Interpreter, _ value: Value, _ arguments: Arguments, keeps: Bool, byAttribute: Bool
    ) throws -> Value {
        guard value.isTrue else { return .generator(over: []) }
        var rest = arguments.positional
        var path: Value?
        if byAttribute {
            guard !rest.isEmpty else { throw TemplateFailure.type("Missing parameter for attribute name") }
            path = rest.removeFirst()
        }
        var test: String?
        if !rest.isEmpty { test = try interpreter.text(of: rest.removeFirst()) }
        let testArguments = Arguments(positional: rest, keywords: arguments.keywords)
        return .generator(
            over: try interpreter.elements(of: value).filter { element in
                try interpreter.spend(1)
                let tested = try path.map { try interpreter.value(at: $0, of: element) } ?? element
                return try test.map { try interpreter.apply(test: $0, to: tested, testArguments) } ?? tested.isTrue
                    == keeps
            })
    }

    private static func group(_ interpreter: Interpreter, _ value: Value, _ arguments: Arguments) throws -> Value {
        let values = try arguments.bound("groupby", ["attribute", "default", "case_sensitive"], required: 1)
        let path = values[0] ?? .none
        let isCaseSensitive = values[2]?.isTrue ?? false
        func key(_ element: Value) throws -> Value {
            try interpreter.value(at: path, of: element, orElse: values[1])
        }
        var groups: [(key: Value, elements: [Value])] = []
        let ordered = try interpreter.sorted(interpreter.elements(of: value)) {
            lowercased(try key($0), unless: isCaseSensitive)
        }
        for element in ordered {
            let current = try key(element)
            if let last = groups.last,
                try interpreter.areEqual(
                    lowercased(last.key, unless: isCaseSensitive), lowercased(current, unless: isCaseSensitive))
            {
                groups[groups.count - 1].elements.append(element)
            } else {
                groups.append((current, [element]))
            }
        }
        return try .list(groups.map { try .tuple([$0.key, .list($0.elements)]) })
    }

    private static func batch(_ interpreter: Interpreter, _ value: Value, _ arguments: Arguments) throws -> Value {
        let values = try arguments.bound("batch", ["linecount", "fill_with"], required: 1)
        guard let count = values[0]?.wholeNumber, count > 0, count <= interpreter.limits.rangeElements else {
            throw TemplateFailure.type("batch takes a count from 1 to \(interpreter.limits.rangeElements)")
        }
        let elements = try interpreter.elements(of: value)
        var batches: [Value] = []
        for start in stride(from: 0, to: elements.count, by: count) {
            var part = Array(elements[start..<min(start + count, elements.count)])
            if let filler = values[1], !isNone(filler), part.count < count {
                part += Array(repeating: filler, count: count - part.count)
            }
            batches.append(try .list(part))
        }
        return .generator(over: batches)
    }

    private static func sliceEvenly(_ interpreter: Interpreter, _ value: Value, _ arguments: Arguments) throws -> Value
    {
        let values = try arguments.bound("slice", ["slices", "fill_with"], required: 1)
        guard let count = values[0]?.wholeNumber, count > 0, count <= interpreter.limits.rangeElements else {
            throw TemplateFailure.type("slice takes a count from 1 to \(interpreter.limits.rangeElements)")
        }
        let elements = try interpreter.elements(of: value)
        try interpreter.spend(count)
        let (size, longer) = elements.count.quotientAndRemainder(dividingBy: count)
        var start = 0
        var slices: [Value] = []
        for index in 0..<count {
            let end = start + size + (index < longer ? 1 : 0)
            var part = Array(elements[start..<end])
            if let filler = values[1], !isNone(filler), index >= longer { part.append(filler) }
            slices.append(try .list(part))
            start = end
        }
        return .generator(over: slices)
    }
}

extension Interpreter {
    /// The attribute at a path such as `function.name`; numbers in it are indices. What a step does not find is
    /// `fallback` from there on, if there is one.
    func value(at path: Value, of element: Value, orElse fallback: Value? = nil) throws -> Value {
        func orFallback(_ value: Value) -> Value {
            guard value.isUndefined, let fallback, !Filters.isNone(fallback) else { return value }
            return fallback
        }
        guard case .string(let text) = path else { return orFallback(try item(path, of: element)) }
        var value = element
        for part in split(text, on: ".") {
            let isNumber = !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            let key = isNumber ? Int(part).map(Value.integer) ?? .string(part) : .string(part)
            value = orFallback(try item(key, of: value))
        }
        return value
    }

    /// Sorts without changing the order of equals, descending or not.
    func sorted<Element>(
        _ elements: [Element], descending: Bool = false, by key: (Element) throws -> Value
    ) throws -> [Element] {
        let keyed = try elements.enumerated().map { (index: $0.offset, element: $0.element, key: try key($0.element)) }
        return try keyed.sorted { left, right in
            if try isLess(left.key, right.key) { return !descending }
            if try isLess(right.key, left.key) { return descending }
            return left.index < right.index
        }.map(\.element)
    }

    func join(_ parts: [String], with separator: String) throws -> String {
        var total = 0
        for part in parts {
            total += part.utf8.count + separator.utf8.count
            try checkText(total)
            try spend(bytes: part.utf8.count + separator.utf8.count)
        }
        return parts.joined(separator: separator)
    }

    func pairs(of dictionary: DictionaryValue) throws -> [Value] {
        try spend(dictionary.members.count)
        return try dictionary.members.map { try .tuple([$0.key.value, $0.value]) }
    }
}
