/// SplitMix64: the same seed gives the same run on every machine, so a failure names its seed and
/// can be played again.
public struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    public init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    public mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    public mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    /// One of some things; they must be at least one.
    public mutating func pick<T>(_ things: [T]) -> T {
        things[Int.random(in: 0..<things.count, using: &self)]
    }
}
