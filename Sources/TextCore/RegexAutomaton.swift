/// A program as a deterministic automaton: one table look-up a scalar.
///
/// A state is the list of instructions, in order of priority, at which the threads stand before they know the next
/// scalar. The class of that scalar decides assertions and steps at once, so looking ahead by one scalar is free.
struct RegexAutomaton: Sendable {
    /// Row per state, column per class with the end last: the next state times two, plus 1 where a match ends before
    /// the scalar. State 0 is dead.
    private let table: [Int32]
    private let stride: Int
    /// The state to start in after each `RegexContext`.
    private let starts: [Int32]

    private static let maximumStates = 1000
    private static let maximumCells = 500_000
    private static let maximumWork = 20_000_000

    /// - Returns: `nil` when the automaton would pass the limits; `RegexMachine` then does the work.
    init?(_ program: RegexProgram) {
        var builder = Builder(program: program)
        guard builder.build() else { return nil }
        table = builder.table
        stride = builder.stride
        starts = builder.starts
    }

    private struct Key: Hashable {
        let context: RegexContext
        let addresses: [Int32]
    }

    private struct Builder {
        let program: RegexProgram
        let stride: Int
        var table: [Int32] = []
        var starts: [Int32] = []
        private var keys: [Key] = []
        private var numbers: [Key: Int32] = [:]
        private var work = 0
        private var visited: [Int]
        private var generation = 0

        init(program: RegexProgram) {
            self.program = program
            stride = program.classes.count + 1
            visited = [Int](repeating: -1, count: program.instructions.count)
        }

        mutating func build() -> Bool {
            _ = number(of: Key(context: .other, addresses: []))
            starts = RegexContext.allCases.map {
                number(of: Key(context: program.looksBack ? $0 : .other, addresses: [0]))
            }
            var state = 0
            while state < keys.count {
                guard keys.count <= RegexAutomaton.maximumStates, keys.count * stride <= RegexAutomaton.maximumCells
                else { return false }
                for next in 0..<stride {
                    table.append(transition(from: keys[state], over: next))
                    guard work <= RegexAutomaton.maximumWork else { return false }
                }
                state += 1
            }
            return true
        }

        private mutating func number(of key: Key) -> Int32 {
            if let known = numbers[key] { return known }
            let number = Int32(keys.count)
            keys.append(key)
            numbers[key] = number
            return number
        }

        private mutating func transition(from key: Key, over next: Int) -> Int32 {
            generation += 1
            var targets: [Int32] = []
            var seen: Set<Int32> = []
            var accepts = false
            var stack = key.addresses.reversed().map { Int($0) }
            while let address = stack.popLast() {
                guard visited[address] != generation else { continue }
                visited[address] = generation
                work += 1
                switch program.instructions[address] {
                case .jump(let target): stack.append(target)
                case .split(let first, let second):
                    stack.append(second)
                    stack.append(first)
                case .save: stack.append(address + 1)
                case .assertion(let condition):
                    if program.holds(condition, previous: key.context, next: next) { stack.append(address + 1) }
                case .set(let set):
                    guard next != program.classes.end, program.classes.set(set, contains: next) else { continue }
                    if seen.insert(Int32(address + 1)).inserted { targets.append(Int32(address + 1)) }
                case .match:
                    accepts = true
                    stack.removeAll()
                }
            }
            let context = program.looksBack && !targets.isEmpty ? program.classes.context(next) : .other
            return number(of: Key(context: context, addresses: targets)) << 1 | (accepts ? 1 : 0)
        }
    }

    /// Places from which a state is known to reach no further match. Without them a text that makes many attempts run
    /// far ahead in vain would cost quadratic time (Reps 1998, "Maximal munch" tokenization in linear time).
    struct Failures {
        fileprivate var known: Set<UInt64> = []
        fileprivate var passed: [UInt64] = []
    }

    /// The end of the match that starts at `start`, or `nil`.
    func matchEnd(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int, program: RegexProgram, failures: inout Failures
    ) -> Int? {
        var state = starts[Int(program.context(before: start, in: bytes).rawValue)]
        var position = start
        var end: Int?
        failures.passed.removeAll(keepingCapacity: true)
        while true {
            let (next, width) = program.classes.next(in: bytes, at: position)
            let cell = table[Int(state) * stride + next]
            if cell & 1 == 1 {
                end = position
                if !failures.passed.isEmpty { failures.passed.removeAll(keepingCapacity: true) }
            }
            state = cell >> 1
            if state == 0 || width == 0 { break }
            position += width
            // Only the first scalar after each multiple of 32 is remembered: that bounds the time as well.
            if position >> 5 != (position - width) >> 5, position - start > 128 {
                let place = UInt64(position) << 16 | UInt64(state)
                if failures.known.contains(place) { break }
                failures.passed.append(place)
            }
        }
        failures.known.formUnion(failures.passed)
        return end
    }
}
