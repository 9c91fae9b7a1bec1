import OrderedCollections
public import Statistics
public import TextCore

/// Fields written as a JSON object: in any order and with any white space between.
public struct JSONEmission: ProceduralTask {
    public struct State: TaskState {
        let fields: OrderedDictionary<String, JSON>

        init(_ fields: OrderedDictionary<String, JSON>) { self.fields = fields }

        public init?(json: JSON) {
            guard let fields = json["fields"]?.object, (1...64).contains(fields.count) else { return nil }
            self.fields = fields
        }

        public var json: JSON { ["fields": .object(fields)] }
        public var key: String { JSON.object(fields).text(JSONStyle(sortedKeys: true)) }
    }

    public static let name = "json_emit"
    public static let summary = "write fields as a JSON object; the order of the fields is free"
    public static let chance = "about 0"
    public static let levels: [TaskLevel] = [
        ["fields": 2, "shortest": 2, "longest": 4], ["fields": 3, "shortest": 3, "longest": 6],
        ["fields": 5, "shortest": 3, "longest": 8],
    ]
    private static let names = ["name", "city", "age", "size", "code", "team", "rank", "year"]
    private static let numberNames: Set<String> = ["age", "size", "rank", "year"]

    public init() {}

    public func state(at level: TaskLevel, random: inout CounterRandom) -> State {
        var fields: OrderedDictionary<String, JSON> = [:]
        for name in random.shuffled(Self.names).prefix(level["fields"]) {
            fields[name] =
                Self.numberNames.contains(name)
                ? .integer(random.number(in: 1...999)) : .string(random.word(level["shortest"]...level["longest"]))
        }
        return State(fields)
    }

    public func prompt(_ state: State) -> String {
        "json: \(state.fields.map { "\($0)=\($1.string ?? $1.text())" }.joined(separator: " "))\n"
    }

    public func answer(_ state: State) -> String? { JSON.object(state.fields).text() }

    public func isRight(_ answer: String, _ state: State) -> Bool {
        (try? JSON(parsing: answer, limits: JSONLimits(depth: 64, bytes: 4096)))?.isSameValue(as: .object(state.fields))
            ?? false
    }
}
