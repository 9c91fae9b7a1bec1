import Statistics
public import TextCore

/// A message to a shop's support, and what it is about.
public struct Ticket: Sendable, Hashable {
    /// How pressing a ticket is, as its words say.
    public enum Urgency: String, Sendable, Hashable, CaseIterable {
        case low
        case normal
        case high
    }

    /// A name of its own, such as `ticket-000017`.
    public var id: String
    /// Who wrote it; tickets of one customer stay on one side of a split.
    public var customer: String
    /// What the customer wrote.
    public var text: String
    /// One of `TicketGenerator.intents`.
    public var intent: String
    public var urgency: Urgency

    /// The answer that a model shall give: `{"intent":"order_status","urgency":"high"}`.
    public var answer: String {
        let answer: JSON = ["intent": .string(intent), "urgency": .string(urgency.rawValue)]
        return answer.text()
    }

    /// The row of a conversation file: `id`, `customer`, `messages`.
    public var row: JSON {
        [
            "id": .string(id), "customer": .string(customer),
            "messages": [
                ["role": "user", "content": .string(text)], ["role": "assistant", "content": .string(answer)],
            ],
        ]
    }
}

/// Writes support tickets that are the same for the same seed, on every machine.
///
/// Thirty intents and three urgencies come in equal numbers: each 90 tickets in a row hold every pair once. Texts are
/// made of phrases with choices and slots, greetings, signs of urgency at either end, order numbers and slips of the
/// keyboard; no two are equal.
public struct TicketGenerator: Sendable {
    let seed: UInt64

    public init(seed: UInt64) { self.seed = seed }

    /// The names of the intents.
    public static var intents: [String] { TicketPhrases.intents.map(\.name) }

    /// The first `count` tickets; more tickets begin with the same ones.
    ///
    /// - Precondition: `count` is not negative.
    public func tickets(count: Int) -> [Ticket] {
        precondition(count >= 0, "\(count) tickets")
        var seen: Set<String> = []
        var tickets: [Ticket] = []
        tickets.reserveCapacity(count)
        let pairs = TicketPhrases.intents.count * Ticket.Urgency.allCases.count
        var order: [Int] = []
        for index in 0..<count {
            let (block, place) = index.quotientAndRemainder(dividingBy: pairs)
            if place == 0 {
                var random = CounterRandom(seed, 1, UInt64(block))
                order = random.permutation(pairs)
            }
            tickets.append(ticket(index, block: block, pair: order[place], unlike: &seen))
        }
        return tickets
    }

    /// Divides tickets by customer: about `testFraction` of the customers, chosen by their names, are for the test.
    ///
    /// - Precondition: `testFraction` is in [0, 1].
    public func split(_ tickets: [Ticket], testFraction: Double = 0.1) -> (train: [Ticket], test: [Ticket]) {
        precondition((0...1).contains(testFraction), "test fraction \(testFraction)")
        let isTest = { (ticket: Ticket) -> Bool in
            let name = ticket.customer.utf8.reduce(UInt64(14_695_981_039_346_656_037)) {
                ($0 ^ UInt64($1)) &* 1_099_511_628_211
            }
            var random = CounterRandom(seed, 3, name)
            return Double(random.next() >> 11) * 0x1p-53 < testFraction
        }
        return (tickets.filter { !isTest($0) }, tickets.filter(isTest))
    }

    private func ticket(_ index: Int, block: Int, pair: Int, unlike seen: inout Set<String>) -> Ticket {
        let (intent, urgency) = pair.quotientAndRemainder(dividingBy: Ticket.Urgency.allCases.count)
        let urgencyValue = Ticket.Urgency.allCases[urgency]
        var attempt: UInt64 = 0
        while true {
            var writer = TicketWriter(random: CounterRandom(seed, 2, UInt64(index), attempt))
            let text = writer.text(TicketPhrases.intents[intent].phrases, urgency: urgencyValue)
            // A third as many customers as tickets, each within one block.
            let customer = block * 30 + writer.random.below(30)
            if seen.insert(text).inserted {
                return Ticket(
                    id: "ticket-" + padded(index, to: 6), customer: "customer-" + padded(customer, to: 5), text: text,
                    intent: TicketPhrases.intents[intent].name, urgency: urgencyValue)
            }
            attempt += 1
        }
    }

    func padded(_ number: Int, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// Puts the text of one ticket together.
private struct TicketWriter {
    var random: CounterRandom

    mutating func text(_ phrases: [String], urgency: Ticket.Urgency) -> String {
        let core = filled(random.pick(phrases))
        var sentences: [String] = []
        if random.chance(30) { sentences.append(filled(random.pick(TicketPhrases.openings))) }
        sentences.append(core)
        if random.chance(15) { sentences.append(filled("my order number is {order}")) }
        if let signs = signs(of: urgency) {
            let sign = filled(random.pick(signs))
            sentences.insert(sign, at: random.chance(30) ? 0 : sentences.count)
        }
        let isNeat = random.chance(65)
        let greeting = random.chance(45) ? random.pick(TicketPhrases.greetings) : nil
        let closing = random.chance(35) ? filled(random.pick(TicketPhrases.closings)) : nil
        var text = isNeat ? neat(sentences, core: core) : sentences.joined(separator: random.chance(50) ? " " : ", ")
        if let greeting { text = (isNeat ? capitalised(greeting) + ", " : greeting + " ") + text }
        if let closing { text += isNeat ? " " + capitalised(closing) : " " + closing }
        if random.chance(35) { text = mistyped(text) }
        return text
    }

    private func signs(of urgency: Ticket.Urgency) -> [String]? {
        switch urgency {
        case .high: TicketPhrases.high
        case .low: TicketPhrases.low
        case .normal: nil
        }
    }

    /// Sentences with capitals and marks at their ends.
    private func neat(_ sentences: [String], core: String) -> String {
        sentences.map { sentence in
            let asks =
                sentence == core
                && ["where", "can", "could", "is", "has", "how", "why", "what", "when", "do", "does", "until"]
                    .contains(sentence.split(separator: " ").first.map(String.init) ?? "")
            return capitalised(sentence) + (asks ? "?" : ".")
        }.joined(separator: " ")
    }

    private func capitalised(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

    /// Resolves the choices and slots of a phrase.
    private mutating func filled(_ phrase: String) -> String {
        var result = ""
        var rest = phrase[...]
        while let mark = rest.firstIndex(where: { $0 == "[" || $0 == "{" }) {
            result += rest[..<mark]
            let closing: Character = rest[mark] == "[" ? "]" : "}"
            guard let end = rest[mark...].firstIndex(of: closing) else {
                preconditionFailure("'\(phrase)' is not closed")
            }
            let content = rest[rest.index(after: mark)..<end]
            if closing == "]" {
                let choices = content.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
                result += filled(random.pick(choices))
            } else {
                result += slot(String(content))
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private mutating func slot(_ name: String) -> String {
        switch name {
        case "order": return random.pick(["", "#", "no. ", "A-", "ORD"]) + String(10_000 + random.below(90_000))
        case "days": return String(2 + random.below(19))
        case "amount", "amount2": return String(5 + random.below(195))
        case "year": return String(2010 + random.below(15))
        case "email":
            return random.pick(["max", "lea", "tom", "info", "eva", "jan"]) + String(random.below(1000))
                + "@example.com"
        default:
            guard let words = TicketPhrases.slots[name] else { preconditionFailure("no slot '\(name)'") }
            return random.pick(words)
        }
    }

    /// One or two slips of the keyboard, in words of at least four letters.
    private mutating func mistyped(_ text: String) -> String {
        var words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        for _ in 0...random.below(2) {
            let places = words.indices.filter {
                words[$0].count >= 4 && words[$0].allSatisfy { $0.isASCII && $0.isLetter }
            }
            guard !places.isEmpty else { break }
            let place = random.pick(places)
            words[place] = slip(in: words[place])
        }
        return words.joined(separator: " ")
    }

    private mutating func slip(in word: String) -> String {
        var letters = Array(word)
        // The first letter stays, as it mostly does when people type.
        let place = 1 + random.below(letters.count - 1)
        switch random.below(4) {
        case 0: letters.remove(at: place)
        case 1: letters.insert(letters[place], at: place)
        case 2: letters[place] = random.pick(Array("abcdefghijklmnopqrstuvwxyz"))
        default: letters.swapAt(place, place - 1 > 0 ? place - 1 : place)
        }
        return String(letters)
    }
}
