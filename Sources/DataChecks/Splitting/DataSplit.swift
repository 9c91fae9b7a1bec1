import ShardIO
import Statistics
public import TextCore

/// Divides rows into those to train on and those to judge by, so that the two share nothing.
public struct DataSplit {
    /// How rows are divided.
    public enum Rule: Sendable, Hashable {
        /// Groups of rows with one value of a column go to one side; at most this share of the rows is judged by.
        case groups(fraction: Double)
        /// The latest rows are judged by, at most this share of them.
        case latest(fraction: Double)
        /// Rows from a moment on are judged by.
        case from(RowTime)
    }

    /// Where a row goes.
    public enum Side: UInt8, Sendable, Hashable {
        case train, test
        /// On neither side: it says what a row of the other side says, or cannot be used.
        case removed
    }

    /// What was decided.
    public struct Plan: Sendable {
        /// The side of each row, by its number.
        public var sides: [Side]
        /// Rows that are on neither side.
        public var removed: [RemovedRow]
        /// Groups on both sides, and the rows that were put together because their texts are alike.
        public var groups: (train: Int, test: Int, joined: Int)
        /// The first moment that is judged by, where rows were divided by time.
        public var cut: RowTime?
    }

    private let rule: Rule
    private let seed: UInt64
    private let threshold: Double
    private var index: DuplicateIndex
    private let near: Bool
    /// For each row that can be used: its number, its group or moment.
    private var rows: [(ordinal: Int, group: Int32, time: Double)] = []
    private var groupNumbers: [String: Int32] = [:]
    private var groupHashes: [UInt64] = []
    private var rowCount = 0
    private var removed: [RemovedRow] = []

    /// - Parameters:
    ///   - near: whether rows that are nearly the same stay together too, and not only those that are the same.
    ///   - threshold: how alike these are, (0, 1].
    ///   - common: what most prompts share.
    ///   - seed: decides which groups.
    /// - Throws: `DataError` where no temporary file can be made.
    public init(
        _ rule: Rule, near: Bool, threshold: Double = DataCheckSettings().nearThreshold,
        common: CommonText = CommonText(), seed: UInt64 = 42
    ) throws {
        self.rule = rule
        self.near = near
        self.threshold = threshold
        self.seed = seed
        index = try DuplicateIndex(common: common, near: near)
    }

    /// Adds the next row.
    ///
    /// - Parameter value: what it is grouped by or when it was; `nil` where it has no such column.
    /// - Throws: `DataError` where the disk is full.
    public mutating func add(_ row: CheckedRow, value: JSON?) throws {
        guard let value, !value.isNull, value.string?.isEmpty != true else {
            return remove(row.ordinal, row.source, "it has no value to be divided by")
        }
        var (group, time) = (Int32(0), 0.0)
        switch rule {
        case .groups:
            let key = value.string ?? value.text(.init(sortedKeys: true))
            if let known = groupNumbers[key] {
                group = known
            } else {
                group = Int32(clamping: groupHashes.count)
                groupNumbers[key] = group
                var random = CounterRandom(seed, XXH64.hash(Array(key.utf8)))
                groupHashes.append(random.next())
            }
        case .latest, .from:
            guard let moment = RowTime(value) else {
                return remove(row.ordinal, row.source, "'\(value.text().clipped(to: 60))' is no date")
            }
            time = moment.seconds
        }
        try index.add(row)
        rows.append((row.ordinal, group, time))
        rowCount = max(rowCount, row.ordinal + 1)
    }

    /// Notes a row that cannot be read.
    public mutating func addMalformed(_ ordinal: Int, _ source: String, _ message: String) {
        remove(ordinal, source, message)
    }

    private mutating func remove(_ ordinal: Int, _ source: String, _ message: String) {
        rowCount = max(rowCount, ordinal + 1)
        removed.append(
            RemovedRow(file: 0, ordinal: ordinal, source: source, reason: .malformed, of: message, score: 0))
    }

    /// Rows that have what they are divided by.
    public var usable: Int { rows.count }

    /// The side of each row.
    ///
    /// - Throws: `DataError` where texts cannot be read back; `CancellationError` when a stop is requested.
    public func plan(isStopped: () -> Bool = { false }) throws -> Plan {
        var alike = index.equalRows()
        if near { alike += try index.nearRows(threshold: threshold, without: alike, isStopped: isStopped) }
        var plan = Plan(
            sides: Array(repeating: .removed, count: rowCount), removed: removed, groups: (0, 0, 0), cut: nil)
        switch rule {
        case .groups(let fraction): divide(alike, fraction, &plan)
        case .latest(let fraction): try divide(alike, at: cut(fraction), &plan)
        case .from(let moment): try divide(alike, at: moment.seconds, &plan)
        }
        plan.removed.sort { $0.ordinal < $1.ordinal }
        return plan
    }

    /// Groups with rows that are alike become one, and are taken in random order for as long as there is room.
    private func divide(_ alike: [Duplicate], _ fraction: Double, _ plan: inout Plan) {
        var sets = DisjointSets(count: groupHashes.count)
        for duplicate in alike where sets.join(Int(rows[duplicate.row].group), Int(rows[duplicate.of].group)) {
            plan.groups.joined += 1
        }
        var sizes = [Int](repeating: 0, count: groupHashes.count)
        for row in rows { sizes[sets.root(Int(row.group))] += 1 }
        // A set of groups is known by the least of their hashes, so that it does not matter which came first.
        var keys = [UInt64](repeating: .max, count: groupHashes.count)
        for group in groupHashes.indices {
            let root = sets.root(group)
            keys[root] = min(keys[root], groupHashes[group])
        }
        let target = Int((fraction * Double(rows.count)).rounded())
        var isTest = [Bool](repeating: false, count: groupHashes.count)
        var taken = 0
        for root in keys.indices.filter({ sizes[$0] > 0 }).sorted(by: { keys[$0] < keys[$1] })
        where taken + sizes[root] <= target {
            isTest[root] = true
            taken += sizes[root]
        }
        for group in groupHashes.indices {
            if isTest[sets.root(group)] { plan.groups.test += 1 } else { plan.groups.train += 1 }
        }
        for row in rows { plan.sides[row.ordinal] = isTest[sets.root(Int(row.group))] ? .test : .train }
    }

    /// The moment from which on at most this share of the rows is.
    private func cut(_ fraction: Double) -> Double {
        let times = rows.map(\.time).sorted()
        let first = times.count - Int((fraction * Double(times.count)).rounded(.down))
        guard first > 0, first < times.count else { return first == 0 ? times.first ?? 0 : .infinity }
        // Rows of one moment stay together, on the side of those to train on.
        return times[first] > times[first - 1]
            ? times[first] : times[first...].first { $0 > times[first] } ?? .infinity
    }

    /// Rows from the moment on are judged by, unless one before it says the same.
    private func divide(_ alike: [Duplicate], at moment: Double, _ plan: inout Plan) throws {
        for row in rows { plan.sides[row.ordinal] = row.time < moment ? .train : .test }
        var sets = DisjointSets(count: rows.count)
        for duplicate in alike { _ = sets.join(duplicate.row, duplicate.of) }
        // For each set a row to train on, if it has one.
        var twins: [Int: Int] = [:]
        for duplicate in alike {
            for row in [duplicate.of, duplicate.row] where rows[row].time < moment { twins[sets.root(row)] = row }
        }
        for duplicate in alike {
            guard let twin = twins[sets.root(duplicate.row)] else { continue }
            for row in [duplicate.of, duplicate.row] where plan.sides[rows[row].ordinal] == .test {
                plan.sides[rows[row].ordinal] = .removed
                let reason: RemovedRow.Reason = duplicate.kind == .near ? .leakedNear : .leaked
                plan.removed.append(
                    RemovedRow(
                        file: 0, ordinal: rows[row].ordinal, source: try index.shown(row).source, reason: reason,
                        of: try index.shown(twin).source, score: duplicate.similarity))
            }
        }
        plan.cut = moment.isFinite ? RowTime(seconds: moment) : nil
    }
}

/// Sets that are joined pair by pair.
private struct DisjointSets {
    private var parents: [Int32]

    init(count: Int) { parents = (0..<count).map { Int32(clamping: $0) } }

    mutating func root(_ element: Int) -> Int {
        var element = Int32(clamping: element)
        while parents[Int(element)] != element {
            parents[Int(element)] = parents[Int(parents[Int(element)])]
            element = parents[Int(element)]
        }
        return Int(element)
    }

    /// - Returns: Whether they were in two sets.
    mutating func join(_ left: Int, _ right: Int) -> Bool {
        let (left, right) = (root(left), root(right))
        guard left != right else { return false }
        parents[max(left, right)] = Int32(clamping: min(left, right))
        return true
    }
}
