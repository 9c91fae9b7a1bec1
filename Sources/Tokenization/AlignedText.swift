internal import TextCore

/// UTF-8 text on its way through the normalizers, and for each byte where in the original text it comes from.
struct AlignedText {
    private(set) var bytes: [UInt8]
    /// For each byte the bytes of the original text it stands for, widened to whole scalars;
    /// `nil` while the text is still a slice of the original.
    private var spans: [Range<Int>]?
    /// Where the slice starts in the original, while `spans` is `nil`.
    private let shift: Int

    /// The slice `range` of the original text.
    init(original: [UInt8], range: Range<Int>) {
        bytes = Array(original[range])
        shift = range.lowerBound
    }

    fileprivate init(bytes: [UInt8], spans: [Range<Int>]) {
        self.bytes = bytes
        self.spans = spans
        shift = 0
    }

    /// The bytes of the original text that the bytes `range` come from, in whole scalars.
    func originalRange(of range: Range<Int>) -> Range<Int> {
        guard let spans else { return scalarRange(around: range) }
        if range.isEmpty {
            let place =
                range.lowerBound < spans.count ? spans[range.lowerBound].lowerBound : spans.last?.upperBound ?? 0
            return place..<place
        }
        let start = spans[range.lowerBound].lowerBound
        return start..<max(start, spans[range.upperBound - 1].upperBound)
    }

    private func scalarRange(around range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        guard start < end else { return (shift + start)..<(shift + start) }
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
        return (shift + start)..<(shift + end)
    }

    /// The length of the scalar at `position`.
    func scalarWidth(at position: Int) -> Int {
        bytes.withUnsafeBufferPointer { decodeScalar($0, at: position).width }
    }
}

/// Writes a changed copy of a text, keeping the alignment.
struct AlignedTextBuilder {
    private let source: AlignedText
    private var bytes: [UInt8] = []
    private var spans: [Range<Int>] = []

    init(_ source: AlignedText) {
        self.source = source
        bytes.reserveCapacity(source.bytes.count + source.bytes.count / 8 + 16)
        spans.reserveCapacity(source.bytes.count + source.bytes.count / 8 + 16)
    }

    /// Bytes written so far.
    var count: Int { bytes.count }

    /// Copies `range` of the source.
    mutating func keep(_ range: Range<Int>) {
        bytes += source.bytes[range]
        var position = range.lowerBound
        while position < range.upperBound {
            // A scalar's bytes share their place in the original.
            let end = min(position + source.scalarWidth(at: position), range.upperBound)
            let span = source.originalRange(of: position..<end)
            spans += repeatElement(span, count: end - position)
            position = end
        }
    }

    /// Writes `text` for the bytes `range` of the source.
    mutating func replace(_ range: Range<Int>, with text: some Collection<UInt8>) {
        bytes += text
        spans += repeatElement(source.originalRange(of: range), count: text.count)
    }

    /// Writes `text` before the scalar of the source at `position`, whose place in the original it shares.
    mutating func insert(_ text: some Collection<UInt8>, before position: Int) {
        let end = min(position + source.scalarWidth(at: position), source.bytes.count)
        replace(position..<end, with: text)
    }

    var text: AlignedText { AlignedText(bytes: bytes, spans: spans) }
}
