/// Curves over one axis.
public struct LineChart: Sendable, Hashable {
    /// One curve.
    public struct Series: Sendable, Hashable {
        /// What it is called.
        public var name: String
        /// Its points, by rising x. Values that are no finite numbers are gaps.
        public var points: [Point]
        /// Bounds around the curve, by rising x; empty for none.
        public var band: [Band]

        /// A curve.
        public init(_ name: String, _ points: [Point], band: [Band] = []) {
            self.name = name
            self.points = points
            self.band = band
        }
    }

    /// Bounds at one place.
    public struct Band: Sendable, Hashable {
        /// The place, and the bounds there.
        public var x, lower, upper: Double

        /// Bounds at one place.
        public init(_ x: Double, lower: Double, upper: Double) {
            self.x = x
            self.lower = lower
            self.upper = upper
        }
    }

    /// How an axis is divided.
    public enum Scale: String, Sendable, Hashable, CaseIterable {
        /// Equal differences are equally long.
        case linear
        /// Equal ratios are equally long; values that are not above 0 are gaps.
        case logarithmic
    }

    /// One point.
    public struct Point: Sendable, Hashable {
        /// Its place.
        public var x, y: Double

        /// A point.
        public init(_ x: Double, _ y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// Its title.
    public var title: String
    /// What the axes show, with units.
    public var xLabel, yLabel: String
    /// How its upright axis is divided.
    public var yScale: Scale
    /// Its curves.
    public var series: [Series]

    /// Curves over one axis.
    public init(title: String, xLabel: String, yLabel: String, yScale: Scale = .linear, series: [Series]) {
        self.title = title
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.yScale = yScale
        self.series = series
    }
}

/// Values with the bounds that they lie within, one below the other.
public struct IntervalChart: Sendable, Hashable {
    /// One value.
    public struct Mark: Sendable, Hashable {
        /// The value, and the bounds that it lies within.
        public var value, lower, upper: Double

        /// A value with its bounds; without bounds it is drawn as a point.
        public init(_ value: Double, lower: Double? = nil, upper: Double? = nil) {
            self.value = value
            self.lower = lower ?? value
            self.upper = upper ?? value
        }
    }

    /// The values of one thing.
    public struct Row: Sendable, Hashable {
        /// What it is.
        public var label: String
        /// A value for each of `series`; `nil` for none.
        public var marks: [Mark?]
        /// What the values are to be compared with, drawn as an upright line.
        public var threshold: Double?

        /// The values of one thing.
        public init(_ label: String, _ marks: [Mark?], threshold: Double? = nil) {
            self.label = label
            self.marks = marks
            self.threshold = threshold
        }
    }

    /// Its title.
    public var title: String
    /// What the axis shows, with its unit.
    public var axis: String
    /// Whether the values are shares, shown as per cent.
    public var isPercent: Bool
    /// What the marks of a row are, such as `before` and `after`.
    public var series: [String]
    /// Its rows.
    public var rows: [Row]

    /// Values with their bounds.
    ///
    /// - Precondition: every row has a mark, or `nil`, for each of `series`.
    public init(title: String, axis: String, isPercent: Bool = false, series: [String], rows: [Row]) {
        precondition(rows.allSatisfy { $0.marks.count == series.count }, "a row has another number of marks")
        self.title = title
        self.axis = axis
        self.isPercent = isPercent
        self.series = series
        self.rows = rows
    }
}
