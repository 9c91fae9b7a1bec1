import Foundation
import OrderedCollections
import TensorCore
import TextCore

/// The numbers of one line of the table.
struct Measurement {
    var values: OrderedDictionary<String, JSON> = [:]

    subscript(name: String) -> JSON? {
        get { values[name] }
        set { values[name] = newValue }
    }

    var json: JSON { .object(values) }
}

/// Wall and processor seconds of some work, a repetition each. The second is nearly free of what else the machine does.
struct Timing {
    var wall: [Double] = []
    var processor: [Double] = []

    /// One repetition that is not counted, then `repetitions` that are.
    init(_ repetitions: Int, _ body: () throws -> Void) rethrows {
        try body()
        for _ in 0..<repetitions { try add(body) }
    }

    /// One repetition more.
    mutating func add(_ body: () throws -> Void) rethrows {
        let (start, used) = (Self.seconds(CLOCK_MONOTONIC), Self.seconds(CLOCK_PROCESS_CPUTIME_ID))
        try body()
        wall.append(Self.seconds(CLOCK_MONOTONIC) - start)
        processor.append(Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - used)
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

extension [Double] {
    /// The middle one; of an even number, the lower of the two.
    var median: Double { isEmpty ? .nan : sorted()[(count - 1) / 2] }
}

extension Double {
    /// With so many significant digits, for JSON that people read.
    func rounded(digits: Int) -> Double {
        guard isFinite, self != 0 else { return self }
        let scale = pow(10, Double(digits) - 1 - floor(log10(abs(self))))
        return (self * scale).rounded() / scale
    }
}

/// The most memory this program has had resident at any time, in MiB.
func peakResidentMegabytes() -> Int { ProcessMemory.peakResidentBytes >> 20 }

func setThreads(_ count: Int) { Parallel.setThreads(count) }

/// How fast this machine multiplies matrices, measured in the process that uses the figure.
enum MachineRate {
    /// Rows × columns × depth of the products, as layers of SmolLM2-135M have them.
    static let shapes = [(1024, 576, 576), (1024, 1536, 576)]

    /// Floating-point operations a second for each shape, the best of a few tries.
    static func measure(_ precision: BenchmarkPrecision) -> [Double] {
        shapes.map { rows, columns, depth in
            let stream = RandomStream(seed: 1, purpose: "machine rate")
            let x = Tensor.uniform([rows, depth], from: -1, to: 1, stream: stream)
            let w = Tensor.uniform([columns, depth], from: -1, to: 1, stream: stream)
            let stored = precision == .bf16 ? w.converted(to: .bfloat16) : w
            let timing = Timing(15) { _ = linear(x, stored, precision: precision.products) }
            return 2 * Double(rows * columns * depth) / (timing.wall.min() ?? .nan)
        }
    }
}
