import Foundation
import Reports
import Testing

@Suite struct ChartTests {
    private func html(_ chart: LineChart) -> String { ReportDocument(title: "t", blocks: [.chart(chart)]).html }

    private func chart(_ points: [(Double, Double)], _ scale: LineChart.Scale = .linear) -> LineChart {
        LineChart(
            title: "c", xLabel: "x", yLabel: "y", yScale: scale,
            series: [.init("s", points.map { LineChart.Point($0.0, $0.1) })])
    }

    /// The numbers of the curve's path, in pairs.
    private func path(_ html: String) throws -> [[Double]] {
        let drawing = try #require(html.components(separatedBy: "<path class=\"curve s0\" d=\"").dropFirst().first)
        let text = try #require(drawing.components(separatedBy: "\"").first)
        return text.split { $0 == "M" || $0 == "L" }.map { $0.split(separator: " ").compactMap { Double($0) } }
    }

    @Test func curvesStayInTheirFrameWhateverTheirValues() throws {
        let series: [[(Double, Double)]] = [
            [], [(0, 0)], [(1, 5), (2, 5)], [(0, .nan), (1, .infinity), (2, 3)], [(0, -1e300), (1, 1e300)],
            [(0, 1e-300), (1, 2e-300)], [(5, 1), (5, 2)], [(0, -3), (1, 4)], [(0, 1e199), (1, -1e199)],
            [(0, 1.000000000001), (1, 1.000000000002)], [(0, .leastNonzeroMagnitude), (1, 0)],
        ]
        for points in series {
            for scale in LineChart.Scale.allCases {
                let html = html(chart(points, scale))
                for place in try path(html) {
                    try #require(place.count == 2)
                    #expect((0...360).contains(place[0]) && (0...214).contains(place[1]), "\(points) \(scale)")
                }
            }
        }
    }

    @Test func longCurvesKeepTheirSpikes() throws {
        var points = (0..<100_000).map { (Double($0), 1.0) }
        points[54_321].1 = 9
        points[77_777].1 = -9
        let places = try path(html(chart(points)))
        #expect(places.count <= 330)
        let heights = places.map { $0[1] }
        #expect(heights.filter { $0 < 50 }.count == 1 && heights.filter { $0 > 155 }.count == 1)
    }

    @Test func gapsAreNotBridged() throws {
        let html = html(chart([(0, 1), (1, 2), (2, .nan), (3, 1), (4, 2)]))
        let path = try #require(html.components(separatedBy: "curve s0\" d=\"")[1].components(separatedBy: "\"").first)
        #expect(path.filter { $0 == "M" }.count == 2)
    }

    @Test func aLogarithmicAxisMakesEqualRatiosEquallyLong() throws {
        let heights = try path(html(chart([(0, 1), (1, 10), (2, 100)], .logarithmic))).map { $0[1] }
        #expect(abs((heights[0] - heights[1]) - (heights[1] - heights[2])) < 0.3)
    }

    @Test func numbersAreShownWithTheirDigits() {
        let shown: [(Double, String)] = [
            (0, "0"), (0.5, "0.5"), (1_235_040, "1,235,040"), (0.0123456, "0.01235"), (3.14159, "3.142"), (100, "100"),
            (2.1e-9, "2.10e-09"), (-12.5, "-12.5"), (1234.56, "1,235"), (.nan, "not a number"), (.infinity, "infinite"),
            (1e18, "1.00e+18"), (999.96, "1000"),
        ]
        for (value, text) in shown { #expect(ReportText.number(value) == text) }
        #expect(ReportText.duration(seconds: 3725) == "1 h 2 min")
        #expect(ReportText.duration(seconds: 0.4211) == "0.42 s")
        #expect(ReportText.bytes(1_430_000) == "1.43 MB")
        #expect(ReportText.percent(0.8909) == "89.1 %")
    }
}
