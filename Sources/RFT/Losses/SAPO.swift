import TensorCore

extension PolicyLoss {
    /// −A σ(τ (ρ − 1)) 4 / τ: a gate that closes smoothly on both sides (Gao et al., "Soft adaptive policy
    /// optimization", 2025).
    public static let sapo = PolicyLoss(
        "sapo", summary: "a smooth gate in place of a clip", options: [.sapoPositive, .sapoNegative],
        aggregation: .sequenceMean, levels: [.token, .sequence],
        check: { settings in
            [(PolicyOption.sapoPositive, settings.sapoPositive), (.sapoNegative, settings.sapoNegative)].compactMap {
                option, slope in
                slope > 0 && slope.isFinite
                    ? nil : PolicyProblem(option, "\(option.rawValue) is \(slope); it must be above 0")
            }
        }
    ) { terms, settings in
        let slope = terms.byAdvantage { Float($0 > 0 ? settings.sapoPositive : settings.sapoNegative) }
        let gate = (terms.ratio.scaled(by: 1, plus: -1) * slope).sigmoid()
        return (gate * (terms.advantages / slope)).scaled(by: -4)
    }
}
