import Foundation

/// The frequencies of a rotary embedding.
public struct RotaryConfiguration: Sendable, Hashable {
    /// How the frequencies of pretraining are changed for a longer context.
    public enum Scaling: Sendable, Hashable {
        /// Not at all.
        case none
        /// All divided by a factor (position interpolation; Chen et al., 2023).
        case linear(factor: Double)
        /// Long wavelengths divided by a factor, short ones kept, those between blended (Llama 3.1).
        case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalPositions: Double)
    }

    /// R, the numbers of a head that are rotated; even, at most E.
    public var rotatedSize: Int
    /// The base of the frequencies.
    public var theta: Double
    /// How they are changed for a longer context.
    public var scaling = Scaling.none

    /// Radians a position for each of the R/2 pairs, computed in `float32` as the reference does.
    public var inverseFrequencies: [Float] {
        stride(from: 0, to: rotatedSize, by: 2).map { index in
            let frequency = 1 / pow(Float(theta), Float(index) / Float(rotatedSize))
            switch scaling {
            case .none: return frequency
            case .linear(let factor): return frequency / Float(factor)
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Float.pi / frequency
                if wavelength < Float(original / high) { return frequency }
                if wavelength > Float(original / low) { return frequency / Float(factor) }
                let blend = (Float(original) / wavelength - Float(low)) / Float(high - low)
                return (1 - blend) * frequency / Float(factor) + blend * frequency
            }
        }
    }
}
