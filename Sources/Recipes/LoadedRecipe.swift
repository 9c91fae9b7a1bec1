public import Foundation

/// A recipe that has been read and checked, with what is needed to check it further and to write it down.
public struct LoadedRecipe: Sendable {
    /// What the run is to do.
    public let recipe: Recipe
    /// The tree it was decoded from.
    public let document: RecipeDocument

    /// Reads and checks the recipe at `path`; no weights and no rows are read.
    ///
    /// - Parameters:
    ///   - overrides: `--set` arguments, applied in order.
    ///   - environment: what `${env:NAME}` reads.
    ///   - checks: checks of other layers, such as a record format's name; their findings join the others.
    /// - Throws: `RecipeError` with every problem found.
    public static func load(
        _ path: String, overrides: [String] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment, checks: [RecipeCheck] = []
    ) throws(RecipeError) -> LoadedRecipe {
        try LoadedRecipe(
            RecipeDocument.load(path, overrides: overrides, environment: environment), checks: checks)
    }

    /// Decodes and checks a document.
    ///
    /// - Parameter checksFiles: whether files and folders that the recipe names must exist.
    /// - Throws: `RecipeError` with every problem found.
    public init(
        _ document: RecipeDocument, checksFiles: Bool = true, checks: [RecipeCheck] = []
    ) throws(RecipeError) {
        let decoder = RecipeDecoder(root: document.root, checksFiles: checksFiles)
        let decoded = Recipe.decode(document.root, decoder) ?? Recipe()
        var findings = RecipeFindings(root: document.root, problems: decoder.problems)
        for check in checks { check.run(decoded, &findings) }
        if !findings.problems.isEmpty { throw RecipeError(findings.problems) }
        recipe = decoded
        self.document = document
    }

    /// Where the value at `key` (`data.train.0.path`) is written; else the nearest place above it.
    public func position(of key: String) -> RecipePosition { document.root.nearestPosition(of: key) }

    /// A problem found later, at the value of `key`, in the form of all others.
    public func problem(at key: String, _ what: String, why: String, fix: String) -> RecipeError {
        RecipeError(position(of: key), what, why: why, fix: fix)
    }
}

/// A check of a layer above: what it finds is reported together with everything else.
///
/// ```swift
/// let formats = RecipeCheck { recipe, findings in
///     for (index, source) in recipe.data.train.enumerated() where !known.contains(source.format) {
///         findings.report(at: "data.train.\(index).format", "unknown format '\(source.format)'", why: …, fix: …)
///     }
/// }
/// ```
public struct RecipeCheck: Sendable {
    let run: @Sendable (Recipe, inout RecipeFindings) -> Void

    public init(_ run: @escaping @Sendable (Recipe, inout RecipeFindings) -> Void) { self.run = run }
}

/// Where checks report.
public struct RecipeFindings: Sendable {
    private let root: RecipeNode
    private(set) var problems: [RecipeProblem]

    init(root: RecipeNode, problems: [RecipeProblem]) {
        self.root = root
        self.problems = problems
    }

    /// Reports a problem with the value at `key`, unless that value is already known to be wrong.
    ///
    /// - Parameters:
    ///   - key: such as `data.train.0.format`; a key that is not written stands for the block around it.
    ///   - what: the problem, as a clause with the value in it.
    ///   - why: what would happen otherwise.
    ///   - fix: what to write.
    public mutating func report(at key: String, _ what: String, why: String, fix: String) {
        let place = root.nearestPosition(of: key)
        if root[key] != nil, problems.contains(where: { $0.position == place }) { return }
        problems.append(RecipeProblem(place, what, why: why, fix: fix))
    }
}
