public import TensorCore
public import TextCore

/// What the numbers of a tensor are like, those that are not finite counted apart.
public struct TensorStatistics: Sendable, Hashable {
    /// All numbers.
    public private(set) var count = 0
    /// Those that are no number.
    public private(set) var nanCount = 0
    /// Those that are infinite.
    public private(set) var infiniteCount = 0
    /// Of the finite ones; 0 where there is none.
    public private(set) var smallest = 0.0
    /// Of the finite ones; 0 where there is none.
    public private(set) var largest = 0.0
    /// Of the finite ones.
    public private(set) var mean = 0.0
    /// The root of the sum of the squares of the finite ones.
    public private(set) var norm = 0.0

    /// Looks at every number of a tensor.
    public init(_ tensor: Tensor) {
        count = tensor.count
        var (sum, squares, finite) = (0.0, 0.0, 0)
        for number in tensor.scalars {
            guard number.isFinite else {
                if number.isNaN { nanCount += 1 } else { infiniteCount += 1 }
                continue
            }
            let value = Double(number)
            smallest = finite == 0 ? value : min(smallest, value)
            largest = finite == 0 ? value : max(largest, value)
            sum += value
            squares += value * value
            finite += 1
        }
        mean = finite > 0 ? sum / Double(finite) : 0
        norm = squares.squareRoot()
    }

    /// Whether every number is finite.
    public var isFinite: Bool { nanCount == 0 && infiniteCount == 0 }

    /// The statistics as an object.
    public var json: JSON {
        [
            "count": .integer(count), "nan": .integer(nanCount), "infinite": .integer(infiniteCount),
            "min": .number(smallest), "max": .number(largest), "mean": .number(mean), "norm": .number(norm),
        ]
    }
}
