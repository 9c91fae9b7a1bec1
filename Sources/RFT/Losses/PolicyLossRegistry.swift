import TextCore

/// Losses by name. A value: add to a copy and hand it on.
///
/// ```swift
/// var losses = PolicyLossRegistry.standard
/// losses.register(PolicyLoss("mine", summary: "…") { terms, settings in terms.logProbability * terms.advantages })
/// ```
public struct PolicyLossRegistry: Sendable {
    /// All losses, in the order in which they were registered.
    public private(set) var losses: [PolicyLoss] = []

    /// No losses.
    public init() {}

    /// Adds a loss, or replaces the one of its name.
    public mutating func register(_ loss: PolicyLoss) {
        if let index = losses.firstIndex(where: { $0.name == loss.name }) {
            losses[index] = loss
        } else {
            losses.append(loss)
        }
    }

    /// The loss of a name.
    public subscript(name: String) -> PolicyLoss? { losses.first { $0.name == name } }

    /// The names of all losses.
    public var names: [String] { losses.map(\.name) }

    /// The name that `name` is most likely meant to be.
    public func nearest(to name: String) -> String? { nearestName(to: name, among: names) }

    /// The losses that come with the module.
    public static let standard: PolicyLossRegistry = {
        var registry = PolicyLossRegistry()
        for loss: PolicyLoss in [
            .grpo, .bnpo, .drGRPO, .dapo, .ppo, .gspo, .luspo, .cispo, .sapo, .vespo, .dppo, .reinforce, .rloo,
        ] {
            registry.register(loss)
        }
        return registry
    }()
}
