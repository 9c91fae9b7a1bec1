import Decisions
import Foundation
import Testing
import TextCore

@Suite struct CostCaseTests {
    /// $0.005 against $0.0003 a request, 10,000 a day, a tune of $200 and ten hours at $100.
    static var worked: CostAnswers {
        var cost = CostAnswers()
        cost.requestsPerDay = 10_000
        cost.now.perRequest = Money("0.005")
        cost.tuned.perRequest = Money("$0.0003")
        cost.training = Money(200)
        cost.hours = 10
        return cost
    }

    @Test func theWorkedCaseIsRightToTheDollar() throws {
        let cost = try #require(Self.worked.costCase)
        #expect(cost.dailyNow == Money(50) && cost.dailyTuned == Money(3))
        #expect(cost.yearlyNow == Money(18_250) && cost.yearlyTuned == Money(1095))
        #expect(cost.yearlySaving == Money(17_155))
        #expect(cost.yearlyNow.short() == "$18K" && cost.yearlyTuned.short() == "$1.1K")
        #expect(cost.yearlySaving.short() == "$17K")
        // $200 and ten hours at $100, a fifth of it each year.
        #expect(cost.oneTime == Money(1200) && cost.maintenance == Money(240))
        #expect(cost.netSaving == Money(16_915) && cost.firstYear == Money(15_715))
        // 1,200 × 365 / 16,915 = 25.9
        #expect(cost.paybackDays == 26)
        // (1,200 + 240) / (0.0047 × 365) = 839.4
        #expect(cost.breakEvenVolume == 840 && cost.smallestVolume == 840)
        #expect(cost.refusal == nil)
        #expect(
            cost.summary == """
                $50 against $3 a day, $18,250 against $1,095 a year: $17,155 a year saved, $16,915 once maintenance is paid. \
                The $1,200 it costs once are paid back in **26 days**; the first year breaks even at 840 requests a day.
                """)
    }

    @Test func aSavingThatIsARoundingErrorIsRefused() throws {
        let cost = try #require(Self.worked.costCase)
        #expect(cost.at(requestsPerDay: 839).refusal != nil && cost.at(requestsPerDay: 840).refusal == nil)
        #expect(cost.at(requestsPerDay: 839).refusal?.contains("840 requests a day") == true)
        // What cost nothing once must still save $1,000 a year: 1,000 / (0.0047 × 365) = 582.9.
        var free = Self.worked
        free.training = .zero
        free.hours = 0
        let small = try #require(free.costCase)
        #expect(small.smallestVolume == 583 && small.breakEvenVolume == 0)
        #expect(small.at(requestsPerDay: 582).refusal != nil && small.at(requestsPerDay: 583).refusal == nil)

        var answers = AdviceTests.sft
        answers.goal = .cost
        answers.cost = Self.worked
        #expect(Advice(answers).choice == .sft)
        answers.cost.requestsPerDay = 100
        let refused = Advice(answers)
        #expect(refused.choice == .dont && refused.reason.contains("From 840 requests a day on"))
        // Where money is not the reason it does not decide.
        answers.goal = .quality
        #expect(Advice(answers).choice == .sft)
    }

    @Test func aDearerModelNeverPays() throws {
        var answers = Self.worked
        answers.tuned.perRequest = Money("0.006")
        let cost = try #require(answers.costCase)
        #expect(cost.paybackDays == nil && cost.smallestVolume == nil && cost.yearlySaving == Money(-3650))
        #expect(cost.refusal?.contains("$3,650 more a year") == true)
    }

    @Test func aRentedMachineCountsAtEveryVolume() throws {
        var answers = Self.worked
        answers.tuned.perMonth = Money(500)
        let cost = try #require(answers.costCase)
        #expect(cost.yearlyTuned == Money(7095))
        // (1,440 + 6,000) / (0.0047 × 365) = 4336.9
        #expect(cost.breakEvenVolume == 4337)
    }

    @Test func tokensTimesPricesAreTheCost() throws {
        var request = RequestCost()
        request.inputTokens = 1200
        request.outputTokens = 80
        request.inputPrice = Money("3")
        request.outputPrice = Money("15")
        // 1,200 × $3 and 80 × $15, each a million.
        #expect(request.price == Money("0.0048"))
        request.outputPrice = nil
        #expect(request.price == nil)
    }

    @Test func noCentIsLost() throws {
        // A third of them is no binary fraction.
        let tenth = try #require(Money("0.1"))
        #expect((0..<10_000).reduce(Money.zero) { sum, _ in sum + tenth } == Money(1000))
        #expect(Money(written: 0.0003) == Money("0.0003") && Money(written: 0.1) == tenth)
        for text in ["", "$", "1e3", "-5", "1.2.3", ".5", "5.", "0.0000000001", "9999999999999", "١"] {
            #expect(Money(text) == nil, "\(text)")
        }
        for value in [Double.nan, .infinity, 1e13, 1e-10] { #expect(Money(written: value) == nil) }
        #expect(Money("1,234.5")?.text() == "$1,235" && Money("12.5")?.text() == "$12.50")
        #expect(Money("0.0003")?.text() == "$0.0003" && Money(-12).text() == "-$12" && Money.zero.text() == "$0")
        #expect(Money(2_400_000).short("€") == "€2.4M")
    }

    @Test func theTableHasTheVolumesThatMatter() throws {
        let cost = try #require(Self.worked.costCase)
        #expect(cost.volumes == [100, 840, 1000, 10_000, 100_000, 1_000_000])
        #expect(cost.json["payback_days"] == 26 && cost.json["saved_per_year"] == 17155.0)
    }
}
