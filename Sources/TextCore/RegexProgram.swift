/// A regular expression as instructions for a machine that follows all paths at once.
struct RegexProgram: Sendable {
    enum Instruction: Sendable {
        /// Takes one scalar of the set with this number and goes on with the next instruction.
        case set(Int)
        /// Follows `first`, and `second` with lower priority.
        case split(first: Int, second: Int)
        case jump(Int)
        case save(slot: Int)
        case assertion(Condition)
        case match
    }

    /// A `RegexAssertion` whose set is a number.
    enum Condition: Sendable {
        case textStart, textEnd, lineStart, lineEnd, wordBoundary, notWordBoundary
        case ahead(set: Int, orEnd: Bool)
    }

    private(set) var instructions: [Instruction] = []
    /// Start and end of the whole match and of each group.
    let slotCount: Int
    /// Which class of scalars that no set tells apart a scalar belongs to.
    let classes: ScalarClasses
    /// Whether an assertion looks at the scalar before.
    private(set) var looksBack = false

    static let maximumInstructions = 20_000

    init(_ node: RegexNode, captureCount: Int, parser: RegexParser) throws(RegexError) {
        slotCount = 2 * (captureCount + 1)
        var compiler = Compiler(parser: parser)
        try compiler.emit(.save(slot: 0))
        try compiler.compile(node)
        try compiler.emit(.save(slot: 1))
        try compiler.emit(.match)
        instructions = compiler.instructions
        looksBack = compiler.looksBack
        guard let classes = ScalarClasses(sets: compiler.sets) else {
            throw parser.error("the pattern tells too many kinds of scalars apart", at: 0)
        }
        self.classes = classes
    }

    /// Whether `condition` holds between a scalar of class `previous` (`nil` at the start) and one of class `next`
    /// (`classes.end` at the end).
    func holds(_ condition: Condition, previous: RegexContext, next: Int) -> Bool {
        switch condition {
        case .textStart: previous == .start
        case .textEnd: next == classes.end
        case .lineStart: previous == .start || previous == .newline
        case .lineEnd: next == classes.end || classes.context(next) == .newline
        case .wordBoundary: (previous == .word) != (classes.context(next) == .word)
        case .notWordBoundary: (previous == .word) == (classes.context(next) == .word)
        case .ahead(let set, let orEnd): next == classes.end ? orEnd : classes.set(set, contains: next)
        }
    }
}

/// What stands before a place, as far as assertions can see.
enum RegexContext: UInt8, Sendable, CaseIterable {
    case start, word, newline, other
}

private struct Compiler {
    let parser: RegexParser
    var instructions: [RegexProgram.Instruction] = []
    var looksBack = false
    /// The first two serve word boundaries, where the pattern has them, and line ends.
    var sets: [ScalarSet] = [.empty, .newline]
    private var setNumbers: [ScalarSet: Int] = [:]

    init(parser: RegexParser) { self.parser = parser }

    mutating func emit(_ instruction: RegexProgram.Instruction) throws(RegexError) {
        guard instructions.count < RegexProgram.maximumInstructions else {
            throw parser.error("the pattern needs more than \(RegexProgram.maximumInstructions) instructions", at: 0)
        }
        instructions.append(instruction)
    }

    private mutating func number(of set: ScalarSet) -> Int {
        if let known = setNumbers[set] { return known }
        sets.append(set)
        setNumbers[set] = sets.count - 1
        return sets.count - 1
    }

    mutating func compile(_ node: RegexNode) throws(RegexError) {
        switch node {
        case .empty: break
        case .set(let set): try emit(.set(number(of: set)))
        case .sequence(let items):
            for item in items { try compile(item) }
        case .alternation(let branches): try compile(branches)
        case .capture(let body, let index):
            try emit(.save(slot: 2 * index))
            try compile(body)
            try emit(.save(slot: 2 * index + 1))
        case .repetition(let body, let minimum, let maximum, let greedy):
            try compileRepetition(of: body, minimum: minimum, maximum: maximum, greedy: greedy)
        case .assertion(let assertion): try compile(assertion)
        }
    }

    private mutating func compile(_ branches: [RegexNode]) throws(RegexError) {
        var jumps: [Int] = []
        for (index, branch) in branches.enumerated() {
            guard index < branches.count - 1 else {
                try compile(branch)
                break
            }
            let split = instructions.count
            try emit(.match)
            try compile(branch)
            jumps.append(instructions.count)
            try emit(.match)
            instructions[split] = .split(first: split + 1, second: instructions.count)
        }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func compile(_ assertion: RegexAssertion) throws(RegexError) {
        switch assertion {
        case .textStart: try emit(.assertion(.textStart))
        case .textEnd: try emit(.assertion(.textEnd))
        case .lineStart: try emit(.assertion(.lineStart))
        case .lineEnd: try emit(.assertion(.lineEnd))
        case .wordBoundary: try emit(.assertion(.wordBoundary))
        case .notWordBoundary: try emit(.assertion(.notWordBoundary))
        case .ahead(let set, let orEnd): try emit(.assertion(.ahead(set: number(of: set), orEnd: orEnd)))
        }
        switch assertion {
        case .wordBoundary, .notWordBoundary:
            sets[0] = .word
            looksBack = true
        case .textStart, .lineStart: looksBack = true
        case .textEnd, .lineEnd, .ahead: break
        }
    }

    private mutating func compileRepetition(
        of body: RegexNode, minimum: Int, maximum: Int?, greedy: Bool
    ) throws(RegexError) {
        for _ in 0..<max(minimum - (maximum == nil ? 1 : 0), 0) { try compile(body) }
        guard let maximum else {
            if minimum > 0 {
                try compileLoop(of: body, greedy: greedy)
            } else {
                // `x*` as `(?:x+)?`, so that a body that can match nothing keeps its priorities.
                try compileOptional(greedy: greedy) { compiler throws(RegexError) in
                    try compiler.compileLoop(of: body, greedy: greedy)
                }
            }
            return
        }
        var splits: [Int] = []
        for _ in minimum..<max(maximum, minimum) {
            splits.append(instructions.count)
            try emit(.match)
            try compile(body)
        }
        for split in splits { setSplit(at: split, exit: instructions.count, greedy: greedy) }
    }

    /// `body` once or more.
    private mutating func compileLoop(of body: RegexNode, greedy: Bool) throws(RegexError) {
        let start = instructions.count
        try compile(body)
        let split = instructions.count
        try emit(greedy ? .split(first: start, second: split + 1) : .split(first: split + 1, second: start))
    }

    private mutating func compileOptional(
        greedy: Bool, _ body: (inout Compiler) throws(RegexError) -> Void
    ) throws(RegexError) {
        let split = instructions.count
        try emit(.match)
        try body(&self)
        setSplit(at: split, exit: instructions.count, greedy: greedy)
    }

    private mutating func setSplit(at split: Int, exit: Int, greedy: Bool) {
        instructions[split] =
            greedy ? .split(first: split + 1, second: exit) : .split(first: exit, second: split + 1)
    }
}
