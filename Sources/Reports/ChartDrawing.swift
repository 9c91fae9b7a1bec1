import Foundation
import TextCore

/// Where things are in the drawings of charts, in units that are about a pixel on a phone.
private enum Frame {
    static let width = 360.0
    static let right = 12.0
    static let top = 24.0
    static let bottom = 34.0
    /// Points of a curve that are drawn at most.
    static let pointLimit = 320
}

/// A coordinate with one digit behind the point, which is a quarter of what a screen can show.
private func at(_ value: Double) -> String {
    let tenths = (value * 10).rounded()
    return tenths == (value.rounded() * 10) ? "\(Int(value.rounded()))" : "\(tenths / 10)"
}

extension LineChart {
    /// The chart as a figure with a drawing, a legend and its numbers.
    func figure(id: String) -> String {
        let height = 214.0
        let thinned = series.map { $0.thinned(to: Frame.pointLimit) }
        let bands = series.flatMap(\.band)
        let y = ChartAxis(
            thinned.flatMap { $0.map(\.y) } + bands.flatMap { [$0.lower, $0.upper] }, scale: yScale, count: 4,
            endsAtTicks: true)
        let x = ChartAxis(
            thinned.flatMap { $0.map(\.x) } + bands.map(\.x), count: 5, endsAtTicks: false)
        // About six and a half units a digit.
        let left = 11 + 6.6 * Double(y.ticks.map { y.label($0).count }.max() ?? 1)
        func across(_ value: Double) -> Double? {
            x.place(value).map { left + $0 * (Frame.width - left - Frame.right) }
        }
        func down(_ value: Double) -> Double? {
            y.place(value).map { height - Frame.bottom - $0 * (height - Frame.top - Frame.bottom) }
        }

        var drawing = "<svg viewBox=\"0 0 \(at(Frame.width)) \(at(height))\" role=\"img\" "
        drawing += "aria-labelledby=\"\(id)-title \(id)-words\">"
        drawing += "<desc id=\"\(id)-words\">\(escapedHTML(words))</desc>"
        drawing += "<text class=\"axis-name\" x=\"0\" y=\"11\">\(escapedHTML(InlineText(yLabel).plain))"
        drawing += "\(y.scale == .logarithmic ? " (logarithmic)" : "")</text>"
        for tick in y.ticks {
            guard let place = down(tick) else { continue }
            drawing += "<line class=\"grid\" x1=\"\(at(left))\" x2=\"\(at(Frame.width - Frame.right))\" "
            drawing += "y1=\"\(at(place))\" y2=\"\(at(place))\"/>"
            drawing += "<text x=\"\(at(left - 7))\" y=\"\(at(place + 3.7))\" text-anchor=\"end\">"
            drawing += "\(y.label(tick))</text>"
        }
        for tick in x.ticks {
            guard let place = across(tick) else { continue }
            drawing += "<line class=\"tick\" x1=\"\(at(place))\" x2=\"\(at(place))\" "
            drawing += "y1=\"\(at(height - Frame.bottom))\" y2=\"\(at(height - Frame.bottom + 4))\"/>"
            let label = x.label(tick)
            // About six units a digit; the last label stays within the drawing.
            let middle = min(place, Frame.width - 3.2 * Double(label.count))
            drawing += "<text x=\"\(at(middle))\" y=\"\(at(height - Frame.bottom + 16))\" text-anchor=\"middle\">"
            drawing += "\(label)</text>"
        }
        drawing += "<text class=\"axis-name\" x=\"\(at(Frame.width - Frame.right))\" y=\"\(at(height - 4))\" "
        drawing += "text-anchor=\"end\">\(escapedHTML(InlineText(xLabel).plain))</text>"
        for (number, series) in series.enumerated() where series.band.count > 1 {
            let upper = series.band.compactMap { band in zip(across(band.x), down(band.upper)) }
            let lower = series.band.reversed().compactMap { band in zip(across(band.x), down(band.lower)) }
            let path = (upper + lower).map { "\(at($0.0)) \(at($0.1))" }.joined(separator: "L")
            if !path.isEmpty { drawing += "<path class=\"band s\(number % 6)\" d=\"M\(path)Z\"/>" }
        }
        for (number, points) in thinned.enumerated() {
            let placed = points.map { point in zip(across(point.x), down(point.y)) }
            drawing += "<path class=\"curve s\(number % 6)\" d=\"\(Self.path(placed))\"/>"
            let single = placed.indices.filter { index in
                (index == 0 || placed[index - 1] == nil) && (index + 1 == placed.count || placed[index + 1] == nil)
            }
            let dotted = points.count <= 24 ? Array(placed.indices) : single
            for index in dotted {
                guard let (px, py) = placed[index] else { continue }
                drawing += "<circle class=\"dot s\(number % 6)\" cx=\"\(at(px))\" cy=\"\(at(py))\" r=\"3\"><title>"
                drawing += escapedHTML(
                    "\(InlineText(xLabel).plain) \(ReportText.number(points[index].x)): "
                        + ReportText.number(points[index].y))
                drawing += "</title></circle>"
            }
        }
        drawing += "</svg>"
        return figureText(
            id: id, title: title, drawing: drawing, names: series.map(\.name), isLine: true, numbers: numbers)
    }

    private static func path(_ places: [(Double, Double)?]) -> String {
        var path = ""
        var isOpen = false
        for place in places {
            guard let (x, y) = place else {
                isOpen = false
                continue
            }
            path += "\(isOpen ? "L" : "M")\(at(x)) \(at(y))"
            isOpen = true
        }
        return path
    }

    /// What the curves do, for readers who do not see them.
    private var words: String {
        let curves = series.compactMap { series -> String? in
            let values = series.points.filter { $0.y.isFinite }
            guard let first = values.first, let last = values.last, let low = values.map(\.y).min(),
                let high = values.map(\.y).max()
            else { return nil }
            return "\(InlineText(series.name).plain): \(ReportText.number(first.y)) at \(ReportText.number(first.x)), "
                + "\(ReportText.number(last.y)) at \(ReportText.number(last.x)), "
                + "between \(ReportText.number(low)) and \(ReportText.number(high))"
        }
        return curves.isEmpty ? "Nothing was measured." : curves.joined(separator: "; ") + "."
    }

    /// A dozen of the numbers.
    private var numbers: ReportTable {
        let places = Set(series.flatMap { $0.points.map(\.x) }.filter(\.isFinite)).sorted()
        let count = min(12, places.count)
        let chosen = (0..<count).map { places[count == 1 ? 0 : $0 * (places.count - 1) / (count - 1)] }
        let values = series.map { series in
            Dictionary(series.points.map { ($0.x, $0.y) }, uniquingKeysWith: { $1 })
        }
        return ReportTable(
            [.number(xLabel)] + series.map { .number($0.name) },
            rows: chosen.map { x in
                [ReportText.number(x)] + values.map { $0[x].map { ReportText.number($0) } ?? "–" }
            })
    }
}

extension IntervalChart {
    /// The chart as a figure with a drawing, a legend and its numbers.
    func figure(id: String) -> String {
        let marks = rows.flatMap { $0.marks.compactMap(\.self) }
        let values = marks.flatMap { [$0.value, $0.lower, $0.upper] } + rows.compactMap(\.threshold)
        let axis = ChartAxis(values, count: 5, endsAtTicks: true)
        let left = 8.0
        func across(_ value: Double) -> Double? {
            axis.place(value).map { left + $0 * (Frame.width - left - 16) }
        }
        let lane = 13.0
        let rowHeight = 24 + lane * Double(max(1, series.count))
        let height = 8 + rowHeight * Double(rows.count) + 34
        let bottom = height - 32

        var drawing = "<svg viewBox=\"0 0 \(at(Frame.width)) \(at(height))\" role=\"img\" "
        drawing += "aria-labelledby=\"\(id)-title \(id)-words\"><desc id=\"\(id)-words\">\(escapedHTML(words))</desc>"
        for tick in axis.ticks {
            guard let place = across(tick) else { continue }
            drawing += "<line class=\"grid\" x1=\"\(at(place))\" x2=\"\(at(place))\" y1=\"4\" y2=\"\(at(bottom))\"/>"
            let label = isPercent ? axis.label(100 * tick) + " %" : axis.label(tick)
            let anchor = place < 20 ? "start" : place > Frame.width - 24 ? "end" : "middle"
            drawing += "<text x=\"\(at(anchor == "start" ? 0 : anchor == "end" ? Frame.width : place))\" "
            drawing += "y=\"\(at(bottom + 13))\" text-anchor=\"\(anchor)\">\(label)</text>"
        }
        drawing += "<text class=\"axis-name\" x=\"\(at(Frame.width))\" y=\"\(at(height - 3))\" text-anchor=\"end\">"
        drawing += "\(escapedHTML(InlineText(self.axis).plain))</text>"
        for (index, row) in rows.enumerated() {
            let top = 8 + rowHeight * Double(index)
            drawing += "<text class=\"row-name\" x=\"\(at(left))\" y=\"\(at(top + 11))\">"
            drawing += "\(escapedHTML(InlineText(row.label).plain.clipped(to: 60)))</text>"
            if let place = row.threshold.flatMap(across) {
                drawing += "<line class=\"threshold\" x1=\"\(at(place))\" x2=\"\(at(place))\" "
                drawing += "y1=\"\(at(top + 16))\" y2=\"\(at(top + rowHeight - 2))\"/>"
            }
            for (number, mark) in row.marks.enumerated() {
                guard let mark, let place = across(mark.value) else { continue }
                let y = top + 22 + lane * Double(number)
                if let low = across(mark.lower), let high = across(mark.upper), high > low {
                    drawing += "<path class=\"whisker s\(number % 6)\" d=\"M\(at(low)) \(at(y))H\(at(high))"
                    drawing += "M\(at(low)) \(at(y - 3.5))V\(at(y + 3.5))M\(at(high)) \(at(y - 3.5))V\(at(y + 3.5))\"/>"
                }
                let title = "<title>\(escapedHTML(text(mark)))</title>"
                // Shapes differ too, for readers who do not tell the colours apart.
                drawing +=
                    number % 2 == 0
                    ? "<circle class=\"mark s\(number % 6)\" cx=\"\(at(place))\" cy=\"\(at(y))\" r=\"4\">\(title)</circle>"
                    : "<rect class=\"mark s\(number % 6)\" x=\"\(at(place - 4))\" y=\"\(at(y - 4))\" width=\"8\" "
                        + "height=\"8\">\(title)</rect>"
            }
        }
        drawing += "</svg>"
        let numbers = ReportTable(
            [.text("")] + series.map { .number($0) },
            rows: rows.map { row in [row.label] + row.marks.map { $0.map(text) ?? "–" } })
        return figureText(id: id, title: title, drawing: drawing, names: series, isLine: false, numbers: numbers)
    }

    private var words: String {
        rows.map { row in
            let values = zip(series, row.marks).compactMap { name, mark in
                mark.map { "\(InlineText(name).plain) \(text($0))" }
            }
            return "\(InlineText(row.label).plain): \(values.joined(separator: ", "))"
                + (row.threshold.map { ", to be compared with \(text($0))" } ?? "")
        }.joined(separator: "; ") + "."
    }
}

/// Both, where both are there.
private func zip(_ first: Double?, _ second: Double?) -> (Double, Double)? {
    guard let first, let second else { return nil }
    return (first, second)
}

private func figureText(
    id: String, title: String, drawing: String, names: [String], isLine: Bool, numbers: ReportTable
) -> String {
    var text = "<figure class=\"chart\"><figcaption id=\"\(id)-title\">\(escapedHTML(InlineText(title).plain))"
    text += "</figcaption>\n\(drawing)\n"
    if names.count > 1 {
        text += "<ul class=\"legend\">"
        for (number, name) in names.enumerated() {
            text += "<li><svg viewBox=\"0 0 24 10\" aria-hidden=\"true\">"
            text +=
                isLine
                ? "<path class=\"curve s\(number % 6)\" d=\"M1 5H23\"/>"
                : number % 2 == 0
                    ? "<circle class=\"mark s\(number % 6)\" cx=\"12\" cy=\"5\" r=\"4\"/>"
                    : "<rect class=\"mark s\(number % 6)\" x=\"8\" y=\"1\" width=\"8\" height=\"8\"/>"
            text += "</svg>\(escapedHTML(InlineText(name).plain))</li>"
        }
        text += "</ul>\n"
    }
    guard !numbers.rows.isEmpty else { return text + "</figure>\n" }
    text += "<details class=\"numbers\"><summary>Numbers</summary><div class=\"scroll\"><table><thead><tr>"
    func cell(_ tag: String, _ column: Int, _ content: String) -> String {
        "<\(tag)\(numbers.columns[column].isNumeric ? " class=\"number\"" : "")>"
            + "\(escapedHTML(InlineText(content).plain))</\(tag)>"
    }
    text += numbers.columns.indices.map { cell("th", $0, numbers.columns[$0].title) }.joined()
    text += "</tr></thead><tbody>"
    for row in numbers.rows { text += "<tr>\(row.indices.map { cell("td", $0, row[$0]) }.joined())</tr>" }
    return text + "</tbody></table></div></details></figure>\n"
}
