import TextCore

/// The checks that there are.
///
/// A new check is a type of `DataCheck` and a line here: `hone data check`, the check at the start of a run, reports and
/// `--only` then have it.
public struct DataCheckCatalog: Sendable {
    /// A check by its name.
    public struct Entry: Sendable {
        /// What a check costs.
        public enum Cost: Sendable, Hashable {
            /// Some microseconds a row.
            case low
            /// Much more: left out at the start of a run that has many rows.
            case high
        }

        /// What its findings begin with, `duplicates`, and what `--only` takes.
        public let name: String
        /// What it looks for, as the end of a sentence.
        public let summary: String
        /// What it costs.
        public let cost: Cost
        /// The check; `nil` where it has nothing to do, as with pairs where there are none.
        public let make: @Sendable (DataCheckSettings) -> (any DataCheck)?

        /// A check by its name.
        public init(
            _ name: String, _ summary: String, cost: Cost = .low,
            make: @escaping @Sendable (DataCheckSettings) -> (any DataCheck)?
        ) {
            self.name = name
            self.summary = summary
            self.cost = cost
            self.make = make
        }
    }

    /// Every check, in the order in which findings of equal severity are listed.
    public static let all: [Entry] = [
        Entry("rows", "too few rows to train or to judge by") { RowCountCheck($0) },
        Entry("overlap", "rows that a model is judged by among those it is trained on") { OverlapCheck($0) },
        Entry("overlap.group", "groups that are both trained on and judged by") { GroupOverlapCheck($0) },
        Entry("duplicates", "rows that repeat or contradict others") { DuplicatesCheck($0) },
        Entry("labels", "classes that are rare, misspelt, or only in a suite") { ClassBalanceCheck($0) },
        Entry("labels.noise", "labels that are likely wrong", cost: .high) { LabelNoiseCheck($0) },
        Entry("preferences", "pairs that are equal, contradict each other, or are told apart by length") {
            PreferenceCheck($0)
        },
        Entry("gold", "prompts without the right answer, or with it") { GoldCheck($0) },
        Entry("template", "markers of templates in texts, and empty, padded or cut answers") { TemplateCheck($0) },
        Entry("tokens", "rows that are too long, never end, or train nothing", cost: .high) { TokenCheck($0) },
        Entry("secrets", "keys and personal data") { SecretCheck($0) },
        Entry("lengths", "empty prompts, and how long texts are") { LengthCheck($0) },
        Entry("diversity", "rows that repeat each other") { DiversityCheck($0) },
    ]

    /// Rows above which checks of high cost are left out when the check is to be quick.
    public static let quickRowLimit = 50_000

    /// The checks to run, and which were left out and why.
    ///
    /// - Parameters:
    ///   - names: the only checks to run, by name, or the part of a name before a dot; all where it is empty.
    ///   - rows: how many rows there are.
    ///   - quick: whether checks of high cost are left out where there are many rows.
    /// - Throws: `DataCheckError` for a name that no check has.
    public static func choice(
        only names: [String] = [], rows: Int, quick: Bool
    ) throws(DataCheckError) -> (checks: [Entry], leftOut: [(name: String, reason: String)]) {
        for name in names where !all.contains(where: { $0.isNamed(name) }) {
            let known = all.map(\.name)
            throw DataCheckError(
                "there is no check '\(name)'. "
                    + (nearestName(to: name, among: known).map { "Did you mean '\($0)'? " } ?? "")
                    + "Checks: \(known.joined(separator: ", ")).")
        }
        let wanted = names.isEmpty ? all : all.filter { entry in names.contains { entry.isNamed($0) } }
        guard quick, rows > quickRowLimit else { return (wanted, []) }
        let costly = wanted.filter { $0.cost == .high }
        return (
            wanted.filter { $0.cost == .low },
            costly.map {
                ($0.name, "it takes long for \(rows) rows; `hone data check` runs it")
            }
        )
    }
}

extension DataCheckCatalog.Entry {
    fileprivate func isNamed(_ name: String) -> Bool { self.name == name || self.name.hasPrefix(name + ".") }
}

/// Why a check cannot be made, or a report not be read.
public struct DataCheckError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What happened, and what to do.
    public let message: String

    /// A message.
    public init(_ message: String) { self.message = message.clipped(to: 2000) }

    public var description: String { message }
}
