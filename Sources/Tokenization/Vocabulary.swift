/// Pieces and their numbers, compared byte by byte.
///
/// Swift's `String` takes canonically equivalent texts for equal (`Å` and `Å`), which vocabularies hold side by side.
struct Vocabulary: Sendable {
    /// Largest number of a piece plus one, at most.
    static let maximumSize = 1 << 22
    /// Bytes of a piece, at most.
    static let maximumPieceLength = 1 << 16

    private var storage: [UInt8] = []
    /// Where the piece of each number lies in `storage`; `lowerBound == -1` for a number without one.
    private var places: [(start: Int32, count: Int32)] = []
    /// Open addressing: numbers plus one, 0 for a free slot.
    private var slots: [Int32] = Array(repeating: 0, count: 1024)
    private(set) var count = 0

    /// Highest number plus one.
    var size: Int { places.count }

    /// The bytes of the piece with this number.
    subscript(id: Int) -> ArraySlice<UInt8>? {
        guard places.indices.contains(id), places[id].start >= 0 else { return nil }
        return storage[Int(places[id].start)..<Int(places[id].start + places[id].count)]
    }

    /// The number of the piece with these bytes.
    func id(of piece: UnsafeBufferPointer<UInt8>) -> Int? {
        let slot = slot(of: piece)
        return slots[slot] == 0 ? nil : Int(slots[slot]) - 1
    }

    /// The number of the piece with these bytes.
    func id(of piece: [UInt8]) -> Int? { piece.withUnsafeBufferPointer { id(of: $0) } }

    enum Conflict {
        case pieceHasNumber(Int)
        case numberIsTaken
        case numberOutOfRange
        case pieceTooLong
        case tooManyBytes
    }

    /// Adds a piece; on a conflict nothing changes and the conflict is returned.
    mutating func insert(_ piece: UnsafeBufferPointer<UInt8>, id: Int) -> Conflict? {
        guard (0..<Self.maximumSize).contains(id) else { return .numberOutOfRange }
        guard piece.count <= Self.maximumPieceLength else { return .pieceTooLong }
        guard storage.count + piece.count < 1 << 28 else { return .tooManyBytes }
        if self[id] != nil { return .numberIsTaken }
        if (count + 1) * 2 > slots.count { grow() }
        let slot = slot(of: piece)
        if slots[slot] != 0 { return .pieceHasNumber(Int(slots[slot]) - 1) }
        if id >= places.count { places += repeatElement((start: -1, count: 0), count: id + 1 - places.count) }
        places[id] = (Int32(storage.count), Int32(piece.count))
        storage += piece
        slots[slot] = Int32(id + 1)
        count += 1
        return nil
    }

    /// The slot of the piece, or the free one where it belongs.
    private func slot(of piece: UnsafeBufferPointer<UInt8>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(piece))
        let mask = slots.count - 1
        var slot = hasher.finalize() & mask
        while slots[slot] != 0 {
            let place = places[Int(slots[slot]) - 1]
            if Int(place.count) == piece.count,
                storage[Int(place.start)..<Int(place.start + place.count)].elementsEqual(piece)
            {
                return slot
            }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private mutating func grow() {
        let numbers = slots.filter { $0 != 0 }
        slots = Array(repeating: 0, count: slots.count * 2)
        for number in numbers {
            let place = places[Int(number) - 1]
            let target = storage.withUnsafeBufferPointer { (storage) -> Int in
                slot(of: UnsafeBufferPointer(rebasing: storage[Int(place.start)..<Int(place.start + place.count)]))
            }
            slots[target] = number
        }
    }
}
