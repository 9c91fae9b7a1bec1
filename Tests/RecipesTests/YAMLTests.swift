import Recipes
import Testing
import TextCore

@Suite struct YAMLTests {
    private func node(_ text: String) throws -> RecipeNode {
        try YAMLReader.read(Array(text.utf8), from: RecipeSource(name: "x.yaml", directory: "/"))
    }

    @Test(
        arguments: [
            ("1e-5", .number(1e-5)), ("1E+3", .number(1000)), (".5", .number(0.5)), ("5.", .number(5)),
            ("-0", .integer(0)),
            ("+7", .integer(7)), ("0x1F", .integer(31)), ("0o17", .integer(15)), ("017", .integer(17)),
            ("-.inf", .number(-.infinity)), ("no", .string("no")), ("on", .string("on")), ("Yes", .string("Yes")),
            ("12:30", .string("12:30")), ("1_000", .string("1_000")), ("2024-01-01", .string("2024-01-01")),
            ("~", .null), ("null", .null), ("Null", .null), ("NULL", .null), ("nULL", .string("nULL")),
            ("TRUE", .bool(true)),
            ("false", .bool(false)), ("e5", .string("e5")), (".", .string(".")), ("-", .string("-")),
            ("0x", .string("0x")),
            ("0x-1", .string("0x-1")), ("0o+7", .string("0o+7")), ("1e", .string("1e")), ("inf", .string("inf")),
            ("nan", .string("nan")), ("0x1p3", .string("0x1p3")), ("1e999", .number(.infinity)),
        ] as [(String, RecipeNode.Content)])
    func plainScalarsFollowTheCoreSchema(text: String, content: RecipeNode.Content) {
        #expect(YAMLScalar.resolve(text) == content)
    }

    @Test func quotedAndBlockScalarsAreStrings() throws {
        let root = try node("a: \"1\"\nb: 'true'\nc: |\n  2\nd: >-\n  3\ne:\nf: \"\"\n")
        let contents = root.entries?.map(\.value.content)
        #expect(contents == [.string("1"), .string("true"), .string("2\n"), .string("3"), .null, .string("")])
    }

    @Test func everyNodeKnowsItsPlace() throws {
        let root = try node("a:\n  - b: 1\n    \"ü\": [x, {y: z}]\n")
        #expect(root["a.0.b"].map(\.position.description) == "x.yaml:2:8")
        #expect(root["a.0.ü.1.y"].map(\.position.description) == "x.yaml:3:18")
        #expect(root["a.0"]?.entries?.last?.keyPosition.description == "x.yaml:3:5")
        #expect(root["a.1"] == nil && root["a.b"] == nil)
        #expect(root.json.text() == #"{"a":[{"b":1,"ü":["x",{"y":"z"}]}]}"#)
    }

    @Test func anAliasBombIsRefusedWithoutExpandingIt() throws {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
        for level in 1...40 {
            let inner = Array(repeating: "*a\(level - 1)", count: 8).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(inner)]\n"
        }
        // As keys, the bomb would go off when keys are compared.
        bomb += "? *a40\n: 1\n"
        let error = #expect(throws: RecipeError.self) { try node(bomb) }
        #expect(error?.problems.first?.what == "the YAML alias '*a0' repeats an anchored value")
        #expect(throws: RecipeError.self) { try node("a: &a\n  b: *a\n") }
        #expect(throws: RecipeError.self) { try node("a: &x 1\nb: {<<: *x}\n") }
        #expect(throws: RecipeError.self) { try node("{\"a\":&x 1, \"b\":*x}") }
    }

    @Test func starsAndAmpersandsInTextAreText() throws {
        #expect(try node("a: x&y and x*y\nb: \"*.jsonl\"\nc: R&D *bold*\n")["b"]?.string == "*.jsonl")
    }

    @Test(arguments: [
        "a: \u{0}", "a: \u{1}", "a: 'b",
        "a: \"\\q\"",
        "a: \"\\ud800\"", "%YAML 9.9\n---\na: 1", "%BAD", "? [a]\n: 1", "? \n: 1", "a: !!int 3", "!x a: 1",
        "a: !!str b",
        "a: 1\na: 2", "a: 1\n'a': 2", "1: a\n\"1\": b", "a: @b", "a: `b`", "\t", "---\n---\n", "&", "*", "a: *b", "{",
        "]",
        "a: |3\n x", "a:\n  b: 1\n c: 2", "a: \u{FFFE}",
    ])
    func brokenYAMLIsAnErrorWithAPlace(text: String) throws {
        let error = #expect(throws: RecipeError.self) { try node(text) }
        for problem in error?.problems ?? [] {
            #expect(problem.position.line >= 1 && problem.position.column >= 1)
            #expect(!problem.what.isEmpty && !problem.why.isEmpty && !problem.fix.isEmpty)
        }
    }

    @Test(arguments: [("[", 40), ("[", 100_000), ("{a: ", 5000), ("- ", 5000), ("a:\n", 1), ("? ", 5000)])
    func deepNestingIsAnErrorAndNoCrash(opener: String, count: Int) throws {
        let text = String(repeating: opener, count: count) + (count == 40 ? String(repeating: "]", count: count) : "")
        if count == 1 {
            #expect(try node(text)["a"]?.isNull == true)
        } else {
            #expect(throws: RecipeError.self) { try node(text) }
        }
    }

    @Test func bytesThatAreNoTextAndFilesTooLargeAreRefused() throws {
        let source = RecipeSource(name: "x.yaml", directory: "/")
        #expect(throws: RecipeError.self) { try YAMLReader.read([0x61, 0x3A, 0xFF], from: source) }
        let large = [UInt8](repeating: UInt8(ascii: " "), count: YAMLReader.byteLimit + 1)
        #expect(throws: RecipeError.self) { try YAMLReader.read(large, from: source) }
    }

    @Test func byteOrderMarkAndWindowsLinesAreFine() throws {
        #expect(try node("\u{FEFF}a: 1\r\nb: 2\r\n")["b"]?.content == .integer(2))
    }

    @Test func damagedRecipesNeverTrap() throws {
        let text = Array(
            (start + "adapter: {rank: 8}\ntrain:\n  betas: [0.9, 0.95]\nname: \"${env:A}\" # &x *y\n").utf8)
        var state: UInt64 = 88172645463325252
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        let special = Array(":-[]{}&*!|>'\"%@`#,? \n\t~=${}0123456789eE.+\u{7F}".utf8)
        for _ in 0..<3000 {
            var bytes = text
            for _ in 0...random(4) {
                let index = random(bytes.count)
                switch random(3) {
                case 0: bytes[index] = special[random(special.count)]
                case 1: bytes.remove(at: index)
                default: bytes.insert(special[random(special.count)], at: index)
                }
            }
            let damaged = String(decoding: bytes, as: UTF8.self)
            do throws(RecipeError) {
                let document = try RecipeDocument.parse(damaged, directory: "/", environment: ["A": "b"])
                let loaded = try LoadedRecipe(document, checksFiles: false)
                _ = loaded.resolved()
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }
}
