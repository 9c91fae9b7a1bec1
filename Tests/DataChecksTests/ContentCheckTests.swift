import DataChecks
import Foundation
import OrderedCollections
import ShardIO
import Statistics
import TestSupport
import Testing
import TextCore

@Suite struct ClassCheckTests {
    /// Sixty rows of two classes, and what is added.
    private func rows(_ more: [(String, String)]) -> [CheckedRow] {
        answered((0..<120).map { ("question number \($0)", $0 % 3 == 0 ? "card_arrival" : "lost_phone") } + more)
    }

    @Test func theMostFrequentClassIsTheBaseRate() throws {
        let balance = try #require(try findings(rows([]), only: "labels")["labels.balance"])
        #expect(balance.severity == .note)
        #expect(balance.figures["classes"] == 2)
        #expect(balance.figures["base_rate"]?.double == 0.6667)
        let uneven = answered((0..<100).map { ("question \($0)", $0 < 90 ? "yes" : "no") })
        #expect(try findings(uneven, only: "labels")["labels.balance"]?.severity == .warning)
    }

    @Test func aClassSpeltInTwoWaysIsFoundWithTheBetterSpelling() throws {
        let found = try findings(
            rows([("a", "Card arrival"), ("b", "card_arrivel"), ("c", "card_arrival ")]), only: "labels")
        let spelling = try #require(found["labels.spelling"])
        #expect(spelling.rows.map(\.source) == ["rows.jsonl:121", "rows.jsonl:122"])
        #expect(spelling.rows.allSatisfy { $0.other == "card_arrival" })
        let different = rows((0..<40).map { ("q\($0)", $0 % 2 == 0 ? "pin_change_1" : "pin_change_2") })
        #expect(try findings(different, only: "labels")["labels.spelling"] == nil)
    }

    @Test func classesWithOneRowAreListed() throws {
        let single = try #require(try findings(rows([("a", "exchange")]), only: "labels")["labels.single"])
        #expect(single.rows.map(\.other) == ["exchange"])
    }

    @Test func aClassThatOnlyASuiteHasIsFound() throws {
        var all = rows([])
        for number in 0..<3 {
            all.insert(
                CheckedRow(
                    side: .suite("test"), source: "test.jsonl:\(number + 1)", ordinal: number, prompt: "where",
                    answer: "refund"), at: 0)
        }
        let unseen = try #require(try findings(all, only: "labels")["labels.unseen"])
        #expect(unseen.count == 3)
        #expect(unseen.rows.first?.other == "refund")
    }

    @Test func membersOfJSONAnswersAreClassesOfTheirOwn() throws {
        let rows = answered(
            (0..<90).map {
                ("ticket \($0)", #"{"intent": "i\#($0 % 3)", "urgent": \#($0 % 2 == 0), "note": "n\#($0)"}"#)
            })
        let balances = try findings(rows, only: "labels").filter { $0.check == "labels.balance" }
        #expect(balances.map { $0.figures["classes"] } == [3, 2])
    }

    @Test func freeTextAndNumbersAreNoClasses() throws {
        let numbers = answered((0..<300).map { ("sum \($0)", "\($0 % 40)") })
        let texts = answered((0..<300).map { ("say \($0)", "this is answer number \($0)") })
        #expect(try findings(numbers, only: "labels").isEmpty)
        #expect(try findings(texts, only: "labels").isEmpty)
    }
}

@Suite struct SecretCheckTests {
    private func kinds(_ text: String) throws -> [String] {
        try findings(answered([(text, "ok")]), only: "secrets").map { String($0.check.dropFirst("secrets.".count)) }
    }

    /// Made up for this test; the check digits are right. In parts, so that no scanner takes them for real ones.
    private static let secrets: [(before: String, secret: String, after: String, kind: String)] = [
        ("my card is ", "4539 5787" + " 6362 1486", " thanks", "card"), ("card ", "378734" + "493671000", "?", "card"),
        ("pay to ", "DE89 3704 0044" + " 0532 0130 00", " please", "iban"),
        ("", "GB82WEST" + "12345698765432", "", "iban"),
        ("write to ", "jane.doe" + "@firma-nord.de", " today", "email"),
        ("call ", "+49 30" + " 901820 35", "", "phone"), ("call me at ", "(212)" + " 736-3100", ".", "phone"),
        ("my number: ", "212-" + "736-3100", "", "phone"), ("ssn ", "536-" + "90-4399", "", "social_security"),
        ("from ", "81.169." + "145.66", " at noon", "ip_address"),
        ("use ", "ghp_" + "aZ3kQ9xT1vB7mN2cR8yL5wE4uI6oP0sDfGhJ", " here", "api_key"),
        ("", "AKIA" + "J5QW7XZR2MNTKB4Q", "", "api_key"),
        ("key ", "sk-proj-" + "a8Kd02lQzX7vMn3Bp4RtYw6UeIo1Ss5DfGhJkLzXcVb9", "", "api_key"),
        (
            "Bearer ", "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiI5NDAyMTciLCJuIjoiTSJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g",
            "", "web_token"
        ),
        (
            "", "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEAx8Q2kz0fXJrW1l2o3p4q5r6s7t8u9v0wAxByCzDaEbFcGd",
            "",
            "private_key"
        ),
    ]

    @Test func keysAndPersonalDataAreFoundAndNotShown() throws {
        for (before, secret, after, kind) in Self.secrets {
            let found = try findings(answered([(before + secret + after, "ok")]), only: "secrets")
            #expect(found.map(\.check) == ["secrets." + kind], "\(secret)")
            let excerpt = try #require(found.first?.rows.first?.excerpt)
            #expect(excerpt == before + secret.prefix(2) + "…" + after)
        }
    }

    @Test func otherChecksDoNotShowThemEither() throws {
        let text = "<|im_start|> mail jane.doe@firma-nord.de"
        let shown = try findings(answered([(text, "ok")]), only: "template")
        #expect(shown.first?.rows.first?.excerpt.contains("firma-nord") == false)
    }

    @Test(arguments: [
        "order 4539578763621487 of May", "version 10.0.19041.1", "1.2.3.4 and 192.168.0.1 and 255.255.255.255",
        "mail user@example.com", "@user and a@b", "12-34-5678", "tracking 1234 5678 9012 3456",
        "DE89370400440532013001",
        "call 555-0100 or +1 555 555 0100", "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-learn-and-other-long-names-of-packages",
        "x = 3.14159265358979323846", "AKIAIOSFODNN7EXAMPLE", "-----BEGIN PRIVATE KEY----- goes at the top",
        "2024-11-21 12:30:45", "ISBN 978-3-16-148410-0", "5+1234567890", "0.4539578763621486", "file@2x.png",
    ])
    func whatOnlyLooksLikeASecretIsNotAccused(text: String) throws {
        #expect(try kinds(text) == [])
    }

    @Test func schoolProblemsAndQuestionsToABankHoldNone() throws {
        guard
            let sums = try sharedRows(
                "data/gsm8k/train.jsonl",
                {
                    CheckedRow(
                        side: .train, source: "gsm8k:\($0.provenance.line)", ordinal: $0.provenance.ordinal,
                        prompt: $0.fields["question"]?.string ?? "", answer: $0.fields["answer"]?.string)
                }),
            let questions = try Banking77()
        else { return }
        let found = try findings(sums + answered(questions.texts.map { ($0, "") }), only: "secrets")
        for finding in found { print(finding.message, finding.rows.prefix(5).map(\.excerpt)) }
        #expect(found.isEmpty)
    }
}

@Suite struct TextCheckTests {
    private var settings: DataCheckSettings {
        var settings = DataCheckSettings()
        settings.specialTexts = ["<|im_start|>", "<|im_end|>", "<s>"]
        settings.stopTexts = ["<|im_end|>"]
        return settings
    }

    @Test func markersAreToldApartByWhatTheyAreToTheModel() throws {
        let found = try findings(
            answered([
                ("one", "yes<|im_end|>"), ("two <|im_end|> more", "no"), ("<|im_start|>user three", "no"),
                ("[INST] four [/INST]", "no"), ("a<s>b", "x"), ("five < 6 [x] ### y", "no"),
            ]), only: "template", settings: settings)
        #expect(found["template.stop"]?.severity == .error)
        #expect(found["template.stop"]?.rows.map(\.source) == ["rows.jsonl:1"])
        #expect(found["template.special"]?.rows.map(\.source) == ["rows.jsonl:2", "rows.jsonl:3", "rows.jsonl:5"])
        #expect(found["template.foreign"]?.rows.map(\.source) == ["rows.jsonl:4"])
    }

    @Test func emptyAnswersAndMixedEndingsAreFound() throws {
        var pairs = (0..<100).map { (prompt: "p\($0)", answer: "answer \($0)") }
        pairs[3].answer = " \n"
        pairs[7].answer = " answer"
        pairs[9].answer = "answer\n"
        let found = try findings(answered(pairs), only: "template")
        #expect(found["template.empty"]?.rows.map(\.source) == ["rows.jsonl:4"])
        #expect(found["template.space"]?.rows.map(\.source) == ["rows.jsonl:8", "rows.jsonl:10"])
        #expect(found["template.space"]?.rows.map(\.excerpt) == [#"" answer""#, #""answer\n""#])
        let all = answered((0..<100).map { ("p\($0)", " answer \($0)") })
        #expect(try findings(all, only: "template")["template.space"]?.severity == .note)
    }

    @Test func answersThatBreakOffAreFoundWhereOthersEnd() throws {
        let sentence = "This is an answer of some length which says what is to be said, and then it says a little more"
        var pairs = (0..<100).map { (prompt: "p\($0)", answer: sentence + " about \($0).") }
        pairs[5].answer = sentence
        let cut = try #require(try findings(answered(pairs), only: "template")["template.cut"])
        #expect(cut.rows.map(\.source) == ["rows.jsonl:6"])
        #expect(cut.rows[0].excerpt.hasSuffix("little more"))
    }

    @Test func tokensSayWhatIsCutAndWhatNeverEnds() throws {
        var settings = settings
        settings.maxLength = 100
        settings.encode = { row in
            .init(
                tokens: row.prompt.utf8.count, trained: row.answer == "" ? 0 : 3, endsInStop: row.answer != "endless",
                hasDoubleStart: row.prompt.hasPrefix("<s>"))
        }
        var pairs = (0..<100).map { (prompt: String(repeating: "a", count: 20 + $0 / 2), answer: "b") }
        pairs[10].prompt = String(repeating: "c", count: 300)
        pairs[20].answer = "endless"
        pairs[30].answer = ""
        pairs[40].prompt = "<s>begin"
        let found = try findings(answered(pairs), only: "tokens", settings: settings)
        #expect(found["tokens.cut"]?.rows.map(\.source) == ["rows.jsonl:11"])
        #expect(found["tokens.cut"]?.rows.map(\.other) == ["300 tokens"])
        #expect(found["tokens.no_stop"]?.rows.map(\.source) == ["rows.jsonl:21"])
        #expect(found["tokens.untrained"]?.rows.map(\.source) == ["rows.jsonl:31"])
        #expect(found["tokens.double_start"]?.rows.map(\.source) == ["rows.jsonl:41"])
        #expect(found["tokens.length"]?.figures["tokens"]?["p50"] == 45)
    }

    @Test func everyRowThatIsTooLongIsCountedBeyondTheSample() throws {
        var settings = settings
        settings.maxLength = 1000
        settings.encode = { .init(tokens: $0.prompt.utf8.count, trained: 1) }
        let rows = answered(
            (0..<50_000).map { ("x", $0) }.map { ($0.1 % 500 == 7 ? String(repeating: "y", count: 1001) : "x", "z") })
        #expect(try findings(rows, only: "tokens", settings: settings)["tokens.cut"]?.count == 100)
    }

    @Test func rowsThatAreCopiesAreWorthFewer() throws {
        var random = CounterRandom(1)
        let words = (0..<400).map { "w\($0)" }
        let different = (0..<1000).map { _ in (0..<12).map { _ in random.pick(words) }.joined(separator: " ") }
        let copied = (0..<1000).map { different[$0 % 50] }
        func share(_ texts: [String]) throws -> Double {
            let found = try findings(answered(texts.map { ($0, "a") }), only: "diversity")
            return try #require(found["diversity.size"]?.figures["effective_share"]?.double)
        }
        #expect(try share(different) > 0.99)
        #expect(abs(try share(copied) - 0.05) < 0.001)
        #expect(
            try findings(answered(copied.map { ($0, "a") }), only: "diversity")["diversity.size"]?.severity == .warning)
    }

    @Test func anOpeningThatMostAnswersShareIsFound() throws {
        let rows = answered(
            (0..<200).map {
                ("q\($0)", ($0 % 4 == 0 ? "Number \($0) is" : "As an assistant I") + " of the opinion that this is so")
            })
        let opening = try #require(try findings(rows, only: "diversity")["diversity.opening"])
        #expect(opening.message == "75 % of the longer answers begin with 'As an assistant'")
    }
}

@Suite struct AnswerCheckTests {
    private func pair(_ number: Int, _ prompt: String, _ chosen: String, _ rejected: String) -> CheckedRow {
        CheckedRow(
            side: .train, source: "pairs.jsonl:\(number + 1)", ordinal: number, prompt: prompt, answer: chosen,
            rejected: rejected)
    }

    private var preference: DataCheckSettings {
        var settings = DataCheckSettings()
        settings.method = .preference
        return settings
    }

    @Test func pairsThatTeachNothingAreFound() throws {
        let found = try findings(
            [
                pair(0, "p", "good answer", "bad"), pair(1, "p", "Same thing!", "same thing"), pair(2, "p", "x", ""),
                pair(3, "p", "yes it is", "yes it is, and more of it"), pair(4, "p", "bad", "good answer"),
                pair(5, "p", "the  same", "the same"),
            ], only: "preferences", settings: preference)
        #expect(found["preferences.equal"]?.rows.map(\.source) == ["pairs.jsonl:6"])
        #expect(found["preferences.marks"]?.rows.map(\.source) == ["pairs.jsonl:2"])
        #expect(found["preferences.empty"]?.rows.map(\.other) == ["the rejected answer is empty"])
        #expect(found["preferences.contained"]?.rows.map(\.source) == ["pairs.jsonl:4"])
        #expect(found["preferences.contradiction"]?.rows.map(\.source) == ["pairs.jsonl:5"])
        #expect(found["preferences.contradiction"]?.rows.map(\.other) == ["the other way round in row 1"])
    }

    @Test func lengthThatTellsTheBetterAnswerIsMeasured() throws {
        let rows = (0..<200).map { number in
            let long = "a long answer with many words, the \(number)th of its kind"
            return number % 10 == 0
                ? pair(number, "p\(number)", "short \(number)", long)
                : pair(number, "p\(number)", long, "short \(number)")
        }
        let length = try #require(try findings(rows, only: "preferences", settings: preference)["preferences.length"])
        #expect(length.severity == .warning)
        #expect(length.figures["chosen_longer"]?.double == 0.9)
        #expect(length.figures["area_under_curve"]?.double == 0.9)
        // Wilson's interval of 180 in 200.
        #expect(length.figures["lower"]?.double == 0.8506)
        #expect(length.figures["upper"]?.double == 0.9343)
    }

    @Test func promptsWithoutGoldAreAnError() throws {
        var settings = DataCheckSettings()
        settings.method = .reward
        settings.needsGold = true
        let rows = (0..<4).map {
            CheckedRow(
                side: .train, source: "r:\($0)", ordinal: $0, prompt: "p", gold: $0 == 2 ? nil : $0 == 3 ? " " : "72")
        }
        let missing = try #require(try findings(rows, only: "gold", settings: settings)["gold.missing"])
        #expect(missing.rows.map(\.source) == ["r:2", "r:3"])
        #expect(missing.severity == .error)
    }

    @Test func answersInsidePromptsAreFoundAndListsOfChoicesAreNot() throws {
        let names = ["refund", "exchange", "delivery", "complaint"]
        var pairs = (0..<100).map { (prompt: "message number \($0) of a customer", answer: names[$0 % 4]) }
        #expect(try findings(answered(pairs), only: "gold").isEmpty)
        pairs[50].prompt = "is about Delivery."
        pairs[60].prompt = "what is it? The answer is refund."
        let found = try findings(answered(pairs), only: "gold")
        #expect(found["gold.leak"]?.rows.map(\.source) == ["rows.jsonl:51"])
        #expect(found["gold.leak"]?.severity == .warning)
        #expect(found["gold.told"]?.rows.map(\.source) == ["rows.jsonl:61"])
        let choices = pairs.map { (prompt: $0.prompt + " Choose: " + names.joined(separator: ", "), answer: $0.answer) }
        #expect(try findings(answered(choices), only: "gold")["gold.leak"] == nil)
    }
}
