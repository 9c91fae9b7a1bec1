import OrderedCollections
import Statistics
public import TextCore

/// A ticket with a right answer and one that is worse in a known way.
public struct TicketPreference: Sendable, Hashable {
    /// What is wrong with the rejected answer.
    public enum Fault: String, Sendable, Hashable, CaseIterable {
        /// JSON as it should be, with another intent.
        case wrongIntent = "wrong_intent"
        /// JSON as it should be, with another urgency.
        case wrongUrgency = "wrong_urgency"
        /// The right labels under other names, or written otherwise.
        case wrongFields = "wrong_fields"
        /// The right JSON among sentences.
        case proseAround = "prose_around"
        /// Sentences that say the same, without JSON.
        case proseOnly = "prose_only"
        /// The right JSON in a fence of Markdown.
        case codeFence = "code_fence"
        /// JSON with more in it than was asked for.
        case verboseJSON = "verbose_json"
        /// Text that is almost JSON.
        case invalidJSON = "invalid_json"
    }

    /// A name of its own, such as `pair-000017`.
    public var id: String
    /// The ticket that both answers are to.
    public var ticket: Ticket
    /// What is wrong with `rejected`.
    public var fault: Fault
    /// The worse answer; the better one is the ticket's.
    public var rejected: String

    /// The row of a preference file: `id`, `prompt`, `chosen`, `rejected`, and `meta` with `customer` and `kind`.
    public var row: JSON {
        [
            "id": .string(id), "prompt": [["role": "user", "content": .string(ticket.text)]],
            "chosen": [["role": "assistant", "content": .string(ticket.answer)]],
            "rejected": [["role": "assistant", "content": .string(rejected)]],
            "meta": ["customer": .string(ticket.customer), "kind": .string(fault.rawValue)],
        ]
    }
}

extension TicketGenerator {
    /// How often each fault comes among twelve pairs: wrong labels most, as they are the hardest to tell.
    private static let faults: [TicketPreference.Fault] = [
        .wrongIntent, .wrongIntent, .wrongIntent, .wrongUrgency, .wrongUrgency, .wrongFields, .proseAround,
        .proseAround, .proseOnly, .codeFence, .verboseJSON, .invalidJSON,
    ]

    /// Pairs for tickets that follow the first `ticketCount`, so that no prompt is among those, of customers on the
    /// training side of `split`; more pairs begin with the same ones.
    ///
    /// - Precondition: the counts are not negative, and `testFraction` is in [0, 1).
    public func preferences(count: Int, after ticketCount: Int, testFraction: Double = 0.1) -> [TicketPreference] {
        precondition(count >= 0 && ticketCount >= 0 && testFraction < 1, "\(count) pairs after \(ticketCount) tickets")
        guard count > 0 else { return [] }
        var tickets: [Ticket] = []
        // Customers come in blocks of thirty; how many of them train is not known beforehand.
        var fresh = 2 * count + 90
        while tickets.count < count {
            tickets =
                split(
                    Array(self.tickets(count: ticketCount + fresh).dropFirst(ticketCount)), testFraction: testFraction
                ).train
            fresh *= 2
        }
        return tickets.prefix(count).enumerated().map { index, ticket in
            let (block, place) = index.quotientAndRemainder(dividingBy: Self.faults.count)
            let order = faultOrder(of: block)
            return preference(ticket, index: index, fault: Self.faults[order[place]])
        }
    }

    /// The pairs as the bytes of a JSONL file.
    public static func jsonLines(_ preferences: [TicketPreference]) -> String {
        preferences.map { $0.row.text() + "\n" }.joined()
    }

    private func faultOrder(of block: Int) -> [Int] {
        var random = CounterRandom(seed, 4, UInt64(block))
        return random.permutation(Self.faults.count)
    }

    private func preference(_ ticket: Ticket, index: Int, fault: TicketPreference.Fault) -> TicketPreference {
        var writer = WorseAnswer(ticket: ticket, random: CounterRandom(seed, 5, UInt64(index)))
        return TicketPreference(
            id: "pair-" + padded(index, to: 6), ticket: ticket, fault: fault, rejected: writer.text(fault))
    }
}

/// Writes an answer to a ticket that is worse than the right one.
private struct WorseAnswer {
    let ticket: Ticket
    var random: CounterRandom

    mutating func text(_ fault: TicketPreference.Fault) -> String {
        switch fault {
        case .wrongIntent: Self.json(otherIntent(), ticket.urgency.rawValue)
        case .wrongUrgency: Self.json(ticket.intent, otherUrgency())
        case .wrongFields: otherFields()
        case .proseAround: random.pick(Self.openings) + ticket.answer + random.pick(Self.endings)
        case .proseOnly: sentence()
        case .codeFence: random.pick(["```json\n", "```\n", "``` json\n"]) + ticket.answer + "\n```"
        case .verboseJSON: verbose()
        case .invalidJSON: broken()
        }
    }

    private static func json(_ intent: String, _ urgency: String) -> String {
        let answer: JSON = ["intent": .string(intent), "urgency": .string(urgency)]
        return answer.text()
    }

    /// Another intent; half the time one that shares a word with the right one, where there is such.
    private mutating func otherIntent() -> String {
        let others = TicketGenerator.intents.filter { $0 != ticket.intent }
        let words = Set(ticket.intent.split(separator: "_"))
        let near = others.filter { !words.isDisjoint(with: $0.split(separator: "_")) }
        return !near.isEmpty && random.chance(50) ? random.pick(near) : random.pick(others)
    }

    private mutating func otherUrgency() -> String {
        random.pick(Ticket.Urgency.allCases.filter { $0 != ticket.urgency }).rawValue
    }

    private mutating func otherFields() -> String {
        let (intent, urgency) = (ticket.intent, ticket.urgency.rawValue)
        let answer: JSON =
            switch random.below(5) {
            case 0: ["category": .string(intent), "priority": .string(urgency)]
            case 1: ["urgency": .string(urgency), "intent": .string(intent)]
            case 2: ["intent": .string(spoken(intent)), "urgency": .string(urgency.uppercased())]
            case 3: ["intent": [.string(intent)], "urgency": .string(urgency)]
            default: ["label": .string(intent + "/" + urgency)]
            }
        return answer.text()
    }

    private func spoken(_ intent: String) -> String { intent.split(separator: "_").joined(separator: " ") }

    private static let openings = [
        "Sure, here is the result: ", "Thank you for the message. I read it as ", "The answer is ", "Of course!\n\n",
        "Let me sort this ticket for you: ", "I have looked at the ticket. ",
    ]
    private static let endings = [
        "", ". I hope this helps!", "\n\nTell me if you need anything else.", " - shall I write a reply as well?",
        "\nThe customer sounds as if they are waiting for an answer.",
    ]

    private mutating func sentence() -> String {
        let intent = spoken(ticket.intent)
        let urgency = ["low": "not pressing", "normal": "of normal urgency", "high": "very urgent"]
        let pressing = urgency[ticket.urgency.rawValue] ?? ""
        switch random.below(4) {
        case 0: return "This is about \(intent), and it is \(pressing)."
        case 1: return "The customer writes because of \(intent). I would say it is \(pressing)."
        case 2: return "Intent: \(intent)\nUrgency: \(ticket.urgency.rawValue)"
        default: return "It looks \(pressing) to me, and the topic seems to be \(intent)."
        }
    }

    private mutating func verbose() -> String {
        var answer: JSON = [
            "intent": .string(ticket.intent), "urgency": .string(ticket.urgency.rawValue),
        ]
        switch random.below(4) {
        case 0: answer = ["result": answer]
        case 1: answer = answer.adding("confidence", .number(Double(60 + random.below(40)) / 100))
        case 2: answer = answer.adding("explanation", .string("The message is about \(spoken(ticket.intent))."))
        default: return answer.text(.pretty)
        }
        return random.chance(50) ? answer.text(.pretty) : answer.text()
    }

    private mutating func broken() -> String {
        let right = ticket.answer
        switch random.below(6) {
        case 0: return String(right.dropLast())
        case 1: return right.replacing("\"", with: "'")
        case 2: return String(right.dropLast()) + ",}"
        case 3: return right.replacing("\"intent\"", with: "intent").replacing("\"urgency\"", with: "urgency")
        case 4: return right.replacing(":", with: "=")
        default: return right + right
        }
    }
}

extension JSON {
    /// The object with one more member.
    fileprivate func adding(_ key: String, _ value: JSON) -> JSON {
        var members = object ?? [:]
        members[key] = value
        return .object(members)
    }
}
