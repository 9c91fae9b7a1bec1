import Datasets
import Foundation
import OrderedCollections
import Testing
import TextCore

@Suite struct TicketPreferenceTests {
    private let generator = TicketGenerator(seed: 42)

    private func right(_ text: String) -> (intent: String, urgency: String)? {
        guard let json = try? JSON(parsing: text), json.object?.keys.map({ $0 }) == ["intent", "urgency"] else {
            return nil
        }
        guard let intent = json["intent"]?.string, let urgency = json["urgency"]?.string else { return nil }
        return TicketGenerator.intents.contains(intent) && Ticket.Urgency(rawValue: urgency) != nil
            && text == json.text()
            ? (intent, urgency) : nil
    }

    @Test func aSeedGivesTheSameBytesAndMorePairsBeginWithTheSame() {
        let pairs = generator.preferences(count: 400, after: 900)
        #expect(pairs == TicketGenerator(seed: 42).preferences(count: 400, after: 900))
        #expect(Array(pairs.prefix(120)) == generator.preferences(count: 120, after: 900))
        #expect(
            generator.preferences(count: 50, after: 900) != TicketGenerator(seed: 1).preferences(count: 50, after: 900))
        #expect(generator.preferences(count: 0, after: 10).isEmpty)
    }

    /// Files that were made before must not change unawares.
    @Test func theFirstPairsAreTheseOnes() {
        let hash = TicketGenerator.jsonLines(generator.preferences(count: 1000, after: 9000)).utf8
            .reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        #expect(hash == 5_037_628_175_480_419_223)
    }

    @Test func everyFaultComesAsOftenAsItShouldAndTheRejectedAnswerHasIt() {
        let pairs = generator.preferences(count: 1200, after: 900)
        let counts = Dictionary(grouping: pairs, by: \.fault).mapValues(\.count)
        #expect(counts.count == TicketPreference.Fault.allCases.count)
        #expect(counts[.wrongIntent] == 300 && counts[.wrongUrgency] == 200 && counts[.proseAround] == 200)
        for pair in pairs {
            let (chosen, rejected) = (right(pair.ticket.answer), right(pair.rejected))
            #expect(chosen != nil && pair.rejected != pair.ticket.answer && !pair.rejected.isEmpty)
            switch pair.fault {
            case .wrongIntent:
                #expect(rejected != nil && rejected?.intent != chosen?.intent && rejected?.urgency == chosen?.urgency)
            case .wrongUrgency:
                #expect(rejected != nil && rejected?.intent == chosen?.intent && rejected?.urgency != chosen?.urgency)
            case .wrongFields:
                #expect(rejected == nil && (try? JSON(parsing: pair.rejected)) != nil, "\(pair.rejected)")
            case .verboseJSON:
                #expect(rejected == nil && (try? JSON(parsing: pair.rejected)) != nil, "\(pair.rejected)")
                #expect(pair.rejected.utf8.count > pair.ticket.answer.utf8.count)
            case .invalidJSON, .proseOnly, .codeFence, .proseAround:
                #expect((try? JSON(parsing: pair.rejected)) == nil, "\(pair.rejected)")
            }
            if pair.fault == .proseAround || pair.fault == .codeFence {
                #expect(pair.rejected.contains(pair.ticket.answer))
            }
        }
    }

    @Test func noPromptAndNoCustomerOfTheTestIsAmongThePairs() {
        let (train, test) = generator.split(generator.tickets(count: 900))
        let pairs = generator.preferences(count: 2000, after: 900)
        #expect(Set(pairs.map(\.ticket.text)).count == 2000 && Set(pairs.map(\.id)).count == 2000)
        #expect(Set(pairs.map(\.ticket.text)).isDisjoint(with: (train + test).map(\.text)))
        #expect(Set(pairs.map(\.ticket.customer)).isDisjoint(with: test.map(\.customer)))
        #expect(generator.split(pairs.map(\.ticket)).test.isEmpty)
        // A share that leaves hardly any customer to train on still gives as many pairs as are asked for.
        #expect(generator.preferences(count: 20, after: 90, testFraction: 0.95).count == 20)
    }

    @Test func aRowHasPromptAnswersAndWhereItCameFrom() throws {
        let pair = try #require(generator.preferences(count: 1, after: 9000).first)
        let row = pair.row
        #expect(row.object?.keys.map { $0 } == ["id", "prompt", "chosen", "rejected", "meta"])
        #expect(row["prompt"] == [["role": "user", "content": .string(pair.ticket.text)]])
        #expect(row["chosen"]?.array?.first?["role"] == "assistant")
        #expect(row["meta"] == ["customer": .string(pair.ticket.customer), "kind": .string(pair.fault.rawValue)])
    }
}
