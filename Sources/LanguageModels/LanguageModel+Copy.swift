import TensorCore

extension LanguageModel {
    /// A second model that is this one now, adapter and reward head included, and that training this one does not
    /// change. Nothing of it is trainable.
    ///
    /// Weights share memory until one of the two changes: a copy costs what is trained afterwards, not the model.
    public func frozenCopy() -> LanguageModel {
        let values = Dictionary(baseParameters.map { ($0.name, $0.parameter.value) }, uniquingKeysWith: { $1 })
        let copy: LanguageModel
        do {
            copy = try LanguageModel(configuration: configuration, files: files) { specification throws(ModelError) in
                guard let value = values[specification.name] else {
                    throw ModelError("the model has no \(specification.name)")
                }
                return Parameter(value)
            }
        } catch {
            preconditionFailure("a model's configuration asks for other weights than it has: \(error)")
        }
        for (layer, other) in zip(linearLayers, copy.linearLayers) {
            other.adapter = layer.adapter.map { adapter in
                LowRankAdapter(
                    down: Parameter(adapter.down.value), up: Parameter(adapter.up.value),
                    magnitude: adapter.magnitude.map { Parameter($0.value) }, scale: adapter.scale,
                    dropout: adapter.dropout)
            }
        }
        copy.adapter = adapter
        copy.precision = precision
        return copy
    }

    /// Moves every weight towards another model's: w ← α · other + (1 − α) · w, rounded to the weight's type.
    ///
    /// With α < 1 this is the soft update of a reference policy, with α = 1 the hard one (TR-DPO; Gorbatovski et al.,
    /// 2024). Weights that both share are left alone.
    ///
    /// - Parameters:
    ///   - other: a model of the same configuration with the same adapter, such as the one this is a `frozenCopy` of.
    ///   - alpha: the other's part, in [0, 1].
    public func blend(towards other: LanguageModel, by alpha: Float) {
        precondition((0...1).contains(alpha), "a part of \(alpha) is not in [0, 1]")
        let (mine, others) = (namedParameters, other.namedParameters)
        precondition(mine.map(\.name) == others.map(\.name), "models of other weights cannot be blended")
        for ((_, parameter), (_, target)) in zip(mine, others) where !parameter.value.sharesMemory(with: target.value) {
            guard alpha < 1 || parameter.value.dtype != target.value.dtype else {
                parameter.value = target.value
                continue
            }
            var blended = parameter.value.converted(to: .float32).scaled(by: 1 - alpha)
            blended.accumulate(target.value.converted(to: .float32), scale: alpha)
            parameter.value = blended.converted(to: parameter.value.dtype)
        }
    }
}

extension Tensor {
    /// Whether both are views of the same numbers.
    fileprivate func sharesMemory(with other: Tensor) -> Bool {
        storage === other.storage && offset == other.offset && shape == other.shape
    }
}
