/// Runs a program over all paths at once (Pike's machine): time is at most text times program, whatever the text.
///
/// Threads are kept in the order of their priority, so the match is the one that a backtracking matcher finds first.
struct RegexMachine {
    private let program: RegexProgram
    private let bytes: UnsafeBufferPointer<UInt8>
    private let slotCount: Int
    private var current: ThreadList
    private var pending: ThreadList
    private var work: [Task] = []

    private enum Task {
        case visit(Int)
        case restore(slot: Int, value: Int)
    }

    /// Instructions in order of priority, each at most once, and the slots of each.
    private struct ThreadList {
        var addresses: [Int] = []
        var slots: [Int] = []
        /// The generation in which an instruction was last visited.
        var visited: [Int]
        var generation = 0

        init(instructionCount: Int) { visited = [Int](repeating: -1, count: instructionCount) }

        mutating func removeAll() {
            addresses.removeAll(keepingCapacity: true)
            slots.removeAll(keepingCapacity: true)
            generation += 1
        }

        mutating func visit(_ address: Int) -> Bool {
            guard visited[address] != generation else { return false }
            visited[address] = generation
            return true
        }
    }

    /// - Parameter slotCount: 2 for the whole match alone, `program.slotCount` for the groups too.
    init(program: RegexProgram, bytes: UnsafeBufferPointer<UInt8>, slotCount: Int) {
        self.program = program
        self.bytes = bytes
        self.slotCount = slotCount
        current = ThreadList(instructionCount: program.instructions.count)
        pending = ThreadList(instructionCount: program.instructions.count)
    }

    /// The slots of the leftmost match that starts at `start` or, unless `anchored`, after it.
    mutating func match(from start: Int, anchored: Bool) -> [Int]? {
        var position = start
        var context = program.context(before: start, in: bytes)
        var best: [Int]?
        let fresh = [Int](repeating: -1, count: slotCount)
        pending.removeAll()
        while true {
            let (next, width) = program.classes.next(in: bytes, at: position)
            current.removeAll()
            for index in pending.addresses.indices {
                follow(
                    pending.addresses[index],
                    slots: Array(pending.slots[index * slotCount..<(index + 1) * slotCount]),
                    at: position, context: context, next: next)
            }
            if best == nil, !anchored || position == start {
                follow(0, slots: fresh, at: position, context: context, next: next)
            }
            if current.addresses.isEmpty, best != nil || anchored { return best }
            step(over: next, best: &best)
            if width == 0 { return best }
            context = program.classes.context(next)
            position += width
        }
    }

    /// Moves the threads of `current` that take a scalar of class `next` to `pending`.
    private mutating func step(over next: Int, best: inout [Int]?) {
        pending.removeAll()
        for (index, address) in current.addresses.enumerated() {
            switch program.instructions[address] {
            case .set(let set):
                guard next != program.classes.end, program.classes.set(set, contains: next),
                    pending.visit(address + 1)
                else { continue }
                pending.addresses.append(address + 1)
                pending.slots += current.slots[index * slotCount..<(index + 1) * slotCount]
            case .match:
                best = Array(current.slots[index * slotCount..<(index + 1) * slotCount])
                // Threads of lower priority lose to this match.
                return
            default: break
            }
        }
    }

    /// Adds to `current` every instruction that takes a scalar or matches and is reached from `address` without one.
    private mutating func follow(
        _ address: Int, slots initial: [Int], at position: Int, context: RegexContext, next: Int
    ) {
        var slots = initial
        work.append(.visit(address))
        while let task = work.popLast() {
            switch task {
            case .restore(let slot, let value): slots[slot] = value
            case .visit(let address):
                guard current.visit(address) else { continue }
                switch program.instructions[address] {
                case .jump(let target): work.append(.visit(target))
                case .split(let first, let second):
                    work.append(.visit(second))
                    work.append(.visit(first))
                case .save(let slot):
                    if slot < slotCount {
                        work.append(.restore(slot: slot, value: slots[slot]))
                        slots[slot] = position
                    }
                    work.append(.visit(address + 1))
                case .assertion(let condition):
                    if program.holds(condition, previous: context, next: next) { work.append(.visit(address + 1)) }
                case .set, .match:
                    current.addresses.append(address)
                    current.slots += slots
                }
            }
        }
    }
}

extension RegexProgram {
    /// What stands before `position`; `.other` for a program that never looks there.
    func context(before position: Int, in bytes: UnsafeBufferPointer<UInt8>) -> RegexContext {
        guard looksBack else { return .other }
        guard let (_, width) = decodeScalar(bytes, before: position) else { return .start }
        return classes.context(classes.next(in: bytes, at: position - width).scalarClass)
    }
}
