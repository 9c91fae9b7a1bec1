import Foundation
import Testing
import TextCore

/// What messages repeat of a text that others wrote, and files of others.
@Suite struct HostileTextTests {
    @Test func aClippedTextHasTheScalarsThatItMayAndSaysThatThereAreMore() {
        #expect("abc".clipped(to: 3) == "abc")
        #expect("abcd".clipped(to: 3) == "abc…")
        #expect("üüü".clipped(to: 3) == "üüü")
        // One character of a million scalars is cut like a million characters.
        #expect(("e" + String(repeating: "\u{301}", count: 1_000_000)).clipped(to: 10).unicodeScalars.count == 11)
    }

    @Test func whatCommandsATerminalIsShownInsteadOfDone() {
        #expect("a\u{1B}[2Jb\rc\u{7F}\u{202E}".printable == #"a\u{1B}[2Jb\u{D}c\u{7F}\u{202E}"#)
        #expect("line\n\ttab é 👩‍👩‍👧".printable == "line\n\ttab é 👩‍👩‍👧")
    }

    @Test func aNameOfAMebibyteIsNotComparedLetterByLetter() {
        let start = ContinuousClock.now
        let long = String(repeating: "a", count: 1 << 20)
        #expect(nearestName(to: long, among: [long + "b", "a"]) == nil)
        #expect(nearestName(to: "lerning_rate", among: [long, "learning_rate"]) == "learning_rate")
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func valuesOfAJSONTextAreCounted() throws {
        let limits = JSONLimits(values: 5)
        #expect(try JSON(parsing: "[1,2,[3]]", limits: limits) == [1, 2, [3]])
        let error = #expect(throws: JSONError.self) { try JSON(parsing: "[1,2,[3,4]]", limits: limits) }
        #expect(error?.description == "1:9: more than 5 values")
        #expect(throws: JSONError.self) { try JSON(parsing: #"{"a":{"b":[1,2,3]}}"#, limits: limits) }
    }

    @Test func onlyRegularFilesOfAllowedSizeAreRead() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hone-regular-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "file").path
        #expect(throws: RegularFile.Problem.missing) { try RegularFile.bytes(at: file, limit: 10) }
        try Data("0123456789".utf8).write(to: URL(fileURLWithPath: file))
        #expect(try RegularFile.bytes(at: file, limit: 10) == Array("0123456789".utf8))
        #expect(throws: RegularFile.Problem.tooLarge(bytes: 10, limit: 9)) {
            try RegularFile.bytes(at: file, limit: 9)
        }
        #expect(throws: RegularFile.Problem.notRegular) { try RegularFile.bytes(at: folder.path, limit: 9) }
        #expect(throws: RegularFile.Problem.notRegular) { try RegularFile.bytes(at: "/dev/zero", limit: 9) }
        let pipe = folder.appending(path: "pipe").path
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: RegularFile.Problem.notRegular) { try RegularFile.bytes(at: pipe, limit: 9) }
        try FileManager.default.createSymbolicLink(
            atPath: folder.appending(path: "link").path, withDestinationPath: "file")
        #expect(try RegularFile.bytes(at: folder.appending(path: "link").path, limit: 10).count == 10)
    }
}
