/// Scatters 64 bits: a bijection in which each input bit moves about half of the output bits.
///
/// The finaliser of SplitMix64 (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014, with
/// the constants of Stafford's thirteenth variant).
package func mix64(_ value: UInt64) -> UInt64 {
    var bits = value
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
}

/// A hash of bytes that is the same on every machine and in every process: FNV-1a, then `mix64` with the seed.
package func stableHash(_ bytes: some Sequence<UInt8>, seed: UInt64 = 0) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return mix64(hash ^ mix64(seed &+ 0x9E37_79B9_7F4A_7C15))
}
