import Foundation
import RFT
import TextCore
import Verifiers

/// From the entries of `rewards` to verifiers that run.
struct RewardAssembly {
    /// What verifiers are made with.
    let environment: VerifierEnvironment
    private let loaded: LoadedRecipe

    init(_ loaded: LoadedRecipe, registry: VerifierRegistry = Registry.current.verifiers) {
        self.loaded = loaded
        let recipe = loaded.recipe
        var environment = VerifierEnvironment(
            folder: URL(filePath: loaded.document.root.position.source.directory),
            cache: recipe.data.cache.folder()?.url, verifiers: registry, seed: UInt64(recipe.seed))
        environment.minimumTier = recipe.sandbox.minimumTier
        self.environment = environment
    }

    /// The verifiers of the recipe.
    ///
    /// - Throws: `RecipeError` with every entry that cannot be made.
    func rewards() throws -> RewardSet {
        let recipe = loaded.recipe
        var problems: [RecipeProblem] = []
        var components: [RewardComponent] = []
        for (index, entry) in recipe.rewards.enumerated() {
            do {
                components.append(try component(entry))
            } catch let failure as VerifierFailure {
                let key = "rewards.\(index)" + (failure.option.map { ".\($0)" } ?? "")
                problems.append(
                    RecipeProblem(
                        loaded.position(of: key), "\(key): \(failure.message)",
                        why: "Without this verifier the reward would be another one",
                        fix: "Mend it, and try it with `hone verify`"))
            }
        }
        guard problems.isEmpty else { throw RecipeError(problems) }
        return try RewardSet(components, combination: combination, seed: UInt64(recipe.seed))
    }

    /// One entry.
    private func component(_ entry: RewardEntry) throws -> RewardComponent {
        guard let name = entry.verifier else { preconditionFailure("a checked recipe names its verifiers") }
        let verifier = try verifier(name, options: entry.options.json, isolation: entry.isolation)
        return RewardComponent(
            verifier, id: entry.id, role: entry.role.scoring, weight: entry.weight, atLeast: entry.atLeast,
            reference: entry.scoringReference, onError: entry.onError.scoring, onAbstain: entry.onAbstain.scoring,
            timeout: entry.timeout.map { .seconds($0.seconds) }, retries: entry.retries, remembers: entry.cache,
            options: entry.options.json)
    }

    /// A verifier that a recipe names, in this process or in a worker.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration`.
    func verifier(_ name: VerifierName, options: JSON, isolation: Isolation = .auto) throws -> AnyVerifier {
        if let file = name.fileName { return try VerifierFile.make(file, options: options, in: environment) }
        // What comes with Hone cannot trap; what a user registers can.
        let isOwn = !Registry.standardVerifiers.contains(name.name)
        guard isolation == .process || isolation == .auto && isOwn else {
            return try environment.verifiers.make(name.name, options: options, in: environment)
        }
        return try ProcessVerifier.make(
            .thisExecutable, verifier: name.name, options: options, in: environment, limits: environment.workers)
    }

    private var combination: Verifiers.RewardCombination {
        switch loaded.recipe.rft?.combine ?? .sum {
        case .sum: .sum
        case .normalizeThenSum: .normalizeEachThenSum
        case .product: .product
        case .min: .min
        }
    }
}

extension RewardRole {
    var scoring: RewardComponent.Role {
        switch self {
        case .reward: .reward
        case .shaping: .shaping
        case .gate: .gate
        case .filter: .filter
        case .metric: .metric
        case .difficulty: .difficulty
        }
    }
}

extension OnVerifierError {
    var scoring: RewardComponent.OnError {
        switch self {
        case .exclude: .exclude
        case .fail: .fail
        case .constant(let value): .constant(value)
        }
    }
}

extension OnAbstain {
    var scoring: RewardComponent.OnAbstain {
        switch self {
        case .exclude: .exclude
        case .zero: .zero
        case .renormalize: .renormalize
        }
    }
}

extension RewardEntry {
    /// Where a row says what is expected.
    var scoringReference: RewardReference {
        if let target { return .column(target) }
        guard let reference else { return .completion }
        return .members(reference.names.map { RewardReference.Member($0.key, column: $0.value) })
    }
}
