public import TextCore

/// What was delivered so far, in 64 bits: a chain of XXH64 over the names of the samples, in their order.
///
/// Two runs saw the same samples in the same order when their digests are equal.
public struct StreamDigest: Sendable, Hashable, CustomStringConvertible {
    /// The hash; 0 before the first sample.
    public private(set) var value: UInt64

    public init(value: UInt64 = 0) { self.value = value }

    /// Adds the name of the next sample: the hash of its UTF-8 with what came before as the seed.
    public mutating func append(_ id: String) {
        var id = id
        value = id.withUTF8 { XXH64.hash(UnsafeRawBufferPointer($0), seed: value) }
    }

    /// Adds a sample without a name of its own as the name `tag:ordinal`, without making that text.
    mutating func append(tag: UInt64, ordinal: Int) {
        let seed = value
        value = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 40) { buffer in
            for digit in 0..<16 {
                let bits = UInt8(truncatingIfNeeded: tag >> UInt64(60 - 4 * digit)) & 15
                buffer[digit] = bits + (bits < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
            }
            buffer[16] = UInt8(ascii: ":")
            var start = 40
            var rest = UInt64(ordinal)
            repeat {
                start -= 1
                buffer[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            let count = 40 - start
            for index in 0..<count { buffer[17 + index] = buffer[start + index] }
            return XXH64.hash(
                UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<(17 + count)]), seed: seed)
        }
    }

    /// Sixteen hexadecimal digits.
    public var description: String { value.hexadecimal }
}

/// A place between two samples of an order: with the sources and the settings it decides everything that follows.
///
/// It is a few integers a source, less than 1 KB as JSON for up to eight sources. Returning to it reads one window
/// of each pool again.
public struct StreamPosition: Sendable, Hashable {
    /// The place in a pool of frames.
    struct Lane: Sendable, Hashable {
        /// Passes over the pool before.
        var epoch = 0
        /// Windows of the epoch before.
        var window = 0
        /// Samples of the window before.
        var offset = 0
        /// Whether the pool has left the mixture until the others have come to their ends too.
        var isDone = false
    }

    /// Epochs of the whole order that have ended.
    public internal(set) var epoch = 0
    /// Samples delivered since the start, without those that were skipped.
    public internal(set) var consumed = 0
    /// The samples delivered since the start.
    public internal(set) var digest = StreamDigest()
    /// How often the run went on with other data than it had begun with.
    public internal(set) var acceptedDataChanges = 0
    var lanes: [Lane]
    /// The counters of the mixture; empty without one.
    var deficits: [Int]
    /// What decides which rows of each source are used.
    var sources: [String]
    /// The fingerprint of the order's settings.
    var settings: String
}

extension StreamPosition {
    /// The position as an object; 64-bit values are strings.
    public var json: JSON {
        [
            "version": 1, "settings": .string(settings), "sources": .array(sources.map { .string($0) }),
            "epoch": .integer(epoch), "consumed": .string(String(consumed)), "digest": .string(digest.description),
            "lanes": .array(
                lanes.map { [.integer($0.epoch), .integer($0.window), .integer($0.offset), .bool($0.isDone)] }),
            "deficits": .array(deficits.map { .integer($0) }),
            "accepted_data_changes": .integer(acceptedDataChanges),
        ]
    }

    /// Reads a position that `json` wrote.
    ///
    /// Whether it belongs to an order is found out by that order.
    ///
    /// - Throws: `DataError` when a field is missing or holds what no position holds.
    public init(json: JSON) throws(DataError) {
        let fields = PositionFields(json: json)
        let version = try fields.integer("version")
        guard version == 1 else {
            throw fields.error("version", "is \(version), and this is the reader of version 1")
        }
        settings = try fields.string("settings")
        sources = try fields.strings("sources")
        epoch = try fields.integer("epoch")
        guard let consumed = Int(try fields.string("consumed")), PositionFields.range.contains(consumed) else {
            throw fields.error("consumed", "is no count of samples")
        }
        self.consumed = consumed
        guard let digest = UInt64(try fields.string("digest"), radix: 16) else {
            throw fields.error("digest", "is no hexadecimal number")
        }
        self.digest = StreamDigest(value: digest)
        lanes = try fields.lanes()
        deficits = try fields.deficits()
        acceptedDataChanges = try fields.integer("accepted_data_changes")
    }
}

/// The members of a position's object, with errors that name them.
private struct PositionFields {
    /// Counters beyond this are damage: a run of a million samples a second comes here in 35 years.
    static let range = 0...(1 << 50)

    let json: JSON

    func error(_ key: String, _ message: String) -> DataError {
        DataError(
            .syntax, file: "the data position", jsonPath: "$.\(key)", message: "'\(key)' \(message)",
            fix: "The checkpoint that holds it is damaged or of another version; resume from an earlier one.")
    }

    private func value(_ key: String) throws(DataError) -> JSON {
        guard let value = json[key] else { throw error(key, "is missing") }
        return value
    }

    func integer(_ key: String) throws(DataError) -> Int {
        guard let number = try value(key).int, Self.range.contains(number) else {
            throw error(key, "is no whole number in \(Self.range.lowerBound) ... \(Self.range.upperBound)")
        }
        return number
    }

    func string(_ key: String) throws(DataError) -> String {
        guard let text = try value(key).string else { throw error(key, "is no string") }
        return text
    }

    private func array(_ key: String) throws(DataError) -> [JSON] {
        guard let elements = try value(key).array else { throw error(key, "is no array") }
        return elements
    }

    func strings(_ key: String) throws(DataError) -> [String] {
        let elements = try array(key)
        let texts = elements.compactMap(\.string)
        guard texts.count == elements.count else { throw error(key, "holds something other than strings") }
        return texts
    }

    func lanes() throws(DataError) -> [StreamPosition.Lane] {
        var lanes: [StreamPosition.Lane] = []
        for element in try array("lanes") {
            let values = element.array ?? []
            let numbers = values.prefix(3).compactMap(\.int).filter(Self.range.contains)
            guard values.count == 4, numbers.count == 3, let isDone = values[3].bool else {
                throw error("lanes", "holds something other than an epoch, a window, an offset and a flag")
            }
            lanes.append(
                StreamPosition.Lane(epoch: numbers[0], window: numbers[1], offset: numbers[2], isDone: isDone))
        }
        return lanes
    }

    func deficits() throws(DataError) -> [Int] {
        let elements = try array("deficits")
        let numbers = elements.compactMap(\.int).filter { Self.range.contains($0.magnitude) }
        guard numbers.count == elements.count else { throw error("deficits", "holds something other than counters") }
        return numbers
    }
}

extension ClosedRange<Int> {
    fileprivate func contains(_ magnitude: UInt) -> Bool { magnitude <= UInt(upperBound) }
}
