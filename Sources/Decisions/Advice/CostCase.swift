public import Foundation
import Reports

/// What a request costs: a price, or tokens and the prices of a million of them.
public struct RequestCost: Sendable, Hashable {
    /// The price of one request; `nil` where it follows from the tokens.
    public var perRequest: Money?
    /// Tokens of a request and of its answer.
    public var inputTokens, outputTokens: Int?
    /// Prices of a million tokens.
    public var inputPrice, outputPrice: Money?
    /// What is paid each month however many requests there are: a rented machine.
    public var perMonth = Money.zero

    /// Nothing is known yet.
    public init() {}

    /// A price for each request.
    public init(perRequest: Money, perMonth: Money = .zero) {
        self.perRequest = perRequest
        self.perMonth = perMonth
    }

    /// The price of one request; `nil` where too little is known.
    public var price: Money? {
        if let perRequest { return perRequest }
        guard inputTokens != nil || outputTokens != nil else { return nil }
        let sides = [(inputTokens, inputPrice), (outputTokens, outputPrice)]
        var sum = Money.zero
        for case (let tokens?, let price) in sides where tokens > 0 {
            guard let price else { return nil }
            sum = sum + price * (Decimal(tokens) / 1_000_000)
        }
        return sum
    }
}

/// What is known of the money: two prices, a volume, and what the change costs once.
public struct CostAnswers: Sendable, Hashable {
    /// What stands before an amount.
    public var currency = "$"
    /// Requests a day.
    public var requestsPerDay: Int?
    /// What is used now, or would be without a tuned model.
    public var now = RequestCost()
    /// The tuned model.
    public var tuned = RequestCost()
    /// What the training itself costs, paid to whoever owns the machine.
    public var training = Money.zero
    /// Hours of people's work until the model is in use.
    public var hours: Decimal = 0
    /// What one hour of them costs.
    public var hourlyRate = Money(100)
    /// Examples that have to be labelled, and what one costs.
    public var labelled = 0
    public var pricePerLabel = Money.zero
    /// What each year of keeping the model right costs, as a share of the one-time cost.
    public var maintenance = Decimal(20) / 100
    /// Yearly savings below this are not worth the attention they take.
    public var smallestSaving = Money(1000)

    /// Nothing is known yet.
    public init() {}

    /// The case, where both prices and the volume are known.
    public var costCase: CostCase? {
        guard let requestsPerDay, let now = now.price, let tuned = tuned.price else { return nil }
        return CostCase(self, requestsPerDay: requestsPerDay, now: now, tuned: tuned)
    }
}

/// What a tuned model saves, what it costs, and when it has paid for itself. All amounts are exact.
public struct CostCase: Sendable, Hashable {
    /// What stands before an amount.
    public let currency: String
    /// Requests a day.
    public let requestsPerDay: Int
    /// What a request costs now, and what it would cost.
    public let now, tuned: Money
    /// What a year costs however many requests there are, now and then.
    public let fixedNow, fixedTuned: Money
    /// The parts of the one-time cost.
    public let training, work, labelling: Money
    /// Hours of work, and what one costs.
    public let hours: Decimal
    public let hourlyRate: Money
    /// Yearly maintenance as a share of the one-time cost.
    public let maintenanceShare: Decimal
    /// Yearly savings below this do not count.
    public let smallestSaving: Money

    /// Days of a year.
    public static let daysPerYear = 365

    /// - Parameters:
    ///   - answers: what the change costs.
    ///   - requestsPerDay: the volume.
    ///   - now: what a request costs now.
    ///   - tuned: what it would cost.
    init(_ answers: CostAnswers, requestsPerDay: Int, now: Money, tuned: Money) {
        currency = answers.currency
        self.requestsPerDay = requestsPerDay
        self.now = now
        self.tuned = tuned
        fixedNow = answers.now.perMonth * 12
        fixedTuned = answers.tuned.perMonth * 12
        training = answers.training
        hours = answers.hours
        hourlyRate = answers.hourlyRate
        work = hourlyRate * hours
        labelling = answers.pricePerLabel * answers.labelled
        maintenanceShare = answers.maintenance
        smallestSaving = answers.smallestSaving
    }

    /// What requests cost in a year, now and then.
    public var yearlyNow: Money { yearly(now, fixedNow, requestsPerDay) }
    public var yearlyTuned: Money { yearly(tuned, fixedTuned, requestsPerDay) }
    /// What they cost in a day.
    public var dailyNow: Money { perDay(yearlyNow) }
    public var dailyTuned: Money { perDay(yearlyTuned) }
    /// What a year of requests costs less.
    public var yearlySaving: Money { yearlyNow - yearlyTuned }
    /// Training, work and labels.
    public var oneTime: Money { training + work + labelling }
    /// What a year of maintenance costs.
    public var maintenance: Money { oneTime * maintenanceShare }
    /// What a year saves when maintenance is paid.
    public var netSaving: Money { yearlySaving - maintenance }
    /// What the first year leaves when everything is paid.
    public var firstYear: Money { netSaving - oneTime }

    /// Days until the savings have paid the one-time cost; `nil` where they never do.
    public var paybackDays: Int? {
        guard netSaving > .zero else { return nil }
        return (oneTime.amount * Decimal(Self.daysPerYear) / netSaving.amount).roundedUp
    }

    /// The least volume, in requests a day, at which the first year pays for everything; `nil` where none does.
    public var breakEvenVolume: Int? { volume(forNetSaving: oneTime) }

    /// The least volume at which tuning is recommended for the money alone.
    public var smallestVolume: Int? { volume(forNetSaving: max(oneTime, smallestSaving)) }

    /// Why the saving is a rounding error; `nil` where it is none.
    ///
    /// The rule: in its first year a tuned model must save, maintenance paid, as much as it cost once, and at least
    /// `smallestSaving`.
    public var refusal: String? {
        let shown = netSaving.text(currency)
        if yearlySaving <= .zero {
            return
                "At \(volumeText) the tuned model costs \((.zero - yearlySaving).text(currency)) more a year, not less."
        }
        let least =
            smallestVolume.map { "From \(ReportText.grouped($0)) requests a day on it would be worth it." }
            ?? "No volume makes up for it."
        if netSaving < smallestSaving {
            return "At \(volumeText) it saves \(shown) a year after maintenance, below the "
                + "\(smallestSaving.text(currency)) that are worth the attention. \(least)"
        }
        if netSaving < oneTime {
            return "At \(volumeText) it saves \(shown) a year after maintenance and costs \(oneTime.text(currency)) "
                + "once: the first year does not pay for it. \(least)"
        }
        return nil
    }

    /// The same case at another volume.
    public func at(requestsPerDay count: Int) -> CostCase {
        CostCase(self, requestsPerDay: count)
    }

    /// Volumes around the one asked for, for a table.
    public var volumes: [Int] {
        let round = [100, 1000, 10_000, 100_000, 1_000_000].filter { $0 / 1000 <= max(requestsPerDay, 100) }
        let chosen = round + [requestsPerDay] + [breakEvenVolume, smallestVolume].compactMap(\.self)
        return Set(chosen.filter { $0 > 0 }).sorted()
    }

    private init(_ other: CostCase, requestsPerDay: Int) {
        currency = other.currency
        self.requestsPerDay = requestsPerDay
        now = other.now
        tuned = other.tuned
        fixedNow = other.fixedNow
        fixedTuned = other.fixedTuned
        training = other.training
        work = other.work
        hours = other.hours
        hourlyRate = other.hourlyRate
        labelling = other.labelling
        maintenanceShare = other.maintenanceShare
        smallestSaving = other.smallestSaving
    }

    var volumeText: String { "\(ReportText.grouped(requestsPerDay)) requests a day" }

    private func yearly(_ price: Money, _ fixed: Money, _ volume: Int) -> Money {
        price * volume * Self.daysPerYear + fixed
    }

    private func perDay(_ amount: Money) -> Money { Money(amount.amount / Decimal(Self.daysPerYear)) }

    /// The volume whose yearly saving, maintenance paid, is `wanted`.
    private func volume(forNetSaving wanted: Money) -> Int? {
        let perRequest = now - tuned
        let needed = wanted + maintenance + fixedTuned - fixedNow
        guard needed > .zero else { return 0 }
        guard perRequest > .zero else { return nil }
        return (needed.amount / (perRequest.amount * Decimal(Self.daysPerYear))).roundedUp
    }
}
