import TextCore

/// Losses by name. A value: add to a copy and hand it on.
///
/// ```swift
/// var losses = PreferenceLossRegistry.standard
/// losses.register(PreferenceLoss("mine", summary: "…") { terms, settings in terms.scoreDifference.squared() })
/// ```
public struct PreferenceLossRegistry: Sendable {
    /// All losses, in the order in which they were registered.
    public private(set) var losses: [PreferenceLoss] = []

    /// No losses.
    public init() {}

    /// Adds a loss, or replaces the one of its name.
    public mutating func register(_ loss: PreferenceLoss) {
        if let index = losses.firstIndex(where: { $0.name == loss.name }) {
            losses[index] = loss
        } else {
            losses.append(loss)
        }
    }

    /// The loss of a name.
    public subscript(name: String) -> PreferenceLoss? { losses.first { $0.name == name } }

    /// The names of all losses.
    public var names: [String] { losses.map(\.name) }

    /// The name that `name` is most likely meant to be.
    public func nearest(to name: String) -> String? { nearestName(to: name, among: names) }

    /// The losses that come with the module.
    public static let standard: PreferenceLossRegistry = {
        var registry = PreferenceLossRegistry()
        for loss: PreferenceLoss in [
            .sigmoid, .hinge, .ipo, .exoPair, .ncaPair, .robust, .bcoPair, .sppoHard, .aot, .aotUnpaired, .apoZero,
            .apoDown, .discopop, .sft, .sigmoidNorm, .cpo, .cpoHinge, .cpoIPO, .simpo,
            .orpo,
        ] {
            registry.register(loss)
        }
        return registry
    }()
}
