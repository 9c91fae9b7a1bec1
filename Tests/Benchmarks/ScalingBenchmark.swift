import Foundation
import LanguageModels
import OrderedCollections
import TensorCore
import TextCore

/// What a step costs over a decade of tokens and a decade of weights: both in proportion, or something is wrong.
struct ScalingBenchmark {
    func run(_ repetitions: Int) throws -> Measurement {
        var result = Measurement()
        let tokens = try [1, 2, 4, 8, 16].map { rows -> (Double, Double) in
            let model = try BenchmarkModel(shape: .small).load(.full)
            let timing = try TrainingBenchmark(
                model: model, adapter: false, precision: .float32, rows: rows, length: 128
            ).seconds(repetitions)
            return (Double(rows * 128), timing)
        }
        add("tokens", tokens, to: &result)
        let weights = try [(128, 4), (192, 5), (256, 8), (384, 9), (448, 13)].map { width, layers -> (Double, Double) in
            let shape = BenchmarkModel.Shape(
                width: width, feedForward: 8 * width / 3, heads: width / 64, keyHeads: width / 64, layers: layers,
                vocabulary: 4096)
            let model = try BenchmarkModel(shape: shape).load(.full)
            let count = model.baseParameters.reduce(0.0) { $0 + Double($1.parameter.value.count) }
            let timing = try TrainingBenchmark(
                model: model, adapter: false, precision: .float32, rows: 4, length: 128
            ).seconds(repetitions)
            return (count, timing)
        }
        add("weights", weights, to: &result)
        return result
    }

    /// The points, and the slope of the line through their logarithms: 1 where cost grows in proportion.
    private func add(_ name: String, _ points: [(Double, Double)], to result: inout Measurement) {
        let logs = points.map { (log($0.0), log($0.1)) }
        let count = Double(logs.count)
        let (meanX, meanY) = (logs.reduce(0) { $0 + $1.0 } / count, logs.reduce(0) { $0 + $1.1 } / count)
        let slope =
            logs.reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) }
            / logs.reduce(0) { $0 + ($1.0 - meanX) * ($1.0 - meanX) }
        result["exponent_of_\(name)"] = .number(slope.rounded(digits: 3))
        for (x, y) in points {
            result["seconds_per_step_with_\(Int(x))_\(name)"] = .number(y.rounded(digits: 4))
        }
        result["\(name)_points"] = .array(points.map { .array([.number($0.0), .number($0.1)]) })
    }

    /// Both curves on logarithmic axes, with a line of slope 1 through the last point.
    static func plot(_ measured: JSON) -> String {
        var body = ""
        for (index, name) in ["tokens", "weights"].enumerated() {
            let points = (measured["\(name)_points"]?.array ?? []).compactMap { point -> (Double, Double)? in
                guard let x = point.array?.first?.double, let y = point.array?.last?.double else { return nil }
                return (x, y)
            }
            body += panel(points, name: name, slope: measured["exponent_of_\(name)"]?.double ?? .nan, left: 360 * index)
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="720" height="320" font-family="sans-serif" font-size="12">
            <rect width="720" height="320" fill="white"/>
            \(body)</svg>

            """
    }

    private static func panel(_ points: [(Double, Double)], name: String, slope: Double, left: Int) -> String {
        guard let first = points.first, let last = points.last else { return "" }
        let (lowY, highY) = (min(first.1, last.1 * first.0 / last.0) * 0.9, last.1 * 1.1)
        func x(_ value: Double) -> Double { Double(left) + 60 + 270 * log(value / first.0) / log(last.0 / first.0) }
        func y(_ value: Double) -> Double { 260 - 220 * log(value / lowY) / log(highY / lowY) }
        func place(_ x: Double, _ y: Double) -> String { "\(x.rounded(digits: 5)),\(y.rounded(digits: 5))" }
        let path = points.map { place(x($0.0), y($0.1)) }.joined(separator: " ")
        let straight = place(x(first.0), y(last.1 * first.0 / last.0)) + " " + place(x(last.0), y(last.1))
        var text = """
            <text x="\(left + 60)" y="24">seconds a step against \(name): exponent \(slope)</text>
            <rect x="\(left + 60)" y="40" width="270" height="220" fill="none" stroke="#999"/>
            <polyline points="\(straight)" fill="none" stroke="#999" stroke-dasharray="4 3"/>
            <polyline points="\(path)" fill="none" stroke="#0b6" stroke-width="2"/>

            """
        for (value, seconds) in points {
            let (px, py) = (x(value).rounded(digits: 5), y(seconds).rounded(digits: 5))
            text += "<circle cx=\"\(px)\" cy=\"\(py)\" r=\"3\" fill=\"#0b6\"/>\n"
            text += "<text x=\"\(px)\" y=\"276\" text-anchor=\"middle\" font-size=\"9\">\(short(value))</text>\n"
            text +=
                "<text x=\"\(left + 54)\" y=\"\(py)\" text-anchor=\"end\" font-size=\"9\">\(seconds.rounded(digits: 2))</text>\n"
        }
        return text
    }

    private static func short(_ value: Double) -> String {
        value >= 1e6 ? "\((value / 1e6).rounded(digits: 2))M" : "\(Int(value))"
    }
}
