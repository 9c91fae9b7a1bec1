import OrderedCollections

/// The tasks that a command or the verifier `procedural` may name.
public struct TaskRegistry: Sendable {
    private var entries: OrderedDictionary<String, AnyProceduralTask> = [:]

    /// No tasks.
    public init() {}

    /// The tasks that come with Hone.
    public static let builtin: TaskRegistry = {
        var registry = TaskRegistry()
        registry.register(ReverseText.self)
        registry.register(LetterCount.self)
        registry.register(CaesarCipher.self)
        registry.register(Palindrome.self)
        registry.register(ChainSum.self)
        registry.register(Products.self)
        registry.register(GreatestCommonDivisor.self)
        registry.register(BaseConversion.self)
        registry.register(CountBits.self)
        registry.register(BinaryAlternation.self)
        registry.register(NumberSequence.self)
        registry.register(LegCounting.self)
        registry.register(Sorting.self)
        registry.register(WordSorting.self)
        registry.register(Countdown.self)
        registry.register(Sentiment.self)
        registry.register(JSONEmission.self)
        registry.register(ToolUse.self)
        return registry
    }()

    /// Adds a task under its name.
    ///
    /// - Precondition: the name is free.
    public mutating func register<T: ProceduralTask>(_ type: T.Type) {
        precondition(entries[T.name] == nil, "two tasks are named '\(T.name)'")
        entries[T.name] = AnyProceduralTask(type)
    }

    /// The names in the order of registration.
    public var names: [String] { Array(entries.keys) }

    /// The tasks in the order of registration.
    public var tasks: [AnyProceduralTask] { Array(entries.values) }

    /// The task with this name.
    public subscript(name: String) -> AnyProceduralTask? { entries[name] }
}
