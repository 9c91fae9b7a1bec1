import OrderedCollections
public import TextCore

/// Where in a rollout the answer stands that a verifier judges.
///
/// In a recipe this is a name, `extract: boxed`, or an object that also says which of several counts:
/// `extract: {find: tag(answer), pick: only}`.
///
/// | Name | What it takes |
/// |---|---|
/// | `answer` | All that follows the reasoning; the default. `after_think` is another name for it. |
/// | `full` | All that was written, reasoning and its tags included. |
/// | `tag(NAME)` | What stands between `<NAME>` and the next `</NAME>`. |
/// | `boxed` | What `\boxed{…}` holds, with its inner braces; `\{` and `\}` are no braces. |
/// | `hash4` | The rest of the line behind `####`, in the last 300 scalars. |
/// | `last_number` | The last number (`NumberReader`). |
/// | `regex(PATTERN)` | The pattern's first group, or what it matches where it has no group. |
/// | `json` | A JSON value: the whole text (in a fence or not), or an array or object that stands in it. |
///
/// All but `full` look at what follows the reasoning. Where there are several, `pick` decides: `last` (the default),
/// `first`, or `only`, for which two are as bad as none, so that a model gains nothing by answering twice. White space
/// at both ends of what a tag, a box, `####` or a JSON value gives is left out. No extraction takes more than time
/// proportional to the text.
public struct Extraction: JSONReadable, Equatable, CustomStringConvertible {
    /// Which of several places counts.
    public enum Pick: String, NamedChoice {
        /// The last; for `boxed` the last that begins, and there is no answer when that one is never closed.
        case last
        /// The only one; several are no answer.
        case only
        /// The first.
        case first
    }

    enum Source: Sendable {
        case answer
        case full
        case tag(String)
        case boxed
        case hash4
        case lastNumber
        case regex(LinearRegex)
        case json
    }

    let source: Source
    /// Which of several places counts.
    public let pick: Pick

    /// All that follows the reasoning.
    public static let answer = Extraction(source: .answer, pick: .last)
    /// All that was written.
    public static let full = Extraction(source: .full, pick: .last)
    /// What the last `\boxed{…}` holds.
    public static let boxed = Extraction(source: .boxed, pick: .last)
    /// What stands behind the last `####`.
    public static let hash4 = Extraction(source: .hash4, pick: .last)
    /// The last number.
    public static let lastNumber = Extraction(source: .lastNumber, pick: .last)

    public static let expectation =
        "one of answer, full, tag(NAME), boxed, hash4, last_number, regex(PATTERN) with a pattern that is understood, "
        + "json; or an object such as {\"find\": \"tag(answer)\", \"pick\": \"only\"} (pick: last, only or first)"

    private init(source: Source, pick: Pick) {
        self.source = source
        self.pick = pick
    }

    /// The extraction with a name such as `boxed` or `tag(answer)`.
    ///
    /// `nil` when the name is unknown, a tag's name is no name (letters, digits, `_`, `-`; at most 64), a pattern is
    /// malformed, or `pick` is not `last` where there is always one.
    public init?(_ name: String, pick: Pick = .last) {
        guard let source = Self.source(named: name) else { return nil }
        switch source {
        case .answer, .full, .lastNumber:
            guard pick == .last else { return nil }
        case .tag, .boxed, .hash4, .regex, .json: break
        }
        self.init(source: source, pick: pick)
    }

    public init?(json: JSON) {
        if let name = json.string {
            self.init(name)
            return
        }
        guard let members = json.object, let name = members["find"]?.string,
            members.keys.allSatisfy({ $0 == "find" || $0 == "pick" })
        else { return nil }
        guard let wanted = members["pick"] else {
            self.init(name)
            return
        }
        guard let pick = Pick(json: wanted) else { return nil }
        self.init(name, pick: pick)
    }

    private static func source(named name: String) -> Source? {
        switch name {
        case "answer", "after_think": return .answer
        case "full": return .full
        case "boxed": return .boxed
        case "hash4": return .hash4
        case "last_number": return .lastNumber
        case "json": return .json
        default: break
        }
        guard let argument = argument(of: "tag", in: name) else {
            return argument(of: "regex", in: name).flatMap { try? LinearRegex($0) }.map { .regex($0) }
        }
        let isName = argument.unicodeScalars.allSatisfy { $0.isWord || $0 == "-" }
        return isName && (1...64).contains(argument.unicodeScalars.count) ? .tag(argument) : nil
    }

    private static func argument(of function: String, in name: String) -> String? {
        guard name.hasPrefix(function + "("), name.hasSuffix(")") else { return nil }
        let argument = String(name.dropFirst(function.count + 1).dropLast())
        return argument.isEmpty ? nil : argument
    }

    /// The name that a recipe uses, with `pick` where it is not `last`: `tag(answer) (only)`.
    public var description: String { pick == .last ? name : "\(name) (\(pick.rawValue))" }

    private var name: String {
        switch source {
        case .answer: "answer"
        case .full: "full"
        case .tag(let name): "tag(\(name))"
        case .boxed: "boxed"
        case .hash4: "hash4"
        case .lastNumber: "last_number"
        case .regex(let regex): "regex(\(regex.pattern))"
        case .json: "json"
        }
    }

    public static func == (first: Extraction, second: Extraction) -> Bool {
        first.name.isSameText(as: second.name) && first.pick == second.pick
    }

    /// The answer in a rollout; `nil` when there is none.
    public func text(in rollout: Rollout) -> String? {
        if case .full = source { return rollout.fullText }
        return rollout.answerText.flatMap { text(in: $0) }
    }

    /// The answer in a text whose reasoning is already left out; `nil` when there is none.
    public func text(in text: String) -> String? {
        switch source {
        case .answer, .full: return text
        case .lastNumber: return NumberReader().last(in: text)?.text
        case .tag(let name): return picked(from: Self.elements(named: name, in: Array(text.utf8)), in: text)
        case .boxed: return picked(from: Self.boxes(in: Array(text.utf8)), in: text)
        case .hash4: return picked(from: Self.marked(in: Array(text.utf8)), in: text)
        case .json:
            if let whole = Self.wholeJSON(text) { return whole }
            return picked(from: Self.jsonRanges(in: Array(text.utf8)), in: text)
        case .regex(let regex): return captured(by: regex, in: text)
        }
    }

    /// Why `text(in:)` gave nothing, for a verdict's note.
    public func absence(in rollout: Rollout) -> String {
        if case .full = source { return "there is no text" }
        guard rollout.answerText != nil else { return "the reasoning never ended" }
        return pick == .only ? "there is not exactly one \(name) in the answer" : "there is no \(name) in the answer"
    }

    /// The text of the range that `pick` says; a `nil` range is a place that was begun and never ended.
    private func picked(from ranges: [Range<Int>?], in text: String) -> String? {
        let range: Range<Int>??
        switch pick {
        case .last: range = ranges.last
        case .first: range = ranges.first
        case .only: range = ranges.count == 1 ? ranges[0] : nil
        }
        guard let range = range ?? nil else { return nil }
        return String(decoding: Array(text.utf8)[range], as: UTF8.self).trimmed
    }

    private func captured(by regex: LinearRegex, in text: String) -> String? {
        var start = 0
        if pick != .first {
            // All ranges come from one pass; groups are then asked of the one that counts.
            let ranges = regex.matches(in: text)
            guard let last = ranges.last, pick == .last || ranges.count == 1 else { return nil }
            start = last.lowerBound
        }
        guard let match = regex.firstMatch(in: text, from: start) else { return nil }
        let range = regex.groupCount > 0 ? match.groups[1] : match.range
        return range.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
    }
}

extension Extraction {
    /// What the complete elements of a name hold.
    private static func elements(named name: String, in bytes: [UInt8]) -> [Range<Int>?] {
        let opening = Array("<\(name)>".utf8)
        let closing = Array("</\(name)>".utf8)
        var complete: [Range<Int>?] = []
        var start: Int?
        var index = 0
        while let next = bytes[index...].firstIndex(of: UInt8(ascii: "<")) {
            index = next + 1
            if bytes[next...].starts(with: opening) {
                // Of two openings in a row the second counts: the first was talk about the tag.
                start = next + opening.count
            } else if bytes[next...].starts(with: closing), let begin = start {
                complete.append(begin..<next)
                start = nil
            }
        }
        return complete
    }

    /// What each `\boxed{` holds, in the order of their beginnings; `nil` for one that is never closed.
    private static func boxes(in bytes: [UInt8]) -> [Range<Int>?] {
        let opening = Array("\\boxed{".utf8)
        var boxes: [Range<Int>?] = []
        /// For each open brace, the box that it opens, if any, and where its content begins.
        var open: [(box: Int?, start: Int)] = []
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\"):
                if bytes[index...].starts(with: opening) {
                    index += opening.count
                    open.append((boxes.count, index))
                    boxes.append(nil)
                } else {
                    // The next byte is escaped.
                    index += 2
                }
                continue
            case UInt8(ascii: "{"): open.append((nil, index + 1))
            case UInt8(ascii: "}"):
                if let (box, start) = open.popLast(), let box { boxes[box] = start..<index }
            default: break
            }
            index += 1
        }
        return boxes
    }

    /// The rest of each line behind `####`, in the last 300 scalars.
    private static func marked(in bytes: [UInt8]) -> [Range<Int>?] {
        var scalars = 0
        var start = bytes.count
        while start > 0, scalars < 300 {
            start -= 1
            // Bytes that continue a scalar are 0b10…
            if bytes[start] & 0xC0 != 0x80 { scalars += 1 }
        }
        let mark = Array("####".utf8)
        var ranges: [Range<Int>?] = []
        var index = start
        while index < bytes.count {
            guard bytes[index...].starts(with: mark) else {
                index += 1
                continue
            }
            let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            ranges.append(index + mark.count..<end)
            index = end
        }
        return ranges
    }

    /// The text when it is one JSON value, without the fence around it.
    private static func wholeJSON(_ text: String) -> String? {
        var content = text.trimmed
        if content.hasPrefix("```"), content.hasSuffix("```"), content.utf8.count >= 6,
            let end = content.utf8.firstIndex(of: UInt8(ascii: "\n"))
        {
            content = String(content[end...].dropLast(3)).trimmed
        }
        return (try? JSON(parsing: content)) == nil ? nil : content
    }

    /// The arrays and objects in a text that stand in no other; where one breaks off, the search goes on from there.
    private static func jsonRanges(in bytes: [UInt8]) -> [Range<Int>?] {
        bytes.withUnsafeBytes { bytes in
            var ranges: [Range<Int>?] = []
            var index = 0
            while index < bytes.count {
                guard bytes[index] == UInt8(ascii: "{") || bytes[index] == UInt8(ascii: "[") else {
                    index += 1
                    continue
                }
                var reader = JSONReader(UnsafeRawBufferPointer(rebasing: bytes[index...]))
                do throws(JSONError) {
                    _ = try reader.value(depth: 0)
                    ranges.append(index..<(index + reader.position))
                    index += reader.position
                } catch {
                    index += max(1, error.offset)
                }
            }
            return ranges
        }
    }
}
