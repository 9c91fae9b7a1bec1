import Datasets
import Foundation
import Testing
import TextCore

@Suite struct TicketGeneratorTests {
    private let generator = TicketGenerator(seed: 42)

    @Test func aSeedGivesTheSameBytes() throws {
        #expect(generator.tickets(count: 500) == TicketGenerator(seed: 42).tickets(count: 500))
        #expect(Array(generator.tickets(count: 500).prefix(200)) == generator.tickets(count: 200))
        #expect(TicketGenerator(seed: 43).tickets(count: 50).map(\.text) != generator.tickets(count: 50).map(\.text))
    }

    /// Files that were made before must not change unawares: a new phrase changes this line, and the files with it.
    @Test func theFirstTicketsAreTheseOnes() {
        let hash = TicketGenerator.jsonLines(generator.tickets(count: 1000)).utf8
            .reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        #expect(
            generator.tickets(count: 1)[0].row.text()
                == #"{"id":"ticket-000000","customer":"customer-00019","messages":[{"role":"user","content":"I want to complain "#
                + #"about your support. I need this solved now. Kind regards"},{"role":"assistant","content":"{\"intent\":"#
                + #"\"complaint_staff\",\"urgency\":\"high\"}"}]}"#)
        #expect(hash == 14_618_298_986_881_638_654)
    }

    @Test func intentsAndUrgenciesAreBalanced() {
        let tickets = generator.tickets(count: 900)
        #expect(TicketGenerator.intents.count == 30)
        #expect(Set(TicketGenerator.intents).count == 30)
        for intent in TicketGenerator.intents {
            for urgency in Ticket.Urgency.allCases {
                #expect(tickets.count { $0.intent == intent && $0.urgency == urgency } == 10)
            }
        }
    }

    @Test func noCustomerAndNoTextIsOnBothSides() {
        let tickets = generator.tickets(count: 9000)
        let (train, test) = generator.split(tickets)
        #expect(train.count + test.count == 9000)
        // 3,000 customers of probability 0.1 have a standard deviation of 16 customers, 49 tickets; five are 250.
        #expect(abs(test.count - 900) < 250)
        #expect(Set(train.map(\.customer)).isDisjoint(with: test.map(\.customer)))
        #expect(Set(train.map(\.text)).isDisjoint(with: test.map(\.text)))
        #expect(Set(tickets.map(\.text)).count == 9000)
        #expect(Set(tickets.map(\.id)).count == 9000)
        for intent in TicketGenerator.intents {
            #expect(test.count { $0.intent == intent } > 5, "\(intent) is hardly tested")
        }
        #expect(tickets.allSatisfy { $0.text.allSatisfy(\.isASCII) && !$0.text.contains { "[]{}|".contains($0) } })
    }

    @Test func theFilesHoldConversations() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tickets-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let counts = try generator.write(count: 300, to: folder.path)
        #expect(counts.train + counts.test == 300 && counts.pairs == 2000)
        for (name, count) in [("train.jsonl", counts.train), ("test.jsonl", counts.test)] {
            let lines = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8).split(
                separator: "\n")
            #expect(lines.count == count)
            for line in lines {
                let row = try JSON(parsing: String(line))
                let messages = try #require(row["messages"]?.array)
                #expect(messages.map { $0["role"]?.string } == ["user", "assistant"])
                let answer = try JSON(parsing: try #require(messages[1]["content"]?.string))
                #expect(TicketGenerator.intents.contains(try #require(answer["intent"]?.string)))
                #expect(Ticket.Urgency(rawValue: try #require(answer["urgency"]?.string)) != nil)
            }
        }
    }
}
