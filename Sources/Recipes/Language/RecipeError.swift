import OrderedCollections
public import TextCore

/// One thing that is wrong in a recipe, in three parts: what, why it matters, and the edit that mends it.
public struct RecipeProblem: Error, Sendable, Hashable, CustomStringConvertible {
    public let position: RecipePosition
    /// What is wrong, with the key and the value.
    public let what: String
    /// What would happen if nobody said so.
    public let why: String
    /// What to write instead.
    public let fix: String
    /// Whether a file or folder that the recipe names does not exist, and nothing else is wrong.
    package let isMissingFile: Bool

    /// - Parameters: the three parts are clauses without a full stop.
    package init(
        _ position: RecipePosition, _ what: String, why: String, fix: String, isMissingFile: Bool = false
    ) {
        self.isMissingFile = isMissingFile
        self.position = position
        self.what = what.clipped(to: 1000)
        self.why = why
        self.fix = fix
    }

    /// One line: `recipe.yaml:14:3: what. Why. Fix.`
    public var description: String {
        let sentences = [what, why, fix].filter { !$0.isEmpty }.map { part in
            part.hasSuffix(".") || part.hasSuffix("?") || part.hasSuffix(")") && part.contains("? (")
                ? part : part + "."
        }
        return "\(position): \(sentences.joined(separator: " "))"
    }

    /// `{file, line, column, what, why, fix}`.
    public var json: JSON {
        [
            "file": .string(position.source.name), "line": .integer(position.line),
            "column": .integer(position.column), "what": .string(what), "why": .string(why), "fix": .string(fix),
        ]
    }
}

/// Every problem found in a recipe, in the order of their places: the recipe, the files it extends, the overrides.
public struct RecipeError: Error, Sendable, Hashable, CustomStringConvertible {
    /// At least one, sorted by position, none twice.
    public let problems: [RecipeProblem]

    /// Problems that are told at once.
    private static let largestCount = 100

    /// - Precondition: `problems` is not empty.
    package init(_ problems: [RecipeProblem]) {
        precondition(!problems.isEmpty, "a RecipeError needs a problem")
        // A file of a million wrong keys is one wrong file.
        let unique = OrderedSet(problems.prefix(Self.largestCount))
        self.problems = unique.enumerated().sorted {
            ($0.element.position, $0.offset) < ($1.element.position, $1.offset)
        }.map(\.element)
    }

    package init(_ position: RecipePosition, _ what: String, why: String, fix: String) {
        self.init([RecipeProblem(position, what, why: why, fix: fix)])
    }

    /// A line a problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }

    /// `{"problems": […]}`, for `--json`.
    public var json: JSON { ["problems": .array(problems.map(\.json))] }
}
