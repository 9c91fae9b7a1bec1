import OrderedCollections
import TextCore

/// One change of a JSON tree at a place that is drawn from all of its places.
struct JSONMutation {
    let root: JSON
    var random: Randomness

    /// The changed tree as text; now and then with a key twice, which no tree can hold.
    mutating func text() -> String {
        let count = Self.count(root)
        let place = random.below(count)
        var position = 0
        let changed = change(root, at: place, &position)
        var text = changed.text(random.once(in: 8) ? .pretty : JSONStyle())
        if random.once(in: 16), let colon = text.firstIndex(of: ":"), text.hasPrefix("{\"") {
            let end = text.index(after: colon)
            text.insert(
                contentsOf: text[text.index(after: text.startIndex)..<end] + "0,",
                at: text.index(after: text.startIndex))
        }
        return text
    }

    private static func count(_ json: JSON) -> Int {
        switch json {
        case .array(let elements): 1 + elements.reduce(0) { $0 + count($1) }
        case .object(let members): 1 + members.values.reduce(0) { $0 + count($1) }
        default: 1
        }
    }

    /// Numbers the places in the order in which they are written and changes one.
    private mutating func change(_ json: JSON, at place: Int, _ position: inout Int) -> JSON {
        let own = position
        position += 1
        if own == place { return replaced(json) }
        switch json {
        case .array(var elements):
            for index in elements.indices { elements[index] = change(elements[index], at: place, &position) }
            return .array(elements)
        case .object(var members):
            for index in members.values.indices {
                members.values[index] = change(members.values[index], at: place, &position)
            }
            return .object(members)
        default: return json
        }
    }

    private mutating func replaced(_ json: JSON) -> JSON {
        switch (json, random.below(4)) {
        case (.object(var members), 0) where !members.isEmpty:
            members.remove(at: random.below(members.count))
            return .object(members)
        case (.object(var members), 1) where !members.isEmpty:
            let value = members.values[random.below(members.count)]
            let key = random.element(of: Array(members.keys)) ?? ""
            members[random.once(in: 2) ? key : Mutator.hostileText(&random)] = value
            return .object(members)
        case (.array(var elements), 0) where !elements.isEmpty:
            elements.remove(at: random.below(elements.count))
            return .array(elements)
        case (.array(let elements), 1) where !elements.isEmpty:
            let element = elements[random.below(elements.count)]
            return .array(elements + Array(repeating: element, count: 1 << random.below(8)))
        case (.integer(let number), 0): return .integer(number &+ (random.below(5) - 2))
        case (.string(let text), 0): return .string(text + Mutator.hostileText(&random))
        case (.string(let text), 1):
            return .string(String(text.unicodeScalars.dropFirst(random.below(3)).map(Character.init)))
        default: return hostile()
        }
    }

    private mutating func hostile() -> JSON {
        let integers: [Int] = [
            0, 1, -1, 2, 3, 16, 64, 1000, 65_535, 65_536, 1 << 22, Int(Int32.max), 1 << 31, 1 << 32, 1 << 53, .max,
            .min,
        ]
        switch random.below(10) {
        case 0, 1, 2: return .integer(random.element(of: integers) ?? 0)
        case 3:
            let numbers: [Double] = [0.5, -0.0, 1e-300, 1e300, -1e300, 0.1, 9.2e18, 1.8e19]
            return .number(random.element(of: numbers) ?? 0)
        case 4: return .string(Mutator.hostileText(&random))
        case 5: return .null
        case 6: return .bool(random.once(in: 2))
        case 7: return random.once(in: 2) ? [] : .object([:])
        case 8:
            var nested: JSON = .integer(1)
            for _ in 0..<(1 << random.below(7)) { nested = random.once(in: 2) ? [nested] : ["a": nested] }
            return nested
        default: return JSONMutation.subtree(of: root, &random)
        }
    }

    /// Some part of the tree.
    private static func subtree(of json: JSON, _ random: inout Randomness) -> JSON {
        let children: [JSON]
        switch json {
        case .array(let elements): children = elements
        case .object(let members): children = Array(members.values)
        default: return json
        }
        guard let child = random.element(of: children), !random.once(in: 3) else { return json }
        return subtree(of: child, &random)
    }
}
