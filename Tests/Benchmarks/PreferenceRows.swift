import Foundation
import ShardIO
import TextCore

/// Preference rows of about 1.4 KB whose text compresses about as English does: words drawn by Zipf's law.
///
/// There are 4,096 different rows, which then come again with other ids: far more than fit a frame, and every frame is
/// compressed alone.
struct PreferenceRows {
    private let words: [String]
    private var bodies: [[UInt8]] = []

    init(seed: UInt64) {
        let syllables = """
            ba be bo ca ce co da de di fa fo ga ge ha he in ka le li lo ma me mi na ne no pa pe ra re ri ro sa se si ta
            te ti to un va ve we
            """.split(whereSeparator: \.isWhitespace).map(String.init)
        var draw = SplitMix(state: seed)
        words = (0..<6000).map { _ in
            (0..<(1 + draw.next(4))).map { _ in syllables[draw.next(syllables.count)] }.joined()
        }
        bodies = (0..<4096).map { _ in body(&draw) }
    }

    /// A row as a line of JSON, with the line's end.
    func line(_ index: Int) -> [UInt8] {
        Array(#"{"id":"pair-\#(index)","#.utf8) + bodies[index % bodies.count]
    }

    /// Writes rows into a file.
    func write(megabytes: Int, to path: String) throws {
        try Data().write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? file.close() }
        var (index, bytes) = (0, 0)
        while bytes < megabytes * 1_000_000 {
            var part: [UInt8] = []
            while part.count < 1 << 20, bytes + part.count < megabytes * 1_000_000 {
                part += line(index)
                index += 1
            }
            try file.write(contentsOf: part)
            bytes += part.count
        }
    }

    /// Writes rows into a data set.
    func writeShards(megabytes: Int, to folder: String) throws -> DatasetManifest {
        let writer = try DatasetWriter(folder: folder, schema: "pref/1")
        var (index, bytes) = (0, 0)
        while bytes < megabytes * 1_000_000 {
            bytes += try append(line(index), to: writer)
            index += 1
        }
        return try writer.finish()
    }

    /// - Returns: bytes of the line.
    private func append(_ line: [UInt8], to writer: DatasetWriter) throws -> Int {
        try line.withUnsafeBytes { try writer.append(line: UnsafeRawBufferPointer(rebasing: $0.dropLast())) }
        return line.count
    }

    /// A row from behind its id on.
    private func body(_ draw: inout SplitMix) -> [UInt8] {
        func message(_ role: String, words: Int) -> JSON {
            [["role": .string(role), "content": .string(text(words, &draw))]]
        }
        let row: JSON = [
            "prompt": message("user", words: 26 + draw.next(16)),
            "chosen": message("assistant", words: 66 + draw.next(44)),
            "rejected": message("assistant", words: 60 + draw.next(40)),
            "source": .string(["web", "tickets", "sums"][draw.next(3)]),
        ]
        return Array(row.text().utf8.dropFirst()) + [UInt8(ascii: "\n")]
    }

    private func text(_ length: Int, _ draw: inout SplitMix) -> String {
        var result = ""
        var startsSentence = true
        for index in 0..<length {
            // The rank is drawn evenly on a logarithmic scale, which gives rank r a share of about 1 / r.
            let rank = Int(pow(Double(words.count), draw.fraction())) - 1
            let word = words[min(rank, words.count - 1)]
            result += startsSentence ? word.capitalized : word
            startsSentence = draw.next(12) == 0 || index == length - 1
            switch draw.next(60) {
            case 0 where startsSentence: result += ".\n"
            case 1: result += " \"\(words[draw.next(words.count)])\" "
            case 2: result += " – "
            case 3: result += " \(draw.next(2000)) "
            default: result += startsSentence ? ". " : " "
            }
        }
        return result
    }
}

/// The generator splitmix64 (Steele, Lea and Flood, 2014).
private struct SplitMix {
    var state: UInt64

    /// Even over the 64 bits.
    private mutating func bits() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number from 0 up to and without `bound`.
    mutating func next(_ bound: Int) -> Int { Int(bits().multipliedFullWidth(by: UInt64(bound)).high) }

    /// A number from 0 up to and without 1.
    mutating func fraction() -> Double { Double(bits() >> 11) * 0x1p-53 }
}
