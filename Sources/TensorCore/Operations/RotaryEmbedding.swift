import CKernels
import Foundation
import Synchronization

/// Angles of a rotary embedding for the tokens of a batch, made once and used by every layer.
public struct RotaryAngles: Sendable {
    /// cos and sin of position × frequency, [T, R/2] each, R being the rotated part of a head.
    public let cosine, sine: Tensor

    /// - Parameters:
    ///   - positions: of the tokens in their documents, T of them, from 0.
    ///   - inverseFrequencies: radians a position for each rotated pair, R/2 of them.
    ///   - scale: multiplies cosine and sine (attention scaling of long-context variants); 1 for none.
    ///
    /// The angle is rounded to `float32` before its cosine is taken, as the reference implementations do.
    public init(positions: [Int], inverseFrequencies: [Float], scale: Float = 1) {
        let half = inverseFrequencies.count
        var cosines = [Float](repeating: 0, count: positions.count * half)
        var sines = cosines
        for (row, position) in positions.enumerated() {
            for (index, frequency) in inverseFrequencies.enumerated() {
                let angle = Double(Float(position) * frequency)
                cosines[row * half + index] = Float(cos(angle)) * scale
                sines[row * half + index] = Float(sin(angle)) * scale
            }
        }
        cosine = Tensor(cosines, shape: [positions.count, half])
        sine = Tensor(sines, shape: [positions.count, half])
    }

    /// The rows of other angles: row i is their row `positions[i]`.
    fileprivate init(_ table: RotaryAngles, positions: [Int]) {
        func rows(_ source: Tensor) -> Tensor {
            let half = source.columns
            return Tensor([positions.count, half]) { output in
                for (row, position) in positions.enumerated() {
                    (output + row * half).update(from: source.floats + position * half, count: half)
                }
            }
        }
        (cosine, sine) = (rows(table.cosine), rows(table.sine))
    }
}

/// Angles of all positions so far, for a model that asks again and again: a cosine costs more than what it is used for.
public final class RotaryTable: Sendable {
    private let inverseFrequencies: [Float]
    private let scale: Float
    private let table: Mutex<RotaryAngles>

    /// No positions yet; see `RotaryAngles` for the parameters.
    public init(inverseFrequencies: [Float], scale: Float = 1) {
        (self.inverseFrequencies, self.scale) = (inverseFrequencies, scale)
        table = Mutex(RotaryAngles(positions: [], inverseFrequencies: inverseFrequencies, scale: scale))
    }

    /// The bits of `RotaryAngles(positions:inverseFrequencies:scale:)`.
    public func angles(at positions: [Int]) -> RotaryAngles {
        let needed = (positions.max() ?? -1) + 1
        let angles = table.withLock { table in
            if table.cosine.rows < needed {
                // Twice as many, so that a growing sequence makes few tables.
                let count = max(256, needed, 2 * table.cosine.rows)
                table = RotaryAngles(
                    positions: Array(0..<count), inverseFrequencies: inverseFrequencies, scale: scale)
            }
            return table
        }
        return RotaryAngles(angles, positions: positions)
    }
}

/// Rotates pairs of numbers of each head by the token's angles (Su et al., "RoFormer", 2021), in the layout of
/// Hugging Face checkpoints: number i is paired with i + R/2. Numbers beyond R are left as they are.
///
/// - Parameters:
///   - x: [T, H·E].
///   - headSize: E, at least R.
public func rotaryEmbedding(_ x: Tensor, angles: RotaryAngles, headSize: Int) -> Tensor {
    let half = angles.cosine.columns
    precondition(
        x.columns % headSize == 0 && 2 * half <= headSize && angles.cosine.rows == x.rows,
        "angles of shape \(angles.cosine.shape) for \(x.shape) with heads of \(headSize)")
    return recorded(rotate(x.detached, angles: angles, headSize: headSize, direction: 1), from: [x]) { upstream in
        [rotate(upstream.gradient, angles: angles, headSize: headSize, direction: -1)]
    }
}

private func rotate(_ x: Tensor, angles: RotaryAngles, headSize: Int, direction: Float) -> Tensor {
    let (rows, columns, half) = (x.rows, x.columns, angles.cosine.columns)
    return Tensor(x.shape) { output in
        Parallel.overRows(rows, columns: columns) { range in
            let start = range.lowerBound * columns
            Kernels.current.rotary(
                Int64(range.count), Int64(columns / headSize), Int64(headSize), Int64(half),
                angles.cosine.floats + range.lowerBound * half, angles.sine.floats + range.lowerBound * half,
                direction, x.floats + start, output + start)
        }
    }
}

extension OperationSample {
    static let rotary: [OperationSample] = [
        OperationSample(
            "rotaryEmbedding", inputs: [.random([3, 12])],
            apply: {
                [
                    rotaryEmbedding(
                        $0[0], angles: RotaryAngles(positions: [0, 5, 2], inverseFrequencies: [1, 0.25]), headSize: 6)
                ]
            },
            reference: { inputs in
                var output = inputs[0]
                for (row, position) in [0.0, 5, 2].enumerated() {
                    for head in 0..<2 {
                        for (pair, frequency) in [1.0, 0.25].enumerated() {
                            let first = row * 12 + head * 6 + pair
                            let (a, b) = (inputs[0][first], inputs[0][first + 2])
                            let angle = position * frequency
                            output[first] = a * cos(angle) - b * sin(angle)
                            output[first + 2] = b * cos(angle) + a * sin(angle)
                        }
                    }
                }
                return [output]
            })
    ]
}
